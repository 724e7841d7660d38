"""Where messages are kept: sending, opening, receiving.  Keys and shapes: items.py; mailboxes: mailbox_store.py."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial

from backbone import clock, payloads
from backbone.addresses import Address, anonymised_address
from backbone.caller import Caller
from backbone.dynamodb import TRANSACTION_LIMIT, Item, Key, Table, TransactionFailed, Write, batch_get, transact
from backbone.errors import BackboneError, RecordNotFound
from backbone.events import carried
from backbone.ids import DeviceId, FileId, MessageId
from backbone.quotas import Allowance
from backbone.readmodels import relationships
from backbone.readmodels.relationships import RelationshipView
from backbone.settings import settings
from functions.messages import items
from functions.messages.domain import (
    SENDING_TIME,
    Destination,
    Dispatch,
    MaxNumberOfUnreceivedMessagesReached,
    Message,
    Opened,
    Recipient,
    RelationshipToRecipientNotActive,
    message_created,
)

RECIPIENTS_PER_TRANSACTION = (TRANSACTION_LIMIT - 3) // 2
"""Three items are the message, its dispatch and the sender's usage; a recipient takes an entry and a counter."""
_RECEIPTS_PER_TRANSACTION = TRANSACTION_LIMIT // 2
_PARALLEL_DOWNLOADS = 8
_IS_OPEN = "NOT contains(#closed, :relationship)"
_IS_FREE = f"(attribute_not_exists(#count) OR #count < :limit) AND {_IS_OPEN} AND attribute_not_exists(#ttl)"
_IS_OVER = f"attribute_exists(#ttl) AND {_IS_OPEN}"


class MessageStore:
    """Table `messages`, its items as in `items.py`.  Capacity units below are for items of up to 1 KB."""

    @property
    def _table(self) -> Table:
        return Table(settings().messages_table)

    def relationships_with(
        self, sender: Address, addresses: Sequence[Address], *, now: datetime
    ) -> list[RelationshipView | None]:
        """The sender's youngest relationship with each.  1 batch of reads of the other table (n RCU)."""
        table = relationships.table()
        pairs = batch_get(*((table, relationships.pair_key(sender, address)) for address in addresses))
        return [RelationshipView.of_pair(pair, now) for pair in pairs]

    def unreceived(self, sender: Address, recipients: Sequence[Address]) -> list[int]:
        """How many messages of the sender each has not received.  1 batch of reads (n RCU)."""
        counters = batch_get(*((self._table, items.counter_key(recipient, sender)) for recipient in recipients))
        return [counter.get("count", 0) if counter and "ttl" not in counter else 0 for counter in counters]

    def add(self, message: Message, recipients: Sequence[Recipient], allowance: Allowance) -> None:
        """Store a message and count it, as sent and as unreceived, visible to all participants at once or to none.

        Up to 48 recipients: 1 transaction (6 WCU + 4 per recipient, + 1 per recipient for the index).

        More: entries and counters are written in transactions of 48, `unsettled`; the message comes last and makes them
        visible, because an unsettled entry counts only if its message exists.  A crash in between leaves entries
        without a message, which nobody sees and the next listing of the mailbox removes, and counters with a
        reservation in the message's name, which is given back when it stands in the way of another message.

        Raises `QuotaExhausted`, `MaxNumberOfUnreceivedMessagesReached`, or `RelationshipToRecipientNotActive` when the
        relationship was decomposed meanwhile; then nothing is visible and nothing counts.
        """
        allowance.check()  # before a body goes to S3 in vain
        commit = self._commit(message, recipients)
        spend = partial(allowance.spend, now=message.created_at)
        if len(recipients) <= RECIPIENTS_PER_TRANSACTION:
            self._deliver(message, recipients, commit=commit, write=spend, unsettled=False)
        else:
            self._deliver_to_many(message, recipients, commit=lambda: spend(commit))
        payloads.settle(commit)

    def _deliver_to_many(
        self, message: Message, recipients: Sequence[Recipient], *, commit: Callable[[], None]
    ) -> None:
        reached: list[Recipient] = []
        try:
            for some in _chunks(recipients, RECIPIENTS_PER_TRANSACTION):
                self._deliver(message, some, commit=[], write=transact, unsettled=True)
                reached.extend(some)
            commit()
        except BackboneError:
            for some in _chunks(reached, RECIPIENTS_PER_TRANSACTION):
                self._give_back(message.created_by, [one.address for one in some], [message.id])
            raise

    def _commit(self, message: Message, recipients: Sequence[Recipient]) -> list[Write]:
        shared = {
            **items.message_key(message.id),
            "createdAt": clock.render(message.created_at),
            "createdBy": message.created_by,
            "createdByDevice": message.created_by_device,
            "attachments": list(message.attachments),
            **payloads.attributes("messages", message.id, body=message.body),
        }
        # The event rides on the sender's record, not on the message, which every recipient reads.
        dispatch = Dispatch(tuple(Destination(one.address, one.relationship_id) for one in recipients))
        sent = {
            **items.entry_key(message.created_by, message.id),
            **items.dispatch_attributes(dispatch),
            "events": carried([message_created(message, recipients)], message.created_at),
        }
        return [self._table.putting(shared, condition="attribute_not_exists(pk)"), self._table.putting(sent)]

    def _deliver(
        self,
        message: Message,
        recipients: Sequence[Recipient],
        *,
        commit: list[Write],
        write: Callable[[list[Write]], None],
        unsettled: bool,
    ) -> None:
        over: dict[Address, Item] = {}
        while True:
            writes = list(commit)
            for one in recipients:
                entry = {**items.entry_key(one.address, message.id), **items.recipient_attributes(one)}
                writes.append(self._table.putting({**entry, "unsettled": True if unsettled else None}))
                writes.append(self._count(message, one, over.get(one.address), reserve=unsettled))
            try:
                write(writes)
                return
            except TransactionFailed as lost:
                # The first failing recipient decides, in the order of the request (§3.1, 4).
                position = min(lost.failed)
                counter = lost.failed[position]
                if position < len(commit):
                    raise
                one = recipients[(position - len(commit)) // 2]
                if counter is not None and one.relationship_id in counter.get("closed", ()):
                    raise RelationshipToRecipientNotActive from None
                if counter is None or "ttl" in counter or one.address in over:
                    over = _noted(over, one.address, counter)
                    continue
                dead = self._dead_reservations(counter, now=message.created_at)
                if not dead:
                    raise MaxNumberOfUnreceivedMessagesReached from None
                self._give_back(message.created_by, [one.address], dead)

    def _count(self, message: Message, recipient: Recipient, over: Item | None, *, reserve: bool) -> Write:
        """One more.  `over` is a counter of relationships that are all over, with which this one begins anew."""
        # The counter knows relationships that were decomposed (DecompositionStore.close): a message that was on its way
        # then is refused here, at no extra cost, instead of staying visible to who has decomposed.
        values: Item = {"one": 1, "relationship": recipient.relationship_id}
        setting = []
        if reserve:
            setting.append(f"#{message.id} = :now")
            values["now"] = clock.epoch_seconds(message.created_at)
        key = items.counter_key(recipient.address, message.created_by)
        if over is not None:
            removed = ", ".join(f"#{name}" for name in ("ttl", *items.reservations_of(over)))
            expression = f"SET {', '.join(['#count = :one', *setting])} REMOVE {removed}"
            return self._table.updating(key, expression, values, condition=_IS_OVER)
        values["limit"] = settings().max_unreceived_messages
        expression = " ".join(["ADD #count :one", *(f"SET {each}" for each in setting)])
        return self._table.updating(key, expression, values, condition=_IS_FREE)

    def _dead_reservations(self, counter: Item, *, now: datetime) -> list[MessageId]:
        """Reservations of messages that never came; reads the messages, only when a limit is reached."""
        dead_before = clock.epoch_seconds(now - SENDING_TIME)
        old = [name for name, since in items.reservations_of(counter).items() if since < dead_before]
        old = old[: TRANSACTION_LIMIT - 1]
        messages = batch_get(*((self._table, items.message_key(message_id)) for message_id in old))
        return [message_id for message_id, message in zip(old, messages, strict=True) if message is None]

    def _give_back(self, sender: Address, recipients: Sequence[Address], message_ids: Sequence[MessageId]) -> None:
        """Undo what messages that never came have left with these recipients; 1 transaction."""
        names = [f"#{message_id}" for message_id in message_ids]
        writes: list[Write] = []
        for recipient in recipients:
            writes.append(
                self._table.updating(
                    items.counter_key(recipient, sender),
                    f"ADD #count :minus REMOVE {', '.join(names)}",
                    {"minus": -len(message_ids)},
                    condition=" AND ".join(f"attribute_exists({name})" for name in names),
                )
            )
            writes.extend(self._table.deleting(items.entry_key(recipient, message_id)) for message_id in message_ids)
        try:
            transact(writes)
        except TransactionFailed:
            return  # given back by somebody else meanwhile

    def get(self, reader: Address, message_id: MessageId) -> Opened:
        """Raises `RecordNotFound` for who has no record of it in his mailbox (§4).

        1 batch of reads (message and own record: 2 RCU); the sender needs a second one for his n recipients (n RCU).
        """
        shared, own = batch_get(
            (self._table, items.message_key(message_id)), (self._table, items.entry_key(reader, message_id))
        )
        if shared is None or own is None:
            raise RecordNotFound("Message")
        recipients = batch_get(*((self._table, key) for key in self._recipients_of(own)))
        return _opened(shared, own, self._followed(message_id, recipients))

    def open(self, records: Sequence[Item]) -> list[Opened]:
        """The messages behind records of one mailbox, in their order.  1 batch of reads per 100 items: the messages
        and, of those sent, the recipients; RCU by the size of the bodies kept inline."""
        keys: list[Key] = []
        for record in records:
            keys.append(items.message_key(items.message_id_of(record)))
            keys.extend(self._recipients_of(record))
        found = iter(batch_get(*((self._table, key) for key in keys)))
        opened: list[tuple[Item, Item, list[Item]]] = []
        for record in records:
            shared = next(found)
            recipients = [next(found) for _ in self._recipients_of(record)]
            if shared is not None:
                opened.append((shared, record, self._followed(MessageId(shared["pk"]), recipients)))
        with ThreadPoolExecutor(max_workers=_PARALLEL_DOWNLOADS) as pool:
            return list(pool.map(lambda parts: _opened(*parts), opened))

    def _recipients_of(self, record: Item) -> Iterator[Key]:
        if not items.is_dispatch(record):
            return
        pseudonym = anonymised_address(settings().did_domain)
        message_id = items.message_id_of(record)
        for position, destination in enumerate(items.dispatch_of(record).destinations):
            yield items.recipient_key(message_id, position, destination, pseudonym)

    def _followed(self, message_id: MessageId, recipients: Sequence[Item | None]) -> list[Item]:
        """Recipients' records, also those that left their mailboxes after the dispatch was read (1 batch of reads)."""
        gone = [position for position, item in enumerate(recipients) if item is None]
        keys = (items.detached_recipient_key(message_id, position) for position in gone)
        moved = iter(batch_get(*((self._table, key) for key in keys)))
        found = [item if item is not None else next(moved) for item in recipients]
        return [item for item in found if item is not None]

    def receive(self, opened: Sequence[Opened], by: Caller, *, now: datetime) -> list[Opened]:
        """Note the receipt of messages that no device of the recipient has fetched before; others stay as they are.

        1 transaction per 50 such messages (2 WCU each + 2 per sender), none if there are none.  The first receipt
        stays: who comes second gets the first one's values.  A message that vanished meanwhile is left out.
        """
        results: dict[MessageId, Opened | None] = {one.message.id: one for one in opened}
        waiting = [one for one in opened if one.dispatch is None and not one.recipients[0].is_received]
        while waiting:
            batch, rest = waiting[:_RECEIPTS_PER_TRANSACTION], waiting[_RECEIPTS_PER_TRANSACTION:]
            receipts = {
                one.message.id: replace(one.recipients[0], received_at=now, received_by_device=by.device_id)
                for one in batch
            }
            lost: Mapping[int, Item | None] = {}
            try:
                transact([*self._notes(receipts), *self._uncounts(by.address, batch)])
            except TransactionFailed as failure:
                lost = failure.failed
            for position, one in enumerate(batch):
                if not lost:
                    results[one.message.id] = replace(one, recipients=(receipts[one.message.id],))
                elif position not in lost:
                    rest.append(one)
                elif (first := lost[position]) is not None:
                    results[one.message.id] = replace(one, recipients=(items.recipient_of(first),))
                else:
                    results[one.message.id] = None
            waiting = rest
        return [result for result in results.values() if result is not None]

    def _notes(self, receipts: Mapping[MessageId, Recipient]) -> Iterator[Write]:
        for message_id, receipt in receipts.items():
            noted = items.recipient_attributes(receipt)
            yield self._table.updating(
                items.entry_key(receipt.address, message_id),
                "SET #receivedAt = :at, #receivedByDevice = :device REMOVE #unsettled",
                {"at": noted["receivedAt"], "device": noted["receivedByDevice"]},
                condition="attribute_exists(pk) AND attribute_not_exists(#receivedAt)",
            )

    def _uncounts(self, recipient: Address, received: Sequence[Opened]) -> Iterator[Write]:
        by_sender: dict[Address, list[MessageId]] = {}
        for one in received:
            by_sender.setdefault(one.message.created_by, []).append(one.message.id)
        by_sender.pop(anonymised_address(settings().did_domain), None)  # nobody counts what a deleted sender has sent
        for sender, message_ids in by_sender.items():
            names = ", ".join(f"#{message_id}" for message_id in message_ids)
            key = items.counter_key(recipient, sender)
            yield self._table.updating(key, f"ADD #count :minus REMOVE {names}", {"minus": -len(message_ids)})


def _noted(over: Mapping[Address, Item], address: Address, counter: Item | None) -> dict[Address, Item]:
    """Which counters begin anew, after one was found with a TTL, or without one any more."""
    others = {other: known for other, known in over.items() if other != address}
    return {**others, address: counter} if counter is not None and "ttl" in counter else others


def _chunks(recipients: Sequence[Recipient], size: int) -> Iterator[Sequence[Recipient]]:
    for begin in range(0, len(recipients), size):
        yield recipients[begin : begin + size]


def _opened(shared: Item, own: Item, recipients: Sequence[Item]) -> Opened:
    message = Message(
        id=MessageId(shared["pk"]),
        created_at=clock.parse(shared["createdAt"]),
        created_by=Address(shared["createdBy"]),
        created_by_device=DeviceId(shared["createdByDevice"]),
        body=payloads.load(shared, "body") or b"",
        attachments=tuple(FileId(attachment) for attachment in shared["attachments"]),
    )
    if not items.is_dispatch(own):
        return Opened(message, (items.recipient_of(own),))
    return Opened(message, tuple(map(items.recipient_of, recipients)), items.dispatch_of(own))
