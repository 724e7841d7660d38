"""What may be announced.  Contract: misc.md, section 2.2; admin-api.md, section 12.3."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backbone.errors import BackboneError
from functions.announcements.domain import (
    Action,
    Announcement,
    Severity,
    Text,
    announce,
    announcement_created,
)
from tests.support.api import new_caller

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ENGLISH = ("en", Text("Title", "Body"))
EIGHT_LANGUAGES = ("en", "de", "fr", "it", "es", "pt", "nl", "da")
INVALID = "error.platform.validation.invalidPropertyValue"


def announced(**changed: Any) -> Announcement:
    values: dict[str, Any] = {"severity": Severity.HIGH, "is_silent": False, "texts": [ENGLISH], "now": NOW}
    return announce(**{**values, **changed})


def test_an_announcement_without_recipients_is_for_everybody() -> None:
    assert not announced().is_addressed
    assert announced(recipients=[new_caller().address]).is_addressed


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"texts": []}, INVALID),
        ({"texts": [("de", Text("Titel", "Text"))]}, INVALID),
        ({"texts": [ENGLISH, ENGLISH]}, INVALID),
        ({"texts": [ENGLISH, ("xz", Text("Title", "Body"))]}, INVALID),
        ({"texts": [ENGLISH, ("DE", Text("Title", "Body"))]}, INVALID),
        ({"texts": [("en", Text(" ", "Body"))]}, INVALID),
        ({"texts": [("en", Text("Title", ""))]}, INVALID),
        ({"texts": [("en", Text("Title", "x" * 102_400))]}, INVALID),
        ({"recipients": ["did:e:localhost:dids:0000"]}, INVALID),
        ({"recipients": [new_caller().address] * 2}, INVALID),
        ({"recipients": [new_caller().address for _ in range(101)]}, INVALID),
        ({"actions": [Action({"en": "Go"}, "")]}, INVALID),
        ({"actions": [Action({"de": "Los"}, "https://x")]}, INVALID),
        ({"actions": [Action({"en": ""}, "https://x")]}, INVALID),
        ({"actions": [Action({"en": "x" * 31}, "https://x")]}, INVALID),
        ({"actions": [Action({"en": "a\nb"}, "https://x")]}, INVALID),
        ({"actions": [Action(dict.fromkeys(EIGHT_LANGUAGES, "x" * 30), "https://x")]}, INVALID),
        ({"actions": [Action({"en": "Go"}, "x" * 301)]}, "MaximumLengthValidator"),
        (
            {"actions": [Action({"en": "Go", "xz": "Go"}, "https://x")]},
            "error.platform.validation.invalidAnnouncementLanguage",
        ),
        ({"iql_query": "x"}, "error.platform.validation.nonSilentAnnouncementCannotHaveIqlQuery"),
        (
            {"iql_query": "x" * 1001, "is_silent": True},
            "error.platform.validation.invalidIqlQueryLengthForAnnouncement",
        ),
    ],
)
def test_what_breaks_a_rule_is_refused(changed: dict[str, Any], code: str) -> None:
    """misc.md §2.2 and admin-api.md §12.3: rules and codes"""
    with pytest.raises(BackboneError) as refusal:
        announced(**changed)

    assert (refusal.value.code, refusal.value.status) == (code, 400)


def test_the_first_broken_rule_is_reported() -> None:
    """admin-api.md §12.3: validation order"""
    with pytest.raises(BackboneError) as refusal:
        announced(iql_query="x" * 1001, texts=[], actions=[Action({}, "")])

    assert refusal.value.code == "error.platform.validation.invalidIqlQueryLengthForAnnouncement"


@pytest.mark.parametrize(
    "changed",
    [
        {"recipients": [new_caller().address for _ in range(100)]},
        {"actions": [Action({"en": "x" * 30}, "x" * 300)]},
        {"iql_query": "x" * 1000, "is_silent": True},
        {"iql_query": ""},
        {"expires_at": NOW - timedelta(days=1)},
    ],
)
def test_limits_may_be_reached(changed: dict[str, Any]) -> None:
    """misc.md §2.2: 0..100 addresses, at most 300 characters, 1..30 characters, 1..1000 characters; not validated"""
    assert announced(**changed)


def test_texts_and_actions_fall_back_to_english_for_themselves() -> None:
    """misc.md: `language=de` without German text -> English text; action display names fall back individually"""
    announcement = announced(
        texts=[ENGLISH], actions=[Action({"en": "Go", "de": "Los"}, "a"), Action({"en": "Stop"}, "b")]
    )

    assert announcement.text_in("de") == ENGLISH[1]
    assert [action.name_in("de") for action in announcement.actions] == ["Los", "Stop"]


@pytest.mark.parametrize(
    ("age", "listed"), [(timedelta(days=29, hours=23), True), (timedelta(days=30), False), (timedelta(days=-1), True)]
)
def test_an_expired_announcement_is_listed_for_thirty_days(age: timedelta, listed: bool) -> None:
    """misc.md §2.2: Housekeeping deletes announcements with `expiresAt <= now - 30 days`"""
    assert announced(expires_at=NOW - age).is_listed(NOW) is listed


def test_without_expiry_it_is_listed_for_ever() -> None:
    """misc.md §2.2: without `expiresAt`: never"""
    assert announced().disposable_at is None
    assert announced(expires_at=datetime.max.replace(tzinfo=UTC)).is_listed(NOW)


def test_the_event_carries_all_texts_and_recipients() -> None:
    """misc.md §2.2: event `AnnouncementCreated` (event ID `{id}/Created`)"""
    to = new_caller().address
    announcement = announced(recipients=[to])

    event = announcement_created(announcement)

    assert event.event_id == f"{announcement.id}/Created"
    assert event.model_dump(mode="json", by_alias=True) == {
        "id": announcement.id,
        "severity": "High",
        "isSilent": False,
        "texts": [{"language": "en", "title": "Title", "body": "Body"}],
        "recipients": [to],
    }
