"""Push registrations over HTTP.  Contract: devices.md, sections 11 and 16 (Push)."""

import re
from typing import Any

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.dynamodb import Table, client, decode
from backbone.events import carried_by
from backbone.settings import settings
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.engine import PUSH_APP_ID

PATH = "/api/v2/Devices/Self/PushNotifications"
INVALID = (400, "error.platform.validation.invalidPropertyValue")
UNPARSABLE = (400, "error.platform.inputCannotBeParsed")
DUMMY = {"platform": "dummy", "handle": "0123456789", "appId": "any"}
PHONE = {"platform": "fcm", "handle": "0123456789", "appId": PUSH_APP_ID}


def put(api: InProcessApi, caller: Caller, body: Any) -> Answer:
    return api.put(PATH, body, caller=caller)


def stored() -> list[dict[str, Any]]:
    return [decode(item) for item in client().scan(TableName=settings().push_table)["Items"]]


def test_a_device_registers_and_keeps_its_identifier(api: InProcessApi) -> None:
    """devices.md §16: PUT dummy with a 10-character handle, any appId -> 200, identifier matches
    `^DPI[a-zA-Z0-9]{17}$`; PUT again -> same identifier"""
    caller = new_caller()

    first = put(api, caller, DUMMY)
    again = put(api, caller, {**PHONE, "handle": "another handle", "environment": "Development"})

    assert first.status == again.status == 200
    assert re.fullmatch(r"DPI[a-zA-Z0-9]{17}", first.result["devicePushIdentifier"])
    assert first.json == again.json
    assert list(first.result) == ["devicePushIdentifier"]


def test_a_new_registration_replaces_the_old_one(api: InProcessApi) -> None:
    """devices.md §11: a second PUT overwrites platform, handle, appId, environment"""
    caller = new_caller()
    put(api, caller, {"platform": "apns", "handle": "first handle", "appId": PUSH_APP_ID, "environment": "Development"})

    put(api, caller, PHONE)

    (item,) = stored()
    assert (item["platform"], item["handle"], item["appId"]) == ("fcm", "0123456789", PUSH_APP_ID)
    assert item["environment"] == "Production"  # §11: absent -> Production


def test_after_a_deletion_there_is_a_new_identifier(api: InProcessApi) -> None:
    """devices.md §11: after DELETE a new identifier is created"""
    caller = new_caller()
    before = put(api, caller, DUMMY).result["devicePushIdentifier"]

    api.delete(PATH, caller=caller)

    assert put(api, caller, DUMMY).result["devicePushIdentifier"] != before


def test_every_device_has_a_registration_of_its_own(api: InProcessApi) -> None:
    """devices.md §11: One registration per device"""
    one = new_caller()
    other = Caller(one.address, new_caller().device_id, one.client_id)

    identifiers = {put(api, each, DUMMY).result["devicePushIdentifier"] for each in (one, other)}

    assert len(identifiers) == len(stored()) == 2


@pytest.mark.parametrize("length", [10, 200, 500])
def test_handles_are_stored_in_full(api: InProcessApi, length: int) -> None:
    """devices.md §11: A replacement should store up to 500"""
    handle = "x" * length

    assert put(api, new_caller(), {**PHONE, "handle": handle}).status == 200
    assert stored()[0]["handle"] == handle


@pytest.mark.parametrize("platform", ["dummy", "sse"])
def test_handles_that_nobody_needs_are_discarded(api: InProcessApi, platform: str) -> None:
    """devices.md §11: `handle`: also for dummy and sse, where it is then discarded"""
    assert put(api, new_caller(), {**DUMMY, "platform": platform}).status == 200
    assert stored()[0]["handle"] == ""


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"handle": "012345678"}, id="a handle of 9 characters"),
        pytest.param({"handle": "x" * 501}, id="a handle of 501 characters"),
        pytest.param({"handle": ""}, id="no handle"),
        pytest.param({"handle": " " * 12}, id="a blank handle"),
        pytest.param({"platform": "FCM"}, id="a platform in capitals"),
        pytest.param({"platform": ""}, id="no platform"),
        pytest.param({"platform": "web"}, id="an unknown platform"),
        pytest.param({"environment": "invalid"}, id="an unknown environment"),
        pytest.param({"environment": "production"}, id="an environment in lower case"),
        pytest.param({"environment": ""}, id="an empty environment"),
        pytest.param({"appId": ""}, id="no app"),
        pytest.param({"appId": "  "}, id="a blank app"),
        pytest.param({"appId": "x" * 257}, id="an endless app"),
    ],
)
@pytest.mark.parametrize("platform", ["fcm", "apns", "dummy", "sse"])
def test_what_breaks_a_rule_is_refused(api: InProcessApi, platform: str, change: dict[str, Any]) -> None:
    """devices.md §16: 9 characters -> 400; platform `FCM` -> 400; environment `invalid` -> 400"""
    body = {"platform": platform, "handle": "0123456789", "appId": PUSH_APP_ID, **change}

    assert put(api, new_caller(), body).error == INVALID
    assert stored() == []


@pytest.mark.parametrize("platform", ["fcm", "apns"])
def test_an_app_without_credentials_is_refused(api: InProcessApi, platform: str) -> None:
    """devices.md §16: fcm with unknown appId -> 400 `error.platform.unsupportedAppId`"""
    body = {"platform": platform, "handle": "0123456789", "appId": "unknown"}

    assert put(api, new_caller(), body).error == (400, "error.platform.unsupportedAppId")
    assert stored() == []


def test_a_server_without_any_credentials_supports_no_app(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """devices.md §11: Platform not enabled on the server: 500.  (Here 400, as for an unknown app.)"""
    monkeypatch.delenv("BACKBONE_PUSH_APP_IDS")
    settings.cache_clear()

    assert put(api, new_caller(), PHONE).error == (400, "error.platform.unsupportedAppId")


def test_rules_come_before_the_app(api: InProcessApi) -> None:
    """http-common.md §2: validation before the handler"""
    assert put(api, new_caller(), {**PHONE, "appId": "unknown", "handle": "short"}).error == INVALID


@pytest.mark.parametrize("missing", ["platform", "handle", "appId"])
@pytest.mark.parametrize("value", [..., None, 1])
def test_what_cannot_be_bound_is_refused(api: InProcessApi, missing: str, value: Any) -> None:
    """http-common.md §14: Missing required member, null for required member, wrong type -> inputCannotBeParsed"""
    body = {name: each for name, each in {**DUMMY, missing: value}.items() if each is not ...}

    assert put(api, new_caller(), body).error == UNPARSABLE


def test_unregistering_twice_is_no_mistake(api: InProcessApi) -> None:
    """devices.md §16: DELETE twice -> 204, 204"""
    caller = new_caller()
    put(api, caller, DUMMY)

    answers = [api.delete(PATH, caller=caller) for _ in range(2)]

    assert [(answer.status, answer.body) for answer in answers] == [(204, ""), (204, "")]
    assert stored() == []


def test_unregistering_with_a_body_is_no_mistake(api: InProcessApi) -> None:
    """Clients send `null` with DELETE."""
    assert api.delete(PATH, caller=new_caller(), json_body=None).status == 204


@pytest.mark.parametrize(
    "body", [{}, {"a": {"b": [1, None, "ü"]}}, {"data": 1, "Data": 2}, [], [1], "text", 0, 1.5, True, False, ""]
)
def test_a_test_notification_takes_any_json(api: InProcessApi, body: Any) -> None:
    """devices.md §16: SendTestNotification with an object -> 204; §11: Body: any JSON except `null`"""
    caller = new_caller()

    answer = api.post(f"{PATH}/SendTestNotification", body, caller=caller)

    assert (answer.status, answer.body) == (204, "")
    (item,) = stored()
    (event,) = carried_by(item)
    assert (event.name, event.payload["identity"], event.payload["data"]) == (
        "NotificationTestRequested", caller.address, body
    )  # fmt: skip
    assert 0 < item["ttl"] - clock.epoch_seconds(clock.now()) <= 24 * 60 * 60


@pytest.mark.parametrize("body", [b"null", b"", b"{", b"\xff", b'"\\ud800"', b"[" * 40 + b"]" * 40])
def test_a_test_notification_takes_nothing_else(api: InProcessApi, body: bytes) -> None:
    """devices.md §11: any JSON except `null` (400 `inputCannotBeParsed`)"""
    answer = api.post(
        f"{PATH}/SendTestNotification",
        body=body,
        caller=new_caller(),
        headers={"content-type": "application/json"},
    )

    assert answer.error == UNPARSABLE
    assert stored() == []


def test_a_test_notification_must_fit_on_the_bus(api: InProcessApi) -> None:
    """A limit of ours: the event carries it."""
    fits = api.post(f"{PATH}/SendTestNotification", "x" * (16 * 1024 - 2), caller=new_caller())
    too_large = api.post(f"{PATH}/SendTestNotification", "x" * (16 * 1024 - 1), caller=new_caller())

    assert fits.status == 204
    assert too_large.error == INVALID


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", PATH), ("DELETE", PATH), ("POST", f"{PATH}/SendTestNotification")]
)
def test_all_need_a_token(api: InProcessApi, method: str, path: str) -> None:
    """http-common.md §5.1: without token 401, empty body"""
    answer = api.request(method, path, json_body=PHONE)

    assert (answer.status, answer.body) == (401, "")


def test_registering_asks_nothing_of_the_provider(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """PUT must not fail because SNS is down."""
    monkeypatch.setattr("functions.push.endpoint_store.client", lambda: pytest.fail("SNS was asked"))
    caller = new_caller()

    assert put(api, caller, PHONE).status == 200
    assert api.delete(PATH, caller=caller).status == 204


def test_whose_registration_it_is_stands_in_the_token(api: InProcessApi) -> None:
    caller = new_caller()
    put(api, caller, {**DUMMY, "address": new_caller().address, "deviceId": "DVCx"})

    key = {"pk": caller.address, "sk": caller.device_id}
    assert Table(settings().push_table).get(key) is not None
