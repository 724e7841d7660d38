"""Where registrations are kept."""

from datetime import timedelta

import pytest

from backbone import clock
from backbone.ids import DeviceId
from functions.push.domain import PARTS, Platform, Registration, part_of
from functions.push.registration_store import RegistrationStore
from tests.support.api import new_caller
from tests.support.engine import PUSH_APP_ID
from tests.unit.push.scenes import again, device_of, new_handle, registered, someone

store = RegistrationStore()
NOW = clock.now()
LATER = NOW + timedelta(milliseconds=1)
PHONE = Registration(Platform.FCM, PUSH_APP_ID, handle="0123456789")

pytestmark = pytest.mark.usefixtures("engine")


def test_it_is_read_as_it_was_written() -> None:
    caller = new_caller()

    written = store.register(caller, PHONE, now=NOW)

    assert store.of_identity(caller.address) == [written]
    assert (written.registration, written.registered_at, written.endpoint_arn) == (PHONE, NOW, None)


def test_the_identifier_is_kept_and_the_endpoint_is_not() -> None:
    caller = new_caller()
    first = store.register(caller, PHONE, now=NOW)
    store.remember_endpoint(first, "arn")
    assert store.of_identity(caller.address)[0].endpoint_arn == "arn"

    second = store.register(caller, PHONE, now=LATER)

    assert second.device_push_identifier == first.device_push_identifier
    assert second.endpoint_arn is None


def test_an_endpoint_is_not_remembered_for_a_newer_registration() -> None:
    caller = new_caller()
    first = store.register(caller, PHONE, now=NOW)
    store.register(caller, PHONE, now=LATER)

    store.remember_endpoint(first, "arn")

    assert store.of_identity(caller.address)[0].endpoint_arn is None


def test_a_newer_registration_is_not_forgotten() -> None:
    caller = new_caller()
    first = store.register(caller, PHONE, now=NOW)
    second = store.register(caller, PHONE, now=LATER)

    assert not store.forget(first)
    assert store.of_identity(caller.address) == [second]
    assert store.forget(second)
    assert not store.forget(second)
    assert store.of_identity(caller.address) == []


def test_an_endpoint_of_nobody_is_not_remembered() -> None:
    """Otherwise half a registration would come into being."""
    caller = new_caller()
    device = store.register(caller, PHONE, now=NOW)
    store.unregister(caller)

    store.remember_endpoint(device, "arn")

    assert store.of_identity(caller.address) == []


def test_who_shares_a_target_is_known() -> None:
    one, other = new_caller(), new_caller()
    device = store.register(one, PHONE, now=NOW)
    assert not store.is_target_of_others(device)
    store.register(other, PHONE, now=NOW)
    assert store.is_target_of_others(device)

    store.unregister(one)
    assert store.is_target_of_others(device)
    store.unregister(other)
    assert not store.is_target_of_others(device)


def test_an_index_that_is_late_shows_nobody_else() -> None:
    """It may still show a registration where it was before."""
    device = store.register(new_caller(), PHONE, now=NOW)

    assert not store.is_target_of_others(device)


def test_everybody_is_reached_once_part_by_part_and_page_by_page() -> None:
    """devices.md §12.1: identical handles on the same platform get one message per send"""
    identity, shared = someone(), new_handle()
    for _ in range(3):
        registered(identity, shared)
    others = [registered(someone(), language="de") for _ in range(30)]

    reached = []
    for part in PARTS:
        after = None
        while True:
            page = store.page(part, after, size=2)
            reached += page.recipients
            after = page.last
            if after is None:
                break

    targets = [recipient.device.target for recipient in reached]
    assert len(targets) == len(set(targets)) == 31
    assert {recipient.device for recipient in reached} > set(others)
    assert [recipient.language for recipient in reached].count("de") == 30


def test_whose_device_is_gone_is_forgotten_on_the_way() -> None:
    device = store.register(new_caller(), PHONE, now=NOW)

    assert store.page(part_of(device.target), None, size=10).recipients == []
    assert again(device) is None


def test_nothing_but_registrations_is_found() -> None:
    """The table also has mailboxes, claims and marks."""
    caller = device_of(someone())
    store.register(caller, PHONE, now=NOW)

    assert [device.device_id for device in store.of_identity(caller.address)] == [DeviceId(caller.device_id)]
