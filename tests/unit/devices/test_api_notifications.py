"""Notifications over HTTP.  Contract: devices.md, sections 12.6 and 16 (Notifications)."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from backbone import clock
from backbone.caller import Caller
from backbone.events import carried_by
from functions.devices import configuration
from functions.devices.configuration import SECTIONS
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import given_relationship
from tests.unit.devices.deletions import everything

PATH = "/api/v2/Notifications"
TEXT = {"Code": "TestCode", "Translations": {"en": {"Title": "t", "Body": "b"}, "de": {"Title": "T", "Body": "B"}}}
INPUT_CANNOT_BE_PARSED = (400, "error.platform.inputCannotBeParsed")
INVALID_PROPERTY_VALUE = (400, "error.platform.validation.invalidPropertyValue")
_NOTIFICATION = "error.platform.validation.notification."
NO_RELATIONSHIP = (400, _NOTIFICATION + "noRelationshipToOneOrMoreRecipientsExists")
WRONG_STATUS = (400, _NOTIFICATION + "relationshipToRecipientIsNotInCorrectStatus")
NO_CODE = (400, _NOTIFICATION + "codeDoesNotExist")


@pytest.fixture(autouse=True)
def _texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    file = tmp_path / "configuration.json"
    file.write_text(json.dumps({SECTIONS[0]: {"Texts": [TEXT]}}))
    monkeypatch.setattr(configuration, "FILE", file)
    configuration.notification_texts.cache_clear()
    yield
    configuration.notification_texts.cache_clear()


@pytest.fixture
def caller(api: InProcessApi) -> Caller:
    """Somebody with a token."""
    return new_caller()


def _peer(caller: Caller, status: str = "Active", **options: Any) -> str:
    peer = new_caller().address
    given_relationship(caller.address, peer, status, **options)
    return peer


def _send(api: InProcessApi, caller: Caller, recipients: Any, code: Any = "TestCode") -> Answer:
    return api.post(PATH, {"recipients": recipients, "code": code}, caller=caller)


def _requested() -> list[dict[str, Any]]:
    return [event.payload for item in everything() for event in carried_by(item)]


@pytest.mark.parametrize("status", ["Pending", "Active", "Terminated"])
def test_peers_are_notified(api: InProcessApi, caller: Caller, status: str) -> None:
    """devices.md §16: Active relationship, code `TestCode` -> 204; §12.6: the youngest relationship with every
    recipient is Pending, Active or Terminated"""
    peers = [_peer(caller, status), _peer(caller)]

    answer = _send(api, caller, [*peers, peers[0]])

    assert (answer.status, answer.body) == (204, "")
    (payload,) = _requested()
    assert payload == {
        "notificationId": payload["notificationId"], "code": "TestCode", "recipients": peers,
        "texts": [{"language": "en", "title": "t", "body": "b"}, {"language": "de", "title": "T", "body": "B"}],
    }  # fmt: skip
    item = everything()[0]
    assert abs(item["ttl"] - clock.epoch_seconds(clock.now() + timedelta(days=1))) < 10


def test_a_hundred_recipients_are_enough(api: InProcessApi, caller: Caller) -> None:
    """devices.md §16: no recipients -> 400 invalidPropertyValue; 101 recipients -> 400"""
    peer = _peer(caller)

    assert _send(api, caller, [peer] * 100).status == 204
    assert _send(api, caller, [peer] * 101).error == INVALID_PROPERTY_VALUE
    assert _send(api, caller, []).error == INVALID_PROPERTY_VALUE
    assert len(_requested()) == 1


@pytest.mark.parametrize(("body", "error"), [
    ({"recipients": None, "code": "TestCode"}, INPUT_CANNOT_BE_PARSED),
    ({"code": "TestCode"}, INPUT_CANNOT_BE_PARSED),
    ({"recipients": ["did:e:localhost:dids:00"], "code": "TestCode"}, INVALID_PROPERTY_VALUE),
    ({"recipients": [None], "code": "TestCode"}, INPUT_CANNOT_BE_PARSED),
    ({"recipients": [], "code": None}, INPUT_CANNOT_BE_PARSED),
    ({"recipients": [], "code": "TestCode"}, INVALID_PROPERTY_VALUE),
    (None, INPUT_CANNOT_BE_PARSED),
])  # fmt: skip
def test_the_body_is_checked(api: InProcessApi, caller: Caller, body: Any, error: tuple[int, str]) -> None:
    """devices.md §12.6: `recipients` null/missing: 400 `inputCannotBeParsed`; every recipient a valid address"""
    assert api.post(PATH, body, caller=caller).error == error


def test_an_empty_code_is_invalid(api: InProcessApi, caller: Caller) -> None:
    """devices.md §12.6: `code` not empty"""
    assert _send(api, caller, [_peer(caller)], "").error == INVALID_PROPERTY_VALUE


def test_the_checks_come_in_the_contract_s_order(api: InProcessApi, caller: Caller) -> None:
    """devices.md §16: unknown code -> 400 codeDoesNotExist; no relationship -> 400
    noRelationshipToOneOrMoreRecipientsExists; rejected relationship -> 400
    relationshipToRecipientIsNotInCorrectStatus"""
    stranger, rejected, active = new_caller().address, _peer(caller, "Rejected"), _peer(caller)

    assert _send(api, caller, [active, rejected, stranger], "NoCode").error == NO_RELATIONSHIP
    assert _send(api, caller, [active, rejected], "NoCode").error == WRONG_STATUS
    assert _send(api, caller, [active], "NoCode").error == NO_CODE
    assert _send(api, caller, [caller.address]).error == NO_RELATIONSHIP
    assert _requested() == []


@pytest.mark.parametrize("status", ["Rejected", "Revoked", "DeletionProposed", "ReadyForDeletion"])
def test_a_relationship_that_is_over_is_not_enough(api: InProcessApi, caller: Caller, status: str) -> None:
    """devices.md §12.6: the **youngest** relationship (by createdAt)"""
    peer = _peer(caller, status)
    assert _send(api, caller, [peer]).error == WRONG_STATUS

    given_relationship(peer, caller.address, "Pending")  # a younger one
    assert _send(api, caller, [peer]).status == 204


def test_anonymous_callers_are_refused(api: InProcessApi) -> None:
    assert api.post(PATH, {}).status == 401


@pytest.mark.parametrize(("text", "mistake"), [
    ({**TEXT, "Code": "ab"}, "at least 3"),
    ({**TEXT, "Translations": {"de": {"Title": "T", "Body": "B"}}}, "'en' is missing"),
    ({**TEXT, "Translations": {**TEXT["Translations"], "deu": {"Title": "T", "Body": "B"}}}, "two-letter"),  # type: ignore[dict-item]
    ({**TEXT, "Translations": {"en": {"Title": "", "Body": "B"}}}, "at least 1"),
    ({**TEXT, "Translations": {"en": {"Title": "T"}}}, "required"),
    ({**TEXT, "Translations": {"en": {"Title": "T", "Body": "B" * 100 * 1024}}}, "larger than"),
    ({"Translations": {}}, "required"),
])  # fmt: skip
def test_a_mistake_in_the_texts_is_told_before_deployment(text: Any, mistake: str) -> None:
    """devices.md §12.6: list of codes (at least 3 characters) with translations per two-letter language, `en`
    mandatory, title and body not empty"""
    with pytest.raises(ValidationError, match=mistake):
        configuration.read({SECTIONS[0]: {"Texts": [text]}})


def test_a_code_is_there_once_and_nothing_is_configured_at_first() -> None:
    with pytest.raises(ValidationError, match="twice"):
        configuration.read({SECTIONS[0]: {"Texts": [TEXT, TEXT]}})
    assert configuration.read({}).texts == ()
