"""Changes that are larger than a transaction: whole or not at all, whoever stops where.

All of it runs against DynamoDB Local: it knows the limits of a transaction, and moto is slow with large ones.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from backbone import clock, dynamodb, payloads
from backbone.caller import Caller
from backbone.http import Page
from backbone.settings import settings
from functions.synchronization import sync_runs
from functions.synchronization.domain import Change, SyncRunType
from functions.synchronization.store import SyncStore
from tests.unit.synchronization.storing import (
    LARGE,
    append,
    drafts,
    given_datawallet,
    given_events,
    listed,
    stored_keys,
)

pytestmark = pytest.mark.local_dynamodb


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture
def store(local_dynamodb: None) -> SyncStore:
    return SyncStore()


@pytest.fixture
def caller(store: SyncStore) -> Caller:
    return given_datawallet(store)


def crash_at(monkeypatch: pytest.MonkeyPatch, target: object, name: str, call: int) -> None:
    """Let the process end just before this call (counted from 1) of a function."""
    real: Callable[..., Any] = getattr(target, name)
    calls = iter(range(1, 1_000))

    def counting(*arguments: Any, **options: Any) -> Any:
        if next(calls) == call:
            raise Crash
        return real(*arguments, **options)

    monkeypatch.setattr(target, name, counting)


@pytest.mark.parametrize("count", [99, 100, 250])
def test_a_large_push_is_stored_whole(store: SyncStore, caller: Caller, count: int) -> None:
    """99 modifications and the head are the most that one transaction takes."""
    append(store, caller, drafts(count))

    found = listed(store, caller)
    assert [each.index for each in found] == list(range(count))
    assert "log" not in (store._table.get({"pk": caller.address, "sk": "HEAD"}) or {})


def test_a_log_may_be_large_itself(store: SyncStore, caller: Caller) -> None:
    append(store, caller, drafts(150, b"y" * 2_000))

    assert len(listed(store, caller)) == 150
    assert any(key.startswith("synchronization/log/") for key in stored_keys())  # goes with the stream


def test_a_change_of_many_bytes_takes_a_log_too(
    store: SyncStore, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKBONE_INLINE_PAYLOAD_BYTES", "262144")
    settings.cache_clear()

    append(store, caller, drafts(20, b"z" * 200_000))

    assert [len(each.encrypted_payload or b"") for each in listed(store, caller)] == [200_000] * 20


def _steps_of_a_large_change() -> Iterator[tuple[object, str, int]]:
    yield dynamodb.Table, "put", 2  # after committing and applying, before removing the log
    for part in (1, 2, 3):
        yield dynamodb, "transact", part


@pytest.mark.parametrize(("target", "name", "call"), list(_steps_of_a_large_change()))
@pytest.mark.parametrize("payload", [b"small", LARGE])
def test_whoever_comes_next_finishes_a_large_change(
    store: SyncStore,
    caller: Caller,
    monkeypatch: pytest.MonkeyPatch,
    target: object,
    name: str,
    call: int,
    payload: bytes,
) -> None:
    monkeypatch.setattr("functions.synchronization.write_ahead_log.TRANSACTION_LIMIT", 50)
    new = drafts(120, payload)
    with monkeypatch.context() as patch:
        crash_at(patch, target, name, call)
        with pytest.raises(Crash):
            append(store, caller, new)

    later = SyncStore()
    head = later.head(caller.address)

    assert head.modification_index == len(new) - 1
    assert [each.index for each in listed(later, caller)] == list(range(len(new)))
    assert {each.encrypted_payload for each in listed(later, caller)} == {payload}


@pytest.mark.parametrize(("target", "name"), [(payloads, "attributes"), (dynamodb.Table, "put")])
def test_a_large_change_that_was_not_committed_never_happened(
    store: SyncStore, caller: Caller, monkeypatch: pytest.MonkeyPatch, target: object, name: str
) -> None:
    with monkeypatch.context() as patch:
        crash_at(patch, target, name, 1)
        with pytest.raises(Crash):
            append(store, caller, drafts(150))

    assert store.head(caller.address).modification_index == -1
    assert listed(store, caller) == []


def test_who_wakes_up_late_in_a_large_change_writes_nothing(
    store: SyncStore, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = dynamodb.transact
    calls = iter(range(1, 1_000))

    def sleep_before_second_part(writes: Any) -> None:
        if next(calls) == 2:
            monkeypatch.setattr(dynamodb, "transact", real)
            append(SyncStore(), caller, drafts(150, b"newer"))  # finishes the log, then replaces everything
        real(writes)

    monkeypatch.setattr(dynamodb, "transact", sleep_before_second_part)

    append(store, caller, drafts(150, b"older"))

    found = listed(store, caller)
    assert [each.index for each in found] == list(range(150, 300))
    assert {each.encrypted_payload for each in found} == {b"newer"}


def test_a_log_finished_and_removed_meanwhile_is_no_error(store: SyncStore, caller: Caller) -> None:
    append(store, caller, drafts(150, b"y" * 2_000))
    head = store._table.get({"pk": caller.address, "sk": "HEAD"}) or {}
    (log,) = [key for key in stored_keys() if "/log/" in key]
    payloads.remove(log)

    store._finish({**head, "revision": "an older one", "blob": {log}})
    with pytest.raises(payloads.PayloadGone):
        store._finish({**head, "blob": {log}})


def test_a_run_of_many_events_is_finalized_whole(store: SyncStore, caller: Caller) -> None:
    given_events(store, caller, 120)
    started = store.change(
        lambda: sync_runs.start(
            store.head(caller.address),
            type=SyncRunType.EXTERNAL_EVENT_SYNC,
            duration=sync_runs.DEFAULT_DURATION,
            device=caller.device_id,
            supported_version=1,
            now=clock.now(),
        )
    )
    run = started.head.run
    assert run is not None
    page = store.events_of_run(caller.address, run, Page(2, 50))

    def decide() -> Change:
        head, events = store.head_and_queue(caller.address)
        return sync_runs.finalize_external_event_sync(
            head,
            run,
            events=events,
            results=[(event.id, None) for event in events[:60]],
            drafts=drafts(3),
            device=caller.device_id,
            now=clock.now(),
        )

    store.change(decide)

    head, queue = store.head_and_queue(caller.address)
    assert ([event.index for event in page.items], page.total_records) == (list(range(50, 100)), 120)
    assert (head.run, head.fresh, head.failed) == (None, 0, 60)
    assert [(event.index, event.error_count) for event in queue] == [(index, 1) for index in range(60, 120)]
    assert store.finalized_run(caller.address, run.id, now=clock.now()) is not None


def test_a_committed_change_is_answered_as_done_even_if_it_cannot_be_applied_now(
    store: SyncStore, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(writes: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(dynamodb, "transact", fail)
        change = append(store, caller, drafts(120))

    assert change.head.modification_index == 119
    assert len(listed(store, caller)) == 120
