"""How the things of this module look as items of table `synchronization`.  Only the store uses it.

All of an identity is one partition: pk is its address.

==============================  ======================================================================================
sk                              item
==============================  ======================================================================================
`HEAD`                          the head: counters, the open run, revision; carries the domain events of a change
`EVENT#<index>`                 a queued external event; sorts before the head, so that one query reads queue and head
`HELD#<context>#<index>`        a blocked or dead external event, by relationship (`-`: none)
`SEEN#<id of a domain event>`   mark of a handled domain event, for thirty days
`MOD#<group>`                   the newest modification of a group; `ix` = `M#<index>`
`RUN#<id>`                      a finalized sync run, for thirty days
`PAGES#<device>#<local index>`  how a long list is spread over pages, while the device reads it
`TIMER`                         expires when it is time to look for superseded modifications (`onRemoval`)
==============================  ======================================================================================
"""

from datetime import datetime, timedelta
from typing import Any

from backbone import clock, payloads
from backbone.addresses import Address
from backbone.dynamodb import Item
from backbone.events import carried, farewell
from backbone.events.base import FAREWELL
from backbone.events.synchronization import DatawalletCompactionDue
from backbone.ids import DatawalletModificationId, DeviceId, ExternalEventId, RelationshipId, SyncRunId
from backbone.readmodels import datawallets
from functions.synchronization.domain import (
    Change,
    EventState,
    ExternalEvent,
    Head,
    Listing,
    Modification,
    SyncRun,
    SyncRunType,
)
from functions.synchronization.write_ahead_log import Entry

HEAD = "HEAD"
QUEUE = "EVENT#"
PAYLOAD = "encryptedPayload"
LOG = "log"
TIMER = "TIMER"

REPEATS_EXPECTED_FOR = timedelta(days=30)
"""The queues of failed events and of dead letters keep a domain event for 14 days each."""

LISTINGS_KEPT_FOR = timedelta(hours=1)


def _digits(index: int) -> str:
    return f"{index:012d}"


def queued_sk(index: int) -> str:
    """The place of an event in the queue."""
    return f"{QUEUE}{_digits(index)}"


def held_prefix(context: RelationshipId | None) -> str:
    """What the sort keys of all events held back for a relationship begin with."""
    return f"HELD#{context or '-'}#"


def event_sk(event: ExternalEvent) -> str:
    """The place of an event in the state it is in."""
    if event.state is EventState.QUEUED:
        return queued_sk(event.index)
    return f"{held_prefix(event.context)}{_digits(event.index)}"


def seen_sk(cause: str) -> str:
    """The mark of a domain event."""
    return f"SEEN#{cause}"


def run_sk(run_id: SyncRunId) -> str:
    """The place of a finalized run."""
    return f"RUN#{run_id}"


def listing_sk(device_id: DeviceId, after: int) -> str:
    """The listing that a device is reading."""
    return f"PAGES#{device_id}#{after}"


def ix(modification_index: int) -> str:
    """The place of a modification in index `byIndex`."""
    return f"M#{_digits(modification_index)}"


def modification_sk(modification: Modification) -> str:
    """One place per group.  The category's length keeps apart what the separator alone would not."""
    kind, category, identifier = modification.group
    return f"MOD#{kind}#{'-' if category is None else f'{len(category)}#{category}'}#{identifier}"


def head_item(change: Change, revision: str) -> Item:
    """The head as it is after a change, with the domain events raised by it."""
    head = change.head
    return {
        "pk": head.owner,
        "sk": HEAD,
        "version": head.version,
        "modificationIndex": head.modification_index,
        "runIndex": head.run_index,
        "eventIndex": head.event_index,
        "run": {"id": head.run.id, **_run_attributes(head.run)} if head.run else None,
        "fresh": head.fresh,
        "failed": head.failed,
        datawallets.PUSHED: dict(head.pushed) or None,
        "compactionAt": clock.render(head.compaction_at) if head.compaction_at else None,
        "revision": revision,
        "events": carried(change.raised, change.at),
    }


def head_of(owner: Address, item: Item | None) -> Head:
    """The head; an identity of which nothing is known has one, too."""
    if item is None:
        return Head(owner)
    run, compaction_at = item.get("run"), item.get("compactionAt")
    return Head(
        owner=owner,
        version=item.get("version"),
        modification_index=item["modificationIndex"],
        run_index=item["runIndex"],
        event_index=item["eventIndex"],
        run=_run_of(owner, SyncRunId(run["id"]), run) if run else None,
        fresh=item["fresh"],
        failed=item["failed"],
        pushed=datawallets.pushed(item),
        compaction_at=clock.parse(compaction_at) if compaction_at else None,
        revision=item["revision"],
    )


def closed_head_item(owner: Address, revision: str, now: datetime) -> Item:
    """What takes the head's place when the identity is deleted: nothing follows it."""
    ttl = clock.epoch_seconds(now + REPEATS_EXPECTED_FOR)
    return {"pk": owner, "sk": HEAD, "closed": True, "revision": revision, "ttl": ttl}


def is_closed(head: Item) -> bool:
    """Whether the identity is deleted."""
    return "closed" in head


def has_log(head: Item) -> bool:
    """Whether a change has been decided but not applied to the end."""
    return LOG in head or payloads.BLOB in head


def without_log(head: Item, revision: str) -> Item:
    """The head once its log is applied; its events have been told."""
    return {**{name: head[name] for name in head if name not in (LOG, payloads.BLOB, "events")}, "revision": revision}


def entries(change: Change) -> list[Entry]:
    """All items of a change beside the head."""
    written = [_modification_entry(change.head.owner, newest) for newest in _newest_of_groups(change)]
    if change.closed_run:
        written.append(_run_entry(change.closed_run))
    if change.head.compaction_at and change.head.compaction_at != change.before.compaction_at:
        written.append(_timer_entry(change.head.owner, change.head.compaction_at))
    written += [_event_entry(change.head.owner, event) for event in change.events]
    return written + [Entry(change.head.owner, event_sk(event)) for event in change.gone]


def seen_item(owner: Address, cause: str, now: datetime) -> Item:
    """The mark of a handled domain event."""
    return {"pk": owner, "sk": seen_sk(cause), "ttl": clock.epoch_seconds(now + REPEATS_EXPECTED_FOR)}


def _newest_of_groups(change: Change) -> list[Modification]:
    return list({modification.group: modification for modification in change.appended}.values())


def _modification_entry(owner: Address, modification: Modification) -> Entry:
    item: Item = {
        "pk": owner,
        "sk": modification_sk(modification),
        "ix": ix(modification.index),
        "id": modification.id,
        "index": modification.index,
        "type": modification.type,
        "collection": modification.collection,
        "objectIdentifier": modification.object_identifier,
        "payloadCategory": modification.payload_category,
        "datawalletVersion": modification.datawallet_version,
        "createdAt": clock.render(modification.created_at),
        "createdByDevice": modification.created_by_device,
    }
    return Entry(owner, item["sk"], item, modification.encrypted_payload)


def modification_of(item: Item, payload: bytes | None) -> Modification:
    """The modification of an item and its payload, which may come from elsewhere."""
    return Modification(
        id=DatawalletModificationId(item["id"]),
        index=item["index"],
        type=item["type"],
        collection=item["collection"],
        object_identifier=item["objectIdentifier"],
        payload_category=item.get("payloadCategory"),
        datawallet_version=item["datawalletVersion"],
        created_at=clock.parse(item["createdAt"]),
        created_by_device=DeviceId(item["createdByDevice"]),
        encrypted_payload=payload,
    )


def _timer_entry(owner: Address, ends_at: datetime) -> Entry:
    due = DatawalletCompactionDue(identity=owner, due_at=ends_at)
    item: Item = {"pk": owner, "sk": TIMER, "ttl": clock.epoch_seconds(ends_at), FAREWELL: farewell(due)}
    return Entry(owner, TIMER, item)


def listing_item(owner: Address, device_id: DeviceId, after: int, listing: Listing, now: datetime) -> Item:
    """A listing, for as long as it may take to read all pages."""
    return {
        "pk": owner,
        "sk": listing_sk(device_id, after),
        "pageSize": listing.page_size,
        "first": list(listing.first),
        "last": listing.last,
        "total": listing.total,
        "ttl": clock.epoch_seconds(now + LISTINGS_KEPT_FOR),
    }


def listing_of(item: Item) -> Listing:
    """A listing."""
    return Listing(item["pageSize"], tuple(item["first"]), item["last"], item["total"])


def _run_attributes(run: SyncRun) -> dict[str, Any]:
    return {
        "type": run.type.value,
        "index": run.index,
        "createdAt": clock.render(run.created_at),
        "expiresAt": clock.render(run.expires_at),
        "createdByDevice": run.created_by_device,
        "eventCount": run.event_count,
    }


def _run_entry(run: SyncRun) -> Entry:
    assert run.finalized_at is not None
    assert run.disposable_at is not None
    item: Item = {
        "pk": run.created_by,
        "sk": run_sk(run.id),
        **_run_attributes(run),
        "finalizedAt": clock.render(run.finalized_at),
        "ttl": clock.epoch_seconds(run.disposable_at),
    }
    return Entry(run.created_by, item["sk"], item)


def finalized_run_of(owner: Address, item: Item) -> SyncRun:
    """A finalized run."""
    return _run_of(owner, SyncRunId(item["sk"].removeprefix("RUN#")), item)


def _run_of(owner: Address, run_id: SyncRunId, attributes: dict[str, Any]) -> SyncRun:
    finalized_at = attributes.get("finalizedAt")
    return SyncRun(
        id=run_id,
        type=SyncRunType(attributes["type"]),
        index=attributes["index"],
        created_at=clock.parse(attributes["createdAt"]),
        expires_at=clock.parse(attributes["expiresAt"]),
        created_by=owner,
        created_by_device=DeviceId(attributes["createdByDevice"]),
        event_count=attributes["eventCount"],
        finalized_at=clock.parse(finalized_at) if finalized_at else None,
    )


def _event_entry(owner: Address, event: ExternalEvent) -> Entry:
    item: Item = {
        "pk": owner,
        "sk": event_sk(event),
        "id": event.id,
        "index": event.index,
        "type": event.type,
        "payload": event.payload,
        "createdAt": clock.render(event.created_at),
        "since": event.since,
        "errorCount": event.error_count,
        "context": event.context,
        "state": event.state.value,
    }
    return Entry(owner, item["sk"], item)


def event_of(item: Item) -> ExternalEvent:
    """An external event, queued or held back."""
    return ExternalEvent(
        id=ExternalEventId(item["id"]),
        index=item["index"],
        type=item["type"],
        payload=item["payload"],
        created_at=clock.parse(item["createdAt"]),
        since=item["since"],
        error_count=item["errorCount"],
        context=RelationshipId(item["context"]) if "context" in item else None,
        state=EventState(item["state"]),
    )
