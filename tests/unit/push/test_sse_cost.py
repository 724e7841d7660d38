"""What docs/data-model.md says of listening devices, measured on DynamoDB Local."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from backbone import clock
from backbone.settings import settings
from functions.push import sse_connection
from functions.push.mailbox_store import MailboxStore
from functions.push.sse_domain import CAPACITY
from tests.support.api import new_caller
from tests.support.metering import metered
from tests.unit.push.sse import Listening, post

pytestmark = pytest.mark.local_dynamodb


@pytest.fixture(autouse=True)
def no_waiting(local_dynamodb: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("BACKBONE_SSE_WAIT_SECONDS", "0")
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_connecting_is_a_read_and_two_writes() -> None:
    with metered() as meter:
        sse_connection.answer(new_caller(), "")

    assert meter.calls == ["BatchGetItem", "PutItem", "UpdateItem"]
    assert meter.write_units <= 3  # the registration and its entry in the index


def test_coming_back_without_news_is_one_read() -> None:
    caller = new_caller()
    events = sse_connection.answer(caller, "")
    with metered() as meter:
        sse_connection.answer(caller, str(events[-1][0]))

    assert meter.calls == ["BatchGetItem"]
    assert meter.read_units == 2


def test_coming_back_for_news_is_one_read_and_writing_it_down_another_time() -> None:
    caller = new_caller()
    events = sse_connection.answer(caller, "")
    post(caller)
    with metered() as first:
        events = sse_connection.answer(caller, str(events[-1][0]))
    with metered() as second:
        sse_connection.answer(caller, str(events[-1][0]))

    assert first.calls == ["BatchGetItem"]
    assert second.calls == ["BatchGetItem", "UpdateItem"]
    assert second.write_units == 1


def test_looking_while_waiting_costs_half_a_unit_even_if_the_mailbox_is_full() -> None:
    caller = new_caller()
    sse_connection.answer(caller, "")
    for _ in range(CAPACITY):
        post(caller)
    with metered() as meter:
        MailboxStore().peek(caller.device_id)

    assert meter.calls == ["GetItem"]
    assert meter.read_units == 0.5


def test_telling_a_device_is_one_write() -> None:
    caller = new_caller()
    sse_connection.answer(caller, "")
    with metered() as meter:
        post(caller)

    assert meter.calls == ["UpdateItem"]
    assert meter.write_units == 1


def test_finding_a_device_gone_is_two_writes() -> None:
    caller = new_caller()
    sse_connection.answer(caller, "")
    late = clock.now() + timedelta(hours=1)
    with metered() as meter:
        MailboxStore().post(Listening(caller.device_id), event_name="E", event_id="1", now=late)

    assert meter.calls == ["UpdateItem", "DeleteItem"]
