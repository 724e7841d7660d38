"""The rules of sync runs.  Contract: synchronization.md, section 3.

A run is open until its device finalizes it or, once it has expired, another start cancels it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from backbone.errors import RecordNotFound
from backbone.ids import DeviceId, ExternalEventId, SyncRunId
from functions.synchronization import datawallet
from functions.synchronization.datawallet import Draft
from functions.synchronization.domain import Change, EventState, ExternalEvent, Head, SyncRun, SyncRunType
from functions.synchronization.errors import (
    AnotherSyncRunIsRunning,
    CannotFinalizeForeignSyncRun,
    CannotReadEventsOfForeignSyncRun,
    CannotRefreshForeignSyncRun,
    IdentityIsToBeDeleted,
    SyncRunAlreadyFinalized,
    UnexpectedSyncRunType,
)

DEFAULT_DURATION = timedelta(seconds=10)
MAX_ERRORS = 3
"""An event that failed this often is never delivered again."""

_NOT_PROCESSED = "notProcessed"
_CANCELED = "syncRunCanceled"


def ensure_identity_may_start(identity_is_active: bool | None) -> None:
    """First check of a start (section 3.3, step 2); None: there is no such identity."""
    if identity_is_active is None:
        raise RecordNotFound("Identity")
    if not identity_is_active:
        raise IdentityIsToBeDeleted


def needs_cancellation(head: Head, now: datetime) -> bool:
    """Whether a start would cancel an abandoned run, for which it has to know the events."""
    return head.run is not None and head.run.is_expired(now)


def start(
    head: Head,
    *,
    type: SyncRunType,
    duration: timedelta,
    device: DeviceId,
    supported_version: int,
    now: datetime,
    events: Iterable[ExternalEvent] = (),
    new_id: Callable[[], SyncRunId] = SyncRunId.new,
) -> Change:
    """Open a run (section 3.3, steps 4 to 8).  Without one in the changed head there are no new events.

    An abandoned run is cancelled in the same change; `events` are the queued ones and only needed for this.
    """
    if type is SyncRunType.EXTERNAL_EVENT_SYNC:
        datawallet.version_of(head)
    datawallet.ensure_supported(head, supported_version)
    change = Change.of(head, now)
    if head.run is not None:
        if not head.run.is_expired(now):
            raise AnotherSyncRunIsRunning
        change = _close(change, head.run, {event.id: _CANCELED for event in events}, events)
    head = change.head
    has_events = type is SyncRunType.EXTERNAL_EVENT_SYNC
    event_count = head.fresh + head.failed if has_events else 0
    if has_events and event_count == 0:
        return change
    run = SyncRun(
        id=new_id(),
        type=type,
        index=head.run_index + 1,
        created_at=now,
        expires_at=now + duration,
        created_by=head.owner,
        created_by_device=device,
        event_count=event_count,
    )
    head = replace(head, run=run, run_index=run.index)
    return replace(change, head=replace(head, fresh=0, failed=0) if has_events else head)


def refresh(head: Head, run: SyncRun, *, device: DeviceId, now: datetime) -> Change:
    """Ten more seconds from now on, which also revives an expired run (section 3.5)."""
    if run.created_by_device != device:
        raise CannotRefreshForeignSyncRun
    if run.finalized_at is not None:
        raise SyncRunAlreadyFinalized
    return replace(Change.of(head, now), head=replace(head, run=replace(run, expires_at=now + DEFAULT_DURATION)))


def ensure_may_read_events(run: SyncRun, device: DeviceId) -> None:
    """Unlike everywhere else, finalized comes before foreign (section 3.6)."""
    if run.finalized_at is not None:
        raise SyncRunAlreadyFinalized
    if run.created_by_device != device:
        raise CannotReadEventsOfForeignSyncRun


def ensure_may_finalize(run: SyncRun, type: SyncRunType, device: DeviceId) -> None:
    """The checks both finalizations share, in their order (sections 3.7 and 3.8)."""
    if run.type is not type:
        raise UnexpectedSyncRunType
    if run.created_by_device != device:
        raise CannotFinalizeForeignSyncRun
    if run.finalized_at is not None:
        raise SyncRunAlreadyFinalized


def finalize_external_event_sync(
    head: Head,
    run: SyncRun,
    *,
    events: Sequence[ExternalEvent],
    results: Sequence[tuple[ExternalEventId, str | None]],
    drafts: Sequence[Draft],
    device: DeviceId,
    now: datetime,
) -> Change:
    """Settle the events of the run by their first results and append modifications (section 3.7).

    An event without result counts as failed.
    """
    ensure_may_finalize(run, SyncRunType.EXTERNAL_EVENT_SYNC, device)
    datawallet.version_of(head)
    first_results = dict(reversed(results))
    errors = {event.id: first_results.get(event.id, _NOT_PROCESSED) for event in events}
    change = _close(Change.of(head, now), run, errors, events)
    return datawallet.append(change, drafts, device=device)


def finalize_datawallet_version_upgrade(
    head: Head, run: SyncRun, *, new_version: int, drafts: Sequence[Draft], device: DeviceId, now: datetime
) -> Change:
    """Raise the version and append modifications (section 3.8)."""
    ensure_may_finalize(run, SyncRunType.DATAWALLET_VERSION_UPGRADE, device)
    change = _close(Change.of(head, now), run, {}, ())
    return datawallet.append(datawallet.upgrade(change, new_version), drafts, device=device)


def _close(
    change: Change, run: SyncRun, errors: Mapping[ExternalEventId, str | None], events: Iterable[ExternalEvent]
) -> Change:
    """End the open run.  An event of it with an error code returns to the queue until it has failed too often.

    Error codes are not kept: no API ever reads them (section 1).
    """
    kept, gone, returned = [], [], 0
    for event in events:
        if not event.belongs_to(run):
            continue
        if not errors.get(event.id):
            gone.append(event)
            continue
        failed = replace(event, error_count=event.error_count + 1)
        if failed.error_count < MAX_ERRORS:
            kept.append(failed)
            returned += 1
        else:
            gone.append(event)
            kept.append(replace(failed, state=EventState.DEAD))
    return replace(
        change,
        head=replace(change.head, run=None, failed=change.head.failed + returned),
        closed_run=replace(run, finalized_at=change.at),
        events=(*change.events, *kept),
        gone=(*change.gone, *gone),
    )
