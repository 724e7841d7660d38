"""Listening devices under load, on DynamoDB Local."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.settings import settings
from functions.push import sse_connection
from functions.push.mailbox_store import MailboxStore
from functions.push.registration_store import RegistrationStore
from functions.push.sse_domain import CAPACITY
from tests.support.api import new_caller
from tests.unit.push.sse import Listening, post

pytestmark = [pytest.mark.local_dynamodb, pytest.mark.slow]
OTHERS = {"ConnectionOpened", "keep-alive"}


@pytest.fixture(autouse=True)
def no_waiting(local_dynamodb: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("BACKBONE_SSE_WAIT_SECONDS", "0")
    settings.cache_clear()
    yield
    settings.cache_clear()


def listen(caller: Caller, position: str) -> tuple[str, list[str]]:
    events = sse_connection.answer(caller, position)
    return str(events[-1][0]), [name for _, name in events if name not in OTHERS]


def read(caller: Caller, position: str, expected: int) -> list[str]:
    told: list[str] = []
    for _ in range(2_000):
        position, names = listen(caller, position)
        told += names
        if len(told) >= expected:
            break
    return told


def test_what_many_send_at_once_is_told_once_each_to_two_streams_of_a_device() -> None:
    caller = new_caller()
    position, _ = listen(caller, "")
    sent = [f"event {number}" for number in range(60)]  # fewer than a mailbox holds

    with ThreadPoolExecutor(8) as threads:
        streams = [threads.submit(read, caller, position, len(sent)) for _ in range(2)]
        posted = list(threads.map(lambda name: post(caller, name, event_id=name), sent))
        told = [stream.result() for stream in streams]

    assert all(posted)
    assert sorted(told[0]) == sorted(sent)
    assert told[1] == told[0]


def test_a_repeat_at_the_same_time_is_told_once() -> None:
    caller = new_caller()
    position, _ = listen(caller, "")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: post(caller, event_id="one"), range(8)))

    assert listen(caller, position)[1] == ["ExternalEventCreated"]


def test_a_mailbox_that_many_overfill_tells_the_rest() -> None:
    caller = new_caller()
    position, _ = listen(caller, "")

    with ThreadPoolExecutor(8) as threads:
        posted = list(threads.map(lambda number: post(caller, f"event {number % 3}"), range(3 * CAPACITY)))

    assert all(posted)
    mailbox = MailboxStore().peek(caller.device_id)
    assert mailbox is not None
    assert len(mailbox.entries) <= CAPACITY
    # Whoever has read all before the mailbox was full learns of each kind of event that came since.
    assert set(listen(caller, position)[1]) >= {"ExternalEventCreated"}


def test_who_connects_while_being_taken_for_gone_ends_up_registered() -> None:
    registrations = RegistrationStore()
    for _ in range(20):
        caller = new_caller()
        position, _ = listen(caller, "")

        def notify(caller: Caller = caller) -> None:
            for device in registrations.of_identity(caller.address):
                late = clock.now() + timedelta(hours=1)
                if not MailboxStore().post(device, event_name="E", event_id="1", now=late):
                    registrations.forget(device)

        with ThreadPoolExecutor(2) as threads:
            threads.submit(notify)
            coming_back = threads.submit(listen, caller, position)
        position, _ = coming_back.result()

        position, _ = listen(caller, position)  # whatever has happened is mended now
        assert len(registrations.of_identity(caller.address)) == 1
        assert MailboxStore().post(Listening(caller.device_id), event_name="told", event_id="2", now=clock.now())
        assert listen(caller, position)[1] == ["told"]
