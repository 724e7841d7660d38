"""Endpoints go when nobody needs them any more."""

from datetime import timedelta
from typing import Any

import pytest

from backbone import clock
from backbone.dynamodb import Item, Table, encode
from backbone.settings import settings
from functions.push import endpoint_keeper, notifications, sender
from functions.push.domain import Environment, Platform, Recipient, RegisteredDevice, Registration
from functions.push.handler import stream
from functions.push.registration_store import registration_key
from tests.support.engine import PUSH_APP_ID
from tests.unit.push.provider import Provider
from tests.unit.push.scenes import caller_of, new_handle, registered, registrations, someone

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("moto")]
LATER = clock.now() + timedelta(days=1)


def pushed_to(handle: str | None = None) -> RegisteredDevice:
    """A registered device with an endpoint."""
    device = registered(someone(), handle)
    event_id = f"event for {device.device_id}"
    sender.send(notifications.token_locked(), [Recipient(device, "en")], event_id=event_id, now=clock.now())
    return device


def item_of(device: RegisteredDevice) -> Item | None:
    return Table(settings().push_table).get(registration_key(device.address, device.device_id))


def streamed(before: Item | None, after: Item | None) -> dict[str, Any]:
    images = {"OldImage": before, "NewImage": after}
    change = {name: encode(image) for name, image in images.items() if image}
    record = {"eventID": "1", "eventName": "MODIFY", "dynamodb": {"SequenceNumber": "1", **change}}
    return stream({"Records": [record]}, None)


def test_a_deleted_registration_leaves_no_endpoint(sns: Provider) -> None:
    device = pushed_to()
    before = item_of(device)
    registrations.unregister(caller_of(device))

    assert streamed(before, None) == {"batchItemFailures": []}
    assert sns.endpoints() == []
    assert streamed(before, None) == {"batchItemFailures": []}


@pytest.mark.parametrize(
    "registration",
    [
        Registration(Platform.FCM, PUSH_APP_ID, handle="another handle"),
        Registration(Platform.APNS, PUSH_APP_ID, Environment.PRODUCTION, "another handle"),
        Registration(Platform.SSE, "sse-client"),
    ],
)
def test_a_replaced_registration_leaves_no_endpoint(sns: Provider, registration: Registration) -> None:
    device = pushed_to()
    before = item_of(device)
    registrations.register(caller_of(device), registration, now=LATER)

    streamed(before, item_of(device))

    assert sns.endpoints() == []


def test_a_renewed_registration_keeps_its_endpoint(sns: Provider) -> None:
    """It is healed by the next push."""
    device = pushed_to()
    before = item_of(device)
    registrations.register(caller_of(device), device.registration, now=LATER)

    streamed(before, item_of(device))

    assert len(sns.endpoints()) == 1


def test_an_account_on_the_same_phone_keeps_its_endpoint(sns: Provider) -> None:
    handle = new_handle()
    device, other = pushed_to(handle), pushed_to(handle)
    images = [item_of(each) for each in (device, other)]

    registrations.unregister(caller_of(device))
    streamed(images[0], None)
    assert len(sns.endpoints()) == 1
    registrations.unregister(caller_of(other))
    streamed(images[1], None)

    assert sns.endpoints() == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, None),
        ({"pk": "SENT#x", "sk": "S"}, None),
        ({"pk": "SSE#x", "sk": "M", "entries": []}, {"pk": "SSE#x", "sk": "M", "entries": ["a"]}),
    ],
)
def test_other_changes_are_none_of_its_business(sns: Provider, before: Item | None, after: Item | None) -> None:
    assert streamed(before, after) == {"batchItemFailures": []}


def test_registrations_that_never_got_a_push_have_nothing_to_remove(
    sns: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = registered(someone())
    monkeypatch.setattr(endpoint_keeper.endpoints.__class__, "delete", lambda *_: pytest.fail("SNS was asked"))

    assert streamed(item_of(device), None) == {"batchItemFailures": []}


def test_a_failure_is_reported_and_the_record_comes_again(sns: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    device = pushed_to()
    before = item_of(device)
    registrations.unregister(caller_of(device))
    with monkeypatch.context() as broken:
        broken.setattr(endpoint_keeper.endpoints.__class__, "delete", lambda *_: 1 / 0)
        assert streamed(before, None) == {"batchItemFailures": [{"itemIdentifier": "1"}]}

    streamed(before, None)

    assert sns.endpoints() == []


def test_an_empty_invocation_warms_it_up() -> None:
    assert stream({}, None) == {"batchItemFailures": []}
