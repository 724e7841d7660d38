"""Mailboxes: what an identity sent or received, oldest first, page by page.

A mailbox is the partition `BOX#<address>`: its entries sort by message id, which sorts by time.  DynamoDB cannot skip
to the n-th entry, nor count without reading.  So the mailbox numbers its past: an anchor says "here end the first n
entries, m of them sent" (n = 50, 100, …), the head knows the last anchor.  A page is found from the nearest anchor
below, the total is the last anchor's number plus what follows it.  Anchors are written when somebody walks the tail
anyway: every 31st message on average (consumers.py), and every listing.

==============  =================================  ================================================================
item            key (pk, sk)                       attributes
==============  =================================  ================================================================
head            `BOX#<address>`, `HEAD`            epoch, anchored (n of the last anchor), sent (m), last (its id)
anchor          `BOX#<address>`, `ANCHOR#<n>`      epoch, last (id of the n-th entry), sent (m)
==============  =================================  ================================================================

Entries older than `SENDING_TIME` are anchored: no message can come before them any more.  When entries vanish from a
mailbox (a relationship is decomposed), a new epoch begins and the anchors of the old one are void.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, pairwise

from backbone.addresses import Address
from backbone.dynamodb import (
    TRANSACTION_LIMIT,
    ConditionFailed,
    Item,
    Key,
    Table,
    TransactionFailed,
    batch_get,
    transact,
    write_all,
)
from backbone.http import Page, PageOf
from backbone.ids import MessageId
from backbone.settings import settings
from functions.messages import items
from functions.messages.domain import SENDING_TIME

ANCHOR_DISTANCE = 50
"""Entries between two anchors: the default page size, so that usual pages start at one."""
_ANCHORS_PER_TRANSACTION = TRANSACTION_LIMIT - 2
"""Besides, the head is written, and the last entry is looked at."""
_NEW_EPOCH = "ADD #epoch :one SET #anchored = :none, #sent = :none REMOVE #last", {"one": 1, "none": 0}
_EPOCH_ATTEMPTS = 10
_WALK_ENTRIES = 1000
_ANCHOR, _HEAD = "ANCHOR#", "HEAD"  # neighbours: nothing sorts between them
_BEFORE_ALL = MessageId.prefix
_AFTER_ALL = MessageId.prefix + "~"


@dataclass(frozen=True, slots=True)
class _Head:
    """The last anchor: the first `anchored` entries, `sent` of which were sent, end with `last`."""

    exists: bool = False
    epoch: int = 0
    anchored: int = 0
    sent: int = 0
    last: str = _BEFORE_ALL

    @classmethod
    def of(cls, item: Item | None) -> "_Head":
        if item is None:
            return cls()
        return cls(True, item["epoch"], item["anchored"], item["sent"], item.get("last", _BEFORE_ALL))

    def end_of(self, anchor: Item | None) -> str | None:
        """The id an anchor names, unless it is of another epoch."""
        return str(anchor["last"]) if anchor is not None and anchor["epoch"] == self.epoch else None


@dataclass(frozen=True, slots=True)
class _Mark:
    """An anchor, or the beginning: the first `number` entries, `sent` of which were sent, end with `last`."""

    number: int = 0
    sent: int = 0
    last: str = _BEFORE_ALL

    def count(self, *, sent: bool) -> int:
        return self.sent if sent else self.number - self.sent


class MailboxStore:
    """The mailboxes in the table `messages`.  Capacity units below are for entries of up to 400 bytes."""

    @property
    def _table(self) -> Table:
        return Table(settings().messages_table)

    def named(self, address: Address, message_ids: Sequence[MessageId], page: Page, *, now: datetime) -> PageOf[Item]:
        """A page of the messages with these ids, without those the mailbox does not have.  1 batch of reads per 100
        ids (1 RCU each)."""
        keys = [items.entry_key(address, message_id) for message_id in sorted(set(message_ids))]
        entries = batch_get(*((self._table, key) for key in keys))
        visible = self._settled([entry for entry in entries if entry is not None], now)
        return PageOf(visible[page.offset : page.offset + page.size], page, len(visible))

    def page(self, address: Address, page: Page, *, now: datetime) -> PageOf[Item]:
        """A page of everything in the mailbox; the cost does not depend on how much that is.

        1 batch of reads (head and anchor: 2 RCU); 1 query of the page (0.1 RCU per entry, from the anchor on); 1 query
        of what follows the last anchor (at most 49 entries and what came within the last minute, as soon as the
        mailbox is numbered).  Numbers what was not numbered yet.
        """
        begin = page.offset // ANCHOR_DISTANCE * ANCHOR_DISTANCE
        keys = [self._head_key(address), *([self._anchor_key(address, begin)] if begin else [])]
        found, *anchors = batch_get(*((self._table, key) for key in keys))
        head = _Head.of(found)
        start = _BEFORE_ALL if begin == 0 else head.end_of(anchors[0])
        if start is None or head.anchored <= begin:
            # The page lies behind the last anchor.
            tail = self._tail(address, head, now)
            skip = page.offset - head.anchored
            return PageOf(tail[skip : skip + page.size], page, head.anchored + len(tail))
        skip = page.offset - begin
        wanted = skip + page.size
        entries = list(islice(self._entries(address, start, wanted, now), wanted))[skip:]
        if len(entries) < page.size:
            return PageOf(entries, page, page.offset + len(entries))
        return PageOf(entries, page, head.anchored + len(self._tail(address, head, now)))

    def page_of_kind(self, address: Address, page: Page, *, sent: bool, now: datetime) -> PageOf[Item]:
        """A page of what was sent, or of what was received, and no changes to the mailbox.

        1 query of head and anchors (1 RCU per 1,800 entries of the mailbox); 1 query for each part of the mailbox with
        entries of the page (0.1 RCU per entry of whole fifties: one or two parts if there is much of the kind, at
        most one per entry of the page if there is little); 1 query of what follows the last anchor.
        """
        marks = self._marks(address)
        wanted = range(page.offset, page.offset + page.size)
        listed: list[Item] = []
        for after, upto in _parts(marks, wanted, sent=sent):
            entries = self._entries_of_kind(address, after.last, upto.last, sent=sent, now=now)
            listed += _ranked(entries, after.count(sent=sent), wanted)
        numbered = marks[-1].count(sent=sent)
        tail = self._entries_of_kind(address, marks[-1].last, _AFTER_ALL, sent=sent, now=now)
        listed += _ranked(tail, numbered, wanted)
        counted = numbered + len(tail)
        return PageOf(listed, page, counted, exact=len(listed) < min(page.size, counted - page.offset))

    def number(self, address: Address, *, now: datetime) -> None:
        """Anchor what can be anchored.  1 read, 1 query of what follows the last anchor, 1 transaction per 98 new
        anchors (2 WCU each + 4)."""
        self._tail(address, _Head.of(self._table.get(self._head_key(address))), now)

    def forget_numbers(self, address: Address) -> None:
        """Begin a new epoch, because entries vanish.  1 write (1 WCU); without a head 1 query and 1 transaction (0.5
        RCU, 4 WCU), unless the mailbox is empty.

        A head comes into being only together with an entry that is there: it goes with the last one when the identity
        is deleted, however late somebody comes.
        """
        expression, values = _NEW_EPOCH
        for _ in range(_EPOCH_ATTEMPTS):
            with suppress(ConditionFailed):
                self._table.update(self._head_key(address), expression, values, condition="attribute_exists(pk)")
                return
            found = self._table.query(
                "#pk = :box AND #sk BETWEEN :first AND :end",
                {"box": items.box(address), "first": _BEFORE_ALL, "end": _AFTER_ALL},
                limit=1,
            )
            if not found.items:
                return
            with suppress(TransactionFailed):
                head = self._table.updating(self._head_key(address), expression, values)
                transact([self._table.checking(_key(found.items[0]), "attribute_exists(pk)"), head])
                return
        raise RuntimeError("the mailbox changes faster than its numbers can be forgotten")

    @staticmethod
    def _head_key(address: Address) -> Key:
        return {"pk": items.box(address), "sk": _HEAD}

    @staticmethod
    def _anchor_key(address: Address, number: int) -> Key:
        return {"pk": items.box(address), "sk": f"{_ANCHOR}{number:09d}"}

    def _tail(self, address: Address, head: _Head, now: datetime) -> list[Item]:
        """Everything behind the last anchor."""
        tail = list(self._entries(address, head.last, _WALK_ENTRIES, now))
        self._anchor(address, head, tail, now)
        return tail

    def _marks(self, address: Address) -> list[_Mark]:
        """The beginning and all anchors that are valid."""
        values = {"box": items.box(address), "anchors": _ANCHOR, "head": _HEAD}
        *anchors, head = [*self._table.query_all("#pk = :box AND #sk BETWEEN :anchors AND :head", values)] or [{}]
        marks = [_Mark()]
        for anchor in anchors if head.get("sk") == _HEAD else []:
            number = int(anchor["sk"].removeprefix(_ANCHOR))
            if anchor["epoch"] != head["epoch"] or number != marks[-1].number + ANCHOR_DISTANCE:
                break
            marks.append(_Mark(number, anchor["sent"], anchor["last"]))
        return marks

    def _entries_of_kind(self, address: Address, after: str, upto: str, *, sent: bool, now: datetime) -> list[Item]:
        """Entries after an id, up to another one."""
        found = self._table.query_all(
            "#pk = :box AND #sk BETWEEN :after AND :upto",
            {"box": items.box(address), "after": f"{after} ", "upto": upto},
            filter=items.IS_DISPATCH if sent else f"NOT {items.IS_DISPATCH}",
        )
        return self._settled(list(found), now, tidy=False)

    def _entries(self, address: Address, after: str, limit: int, now: datetime) -> Iterator[Item]:
        """Entries after an id, `limit` of them per query."""
        values = {"box": items.box(address), "after": f"{after} ", "end": _AFTER_ALL}
        condition = "#pk = :box AND #sk BETWEEN :after AND :end"
        page = self._table.query(condition, values, limit=limit)
        yield from self._settled(page.items, now)
        while page.last_key:
            page = self._table.query(condition, values, limit=limit, start=page.last_key)
            yield from self._settled(page.items, now)

    def _settled(self, entries: Sequence[Item], now: datetime, *, tidy: bool = True) -> list[Item]:
        """Without those of messages to many that are not there yet: 1 batch of reads if any is unsettled.  Removes what
        will never be there, if it is to `tidy` up."""
        unsettled = [items.message_id_of(entry) for entry in entries if entry.get("unsettled")]
        messages = batch_get(*((self._table, items.message_key(message_id)) for message_id in unsettled))
        missing = {message_id for message_id, found in zip(unsettled, messages, strict=True) if found is None}
        if tidy:
            fresh = MessageId.first_at(now - SENDING_TIME)
            dead = [entry for entry in entries if entry["sk"] in missing and entry["sk"] < fresh]
            write_all(self._table.deleting({"pk": entry["pk"], "sk": entry["sk"]}) for entry in dead)
        return [entry for entry in entries if entry["sk"] not in missing]

    def _anchor(self, address: Address, head: _Head, tail: Sequence[Item], now: datetime) -> None:
        anchors = _anchors_in(tail, head, fresh=MessageId.first_at(now - SENDING_TIME))
        for begin in range(0, len(anchors), _ANCHORS_PER_TRANSACTION):
            some = anchors[begin : begin + _ANCHORS_PER_TRANSACTION]
            number, sent, last = some[-1].number, some[-1].sent, some[-1].last
            values = {"epoch": head.epoch, "number": number, "sent": sent, "last": last}
            step = self._table.updating(
                self._head_key(address),
                "SET #epoch = :epoch, #anchored = :number, #sent = :sent, #last = :last",
                {**values, "old": head.anchored} if head.exists else values,
                condition="#epoch = :epoch AND #anchored = :old" if head.exists else "attribute_not_exists(pk)",
            )
            puts = [
                self._table.putting(
                    {
                        **self._anchor_key(address, anchor.number),
                        "epoch": head.epoch,
                        "last": anchor.last,
                        "sent": anchor.sent,
                    }
                )
                for anchor in some
            ]
            # While the last of these entries is there, a deletion of the identity has not come to its end.
            still_there = self._table.checking(items.entry_key(address, MessageId(last)), "attribute_exists(pk)")
            try:
                transact([step, still_there, *puts])
            except TransactionFailed:
                return  # somebody else was faster, or a new epoch has begun
            head = _Head(True, head.epoch, number, sent, last)


def _key(item: Item) -> Key:
    return {"pk": item["pk"], "sk": item["sk"]}


def _anchors_in(tail: Sequence[Item], head: _Head, *, fresh: str) -> list[_Mark]:
    """The anchors behind the last one, before everything `fresh`."""
    anchors: list[_Mark] = []
    number, sent = head.anchored, head.sent
    for end in range(ANCHOR_DISTANCE, len(tail) + 1, ANCHOR_DISTANCE):
        fifty = tail[end - ANCHOR_DISTANCE : end]
        if fifty[-1]["sk"] >= fresh:
            break
        number, sent = number + ANCHOR_DISTANCE, sent + sum(map(items.is_dispatch, fifty))
        anchors.append(_Mark(number, sent, str(fifty[-1]["sk"])))
    return anchors


def _parts(marks: Sequence[_Mark], wanted: range, *, sent: bool) -> Iterator[tuple[_Mark, _Mark]]:
    """The parts of a mailbox, between two marks each, with the `wanted` ones of a kind."""
    begin: _Mark | None = None
    for before, after in pairwise(marks):
        first, end = before.count(sent=sent), after.count(sent=sent)
        if max(first, wanted.start) < min(end, wanted.stop):
            begin = begin or before
        elif begin is not None:
            yield begin, before
            begin = None
    if begin is not None:
        yield begin, marks[-1]


def _ranked(entries: Sequence[Item], first: int, wanted: range) -> list[Item]:
    """Those whose rank is wanted; `first` is that of the first one."""
    return [entry for rank, entry in enumerate(entries, first) if rank in wanted]
