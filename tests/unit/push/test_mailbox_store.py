"""Mailboxes of listening devices, on both engines."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from backbone import clock
from backbone.ids import DeviceId
from functions.push.mailbox_store import KEPT_AFTER_LAST_CONNECTION, MailboxStore
from functions.push.sse_domain import CAPACITY, GONE_AFTER, KEPT, Mailbox, open_mailbox

pytestmark = pytest.mark.usefixtures("engine")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WAIT = timedelta(seconds=25)
GONE = NOW + WAIT + GONE_AFTER
store = MailboxStore()


@dataclass(frozen=True)
class Listening:
    device_id: DeviceId


def given_mailbox() -> tuple[Listening, Mailbox]:
    device, mailbox = Listening(DeviceId.new()), open_mailbox(now=NOW, wait=WAIT)
    store.open(device.device_id, mailbox)
    return device, mailbox


def post(device: Listening, event_id: str, *, name: str = "ExternalEventCreated", now: datetime = NOW) -> bool:
    return store.post(device, event_name=name, event_id=event_id, now=now)


def current(device: Listening) -> Mailbox:
    mailbox = store.peek(device.device_id)
    assert mailbox is not None
    return mailbox


def test_a_mailbox_is_read_as_it_was_opened() -> None:
    device, mailbox = given_mailbox()

    assert store.peek(device.device_id) == mailbox


def test_events_are_kept_in_order_under_consecutive_numbers() -> None:
    device, _ = given_mailbox()

    assert post(device, "1", name="A")
    assert post(device, "2", name="B")

    assert [(position.number, name) for position, name in current(device).after(0)] == [(1, "A"), (2, "B")]


def test_a_repeated_event_is_told_once() -> None:
    device, _ = given_mailbox()

    assert [post(device, "1"), post(device, "1")] == [True, True]

    assert current(device).last == 1


def test_nobody_is_told_without_a_mailbox() -> None:
    assert not post(Listening(DeviceId.new()), "1")


def test_a_client_that_is_gone_loses_its_mailbox() -> None:
    device, _ = given_mailbox()

    assert not post(device, "1", now=GONE)

    assert store.peek(device.device_id) is None


def test_a_client_that_has_come_back_in_time_is_told() -> None:
    device, mailbox = given_mailbox()

    assert store.renew(device.device_id, mailbox, read=0, now=NOW + WAIT, wait=WAIT)

    assert post(device, "1", now=GONE)


def test_a_mailbox_goes_by_itself_a_day_after_its_client() -> None:
    device, mailbox = given_mailbox()
    key = store.key(device.device_id)

    first = (store.table.get(key) or {})["ttl"]
    store.renew(device.device_id, mailbox, read=0, now=NOW + WAIT, wait=WAIT)
    second = (store.table.get(key) or {})["ttl"]

    assert first == clock.epoch_seconds(GONE + KEPT_AFTER_LAST_CONNECTION)
    assert second == clock.epoch_seconds(GONE + WAIT + KEPT_AFTER_LAST_CONNECTION)


def test_renewing_remembers_what_was_read() -> None:
    device, _ = given_mailbox()
    post(device, "1")

    store.renew(device.device_id, current(device), read=1, now=NOW, wait=WAIT)

    assert current(device).read == 1


def test_renewing_drops_what_nobody_needs_and_keeps_the_numbers() -> None:
    device, _ = given_mailbox()
    for number in range(1, 2 * KEPT + 3):
        post(device, str(number))
    seen = current(device)
    post(device, "while it is being tidied up")

    assert store.renew(device.device_id, seen, read=2 * KEPT + 2, now=NOW, wait=WAIT)

    box = current(device)
    assert (box.first, box.last) == (KEPT + 3, 2 * KEPT + 3)
    assert len(box.after(2 * KEPT + 2)) == 1


def test_two_requests_do_not_tidy_up_twice() -> None:
    device, _ = given_mailbox()
    for number in range(1, 2 * KEPT + 1):
        post(device, str(number))
    seen = current(device)

    results = [store.renew(device.device_id, seen, read=2 * KEPT, now=NOW, wait=WAIT) for _ in range(2)]

    assert results == [True, True]
    assert (current(device).first, current(device).last) == (KEPT + 1, 2 * KEPT)


def test_a_mailbox_that_was_replaced_is_not_renewed() -> None:
    device, old = given_mailbox()
    store.open(device.device_id, open_mailbox(now=NOW, wait=WAIT))

    assert not store.renew(device.device_id, old, read=0, now=NOW, wait=WAIT)


def test_a_mailbox_that_was_removed_is_not_renewed() -> None:
    device, old = given_mailbox()
    store.remove(device.device_id)
    store.remove(device.device_id)

    assert not store.renew(device.device_id, old, read=0, now=NOW, wait=WAIT)
    assert store.peek(device.device_id) is None


def test_a_full_mailbox_keeps_one_event_of_each_name_which_nobody_passes_over() -> None:
    device, _ = given_mailbox()
    for number in range(CAPACITY):
        post(device, str(number), name="A" if number % 2 else "B")

    assert post(device, "one more", name="A")

    box = current(device)
    assert [name for _, name in box.after(CAPACITY)] == ["B", "A"]
    assert box.first == CAPACITY + 1
