"""Datawallet and sync runs over HTTP.  Contract: synchronization.md, sections 2 and 3."""

from datetime import datetime

from backbone import clock
from backbone.caller import Caller
from backbone.errors import RecordNotFound
from backbone.http import Api, Created, Page, PageOf, not_again, page_of
from backbone.ids import SyncRunId
from functions.synchronization import datawallet, sync_runs
from functions.synchronization.domain import BEFORE_THE_FIRST, Change, ExternalEvent, Head, SyncRun
from functions.synchronization.models import (
    DatawalletOut,
    ExternalEventOut,
    FinalizeDatawalletVersionUpgradeRequest,
    FinalizeExternalEventSyncRequest,
    ModificationOut,
    ModificationsQuery,
    PushedOut,
    PushRequest,
    RefreshedOut,
    StartedOut,
    StartRequest,
    StatedVersion,
    SupportedVersion,
    SyncedOut,
    SyncRunOut,
    UpgradedOut,
)
from functions.synchronization.store import SyncStore

api = Api("synchronization")
store = SyncStore()


@api.get("/api/v2/Datawallet")
def get_datawallet(caller: Caller) -> DatawalletOut:
    """404 until the first version upgrade."""
    return DatawalletOut(version=datawallet.version_of(store.head(caller.address)))


@api.get("/api/v2/Datawallet/Modifications")
def get_modifications(
    page: Page, query: ModificationsQuery, supported: SupportedVersion, caller: Caller
) -> PageOf[ModificationOut]:
    """What the caller does not know yet, of each group only the newest."""
    after = BEFORE_THE_FIRST if query.local_index is None else query.local_index
    listing = None
    if page.number == 1:
        head = store.head(caller.address)
    else:
        head, listing = store.head_and_listing(caller, after)
    datawallet.ensure_supported(head, supported.version)
    found = store.modifications(head, caller, page, after=after, listing=listing, now=clock.now())
    return found.map(ModificationOut.of)


@api.post("/api/v2/Datawallet/Modifications", large=not_again)
def push_modifications(request: PushRequest, stated: StatedVersion, caller: Caller) -> Created[PushedOut]:
    """Append modifications outside a sync run."""
    drafts = [modification.draft() for modification in request.modifications]
    now = clock.now()
    change = store.change(
        lambda: datawallet.push(
            store.head(caller.address),
            drafts,
            local_index=request.local_index,
            supported_version=stated.version,
            device=caller.device_id,
            now=now,
        )
    )
    return Created(PushedOut.of(change))


@api.post("/api/v2/SyncRuns")
def start_sync_run(
    request: StartRequest, supported: SupportedVersion, caller: Caller
) -> Created[StartedOut] | StartedOut:
    """201 with a run, or 200 if there is nothing to run for."""
    now = clock.now()

    def decide() -> Change:
        head, identity = store.head_and_identity(caller.address)
        sync_runs.ensure_identity_may_start(identity.is_active if identity else None)
        events: list[ExternalEvent] = []
        if sync_runs.needs_cancellation(head, now):
            head, events = store.head_and_queue(caller.address)
        return sync_runs.start(
            head,
            type=request.run_type,
            duration=request.run_duration,
            device=caller.device_id,
            supported_version=supported.version,
            now=now,
            events=events,
        )

    run = store.change(decide).head.run
    if run is None:
        return StartedOut(status="NoNewEvents", sync_run=None)
    return Created(StartedOut(status="Created", sync_run=SyncRunOut.of(run)))


@api.get("/api/v2/SyncRuns/{id}")
def get_sync_run(id: SyncRunId, caller: Caller) -> SyncRunOut:
    """Any device may read it, open or finalized."""
    _, run = store.head_and_run(caller.address, id, now=clock.now())
    if run is None:
        raise RecordNotFound("SyncRun")
    return SyncRunOut.of(run)


@api.put("/api/v2/SyncRuns/{id}/RefreshExpirationTime")
def refresh_expiration_time(id: SyncRunId, caller: Caller) -> RefreshedOut:
    """Ten seconds from now on."""
    now = clock.now()

    def decide() -> Change:
        head = store.head(caller.address)
        return sync_runs.refresh(head, _run(head, id, now), device=caller.device_id, now=now)

    store.change(decide)
    return RefreshedOut(expires_at=now + sync_runs.DEFAULT_DURATION)


@api.get("/api/v2/SyncRuns/{id}/ExternalEvents")
def get_external_events(id: SyncRunId, page: Page, caller: Caller) -> PageOf[ExternalEventOut]:
    """The events of an open run, for its device only."""
    head, events = store.head_and_short_queue(caller.address, at_most=page.size)
    run = _run(head, id, clock.now())
    sync_runs.ensure_may_read_events(run, caller.device_id)
    if events is None:
        return store.events_of_run(caller.address, run, page).map(ExternalEventOut.of)
    return page_of([ExternalEventOut.of(event) for event in events if event.belongs_to(run)], page)


@api.put("/api/v2/SyncRuns/{id}/FinalizeExternalEventSync")
def finalize_external_event_sync(id: SyncRunId, request: FinalizeExternalEventSyncRequest, caller: Caller) -> SyncedOut:
    """Report how processing went and append modifications, all at once."""
    drafts = [modification.draft() for modification in request.datawallet_modifications]
    results = [(result.external_event_id, result.error_code) for result in request.external_event_results]
    now = clock.now()

    def decide() -> Change:
        head, events = store.head_and_queue(caller.address)
        return sync_runs.finalize_external_event_sync(
            head,
            _run(head, id, now),
            events=events,
            results=results,
            drafts=drafts,
            device=caller.device_id,
            now=now,
        )

    return SyncedOut.of(store.change(decide))


@api.put("/api/v2/SyncRuns/{id}/FinalizeDatawalletVersionUpgrade")
def finalize_datawallet_version_upgrade(
    id: SyncRunId, request: FinalizeDatawalletVersionUpgradeRequest, caller: Caller
) -> UpgradedOut:
    """Raise the version of the datawallet, or create it, and append modifications."""
    drafts = [modification.draft() for modification in request.datawallet_modifications]
    now = clock.now()

    def decide() -> Change:
        head = store.head(caller.address)
        return sync_runs.finalize_datawallet_version_upgrade(
            head,
            _run(head, id, now),
            new_version=request.new_datawallet_version,
            drafts=drafts,
            device=caller.device_id,
            now=now,
        )

    return UpgradedOut.of(store.change(decide))


def _run(head: Head, id: SyncRunId, now: datetime) -> SyncRun:
    """The open run, or else a look-up of a finalized one.  Raises `RecordNotFound`."""
    if head.run is not None and head.run.id == id:
        return head.run
    run = store.finalized_run(head.owner, id, now=now)
    if run is None:
        raise RecordNotFound("SyncRun")
    return run
