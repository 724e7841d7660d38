"""The challenges of an identity that is being deleted."""

from collections.abc import Iterator
from datetime import datetime

from backbone.addresses import Address
from backbone.deletion import confirm_deletion, is_confirmed
from backbone.dynamodb import Key, Table, delete_all
from backbone.events.deletion import IdentityDataDeleted
from backbone.ids import IdentityDeletionProcessId
from backbone.settings import settings


class DeletionStore:
    """Table `challenges`, index `byCreator` (createdBy; keys only), in which only challenges of somebody are."""

    @property
    def _table(self) -> Table:
        return Table(settings().challenges_table)

    def delete_all_of(self, creator: Address) -> int:
        """Delete what the index shows; how many there were.

        1 eventually consistent query per 1 MB (0.5 RCU per 4 KB, about 40 challenges), 1 call per 25 (2 WCU each).
        """
        return delete_all(self._table, self._keys_of(creator))

    def _keys_of(self, creator: Address) -> Iterator[Key]:
        found = self._table.query_all(
            "#createdBy = :creator", {"creator": creator}, index="byCreator", consistent=False
        )
        return ({"pk": item["pk"]} for item in found)

    def has_confirmed(self, deletion_process_id: IdentityDeletionProcessId) -> bool:
        """1 read (1 RCU)."""
        return is_confirmed(self._table, deletion_process_id, sk=None)

    def confirm(self, deleted: IdentityDataDeleted, *, now: datetime) -> None:
        """1 write (1 WCU).  pk = `DELETED#<process id>`; TTL a month."""
        confirm_deletion(self._table, deleted, now=now, sk=None)
