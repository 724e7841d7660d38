"""The files of an identity that is being deleted.  Contract: files.md, section 6."""

from collections.abc import Iterator
from datetime import datetime

from backbone.addresses import Address
from backbone.deletion import confirm_deletion, is_confirmed
from backbone.dynamodb import ConditionFailed, Key, Table
from backbone.events.deletion import IdentityDataDeleted
from backbone.ids import IdentityDeletionProcessId
from backbone.settings import settings


class DeletionStore:
    """Table `files` by its indexes `byCreator` and `byClaimant`."""

    @property
    def _table(self) -> Table:
        return Table(settings().files_table)

    def forget(self, address: Address, pseudonym: Address) -> None:
        """Delete what an identity owns; what it created and others own keeps the pseudonym of its creator only.

        A query of each index (0.5 RCU per 27 files), and per file 1 write, 2 if it is somebody else's by now.  The
        blobs function removes the contents.  May be repeated.
        """
        for key in [*self._created_by(address), *self._claimed_by(address)]:
            try:
                self._table.delete(key, condition="#owner = :address", values={"address": address})
            except ConditionFailed:
                self._anonymise_creator(key, address, pseudonym)

    def _anonymise_creator(self, key: Key, address: Address, pseudonym: Address) -> None:
        try:
            self._table.update(
                key,
                "SET createdBy = :pseudonym REMOVE #onRemoval, #events",
                {"pseudonym": pseudonym, "address": address},
                condition="createdBy = :address AND #owner <> :address",
            )
        except ConditionFailed:
            return  # deleted, or claimed from this identity, since it was listed

    def _created_by(self, address: Address) -> Iterator[Key]:
        return self._listed("byCreator", "createdBy = :address", address)

    def _claimed_by(self, address: Address) -> Iterator[Key]:
        return self._listed("byClaimant", "claimedBy = :address", address)

    def _listed(self, index: str, condition: str, address: Address) -> Iterator[Key]:
        found = self._table.query_all(condition, {"address": address}, index=index, consistent=False, project="pk")
        return ({"pk": entry["pk"]} for entry in found)

    def has_confirmed(self, deletion_process_id: IdentityDeletionProcessId) -> bool:
        """1 read (1 RCU)."""
        return is_confirmed(self._table, deletion_process_id, sk=None)

    def confirm(self, deleted: IdentityDataDeleted, *, now: datetime) -> None:
        """1 write (1 WCU).  pk = `DELETED#<process id>`; TTL a month."""
        confirm_deletion(self._table, deleted, now=now, sk=None)
