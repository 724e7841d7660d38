"""The synchronization of an identity that is being deleted."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial

from backbone import clock
from backbone.addresses import Address
from backbone.deletion import confirm_deletion, deletion_mark_key, is_confirmed
from backbone.dynamodb import Key, Table, TransactionFailed, Write, delete_all, transact
from backbone.events.deletion import IdentityDataDeleted
from backbone.ids import IdentityDeletionProcessId, random_text
from backbone.settings import settings
from functions.synchronization import external_events, items
from functions.synchronization.domain import Change
from functions.synchronization.errors import IdentityIsDeleted
from functions.synchronization.store import REVISION_LENGTH, SyncStore


class DeletionStore:
    """Table `synchronization`.  Everything of an identity is in its partition, and everything moves its head.

    So the head is closed first: from then on nothing is written there any more, neither by a device whose access token
    is still good nor by a domain event that comes late.  Then all the rest can be deleted at leisure, payloads by way
    of the stream.  The closed head goes by its TTL, when no domain event can come any more, or with the first change by
    an identity that has registered again with the same key.
    """

    def __init__(self, store: SyncStore) -> None:
        self._store = store

    @property
    def _table(self) -> Table:
        return Table(settings().synchronization_table)

    def close(self, owner: Address, deletion_process_id: IdentityDeletionProcessId, *, now: datetime) -> bool:
        """Whether there may be something to delete: not if this deletion is over, because then what is there belongs
        to an identity that has registered again.

        2 reads, 1 transaction (2 RCU, 4 WCU); again when a device was faster.  A change begun before is finished first.
        """
        while not self.has_confirmed(deletion_process_id):
            try:
                head = self._store.head(owner)
            except IdentityIsDeleted:
                return True
            closed = items.closed_head_item(owner, random_text(REVISION_LENGTH), now)
            try:
                transact([self._store.putting_head(closed, head.revision), self._unconfirmed(deletion_process_id)])
            except TransactionFailed:
                continue
            return True
        return False

    def _unconfirmed(self, deletion_process_id: IdentityDeletionProcessId) -> Write:
        return self._table.checking(deletion_mark_key(deletion_process_id), "attribute_not_exists(pk)")

    def delete_all_but_head(self, owner: Address) -> int:
        """How many items there were.

        1 query per 1 MB (1 RCU per 4 KB), 1 call per 25 items (1 WCU per KB, twice for modifications).
        """
        return delete_all(self._table, self._keys(owner))

    def _keys(self, owner: Address) -> Iterator[Key]:
        """The items of the owner, and before an event what leads to it from an identity that it names."""
        for item in self._table.query_all("pk = :pk", {"pk": owner}, project="pk, sk, #id, #index, #payload"):
            if (naming := items.naming_key_of(item)) is not None:
                yield naming
            if item["sk"] != items.HEAD:
                yield {"pk": item["pk"], "sk": item["sk"]}

    def forget_name(self, named: Address, pseudonym: Address) -> None:
        """Nobody's events name it any more.

        1 query (0.5 RCU); per event 1 batch get (3 RCU), 1 transaction (4 WCU), 1 write (1 WCU).
        """
        for item in self._table.query_all("pk = :pk", {"pk": items.named_pk(named)}):
            owner, index = items.owner_and_index(item["sk"])
            with suppress(IdentityIsDeleted):
                self._store.change(partial(self._without_name, owner, index, named, pseudonym))
            self._table.delete({"pk": item["pk"], "sk": item["sk"]})

    def _without_name(self, owner: Address, index: int, named: Address, pseudonym: Address) -> Change:
        head, event = self._store.head_and_event(owner, index)
        return external_events.anonymise(head, event, named, pseudonym, clock.now())

    def has_confirmed(self, deletion_process_id: IdentityDeletionProcessId) -> bool:
        """1 read (1 RCU)."""
        return is_confirmed(self._table, deletion_process_id)

    def confirm(self, deleted: IdentityDataDeleted) -> None:
        """1 write (1 WCU).  pk = `DELETED#<process id>`, sk = `DELETED`; TTL a month."""
        confirm_deletion(self._table, deleted, now=clock.now())
