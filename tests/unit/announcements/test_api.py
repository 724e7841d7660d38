"""Announcements over HTTP.  Contract: misc.md, section 2.1."""

from datetime import timedelta

import pytest

from backbone import clock
from functions.announcements.domain import Action, Severity, Text
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import LONG_AGO, given_announcement

pytestmark = pytest.mark.slow

CALLER = new_caller()


def listed(api: InProcessApi, language: str = "en") -> Answer:
    return api.get("/api/v2/Announcements", query={"language": language}, caller=CALLER)


@pytest.mark.parametrize("query", ["", "language=", "lang=en"])
def test_the_language_is_required(api: InProcessApi, query: str) -> None:
    """misc.md: `GET /api/v2/Announcements` without `language` -> 400 `error.platform.inputCannotBeParsed`"""
    answer = api.get("/api/v2/Announcements", query=query, caller=CALLER)

    assert answer.error == (400, "error.platform.inputCannotBeParsed")


@pytest.mark.parametrize("language", ["xz", "EN", "eng", "e", " ", "en-US", "sh"])
def test_the_language_must_be_a_known_code(api: InProcessApi, language: str) -> None:
    """misc.md: `language=xz` or `EN` -> 400 `error.platform.validation.invalidPropertyValue`"""
    assert listed(api, language).error == (400, "error.platform.validation.invalidPropertyValue")


@pytest.mark.parametrize("query", ["language=en", "language=xz", ""])
def test_nobody_reads_without_token(api: InProcessApi, query: str) -> None:
    """misc.md: without token -> 401"""
    answer = api.get("/api/v2/Announcements", query=query)

    assert (answer.status, answer.body) == (401, "")


def test_an_announcement_is_shown_in_the_language_asked_for(api: InProcessApi) -> None:
    """misc.md §2.1: members; `isSilent`, recipients and other languages are not returned"""
    announcement = given_announcement(
        severity=Severity.HIGH,
        texts=[("en", Text("Title", "Body")), ("de", Text("Titel", "Text"))],
        actions=[Action({"en": "Go", "de": "Los"}, "https://a"), Action({"en": "Stop"}, "https://b")],
        expires_at=LONG_AGO + timedelta(days=10_000),
    )

    assert listed(api, "de").result == [
        {
            "id": announcement.id,
            "createdAt": clock.render(LONG_AGO),
            "expiresAt": clock.render(LONG_AGO + timedelta(days=10_000)),
            "severity": "High",
            "title": "Titel",
            "body": "Text",
            "actions": [
                {"displayName": "Los", "link": "https://a", "iqlQuery": None},
                {"displayName": "Stop", "link": "https://b", "iqlQuery": None},
            ],
            "iqlQuery": None,
        }
    ]


def test_what_is_not_said_in_a_language_is_said_in_english(api: InProcessApi) -> None:
    """misc.md: `language=de` without German text -> English text; action display names fall back individually"""
    given_announcement(actions=[Action({"en": "Go", "de": "Los"}, "https://a"), Action({"en": "Stop"}, "https://b")])

    [announcement] = listed(api, "de").result

    assert (announcement["title"], announcement["body"]) == ("A title", "A body")
    assert [action["displayName"] for action in announcement["actions"]] == ["Los", "Stop"]


def test_only_recipients_see_what_is_addressed(api: InProcessApi) -> None:
    """misc.md: announcement for everybody visible to all; with recipients visible to these only"""
    for_all, for_caller = given_announcement(), given_announcement(CALLER.address, new_caller().address)
    given_announcement(new_caller().address)

    assert {each["id"] for each in listed(api).result} == {for_all.id, for_caller.id}


def test_an_expired_announcement_is_listed_until_thirty_days_later(api: InProcessApi) -> None:
    """misc.md: expired announcement still listed before housekeeping, gone 30 days after expiry"""
    now = clock.now()
    expired = given_announcement(expires_at=now - timedelta(days=29))
    given_announcement(expires_at=now - timedelta(days=30))
    given_announcement(CALLER.address, expires_at=now - timedelta(days=31))

    assert [each["id"] for each in listed(api).result] == [expired.id]


def test_a_silent_announcement_is_listed_with_its_query(api: InProcessApi) -> None:
    """misc.md: silent announcement is listed (that it causes no push is for the consumer of `isSilent` in its event)"""
    silent = given_announcement(is_silent=True, iql_query="some query")

    assert [(each["id"], each["iqlQuery"]) for each in listed(api).result] == [(silent.id, "some query")]


def test_without_announcements_the_list_is_empty(api: InProcessApi) -> None:
    assert listed(api).result == []
