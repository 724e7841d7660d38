"""Where datawallets, sync runs and external events are kept."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from backbone import dynamodb, payloads
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.dynamodb import ConditionFailed, Item, Key, Table, TransactionFailed, Write, batch_get
from backbone.http import Page, PageOf
from backbone.ids import RelationshipId, SyncRunId, random_text
from backbone.observability import logger
from backbone.readmodels import identities, relationships
from backbone.readmodels.identities import IdentityView
from backbone.readmodels.relationships import RelationshipDetails
from backbone.settings import settings
from functions.synchronization import items, write_ahead_log
from functions.synchronization.domain import (
    BEFORE_THE_FIRST,
    Change,
    ExternalEvent,
    Head,
    Listing,
    Modification,
    SyncRun,
)
from functions.synchronization.errors import IdentityIsDeleted
from functions.synchronization.write_ahead_log import Entry

ReadT = TypeVar("ReadT")
WorkT = TypeVar("WorkT")
ResultT = TypeVar("ResultT")

BY_INDEX = "byIndex"
_BETWEEN = "pk = :pk AND ix BETWEEN :first AND :last"
_HEAD_AND_QUEUE = "pk = :pk AND sk BETWEEN :first AND :head"
_ATTEMPTS = 40
_PAUSE_SECONDS = 0.005
_LARGEST_LIMIT = 1_000
_PARALLEL_TRANSFERS = 8
REVISION_LENGTH = 12


class LostRace(Exception):
    """The head, or a premise, is not any more what a change was computed from."""


class AlreadyHandled(Exception):
    """The domain event that causes a change has been handled before."""


class SyncStore:
    """Table `synchronization`.  pk = address; sort keys: items.py.  Index `byIndex` (pk, ix): modifications.

    Every write moves the head from the revision it was read with, so the head is the one lock of an identity.
    """

    @property
    def _table(self) -> Table:
        return Table(settings().synchronization_table)

    # --- reading ---------------------------------------------------------------------------------------------------

    def head(self, owner: Address) -> Head:
        """1 get (1 RCU)."""
        item, _ = self._settled(lambda: (self._table.get(_key(owner, items.HEAD)), None))
        return items.head_of(owner, item)

    def head_and_identity(self, owner: Address) -> tuple[Head, IdentityView | None]:
        """1 batch get, together with the identity in the table of Devices (2 RCU)."""

        def read() -> tuple[Item | None, Item | None]:
            head, identity = batch_get(
                (self._table, _key(owner, items.HEAD)), (identities.table(), identities.key(owner))
            )
            return head, identity

        item, identity = self._settled(read)
        return items.head_of(owner, item), IdentityView.of(identity) if identity else None

    def head_and_run(self, owner: Address, run_id: SyncRunId, *, now: datetime) -> tuple[Head, SyncRun | None]:
        """A run, open or finalized, or None.  1 batch get (2 RCU)."""

        def read() -> tuple[Item | None, Item | None]:
            head, run = batch_get(
                (self._table, _key(owner, items.HEAD)), (self._table, _key(owner, items.run_sk(run_id)))
            )
            return head, run

        item, found = self._settled(read)
        head = items.head_of(owner, item)
        if head.run is not None and head.run.id == run_id:
            return head, head.run
        return head, self._unless_disposable(owner, found, now)

    def head_and_relationship(
        self, owner: Address, relationship_id: RelationshipId
    ) -> tuple[Head, RelationshipDetails | None]:
        """1 batch get, together with a relationship in its table (2 RCU)."""
        other = relationships.table(), relationships.relationship_key(relationship_id)

        def read() -> tuple[Item | None, Item | None]:
            head, relationship = batch_get((self._table, _key(owner, items.HEAD)), other)
            return head, relationship

        item, relationship = self._settled(read)
        return items.head_of(owner, item), RelationshipDetails.of(relationship) if relationship else None

    def finalized_run(self, owner: Address, run_id: SyncRunId, *, now: datetime) -> SyncRun | None:
        """A run that is not open any more.  1 get (1 RCU)."""
        return self._unless_disposable(owner, self._table.get(_key(owner, items.run_sk(run_id))), now)

    def head_and_queue(self, owner: Address) -> tuple[Head, list[ExternalEvent]]:
        """The head and all queued events, ascending.  1 query (per MB; 1 RCU per 4 KB, about 12 events)."""

        def read() -> tuple[Item | None, list[Item]]:
            found = list(self._table.query_all(_HEAD_AND_QUEUE, _head_and_queue(owner), forward=False))
            return _head_first(found)

        item, queue = self._settled(read)
        return items.head_of(owner, item), [items.event_of(event) for event in reversed(queue)]

    def head_and_short_queue(self, owner: Address, at_most: int) -> tuple[Head, list[ExternalEvent] | None]:
        """The same, but None instead of more than so many events.  1 query, never more than so many events read."""

        def read() -> tuple[Item | None, list[Item] | None]:
            limit = at_most + 2  # the head, and one more to see that there is no more
            page = self._table.query(_HEAD_AND_QUEUE, _head_and_queue(owner), forward=False, limit=limit)
            head, queue = _head_first(page.items)
            return head, None if page.last_key or len(queue) > at_most else queue

        item, queue = self._settled(read)
        events = None if queue is None else [items.event_of(event) for event in reversed(queue)]
        return items.head_of(owner, item), events

    def events_of_run(self, owner: Address, run: SyncRun, page: Page) -> PageOf[ExternalEvent]:
        """A page of a long queue.  1 query, which reads the pages before it, too (1 RCU per 12 events).

        The number of all comes from the run: nothing enters or leaves it while it is open.
        """
        if run.event_count == 0:  # an upgrade
            return PageOf([], page, 0)
        found = self._first(
            page.offset + page.size,
            "pk = :pk AND begins_with(sk, :queue)",
            {"pk": owner, "queue": items.QUEUE, "index": run.index},
            filter="since < :index",
        )
        events = [items.event_of(item) for item in found[page.offset :]]
        return PageOf(events, page, run.event_count)

    def head_and_event(self, owner: Address, index: int) -> tuple[Head, ExternalEvent | None]:
        """An event of no relationship, queued or dead; None once it is delivered.  1 batch get (3 RCU)."""

        def read() -> tuple[Item | None, Item | None]:
            places = items.HEAD, items.queued_sk(index), items.dead_sk(index)
            head, queued, dead = batch_get(*((self._table, _key(owner, sk)) for sk in places))
            return head, queued or dead

        item, event = self._settled(read)
        return items.head_of(owner, item), items.event_of(event) if event else None

    def held(self, owner: Address, context: RelationshipId) -> list[ExternalEvent]:
        """The blocked and dead events of a relationship.  1 query of just these (0.25 RCU each)."""
        condition, values = "pk = :pk AND begins_with(sk, :held)", {"pk": owner, "held": items.held_prefix(context)}
        return [items.event_of(item) for item in self._table.query_all(condition, values)]

    def head_and_listing(self, reader: Caller, after: int) -> tuple[Head, Listing | None]:
        """1 batch get, together with how the list that the device is reading was spread over pages (2 RCU)."""
        listing_key = _key(reader.address, items.listing_sk(reader.device_id, after))

        def read() -> tuple[Item | None, Item | None]:
            head, listing = batch_get((self._table, _key(reader.address, items.HEAD)), (self._table, listing_key))
            return head, listing

        item, found = self._settled(read)
        return items.head_of(reader.address, item), items.listing_of(found) if found else None

    def modifications(
        self, head: Head, reader: Caller, page: Page, *, after: int, listing: Listing | None = None, now: datetime
    ) -> PageOf[Modification]:
        """A page of the newest modifications of their groups, in order of index.

        Nothing if there is no news, else 1 query of `byIndex` (0.25 RCU per KB).  If there are more pages, 1 query of
        the rest for where they begin (also 0.25 RCU per KB) and 1 put (1 WCU) of the listing; with it, each further
        page is 1 query of just that page.  Reading a list of n pages costs twice its size, not n times.

        The list ends at the head's index: of a group that somebody replaces meanwhile, the old modification is missing
        and the new one comes with the next list.
        """
        if after >= head.modification_index:
            return PageOf([], page, 0)
        if listing and listing.page_size == page.size and (indices := listing.range_of(page.number)):
            found = list(self._between(head.owner, *indices))
            return PageOf(self._load_all(found), page, listing.total, exact=True)
        first = max(after, BEFORE_THE_FIRST) + 1
        found = self._first(
            page.offset + page.size + 1, _BETWEEN, _indices(head.owner, first, head.modification_index), index=BY_INDEX
        )
        wanted = found[page.offset : page.offset + page.size]
        total = len(found)
        if total > page.offset + page.size:
            rest = self._between(head.owner, found[-1]["index"] + 1, head.modification_index, project="ix, #index")
            known = [*(item["index"] for item in found), *(item["index"] for item in rest)]
            total = len(known)
            if page.number == 1:
                new = Listing(page.size, tuple(known[:: page.size]), head.modification_index, total)
                self._table.put(items.listing_item(head.owner, reader.device_id, after, new, now))
        return PageOf(self._load_all(wanted), page, total, exact=len(wanted) == page.size)

    # --- writing ---------------------------------------------------------------------------------------------------

    def change(self, decide: Callable[[], Change]) -> Change:
        """Read and decide, commit, and if somebody was faster: read and decide again.

        A lost race so ends in the refusal that belongs to what is true then.  1 put of the head (1 WCU) if nothing else
        changes; 1 transaction (2 WCU per item) if it fits; else a log, 1 transaction per 99 items and 2 puts of the
        head.  Payloads above the inline threshold are put to S3 before.
        """
        for attempt in range(_ATTEMPTS):
            change = decide()
            if change.is_empty:
                return change
            try:
                self._commit(change)
                return change
            except LostRace:
                time.sleep(random.uniform(0, _PAUSE_SECONDS * 2 ** min(attempt, 4)))
        raise LostRace(f"still losing after {_ATTEMPTS} attempts")

    def _commit(self, change: Change) -> None:
        revision = random_text(REVISION_LENGTH)
        head = items.head_item(change, revision)
        entries = items.entries(change)
        guards = self._guards(change)
        if not entries and not guards:
            self.put_head(head, change.head.revision)
        elif write_ahead_log.fits_one_transaction(entries, others=1 + len(guards), inline_bytes=_inline_bytes()):
            moving = self.putting_head(head, change.head.revision)
            writes = _in_parallel(self._write, entries, transfers=_has_large_payloads(entries))
            try:
                dynamodb.transact([moving, *(guard for guard, _ in guards), *writes])
            except TransactionFailed as lost:
                for position, (_, refusal) in enumerate(guards, start=1):
                    if position in lost.failed:
                        raise refusal from None
                raise LostRace from None
            payloads.settle(writes)
        else:
            assert not guards, "guards are for single events"
            log = payloads.attributes("synchronization", f"log/{revision}", log=write_ahead_log.dump(entries))
            logged = {**head, **log}
            self.put_head(logged, change.head.revision)
            payloads.settle([self._table.putting(logged)])
            try:
                self._finish(logged)
            except Exception:  # it has happened all the same: whoever comes next finishes it
                logger.exception("change left unfinished", event_id=318406)

    def _guards(self, change: Change) -> list[tuple[Write, Exception]]:
        guards: list[tuple[Write, Exception]] = []
        if change.cause:
            seen = items.seen_item(change.head.owner, change.cause, change.at)
            guards.append((self._table.putting(seen, condition="attribute_not_exists(pk)"), AlreadyHandled()))
        if change.premise:
            relationship_id, revision = change.premise
            key = relationships.relationship_key(relationship_id)
            still = relationships.table().checking(key, "revision = :revision", {"revision": revision})
            guards.append((still, LostRace()))
        if change.witness:
            condition, values = _unmoved(change.witness.revision)
            there = self._table.checking(_key(change.witness.owner, items.HEAD), condition, values)
            guards.append((there, LostRace()))
        return guards

    def putting_head(self, head: Item, revision: str | None) -> Write:
        """The part of a transaction that moves the head from this revision."""
        condition, values = _unmoved(revision)
        return self._table.putting(head, condition=condition, values=values)

    def put_head(self, head: Item, revision: str | None) -> None:
        """1 put (1 WCU).  Raises `LostRace` when the head does not have this revision any more."""
        condition, values = _unmoved(revision)
        try:
            self._table.put(head, condition=condition, values=values)
        except ConditionFailed as lost:
            # A put whose answer got lost is repeated by the SDK; meanwhile others may have gone on from it.
            if lost.item is None or not items.has_had(lost.item, head["revision"]):
                raise LostRace from None

    def _settled(self, read: Callable[[], tuple[Item | None, ReadT]]) -> tuple[Item | None, ReadT]:
        """Read the head and what goes with it, after finishing whatever somebody has left unfinished.

        A closed head costs one read more (1 RCU): an identity that has registered again since begins anew, anybody else
        gets `IdentityIsDeleted`.
        """
        while True:
            head, rest = read()
            if head is not None and items.is_closed(head):
                return self._opened(head), rest
            if head is None or not items.has_log(head):
                return head, rest
            self._finish(head)

    def _opened(self, closed: Item) -> Item:
        began_at = identities.life_at(closed["pk"])
        if began_at is None:
            raise IdentityIsDeleted
        return items.opened(closed, began_at)

    def _finish(self, head: Item) -> None:
        """Apply the head's log and remove it (write_ahead_log.py).  Several may do so at the same time."""
        key = {"pk": head["pk"], "sk": head["sk"]}
        condition, values = _unmoved(head["revision"])
        try:
            data = payloads.load(head, items.LOG)
        except payloads.PayloadGone:
            current = self._table.get(key)
            if current is not None and current["revision"] == head["revision"]:
                raise
            return  # finished meanwhile
        try:
            for part in write_ahead_log.parts(write_ahead_log.load(data or b"[]"), inline_bytes=_inline_bytes()):
                writes = _in_parallel(self._committed_write, part, transfers=_has_large_payloads(part))
                dynamodb.transact([self._table.checking(key, condition, values), *writes])
            applied = items.without_log(head, random_text(REVISION_LENGTH))
            self._table.put(applied, condition=condition, values=values)
        except (TransactionFailed, ConditionFailed):
            return  # finished meanwhile

    # --- items with payloads ---------------------------------------------------------------------------------------

    def _write(self, entry: Entry, *, committed: bool = False) -> Write:
        """A part of a transaction; a large payload is put to S3 on the way."""
        if entry.item is None:
            return self._table.deleting({"pk": entry.pk, "sk": entry.sk})
        if entry.payload is None:
            return self._table.putting(entry.item)
        record_id = entry.item["id"]
        kept = payloads.attributes("synchronization", record_id, committed=committed, encryptedPayload=entry.payload)
        return self._table.putting({**entry.item, **kept})

    def _committed_write(self, entry: Entry) -> Write:
        return self._write(entry, committed=True)

    def _load(self, item: Item) -> Modification | None:
        """The modification with its payload, or None if a newer one has replaced it and its payload."""
        try:
            return items.modification_of(item, payloads.load(item, items.PAYLOAD))
        except payloads.PayloadGone:
            current = self._table.get({"pk": item["pk"], "sk": item["sk"]})
            if current is not None and current["id"] == item["id"]:
                raise
            return None

    def _load_all(self, found: Sequence[Item]) -> list[Modification]:
        loaded = _in_parallel(self._load, found, transfers=any(payloads.BLOB in item for item in found))
        return [each for each in loaded if each is not None]

    def _between(self, owner: Address, first: int, last: int, *, project: str | None = None) -> Iterator[Item]:
        """The modifications with these indices."""
        if first > last:
            return iter(())
        return self._table.query_all(_BETWEEN, _indices(owner, first, last), index=BY_INDEX, project=project)

    def _first(self, number: int, condition: str, values: Item, **options: Any) -> list[Item]:
        """The first so many items of a query, which comes in pages of at most 1 MB."""
        found: list[Item] = []
        start = None
        while True:
            limit = min(number - len(found), _LARGEST_LIMIT)
            page = self._table.query(condition, values, limit=limit, start=start, **options)
            found += page.items
            start = page.last_key
            if start is None or len(found) >= number:
                return found

    def _unless_disposable(self, owner: Address, item: Item | None, now: datetime) -> SyncRun | None:
        run = items.finalized_run_of(owner, item) if item else None
        return None if run is None or (run.disposable_at or now) < now else run


def _in_parallel(work: Callable[[WorkT], ResultT], on: Sequence[WorkT], *, transfers: bool) -> list[ResultT]:
    """`work` done on each; by several threads if it talks to S3."""
    if not transfers:
        return [work(each) for each in on]
    payloads.client()  # made here, because clients must not be made by several threads at once
    with ThreadPoolExecutor(_PARALLEL_TRANSFERS) as threads:
        return list(threads.map(work, on))


def _has_large_payloads(entries: Sequence[Entry]) -> bool:
    return any(len(entry.payload or b"") > _inline_bytes() for entry in entries)


def _inline_bytes() -> int:
    return settings().inline_payload_bytes


def _key(owner: Address, sk: str) -> Key:
    return {"pk": owner, "sk": sk}


def _unmoved(revision: str | None) -> tuple[str, dict[str, str] | None]:
    """The condition that the head is as it was read."""
    return ("revision = :revision", {"revision": revision}) if revision else ("attribute_not_exists(pk)", None)


def _indices(owner: Address, first: int, last: int) -> Item:
    return {"pk": owner, "first": items.ix(first), "last": items.ix(last)}


def _head_and_queue(owner: Address) -> Item:
    return {"pk": owner, "first": items.QUEUE, "head": items.HEAD}


def _head_first(found: list[Item]) -> tuple[Item | None, list[Item]]:
    """Head and queue out of a descending query of both.  Without a head there are no events."""
    return (found[0], found[1:]) if found else (None, [])
