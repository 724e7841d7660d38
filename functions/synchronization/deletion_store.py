"""The synchronization of an identity that is being deleted."""

from collections.abc import Iterator
from datetime import datetime

from backbone import clock
from backbone.addresses import Address
from backbone.deletion import confirm_deletion
from backbone.dynamodb import Key, Table, delete_all
from backbone.events.deletion import IdentityDataDeleted
from backbone.ids import random_text
from backbone.settings import settings
from functions.synchronization import items
from functions.synchronization.errors import IdentityIsDeleted
from functions.synchronization.store import REVISION_LENGTH, LostRace, SyncStore


class DeletionStore:
    """Table `synchronization`.  Everything of an identity is in its partition, and everything moves its head.

    So the head is closed first: from then on nothing is written there any more, neither by a device whose access token
    is still good nor by a domain event that comes late.  Then all the rest can be deleted at leisure, payloads by way
    of the stream.  The closed head goes by its TTL, when no domain event can come any more.
    """

    def __init__(self, store: SyncStore) -> None:
        self._store = store

    @property
    def _table(self) -> Table:
        return Table(settings().synchronization_table)

    def close(self, owner: Address, *, now: datetime) -> None:
        """1 read, 1 write (1 RCU, 1 WCU); again when a device was faster.  A change begun before is finished first."""
        while True:
            try:
                head = self._store.head(owner)
            except IdentityIsDeleted:
                return
            closed = items.closed_head_item(owner, random_text(REVISION_LENGTH), now)
            try:
                self._store.put_head(closed, head.revision)
            except LostRace:
                continue
            return

    def delete_all_but_head(self, owner: Address) -> int:
        """How many items there were.

        1 query per 1 MB (1 RCU per 4 KB), 1 call per 25 items (1 WCU per KB, twice for modifications).
        """
        return delete_all(self._table, self._keys(owner))

    def _keys(self, owner: Address) -> Iterator[Key]:
        found = self._table.query_all("pk = :pk", {"pk": owner}, project="pk, sk")
        return ({"pk": item["pk"], "sk": item["sk"]} for item in found if item["sk"] != items.HEAD)

    def confirm(self, deleted: IdentityDataDeleted) -> None:
        """1 write (1 WCU).  pk = `DELETED#<process id>`, sk = `DELETED`; TTL a month."""
        confirm_deletion(self._table, deleted, now=clock.now())
