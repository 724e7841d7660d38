"""The operator's command."""

import pytest

from functions.announcements.operator import main
from tests.support.api import InProcessApi, new_caller

TEXT = ["--text", "en", "Title", "Body"]


def test_what_the_operator_creates_is_read_by_clients(api: InProcessApi, capsys: pytest.CaptureFixture[str]) -> None:
    caller = new_caller()
    outcome = main(
        [
            *("create", "--severity", "High", *TEXT, "--text", "de", "Titel", "Text"),
            *("--action", "https://example.org/?a=b", "en=Read more", "de=Mehr"),
            *("--recipient", caller.address, "--expires-at", "2999-01-01T00:00:00Z"),
        ]
    )
    created = capsys.readouterr().out.strip()

    [announcement] = api.get("/api/v2/Announcements", query={"language": "de"}, caller=caller).result

    assert outcome == 0
    assert announcement["id"] == created
    assert (announcement["title"], announcement["expiresAt"]) == ("Titel", "2999-01-01T00:00:00.000Z")
    assert announcement["actions"] == [{"displayName": "Mehr", "link": "https://example.org/?a=b", "iqlQuery": None}]


def test_announcements_are_listed_and_taken_back(moto: None, capsys: pytest.CaptureFixture[str]) -> None:
    main(["create", "--severity", "Low", *TEXT, "--silent"])
    created = capsys.readouterr().out.strip()
    main(["list"])
    lines = capsys.readouterr().out

    assert lines == f"{created}  Low  never expires  everybody, silent  Title\n"
    assert main(["delete", "--id", created]) == 0
    assert main(["delete", "--id", created]) == 1
    assert "Announcement not found." in capsys.readouterr().err


def test_a_broken_rule_is_told_in_one_line(moto: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["create", "--severity", "Low"]) == 1
    assert capsys.readouterr().err == "There must be an English text.\n"
