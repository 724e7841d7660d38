"""`backbone announcement …`.  Contract: admin-api.md, section 13."""

from datetime import timedelta

import pytest

from backbone import clock
from tests.support.api import InProcessApi, new_caller
from tests.support.command import backbone

pytestmark = pytest.mark.slow

TEXT = ["--title", "en=Title", "--body", "en=Body"]


def test_what_the_operator_sends_is_read_by_clients(api: InProcessApi) -> None:
    caller, other = new_caller(), new_caller()
    outcome = backbone(
        *("announcement", "send", "--severity", "High", *TEXT, "--title", "de=Titel", "--body", "de=Text"),
        *("--action", "https://example.org/?a=b en=Read more; de=Mehr"),
        *("--recipients", f"{caller.address} {other.address}", "--expiration", "2999-01-01T00:00:00Z"),
    )

    [announcement] = api.get("/api/v2/Announcements", query={"language": "de"}, caller=caller).result
    assert outcome.code == 0
    assert announcement["id"] == outcome.out.strip()
    assert (announcement["title"], announcement["expiresAt"]) == ("Titel", "2999-01-01T00:00:00.000Z")
    assert announcement["actions"] == [{"displayName": "Mehr", "link": "https://example.org/?a=b", "iqlQuery": None}]
    assert len(api.get("/api/v2/Announcements", query={"language": "de"}, caller=other).result) == 1


@pytest.mark.parametrize("agreement", ["y", "yes"])
def test_without_texts_it_asks_for_them(api: InProcessApi, agreement: str) -> None:
    """§13: asks interactively for the English title and body, then for further languages, then for confirmation
    (`y`/`yes`); creates the announcement. Without `--recipients` it always fails in the reference (bug)"""
    answers = f"Title\nBody\nde\nTitel\nText\n\n{agreement}\n"

    outcome = backbone("announcement", "send", "--severity", "Low", answers=answers)

    [announcement] = api.get("/api/v2/Announcements", query={"language": "de"}, caller=new_caller()).result
    assert outcome.code == 0
    assert (announcement["id"], announcement["body"]) == (outcome.out.strip(), "Text")


def test_who_does_not_confirm_sends_nothing(moto: None) -> None:
    outcome = backbone("announcement", "send", "--severity", "Low", answers="Title\nBody\n\nn\n")

    assert outcome.code == 1
    assert outcome.err.endswith("error: stopped\n")
    assert backbone("announcement", "list", "--json").json == []


def test_announcements_are_listed_and_taken_back(moto: None) -> None:
    created = backbone("announcement", "send", "--severity", "Low", *TEXT, "--silent").out.strip()

    [listed] = backbone("announcement", "list", "--json").json
    assert (listed["id"], listed["title"], listed["isSilent"]) == (created, "Title", True)
    assert (listed["expiresAt"], listed["recipients"]) == (None, "everybody")
    assert created in backbone("announcement", "list").out
    assert backbone("announcement", "delete", "--id", created).code == 0
    gone = backbone("announcement", "delete", "--id", created)
    assert gone.code == 1
    assert gone.err.startswith("error: Announcement not found.")


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["--severity", "Low", "--title", "de=Titel", "--body", "de=Text"], 1, "There must be an English text."),
        (["--severity", "Low", "--title", "Titel"], 1, "in which language"),
        (["--severity", "Low", *TEXT, "--expiration", "tomorrow"], 1, "'tomorrow' is no date"),
        (["--severity", "Huge", *TEXT], 2, "--severity"),
        (TEXT, 2, "--severity"),
    ],
)
def test_a_broken_rule_is_told_in_one_line(moto: None, arguments: list[str], code: int, problem: str) -> None:
    outcome = backbone("announcement", "send", *arguments)

    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.count("\n") == 1
    assert problem in outcome.err


def test_an_expired_announcement_is_listed(moto: None) -> None:
    yesterday = clock.render(clock.now() - timedelta(days=1))
    backbone("announcement", "send", "--severity", "Low", *TEXT, "--expiration", yesterday)

    [listed] = backbone("announcement", "list", "--json").json
    assert listed["expiresAt"] == yesterday
