"""The store on both engines: conditions, order, payloads that have gone."""

from dataclasses import replace
from typing import Any

import pytest

from backbone import clock, payloads
from backbone.caller import Caller
from backbone.http import Page
from backbone.ids import DeviceId
from functions.synchronization import datawallet, external_events, sync_runs
from functions.synchronization.domain import Change, Head, Listing, SyncRunType
from functions.synchronization.store import AlreadyHandled, LostRace, SyncStore
from tests.support.api import new_caller
from tests.support.lost_answers import answers_lost
from tests.unit.synchronization.storing import (
    LARGE,
    append,
    drafts,
    given_datawallet,
    given_events,
    listed,
    page_of_head,
    stored_keys,
)


@pytest.fixture
def store(engine: str) -> SyncStore:
    return SyncStore()


@pytest.fixture
def caller(store: SyncStore) -> Caller:
    return given_datawallet(store)


def test_a_change_of_an_outdated_head_is_decided_again(store: SyncStore, caller: Caller) -> None:
    outdated = store.head(caller.address)
    append(store, caller, drafts(1))
    heads = iter([outdated, store.head(caller.address)])

    change = store.change(
        lambda: datawallet.append(Change.of(next(heads), clock.now()), drafts(1), device=caller.device_id)
    )

    assert [each.index for each in change.appended] == [1]


def test_only_one_creates_the_head(store: SyncStore) -> None:
    nobody = Head(new_caller().address)
    heads = iter([nobody, nobody])

    def decide() -> Change:
        head = next(heads)
        return replace(Change.of(head, clock.now()), head=replace(head, version=1))

    store.change(decide)

    with pytest.raises(StopIteration):
        store.change(decide)  # lost, and decides again


def test_a_put_that_finds_itself_has_won(store: SyncStore, caller: Caller) -> None:
    """The SDK repeats a put whose answer got lost."""
    with answers_lost() as losses:
        change = store.change(
            lambda: sync_runs.start(
                store.head(caller.address),
                type=SyncRunType.DATAWALLET_VERSION_UPGRADE,
                duration=sync_runs.DEFAULT_DURATION,
                device=caller.device_id,
                supported_version=1,
                now=clock.now(),
            )
        )

    assert losses.lost == ["PutItem"]
    assert store.head(caller.address).run == change.head.run


def test_who_always_loses_gives_up(store: SyncStore, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    outdated = store.head(caller.address)
    append(store, caller, drafts(1))
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    with pytest.raises(LostRace):
        store.change(lambda: replace(Change.of(outdated, clock.now()), head=replace(outdated, version=5)))


def test_a_cause_counts_once_and_leaves_no_gap(store: SyncStore, caller: Caller) -> None:
    def receive() -> Change:
        head = store.head(caller.address)
        return external_events.receive(head, "TokenLocked", {}, cause="TOK1/Locked", now=clock.now())

    store.change(receive)
    with pytest.raises(AlreadyHandled):
        store.change(receive)

    head, queue = store.head_and_queue(caller.address)
    assert (head.event_index, head.fresh, [event.index for event in queue]) == (0, 1, [0])


def test_head_and_queue_come_together_and_in_order(store: SyncStore, caller: Caller) -> None:
    given_events(store, caller, 3)

    head, queue = store.head_and_queue(caller.address)

    assert head == store.head(caller.address)
    assert [event.index for event in queue] == [0, 1, 2]
    assert store.head_and_short_queue(caller.address, 3) == (head, queue)
    assert store.head_and_short_queue(caller.address, 2) == (head, None)
    assert store.head_and_queue(new_caller().address)[1] == []


def test_the_newest_of_a_group_replaces_the_others(store: SyncStore, caller: Caller) -> None:
    for number in range(3):
        append(store, caller, drafts(2, b"%d" % number))

    assert [(each.index, each.encrypted_payload) for each in listed(store, caller)] == [(4, b"2"), (5, b"2")]


@pytest.mark.parametrize("payload", [None, b"", b"small", LARGE])
def test_payloads_come_back(store: SyncStore, caller: Caller, payload: bytes | None) -> None:
    append(store, caller, drafts(3, payload))

    assert [each.encrypted_payload for each in listed(store, caller)] == [payload] * 3


def test_a_modification_replaced_while_it_is_read_is_left_out(
    store: SyncStore, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list ends where the head was read; the newer one comes with the next list."""
    append(store, caller, drafts(2, LARGE))
    head = store.head(caller.address)
    first = store._first

    def replaced_in_between(*arguments: Any, **options: Any) -> Any:
        found = first(*arguments, **options)
        append(store, caller, drafts(1, LARGE))
        payloads.remove(next(key for item in found if item["objectIdentifier"] == "FIL0" for key in item["blob"]))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(store, "_first", replaced_in_between)
        page = page_of_head(store, head, caller)

    assert [(each.index, each.object_identifier) for each in page.items] == [(1, "FIL1")]
    assert [(each.index, each.object_identifier) for each in listed(store, caller, after=1)] == [(2, "FIL0")]


def test_a_lost_payload_is_an_error_and_not_a_gap(store: SyncStore, caller: Caller) -> None:
    append(store, caller, drafts(1, LARGE))
    (key,) = stored_keys()
    payloads.remove(key)

    with pytest.raises(payloads.PayloadGone):
        listed(store, caller)


def test_pages_are_counted_beyond_what_is_read(store: SyncStore, caller: Caller) -> None:
    append(store, caller, drafts(7))
    head = store.head(caller.address)

    pages = [page_of_head(store, head, caller, Page(number, 3)) for number in (1, 2, 3)]

    assert [[each.index for each in page.items] for page in pages] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [page.total_records for page in pages] == [7, 7, 7]


def test_the_spread_over_pages_is_remembered_for_the_device_and_its_local_index(
    store: SyncStore, caller: Caller
) -> None:
    append(store, caller, drafts(7))

    page_of_head(store, store.head(caller.address), caller, Page(1, 3), after=0)

    assert store.head_and_listing(caller, 0)[1] == Listing(3, (1, 4), 6, 6)
    assert store.head_and_listing(caller, -1)[1] is None
    assert store.head_and_listing(replace(caller, device_id=DeviceId.new()), 0)[1] is None


@pytest.mark.parametrize(("number", "expected"), [(1, (0, 2)), (2, (3, 7)), (3, (8, 9)), (4, None)])
def test_a_listing_knows_its_pages(number: int, expected: tuple[int, int] | None) -> None:
    assert Listing(3, (0, 3, 8), 9, 8).range_of(number) == expected
