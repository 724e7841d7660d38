"""Taking a deleted identity out of the messages.  Contract: messages.md, section 5 B.

Its records leave its mailbox like after a decomposition, and what stays with the messages names the pseudonym.  Its
mailbox is the list of what is left to do: a record leaves it in the one transaction that makes it anonymous.
"""

from datetime import datetime

from backbone.addresses import Address, anonymised_address
from backbone.deletion import confirm_deletion, is_confirmed
from backbone.dynamodb import Item, Key, Table, TransactionFailed, Write, batch_get, delete_all, transact
from backbone.events import carried
from backbone.events.deletion import IdentityDataDeleted
from backbone.events.messages import MessageOrphaned
from backbone.ids import IdentityDeletionProcessId, MessageId
from backbone.settings import settings
from functions.messages import items
from functions.messages.decomposition_store import AS_READ, MessageOnItsWay
from functions.messages.domain import SENDING_TIME, Dispatch

_ATTEMPTS = 10


class DeletionStore:
    """Table `messages`, its items as in `items.py`."""

    @property
    def _table(self) -> Table:
        return Table(settings().messages_table)

    @property
    def _pseudonym(self) -> Address:
        return anonymised_address(settings().did_domain)

    def leave(self, message_id: MessageId, address: Address, *, now: datetime) -> None:
        """Take a deleted identity out of one message; nothing happens the second time.

        1 batch of reads (2 RCU and the message), a recipient 1 read more (the sender's record); 1 transaction: 6 WCU, a
        sender 4 and 2 per KB of the message, because it names him.  Who had decomposed before is not in its mailbox any
        more, but still named.  Who leaves last makes the message an orphan.  Raises `MessageOnItsWay` when the message
        is not there yet.
        """
        for _ in range(_ATTEMPTS):
            own, detached, message = batch_get(
                (self._table, items.entry_key(address, message_id)),
                (self._table, items.detached_dispatch_key(message_id)),
                (self._table, items.message_key(message_id)),
            )
            if message is None:
                if own is not None and message_id >= MessageId.first_at(now - SENDING_TIME):
                    raise MessageOnItsWay
                self._table.delete(items.entry_key(address, message_id))  # it never came
                return
            sent = own if own is not None and items.is_dispatch(own) else detached
            if sent is None:
                sent = self._table.get(items.entry_key(Address(message["createdBy"]), message_id))
            try:
                if sent is not None:
                    if writes := self._departure(message, own, sent, address, now):
                        transact(writes)
                    return
            except TransactionFailed:
                continue  # received, decomposed or left by somebody else between reading and writing: look again
        raise MessageOnItsWay

    def _departure(self, message: Item, own: Item | None, sent: Item, address: Address, now: datetime) -> list[Write]:
        message_id = items.message_id_of(message)
        if sent is own or message["createdBy"] == address:
            return self._without_sender(message_id, sent, now)
        if own is None:
            named = [one.address for one in items.dispatch_of(sent).destinations]
            position = named.index(address) if address in named else None
            own = None if position is None else self._table.get(items.detached_recipient_key(message_id, position))
        return self._without_recipient(message_id, own, sent, now) if own is not None else []

    def _without_sender(self, message_id: MessageId, sent: Item, now: datetime) -> list[Write]:
        before = items.dispatch_of(sent)
        anonymous = self._table.updating(
            items.message_key(message_id),
            "SET #createdBy = :pseudonym",
            {"pseudonym": self._pseudonym},
            condition="attribute_exists(pk)",
        )
        record = self._record(message_id, items.detached_dispatch_key(message_id), before.without_sender(), now)
        return [*self._moving(sent, record, "#revision = :revision", {"revision": before.revision}), anonymous]

    def _without_recipient(self, message_id: MessageId, own: Item, sent: Item, now: datetime) -> list[Write]:
        before, recipient = items.dispatch_of(sent), items.recipient_of(own)
        after = before.without_recipient(recipient.position, self._pseudonym)
        detached = {
            **items.detached_recipient_key(message_id, recipient.position),
            **items.recipient_attributes(recipient),
            "address": self._pseudonym,
        }
        return [
            *self._moving(own, detached, AS_READ[recipient.is_received]),
            self._table.putting(
                self._record(message_id, _key(sent), after, now),
                condition="#revision = :revision",
                values={"revision": before.revision},
            ),
        ]

    def _moving(self, item: Item, detached: Item, condition: str, values: Item | None = None) -> list[Write]:
        """Out of the mailbox, unless it has left it already."""
        if items.is_detached(item):
            return [self._table.putting(detached, condition=condition, values=values)]
        return [self._table.deleting(_key(item), condition=condition, values=values), self._table.putting(detached)]

    def _record(self, message_id: MessageId, key: Key, after: Dispatch, now: datetime) -> Item:
        """The sender's record, which carries the event when nobody is left; both sides change it, so one comes last."""
        orphaned = [MessageOrphaned(message_id=message_id)] if after.is_orphaned(self._pseudonym) else []
        return {
            **key,
            **items.dispatch_attributes(after),
            "revision": after.revision + 1,
            "events": carried(orphaned, now),
        }

    def empty_mailbox(self, address: Address, *, now: datetime) -> None:
        """Leave every message in the mailbox, and remove its numbers.  Ends when a query finds nothing.

        2 queries or more (1 RCU per 4 KB), 1 deletion per head and anchor (1 WCU), `leave` per message.
        """
        while mailbox := self._table.query("pk = :box", {"box": items.box(address)}).items:
            numbers = [_key(item) for item in mailbox if not MessageId.is_valid(item["sk"])]
            for item in mailbox:
                if MessageId.is_valid(item["sk"]):
                    self.leave(MessageId(item["sk"]), address, now=now)
            delete_all(self._table, numbers)

    def remove(self, message_id: MessageId) -> None:
        """Remove an orphan: all records, the message last; its body in S3 follows.  1 query, 1 call per 25 records."""
        keys = [_key(item) for item in self._table.query_all("pk = :message", {"message": message_id})]
        delete_all(self._table, (key for key in keys if key != items.message_key(message_id)))
        self._table.delete(items.message_key(message_id))

    def has_confirmed(self, deletion_process_id: IdentityDeletionProcessId) -> bool:
        """1 read (1 RCU)."""
        return is_confirmed(self._table, deletion_process_id)

    def confirm(self, address: Address, deletion_process_id: IdentityDeletionProcessId, *, now: datetime) -> None:
        """Say that nothing is left.  1 write (1 WCU; 3 when it is said again)."""
        confirmation = IdentityDataDeleted(
            identity_address=address,
            deletion_process_id=deletion_process_id,
            service="messages",
            aggregates=(),  # the audit log of a deletion does not name messages (devices.md, section 8.2)
        )
        confirm_deletion(self._table, confirmation, now=now)


def _key(item: Item) -> Key:
    return {"pk": item["pk"], "sk": item["sk"]}
