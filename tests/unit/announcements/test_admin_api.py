"""Announcements over the Admin API.  Contract: admin-api.md, sections 12, 16 and 19."""

from datetime import timedelta
from typing import Any

import pytest

from backbone import clock
from backbone.dynamodb import Table
from backbone.events import carried_by
from backbone.settings import settings
from functions.announcements.domain import Text
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import LONG_AGO, given_announcement

URL = "/api/v1/Announcements"
NEW: dict[str, Any] = {
    "severity": "High",
    "isSilent": False,
    "texts": [{"language": "en", "title": "Title", "body": "Body"}],
}
CANNOT_BE_PARSED = "error.platform.inputCannotBeParsed"
INVALID = "error.platform.validation.invalidPropertyValue"
UNKNOWN_ID = "ANCnonExistingId0000"
RECIPIENT = new_caller().address


def announced(admin: InProcessApi, **changed: Any) -> Answer:
    return admin.post(URL, {name: value for name, value in {**NEW, **changed}.items() if value is not ...})


def stored() -> int:
    return len(list(Table(settings().announcements_table).query_all("pk = :all", {"all": "A"})))


def test_an_announcement_is_created_and_returned(admin: InProcessApi) -> None:
    """admin-api.md §19: `POST /Announcements` valid → 201"""
    answer = announced(
        admin,
        texts=[
            {"language": "en", "title": "Title", "body": "Body"},
            {"language": "de", "title": "Titel", "body": "Text"},
        ],
        expiresAt="2030-01-02T03:04:05+01:00",
        recipients=[RECIPIENT],
    )

    assert (answer.status, answer.headers["location"]) == (201, "")
    created = answer.result
    assert created.pop("id").startswith("ANC")
    assert clock.parse(created.pop("createdAt")) <= clock.now()
    assert created == {
        "expiresAt": "2030-01-02T02:04:05.000Z",
        "severity": "High",
        "isSilent": False,
        "texts": [
            {"language": "en", "title": "Title", "body": "Body"},
            {"language": "de", "title": "Titel", "body": "Text"},
        ],
        "recipients": [RECIPIENT],
        "actions": [],
        "iqlQuery": None,
    }


def test_actions_are_returned_in_their_order(admin: InProcessApi) -> None:
    """admin-api.md §19: `POST /Announcements` with action → action returned"""
    actions = [
        {"displayName": {"en": "Go", "de": "Los"}, "link": "https://enmeshed.eu/a"},
        {"displayName": {"en": "Stop"}, "link": "https://enmeshed.eu/b"},
    ]

    created = announced(admin, actions=actions).result

    assert created["actions"] == actions
    assert admin.get(f"{URL}/{created['id']}").result["actions"] == actions


def test_what_official_test_suites_send_is_accepted(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §16: Expects 201 and `result.id`; announcement for the own address visible, for another one not"""
    body = {
        "severity": "High",
        "isSilent": False,
        "expiresAt": clock.render(clock.now() + timedelta(days=1)),
        "texts": [
            {"language": "en", "title": "Title", "body": "Body"},
            {"language": "de", "title": "Titel", "body": "Text"},
        ],
        "actions": [{"displayName": {"en": "Go", "de": "Los"}, "link": "https://enmeshed.eu"}],
    }
    caller = new_caller()
    for_all = admin.post(URL, {**body, "recipients": []}).result["id"]
    for_caller = admin.post(URL, {**body, "recipients": [caller.address]}).result["id"]
    admin.post(URL, {**body, "recipients": [RECIPIENT]})

    seen = api.get("/api/v2/Announcements", query={"language": "it"}, caller=caller).result

    assert {each["id"] for each in seen} == {for_all, for_caller}
    assert {each["title"] for each in seen} == {"Title"}


@pytest.mark.parametrize(
    ("sent", "stored_as"),
    [("Low", "Low"), ("medium", "Medium"), ("HIGH", "High"), (0, "Low"), (1, "Medium"), (2, "High")],
)
def test_a_severity_is_named_in_any_case_or_numbered(admin: InProcessApi, sent: object, stored_as: str) -> None:
    """admin-api.md §12.3: `severity`: `Low`, `Medium`, `High` (any case) or integer 0, 1, 2"""
    assert announced(admin, severity=sent).result["severity"] == stored_as


@pytest.mark.parametrize(
    "changed",
    [
        {"severity": ...},
        {"severity": None},
        {"severity": "Critical"},
        {"severity": 3},
        {"isSilent": ...},
        {"isSilent": None},
        {"texts": ...},
        {"texts": None},
        {"texts": [{"language": "en", "title": "Title"}]},
        {"texts": [{"language": "en", "title": None, "body": "Body"}]},
        {"expiresAt": "tomorrow"},
        {"recipients": None},
        {"recipients": [None]},
        {"actions": None},
        {"actions": [{"displayName": None, "link": "https://x"}]},
        {"actions": [{"displayName": {"en": None}, "link": "https://x"}]},
        {"actions": [{"displayName": {"en": "Go"}}]},
        {"iqlQuery": 1},
    ],
)
def test_what_cannot_be_bound_is_refused(admin: InProcessApi, changed: dict[str, Any]) -> None:
    """admin-api.md §3.3: missing required property, null for a non-nullable string/list, wrong type, unknown enum name;
    §12.3: `recipients`, `actions`: explicit null → 400 `error.platform.inputCannotBeParsed`"""
    assert announced(admin, **changed).error == (400, CANNOT_BE_PARSED)
    assert stored() == 0


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"texts": []}, INVALID),
        ({"texts": [{"language": "de", "title": "Titel", "body": "Text"}]}, INVALID),
        (
            {"isSilent": False, "iqlQuery": "#tag"},
            "error.platform.validation.nonSilentAnnouncementCannotHaveIqlQuery",
        ),
        (
            {"isSilent": True, "iqlQuery": "x" * 1001},
            "error.platform.validation.invalidIqlQueryLengthForAnnouncement",
        ),
        ({"recipients": ["did:e:localhost:dids:0000"]}, INVALID),
        ({"recipients": [RECIPIENT, RECIPIENT]}, INVALID),
        ({"recipients": [new_caller().address for _ in range(101)]}, INVALID),
        ({"actions": [{"displayName": {"en": "Go"}, "link": ""}]}, INVALID),
        ({"actions": [{"displayName": {"de": "Los"}, "link": "https://x"}]}, INVALID),
        ({"actions": [{"displayName": {"en": "Go"}, "link": "https://x"}] * 101}, INVALID),
        ({"actions": [{"displayName": {"en": "Go"}, "link": "x" * 301}]}, "MaximumLengthValidator"),
        (
            {"actions": [{"displayName": {"en": "Go", "xz": "Go"}, "link": "https://x"}]},
            "error.platform.validation.invalidAnnouncementLanguage",
        ),
    ],
)
def test_what_breaks_a_rule_is_refused(admin: InProcessApi, changed: dict[str, Any], code: str) -> None:
    """admin-api.md §19: no `en` text → 400 `error.platform.validation.invalidPropertyValue`; `isSilent=false` +
    `iqlQuery` → 400 `error.platform.validation.nonSilentAnnouncementCannotHaveIqlQuery`; §12.3: all other rules"""
    assert announced(admin, **changed).error == (400, code)
    assert stored() == 0


def test_an_empty_query_is_none(admin: InProcessApi) -> None:
    """admin-api.md §12.3: `iqlQuery`: `""` is stored as null"""
    assert announced(admin, iqlQuery="").result["iqlQuery"] is None
    assert announced(admin, isSilent=True, iqlQuery="#tag").result["iqlQuery"] == "#tag"


def test_all_announcements_are_listed(admin: InProcessApi) -> None:
    """admin-api.md §19: `GET /Announcements` contains the created one; §12.2: **all**, including expired; unpaged"""
    now = clock.now()
    expired = given_announcement(created_at=LONG_AGO, expires_at=now - timedelta(days=29))
    addressed = given_announcement(RECIPIENT, created_at=LONG_AGO + timedelta(days=1))
    created = announced(admin).result

    answer = admin.get(URL)

    assert [each["id"] for each in answer.result] == [expired.id, addressed.id, created["id"]]
    assert answer.result[2] == created
    assert "pagination" not in answer.json


@pytest.mark.slow
def test_more_than_a_function_can_return_is_lent(admin: InProcessApi) -> None:
    """docs/decisions/large-responses.md"""
    for _ in range(62):
        given_announcement(texts=[("en", Text("T", "x" * 102_000))])

    answer = admin.get(URL)

    assert (answer.status, answer.body) == (303, "")
    assert "/announcements/lent/" in answer.headers["location"]


def test_an_announcement_is_read_by_its_id(admin: InProcessApi) -> None:
    """admin-api.md §12.2: `GET /api/v1/Announcements/{id}`: 200 object"""
    for created in (announced(admin).result, announced(admin, recipients=[RECIPIENT]).result):
        assert admin.get(f"{URL}/{created['id']}").result == created


def test_a_deleted_announcement_is_gone(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §19: `DELETE` → 204 and then gone; `ANCnonExistingId0000` → 404"""
    caller = new_caller()
    created = announced(admin, recipients=[caller.address]).result["id"]

    answer = admin.delete(f"{URL}/{created}")

    assert (answer.status, answer.body) == (204, "")
    assert admin.get(f"{URL}/{created}").error == (404, "error.platform.recordNotFound")
    assert admin.delete(f"{URL}/{created}").error == (404, "error.platform.recordNotFound")
    assert admin.get(URL).result == []
    assert api.get("/api/v2/Announcements", query={"language": "en"}, caller=caller).result == []


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("id", "error"),
    [
        (UNKNOWN_ID, (404, "error.platform.recordNotFound")),
        ("ANC", (404, "error.platform.recordNotFound")),
        ("XXXnonExistingId0000", (400, INVALID)),
        ("ANC000000000000000000", (400, INVALID)),
    ],
)
def test_unknown_and_malformed_ids_differ(admin: InProcessApi, method: str, id: str, error: tuple[int, str]) -> None:
    """admin-api.md §12.2: malformed 400 `error.platform.validation.invalidPropertyValue`, unknown 404"""
    assert admin.request(method, f"{URL}/{id}", json_body=None).error == error


def test_whom_it_is_for_and_whether_it_is_silent_stands_in_the_event(admin: InProcessApi) -> None:
    """admin-api.md §12.4: Event `AnnouncementCreated` {Id, Severity, IsSilent, Texts[{Language, Title, Body}],
    Recipients}"""
    created = announced(admin, isSilent=True, recipients=[RECIPIENT]).result["id"]

    [event] = carried_by(Table(settings().announcements_table).get({"pk": created, "sk": "N"}))

    assert event.name == "AnnouncementCreated"
    assert event.payload == {
        "id": created,
        "severity": "High",
        "isSilent": True,
        "texts": [{"language": "en", "title": "Title", "body": "Body"}],
        "recipients": [RECIPIENT],
    }


def test_the_largest_announcement_is_stored(admin: InProcessApi) -> None:
    """Every limit of the domain at once, in characters of four bytes: still one item, one event, no 500."""
    wide = "\N{GRINNING FACE}"
    answer = announced(
        admin,
        isSilent=True,
        texts=[{"language": "en", "title": "T", "body": wide * ((100 * 1024 - 20) // 4)}],
        recipients=[new_caller().address for _ in range(100)],
        actions=[{"displayName": {"en": wide * 30}, "link": wide * 300}] * 100,
        iqlQuery=wide * 1000,
    )

    assert answer.status == 201


@pytest.mark.parametrize("filler", ["\x00", '"', "\\", "\n"])
def test_texts_are_measured_as_they_travel(admin: InProcessApi, filler: str) -> None:
    """What JSON has to escape takes more room in the event."""
    assert announced(admin, texts=[{"language": "en", "title": "T", "body": filler * 90_000}]).error == (400, INVALID)
