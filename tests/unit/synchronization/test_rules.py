"""The rules alone, with plain values.  Contract: synchronization.md, sections 2 to 5."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backbone.events.synchronization import DatawalletModified, DatawalletVersionUpgraded, ExternalEventCreated
from backbone.ids import ExternalEventId, RelationshipId
from functions.synchronization import datawallet, external_events, sync_runs
from functions.synchronization.datawallet import Draft
from functions.synchronization.domain import Change, EventState, ExternalEvent, Head, SyncRun, SyncRunType
from functions.synchronization.errors import (
    AnotherSyncRunIsRunning,
    CannotPushDuringActiveSyncRun,
    DatawalletNotUpToDate,
    InsufficientSupportedDatawalletVersion,
)
from tests.support.api import new_caller

NOW = datetime(2025, 3, 1, 10, 20, 30, tzinfo=UTC)
CALLER = new_caller()
DEVICE = CALLER.device_id
HEAD = Head(CALLER.address, version=1)
EVENT_SYNC, UPGRADE = SyncRunType.EXTERNAL_EVENT_SYNC, SyncRunType.DATAWALLET_VERSION_UPGRADE


def draft(number: int = 0, version: int = 1) -> Draft:
    return Draft("Create", "Files", f"FIL{number}", None, version, b"payload")


def event(index: int, *, since: int = -1, error_count: int = 0, context: RelationshipId | None = None) -> ExternalEvent:
    return ExternalEvent(ExternalEventId.new(), index, "MessageReceived", {}, NOW, since, error_count, context)


def started(head: Head, type: SyncRunType = EVENT_SYNC, seconds: int = 10) -> tuple[Head, SyncRun]:
    change = sync_runs.start(
        head, type=type, duration=timedelta(seconds=seconds), device=DEVICE, supported_version=1, now=NOW
    )
    assert change.head.run is not None
    return change.head, change.head.run


def test_drafts_get_the_next_indices_in_their_order() -> None:
    change = datawallet.append(Change.of(replace(HEAD, modification_index=4), NOW), [draft(1), draft(2)], device=DEVICE)

    assert [(each.index, each.object_identifier) for each in change.appended] == [(5, "FIL1"), (6, "FIL2")]
    assert change.head.modification_index == 6
    assert change.raised == (DatawalletModified(identity=HEAD.owner, modified_by_device=DEVICE, index=6),)


def test_appending_nothing_raises_nothing() -> None:
    assert datawallet.append(Change.of(HEAD, NOW), [], device=DEVICE).is_empty


@pytest.mark.parametrize(
    ("head", "local_index", "supported", "refusal"),
    [
        (replace(HEAD, modification_index=3), 2, 1, DatawalletNotUpToDate),
        (replace(HEAD, modification_index=3), 2, 0, InsufficientSupportedDatawalletVersion),
        (replace(started(replace(HEAD, fresh=1))[0], modification_index=3), 2, 0, CannotPushDuringActiveSyncRun),
    ],
)
def test_refusals_of_a_push_come_in_the_order_of_the_contract(
    head: Head, local_index: int, supported: int, refusal: type[Exception]
) -> None:
    """synchronization.md §2.3: Checks in order"""
    with pytest.raises(refusal):
        datawallet.push(head, [draft()], local_index=local_index, supported_version=supported, device=DEVICE, now=NOW)


def test_an_upgrade_tells_the_version_if_it_is_a_new_one() -> None:
    first = datawallet.upgrade(Change.of(replace(HEAD, version=None), NOW), 0)
    second = datawallet.upgrade(Change.of(first.head, NOW), 3)

    assert first.raised == (DatawalletVersionUpgraded(identity=HEAD.owner, version=0),)
    assert second.raised == (DatawalletVersionUpgraded(identity=HEAD.owner, version=3),)
    assert datawallet.upgrade(Change.of(second.head, NOW), 3).raised == ()


def test_a_run_expires_only_after_its_last_moment() -> None:
    """synchronization.md §3.2: Active: not finalized and `expiresAt` >= now."""
    head, run = started(replace(HEAD, fresh=1))

    assert not run.is_expired(run.expires_at)
    assert run.is_expired(run.expires_at + timedelta(milliseconds=1))
    assert not sync_runs.needs_cancellation(head, run.expires_at)


def test_starting_a_run_takes_over_what_waits() -> None:
    head, run = started(replace(HEAD, fresh=2, failed=3, run_index=7))

    assert (head.fresh, head.failed, head.run_index) == (0, 0, 8)
    assert (run.index, run.event_count) == (8, 5)


def test_starting_an_upgrade_leaves_what_waits() -> None:
    head, run = started(replace(HEAD, fresh=2, failed=3), UPGRADE)

    assert (head.fresh, head.failed, run.event_count) == (2, 3, 0)


def test_nothing_waits_nothing_changes() -> None:
    change = sync_runs.start(HEAD, type=EVENT_SYNC, duration=timedelta(0), device=DEVICE, supported_version=1, now=NOW)

    assert change.is_empty


def test_an_active_run_is_not_disturbed() -> None:
    head, _ = started(replace(HEAD, fresh=1))

    with pytest.raises(AnotherSyncRunIsRunning):
        started(head)


@pytest.mark.parametrize(("since", "belongs"), [(-1, True), (3, True), (4, False), (5, False)])
def test_an_event_belongs_to_the_runs_after_it(since: int, belongs: bool) -> None:
    _, run = started(replace(HEAD, fresh=1, run_index=3))

    assert event(0, since=since).belongs_to(run) is belongs
    assert not event(0, since=since).belongs_to(replace(run, type=UPGRADE))
    assert not event(0, since=since).belongs_to(None)
    assert not replace(event(0, since=since), state=EventState.BLOCKED).belongs_to(run)


def test_the_end_of_a_run_settles_its_events_by_their_results() -> None:
    """synchronization.md §3.7: no result -> failed; non-empty `errorCode` -> failed; otherwise success"""
    head, run = started(replace(HEAD, fresh=4))
    well, empty, failed, missing, dying = (event(index) for index in range(5))
    dying = replace(dying, error_count=2)
    later = event(9, since=run.index)
    head = replace(head, fresh=1)

    change = sync_runs.finalize_external_event_sync(
        head,
        run,
        events=[well, empty, failed, missing, dying, later],
        results=[(well.id, None), (empty.id, ""), (failed.id, "x"), (failed.id, None), (dying.id, "x")],
        drafts=[],
        device=DEVICE,
        now=NOW,
    )

    assert change.gone == (well, empty, dying)
    assert [(each.index, each.error_count, each.state) for each in change.events] == [
        (2, 1, EventState.QUEUED),
        (3, 1, EventState.QUEUED),
        (4, 3, EventState.DEAD),
    ]
    assert (change.head.run, change.head.fresh, change.head.failed) == (None, 1, 2)
    assert change.closed_run == replace(run, finalized_at=NOW)


def test_a_new_event_is_counted_and_told() -> None:
    change = external_events.receive(
        replace(HEAD, event_index=4, run_index=6, fresh=1), "TokenLocked", {"tokenId": "TOK1"}, cause="c", now=NOW
    )

    (created,) = change.events
    assert (created.index, created.since, created.error_count, created.state) == (5, 6, 0, EventState.QUEUED)
    assert (change.head.event_index, change.head.fresh, change.cause) == (5, 2, "c")
    assert change.raised == (
        ExternalEventCreated(external_event_id=created.id, owner=HEAD.owner, is_delivery_blocked=False),
    )


def test_a_blocked_event_has_an_index_and_is_not_counted() -> None:
    change = external_events.receive(HEAD, "MessageReceived", {}, cause="c", now=NOW, blocked=True)

    assert (change.head.event_index, change.head.fresh) == (0, 0)
    assert change.events[0].state is EventState.BLOCKED
    (told,) = change.raised
    assert told == ExternalEventCreated(
        external_event_id=change.events[0].id, owner=HEAD.owner, is_delivery_blocked=True
    )


def test_released_events_count_as_fresh_and_dead_ones_stay_dead() -> None:
    blocked = replace(event(1), state=EventState.BLOCKED)
    dead = replace(event(2), state=EventState.DEAD)

    change = external_events.release(replace(HEAD, run_index=5), [blocked, dead], NOW)

    assert change.gone == (blocked,)
    assert change.events == (replace(blocked, state=EventState.QUEUED, since=5),)
    assert change.head.fresh == 1


def test_of_several_released_events_one_is_told_under_an_id_of_its_own() -> None:
    blocked = [replace(event(index), state=EventState.BLOCKED) for index in (1, 2)]
    at_creation = external_events.receive(HEAD, "MessageReceived", {}, cause="c", now=NOW, blocked=True).raised[0]

    change = external_events.release(HEAD, blocked, NOW)

    assert change.raised == (
        ExternalEventCreated(external_event_id=blocked[1].id, owner=HEAD.owner, is_delivery_blocked=False),
    )
    assert at_creation.event_id.endswith("/Blocked")
    assert change.raised[0].event_id == f"{blocked[1].id}/Created"


def test_releasing_nothing_tells_nothing() -> None:
    assert external_events.release(HEAD, [], NOW).raised == ()


def test_leaving_a_relationship_takes_its_events_off_the_counters() -> None:
    relationship = RelationshipId.new()
    head, run = started(replace(HEAD, fresh=1))
    head = replace(head, fresh=2, failed=1)
    assigned = event(0, context=relationship)
    fresh, other = event(1, since=run.index, context=relationship), event(2, since=run.index)
    failed = event(3, since=run.index, error_count=1, context=relationship)
    dead = replace(event(4, context=relationship), state=EventState.DEAD)

    change = external_events.discard_unassigned(head, relationship, [assigned, fresh, other, failed], [dead], NOW)

    assert change.gone == (fresh, failed, dead)
    assert (change.head.fresh, change.head.failed) == (1, 0)


@pytest.mark.parametrize(
    ("microsecond", "text"),
    [(0, "2025-03-01T10:20:30Z"), (120_000, "2025-03-01T10:20:30.12Z"), (123_456, "2025-03-01T10:20:30.123456Z")],
)
def test_dates_in_payloads_have_no_trailing_zeros(microsecond: int, text: str) -> None:
    """synchronization.md §5: up to 7 fraction digits, trailing zeros trimmed, suffix `Z`"""
    assert external_events.payload_date(NOW.replace(microsecond=microsecond)) == text
