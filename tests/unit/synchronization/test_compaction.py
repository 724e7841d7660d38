"""Superseded modifications.  Contract: synchronization.md §6, admin-api.md §15.3."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone import clock, payloads
from backbone.caller import Caller
from backbone.events import EventEnvelope, farewell_of
from backbone.events.synchronization import DatawalletCompactionDue
from functions.synchronization import compaction_consumers, datawallet
from functions.synchronization.compaction import INTERVAL, KEPT_FOR, Outline, scheduled, settled, superseded
from functions.synchronization.compaction_store import CompactionStore
from functions.synchronization.datawallet import Draft
from functions.synchronization.deletion_consumers import deletion_consumers
from functions.synchronization.domain import Change, Head
from functions.synchronization.store import SyncStore
from tests.support.api import new_caller
from tests.support.metering import metered
from tests.unit.synchronization.storing import LARGE, given_datawallet, listed, stored_keys

NOW = clock.now()
A_MONTH_AGO = NOW - KEPT_FOR
HEAD = Head(new_caller().address, version=1)
store = SyncStore()

Kind = tuple[str, str, str | None]
"""Type, object, category."""


def outline(index: int, type: str, thing: str = "A", category: str | None = "c", collection: str = "C") -> Outline:
    return Outline(f"place {index}", f"DWM{index}", index, type, collection, thing, category, NOW)


def gone(*oldest_first: Outline) -> list[int]:
    return sorted(each.index for each in superseded(reversed(oldest_first)))


# --- rules ------------------------------------------------------------------------------------------------------------


def test_an_update_supersedes_what_was_written_before_in_its_category() -> None:
    """synchronization.md §6: o is Create/Update and m is Create/Update and same `payloadCategory` (null = null)"""
    assert gone(outline(1, "Create"), outline(2, "Update")) == [1]
    assert gone(outline(1, "Create", category=None), outline(2, "Update", category=None)) == [1]
    assert gone(outline(1, "Update"), outline(2, "Create")) == [1]


def test_other_categories_collections_and_objects_stay() -> None:
    """synchronization.md §6: same `collection`, same `objectIdentifier`"""
    assert gone(outline(1, "Create"), outline(2, "Update", category="d")) == []
    assert gone(outline(1, "Create"), outline(2, "Update", category=None)) == []
    assert gone(outline(1, "Create"), outline(2, "Delete", collection="D")) == []
    assert gone(outline(1, "Create"), outline(2, "Delete", thing="B")) == []


def test_everything_before_the_last_delete_goes() -> None:
    """synchronization.md §6: everything before the last Delete goes; [...] the last Delete stays even if later Creates
    follow; CacheChanged goes only before a Delete."""
    modifications = [
        outline(1, "Create"),
        outline(2, "CacheChanged", category=None),
        outline(3, "Delete", category="d"),
        outline(4, "Update", category="e"),
        outline(5, "Delete", category=None),
        outline(6, "Create"),
        outline(7, "CacheChanged"),
    ]

    assert gone(*modifications) == [1, 2, 3, 4]


def test_cached_changes_supersede_nothing() -> None:
    assert gone(outline(1, "Create"), outline(2, "CacheChanged"), outline(3, "CacheChanged")) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Create", "Update", "Delete", "CacheChanged"]),
            st.sampled_from("AB"),
            st.sampled_from([None, "c"]),
            st.sampled_from("CD"),
        ),
        max_size=12,
    )
)
def test_the_rule_is_that_of_the_contract(modifications: list[tuple[str, str, str | None, str]]) -> None:
    """synchronization.md §6: Delete m if [...] another modification o of the same datawallet exists with o.index >
    m.index, same `collection`, same `objectIdentifier`, and either o is a Delete, or (o is Create/Update and m is
    Create/Update and same `payloadCategory`). [...] The modification with the highest index never qualifies"""
    all_of_them = [outline(index, *each) for index, each in enumerate(modifications)]
    written = ("Create", "Update")
    expected = [
        m.index
        for m in all_of_them
        if any(
            o.index > m.index
            and (o.collection, o.object_identifier) == (m.collection, m.object_identifier)
            and (
                o.type == "Delete"
                or (o.type in written and m.type in written and o.payload_category == m.payload_category)
            )
            for o in all_of_them
        )
    ]

    assert gone(*all_of_them) == expected
    assert not all_of_them or all_of_them[-1].index not in expected


@pytest.mark.parametrize(
    ("age", "may_go"), [(KEPT_FOR, True), (KEPT_FOR - timedelta(milliseconds=1), False), (timedelta(0), False)]
)
def test_a_month_is_thirty_days(age: timedelta, may_go: bool) -> None:
    """admin-api.md §15.3: datawallet modifications ≥ 30 days old that a later modification [...] supersedes"""
    assert replace(outline(1, "Create"), created_at=NOW - age).may_go(NOW) is may_go


def test_the_first_modification_winds_up_the_timer() -> None:
    assert scheduled(HEAD, NOW).compaction_at == NOW + INTERVAL


def test_a_running_timer_is_left_alone_and_a_lost_one_replaced() -> None:
    running = replace(HEAD, compaction_at=NOW - timedelta(days=2))  # TTL takes its time
    lost = replace(HEAD, compaction_at=NOW - INTERVAL)

    assert scheduled(running, NOW) is running
    assert scheduled(lost, NOW).compaction_at == NOW + INTERVAL


@pytest.mark.parametrize(
    ("seen", "is_complete", "again"), [(5, True, None), (5, False, NOW + INTERVAL), (4, True, NOW + INTERVAL)]
)
def test_the_timer_runs_again_while_there_is_something_left(
    seen: int, is_complete: bool, again: datetime | None
) -> None:
    head = replace(HEAD, modification_index=5, compaction_at=NOW)

    assert settled(head, seen=seen, is_complete=is_complete, now=NOW).head.compaction_at == again


# --- on a table -------------------------------------------------------------------------------------------------------


def modify(caller: Caller, *kinds: Kind, at: datetime, payload: bytes = b"payload") -> None:
    drafts = [Draft(type, "C", thing, category, 1, payload) for type, thing, category in kinds]
    store.change(lambda: datawallet.append(Change.of(store.head(caller.address), at), drafts, device=caller.device_id))


def timer_of(caller: Caller) -> dict[str, Any] | None:
    return store._table.get({"pk": caller.address, "sk": "TIMER"})


def wait_for_timer(caller: Caller) -> None:
    """What happens when the timer's TTL has passed."""
    timer = timer_of(caller)
    assert timer is not None
    store._table.delete({"pk": caller.address, "sk": "TIMER"})
    (envelope,) = farewell_of(timer, NOW)
    deletion_consumers.handle(envelope)


def types_listed(caller: Caller) -> list[tuple[str, str]]:
    return [(each.type, each.object_identifier) for each in listed(store, caller)]


def test_superseded_modifications_go_when_they_are_a_month_old(engine: str) -> None:
    """admin-api.md §19: housekeeper run removes each row of the table in 15.3 and nothing younger"""
    caller = given_datawallet(store)
    modify(caller, ("Create", "old", None), ("Create", "kept", None), ("Create", "deleted", "c"), at=A_MONTH_AGO)
    modify(caller, ("Create", "young", None), at=A_MONTH_AGO + timedelta(days=1))
    modify(caller, ("Update", "old", None), ("Update", "young", None), ("Delete", "deleted", None), at=NOW)

    wait_for_timer(caller)

    assert types_listed(caller) == [
        ("Create", "kept"),
        ("Create", "young"),
        ("Update", "old"),
        ("Update", "young"),
        ("Delete", "deleted"),
    ]
    assert store.head(caller.address).modification_index == 6
    assert timer_of(caller) is not None  # for `young`


def test_a_datawallet_at_rest_has_no_timer(engine: str) -> None:
    caller = given_datawallet(store)
    modify(caller, ("Create", "A", None), at=A_MONTH_AGO)
    modify(caller, ("Update", "A", None), at=NOW)
    wait_for_timer(caller)

    assert timer_of(caller) is None
    assert store.head(caller.address).compaction_at is None
    modify(caller, ("Update", "A", None), at=NOW)
    timer = timer_of(caller)
    assert timer is not None
    assert timer["ttl"] == clock.epoch_seconds(NOW + INTERVAL)


def test_what_has_taken_its_place_meanwhile_stays(engine: str) -> None:
    caller = given_datawallet(store)
    modify(caller, ("Create", "A", None), at=A_MONTH_AGO)
    modify(caller, ("Update", "A", None), at=A_MONTH_AGO)
    (old,) = superseded(CompactionStore().newest_first(caller.address, 1))
    modify(caller, ("Create", "A", None), at=NOW)

    assert not CompactionStore().discard(caller.address, old)

    assert types_listed(caller) == [("Update", "A"), ("Create", "A")]


def test_a_push_during_a_compaction_winds_the_timer_up_again(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = given_datawallet(store)
    modify(caller, ("Create", "A", None), at=A_MONTH_AGO)
    read = CompactionStore.newest_first

    def read_and_be_overtaken(self: CompactionStore, *arguments: Any) -> Iterator[Outline]:
        found = list(read(self, *arguments))
        modify(caller, ("Update", "A", None), at=NOW)
        return iter(found)

    with monkeypatch.context() as slow:
        slow.setattr(CompactionStore, "newest_first", read_and_be_overtaken)
        wait_for_timer(caller)

    assert timer_of(caller) is not None
    wait_for_timer(caller)
    assert types_listed(caller) == [("Update", "A")]


def test_a_repeated_event_does_no_harm(engine: str) -> None:
    caller = given_datawallet(store)
    modify(caller, ("Create", "A", None), at=A_MONTH_AGO)
    modify(caller, ("Update", "A", None), at=NOW)
    due = EventEnvelope.of(DatawalletCompactionDue(identity=caller.address, due_at=NOW), NOW)

    for _ in range(2):
        deletion_consumers.handle(due)

    assert types_listed(caller) == [("Update", "A")]


def test_nobody_compacts_the_datawallet_of_a_deleted_identity(engine: str) -> None:
    due = EventEnvelope.of(DatawalletCompactionDue(identity=new_caller().address, due_at=NOW), NOW)

    deletion_consumers.handle(due)  # never had one
    caller = given_datawallet(store)
    store._table.put({"pk": caller.address, "sk": "HEAD", "closed": True, "revision": "r"})
    deletion_consumers.handle(EventEnvelope.of(DatawalletCompactionDue(identity=caller.address, due_at=NOW), NOW))


def test_the_payload_goes_with_its_item(moto: None) -> None:
    """events.md §6.4: every blob without a file row.  Of an item that goes, the blobs function removes the payload."""
    caller = given_datawallet(store)
    modify(caller, ("Create", "A", None), at=A_MONTH_AGO, payload=LARGE)
    modify(caller, ("Update", "A", None), at=NOW)
    (old,) = superseded(CompactionStore().newest_first(caller.address, 1))
    item = store._table.get({"pk": caller.address, "sk": old.place}) or {}

    compaction_consumers.compact(caller.address)

    assert item[payloads.BLOB] == stored_keys()  # named by the old image in the stream: functions/blobs removes it


@pytest.mark.local_dynamodb
def test_the_timer_costs_one_item_a_week(local_dynamodb: None) -> None:
    caller = given_datawallet(store)
    with metered() as first:
        modify(caller, ("Create", "A", None), at=NOW)
    with metered() as second:
        modify(caller, ("Create", "B", None), at=NOW)

    assert first.calls == second.calls == ["GetItem", "TransactWriteItems"]
    assert first.write_units == second.write_units + 2


@pytest.mark.local_dynamodb
def test_compacting_reads_the_datawallet_once(local_dynamodb: None) -> None:
    caller = given_datawallet(store)
    modify(caller, *(("Create", f"O{number}", None) for number in range(40)), at=A_MONTH_AGO)
    modify(caller, ("Update", "O1", None), at=NOW)
    with metered() as meter:
        assert compaction_consumers.compact(caller.address) == 1

    assert meter.calls == ["GetItem", "Query", "DeleteItem", "GetItem", "PutItem"]
    assert meter.read_units <= 2 + 3  # 41 modifications of about 250 bytes
