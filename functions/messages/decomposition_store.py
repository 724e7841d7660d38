"""What the decomposition of a relationship does to stored messages.  Contract: messages.md, section 5 A.

A participant who decomposes loses sight of the messages exchanged on the relationship: his records leave his mailbox
and stay with the message (`items.py`: detached).  What both have decomposed becomes anonymous.
"""

from collections.abc import Iterator
from datetime import datetime

from backbone import clock
from backbone.addresses import Address, anonymised_address
from backbone.dynamodb import ConditionFailed, Item, Key, Table, TransactionFailed, Write, batch_get, transact
from backbone.events.relationships import RelationshipStatusChanged
from backbone.ids import MessageId, RelationshipId
from backbone.quotas import Metric
from backbone.quotas import store as usage
from backbone.readmodels import relationships
from backbone.settings import settings
from functions.messages import domain, items
from functions.messages.domain import SENDING_TIME, Dispatch, Recipient

_ATTEMPTS = 5
AS_READ = {
    False: "attribute_exists(pk) AND attribute_not_exists(#receivedAt)",
    True: "attribute_exists(#receivedAt)",
}


class MessageOnItsWay(Exception):
    """A message is being stored right now; the event has to be handled again later."""


class DecompositionStore:
    """Table `messages`; index `byRelationship` (relationshipId; keys only) finds the recipients' records."""

    @property
    def _table(self) -> Table:
        return Table(settings().messages_table)

    def close(self, relationship_id: RelationshipId, one: Address, other: Address) -> None:
        """From now on no message of either is stored on this relationship, even if its sender still saw it usable.

        2 writes (2 WCU); none if one of them is anonymous: then it is closed already.  `retire` has to follow.
        """
        for key in self._counters(one, other):
            self._table.update(key, "ADD #closed :relationship", {"relationship": {relationship_id}})

    def retire(self, one: Address, other: Address, *, now: datetime) -> None:
        """Let the counters go if the two have no relationship any more that something can be sent on.

        For each 1 read, and 1 of the pair in the other table (2 RCU); 1 write if so (1 WCU).  They stay for as long as
        a message can be on its way, which they refuse.  Who makes a new relationship and sends begins a new count.
        """
        goes_at = clock.epoch_seconds(now + SENDING_TIME)
        for key in self._counters(one, other):
            for _ in range(_ATTEMPTS):
                # The counter first: what was sent since, on a new relationship, has changed it.
                counter = self._table.get(key)
                if counter is None or "ttl" in counter or not self._is_over(one, other):
                    break
                unchanged = "#count = :count" if "count" in counter else "attribute_not_exists(#count)"
                values = {"ttl": goes_at, **({"count": counter["count"]} if "count" in counter else {})}
                try:
                    self._table.update(
                        key, "SET #ttl = :ttl", values, condition=f"attribute_exists(pk) AND {unchanged}"
                    )
                except ConditionFailed:
                    continue
                break

    def _counters(self, one: Address, other: Address) -> list[Key]:
        if self._pseudonym in (one, other):
            return []
        return [items.counter_key(one, other), items.counter_key(other, one)]

    def _is_over(self, one: Address, other: Address) -> bool:
        return relationships.is_without_future(relationships.table().get(relationships.pair_key(one, other)))

    def exchanged(self, relationship_id: RelationshipId, initiator: Address, *, now: datetime) -> Iterator[Key]:
        """The keys of the recipients' records of all messages sent on a relationship.

        1 query of the index per 1 MB of keys, and 1 of the initiator's mailbox since a minute ago, because the index
        lags behind the table.
        """
        condition, values = "#relationshipId = :relationship", {"relationship": relationship_id}
        found = self._table.query_all(condition, values, index=items.RELATIONSHIP_INDEX, consistent=False)
        # One per message: a relationship leads to one recipient.
        keys: dict[MessageId, Key] = {items.message_id_of(item): item for item in found}
        recent = self._table.query_all(
            "#pk = :box AND #sk BETWEEN :minute_ago AND :end",
            {
                "box": items.box(initiator),
                "minute_ago": MessageId.first_at(now - SENDING_TIME),
                "end": MessageId.prefix + "~",
            },
        )
        for entry in recent:
            keys.update((items.message_id_of(dict(key)), key) for key in self._recipient_keys(entry, relationship_id))
        for key in keys.values():
            yield {"pk": key["pk"], "sk": key["sk"]}

    def _recipient_keys(self, entry: Item, relationship_id: RelationshipId) -> Iterator[Key]:
        if not items.is_dispatch(entry):
            if entry["relationshipId"] == relationship_id:
                yield {"pk": entry["pk"], "sk": entry["sk"]}
            return
        message_id = items.message_id_of(entry)
        for position, destination in enumerate(items.dispatch_of(entry).destinations):
            if destination.relationship_id == relationship_id:
                yield items.recipient_key(message_id, position, destination, self._pseudonym)

    @property
    def _pseudonym(self) -> Address:
        return anonymised_address(settings().did_domain)

    def decompose(self, key: Key, event: RelationshipStatusChanged, *, now: datetime) -> None:
        """Take one message from who has decomposed; `key` is one of `exchanged`.

        1 batch of reads (4 RCU), 1 transaction (2 WCU per record that changes, 4 per record that moves; when the
        message becomes anonymous, 2 for the message and 2 for its sender, who has sent one less).  Nothing happens the
        second time.  Raises `MessageOnItsWay` when the message is not there yet.
        """
        gone: set[str] = set()
        for _ in range(_ATTEMPTS):
            changes, counts = self._decomposition(key, event, now)
            if not changes:
                return
            kept = [count for count in counts if str(count.request["Key"]) not in gone]
            try:
                transact([*changes, *kept])
                return
            except TransactionFailed as lost:
                # Received or decomposed by the other side between reading and writing: look again.  Nothing is counted
                # for an identity of which nothing is kept any more, nor on a counter that has gone.
                failed = (position - len(changes) for position in lost.failed if position >= len(changes))
                gone |= {str(kept[position].request["Key"]) for position in failed}
        raise MessageOnItsWay

    def _decomposition(
        self, key: Key, event: RelationshipStatusChanged, now: datetime
    ) -> tuple[list[Write], list[Write]]:
        """The records that change, and what that means for the number of messages the sender has sent."""
        message_id = items.message_id_of(dict(key))
        boxed = [items.entry_key(address, message_id) for address in (event.initiator, event.peer)]
        keys = [key, *boxed, items.detached_dispatch_key(message_id)]
        record, *others = batch_get(*((self._table, one) for one in keys))
        sent = next((other for other in others if other is not None and items.is_dispatch(other)), None)
        if sent is None:
            if message_id < MessageId.first_at(now - SENDING_TIME):
                return [], []  # it never came
            raise MessageOnItsWay
        before = items.dispatch_of(sent)
        if record is None:
            # Detached by the other side a moment ago; the index does not know yet.
            position = [one.relationship_id for one in before.destinations].index(event.relationship_id)
            record = self._table.get(items.detached_recipient_key(message_id, position))
            if record is None:
                raise MessageOnItsWay
        recipient = items.recipient_of(record)
        by_recipient = recipient.address == event.initiator
        if recipient.address not in (event.initiator, event.peer) and sent["pk"] != items.box(event.initiator):
            return [], []  # it is the initiator who was deleted meanwhile, or both have decomposed before
        sender = event.peer if by_recipient else event.initiator
        after = domain.decompose(before, recipient.position, by_recipient=by_recipient, pseudonym=self._pseudonym)
        if after == before:
            return [], []
        changes = [
            *self._keep_dispatch(sent, message_id, after),
            *self._keep_recipient(record, message_id, recipient, after),
            *self._keep_message(message_id, after),
        ]
        counts = [*self._not_waiting(message_id, recipient, sender, after)]
        return changes, [*counts, *self._uncounted(message_id, sender, after, now)]

    def _keep_dispatch(self, item: Item, message_id: MessageId, after: Dispatch) -> Iterator[Write]:
        key = {"pk": item["pk"], "sk": item["sk"]}
        record = {**items.dispatch_attributes(after), "revision": after.revision + 1}
        unchanged, values = "#revision = :revision", {"revision": after.revision}
        if not after.is_visible and not items.is_detached(item):
            yield self._table.deleting(key, condition=unchanged, values=values)
            key = dict(items.detached_dispatch_key(message_id))
            yield self._table.putting({**key, **record})
        else:
            yield self._table.putting({**key, **record}, condition=unchanged, values=values)

    def _keep_recipient(
        self, item: Item, message_id: MessageId, recipient: Recipient, after: Dispatch
    ) -> Iterator[Write]:
        destination = after.destinations[recipient.position]
        detached = {
            **items.detached_recipient_key(message_id, recipient.position),
            **items.recipient_attributes(recipient),
            "address": destination.address,
        }
        as_read = AS_READ[recipient.is_received]
        if not items.is_detached(item) and destination.decomposed_by_recipient:
            yield self._table.deleting({"pk": item["pk"], "sk": item["sk"]}, condition=as_read)
            yield self._table.putting(detached)
        elif destination.is_decomposed_by_both:
            yield self._table.putting(detached, condition=as_read)

    def _not_waiting(
        self, message_id: MessageId, recipient: Recipient, sender: Address, after: Dispatch
    ) -> Iterator[Write]:
        """An anonymous recipient no longer counts for the limit (§3.1, 4 counts by address)."""
        if after.destinations[recipient.position].is_decomposed_by_both and not recipient.is_received:
            counter = items.counter_key(recipient.address, sender)
            expression, here = f"ADD #count :minus REMOVE #{message_id}", "attribute_exists(pk)"
            yield self._table.updating(counter, expression, {"minus": -1}, condition=here)

    def _keep_message(self, message_id: MessageId, after: Dispatch) -> Iterator[Write]:
        if after.is_over:
            key, pseudonym = items.message_key(message_id), {"pseudonym": self._pseudonym}
            yield self._table.updating(key, "SET #createdBy = :pseudonym", pseudonym)

    def _uncounted(self, message_id: MessageId, sender: Address, after: Dispatch, now: datetime) -> list[Write]:
        """Anonymous messages no longer count (messages.md §6)."""
        if not after.is_over or after.sender_is_deleted or sender == self._pseudonym:
            return []
        metric, created_at = Metric.NUMBER_OF_SENT_MESSAGES, message_id.instant
        return [usage.counting(sender, metric, -1, now=now, created_at=created_at, only_if_known=True)]
