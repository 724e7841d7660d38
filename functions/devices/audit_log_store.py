"""Where the log of deletions is read."""

from datetime import datetime

from backbone import clock
from backbone.addresses import Address
from backbone.dynamodb import Table
from backbone.settings import settings
from functions.devices.audit_log import AuditLogEntry
from functions.devices.deletion_items import audit_log_pk, entry_of


class AuditLogStore:
    """The log in table `devices`: pk = `AUDIT#<hash of the address>`, sk = `<time>#<message key>#<entry id>`.

    Entries are written by the transactions they are about (`DeletionProcessStore`, `DeletionStore`).
    """

    @property
    def _table(self) -> Table:
        return Table(settings().devices_table)

    def all_of(self, address: Address, *, now: datetime) -> list[AuditLogEntry]:
        """Oldest first.  1 query (1 RCU per some 15 entries), after some 30 ms of hashing."""
        items = self._table.query_all("pk = :pk", {"pk": audit_log_pk(address)})
        return [entry_of(item) for item in items if item.get("ttl", now.timestamp()) >= clock.epoch_seconds(now)]
