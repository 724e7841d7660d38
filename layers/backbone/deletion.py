"""The end of a service's part of an identity's deletion.  How deletion works: docs/decisions/deletion-of-identities.md.

Whoever has nothing left of an identity leaves a mark that carries `IdentityDataDeleted`; Devices counts these marks and
deletes the identity itself when there is one of every service.
"""

from datetime import datetime, timedelta

from backbone import clock
from backbone.dynamodb import ConditionFailed, Table
from backbone.events import carried
from backbone.events.deletion import IdentityDataDeleted
from backbone.ids import IdentityDeletionProcessId

MARKS_KEPT_FOR = timedelta(days=30)
"""As long as the event that asked for the deletion may come again: failed for 14 days, a dead letter for 14 more."""


def deletion_mark_key(deletion_process_id: IdentityDeletionProcessId, sk: str | None = "DELETED") -> dict[str, str]:
    """The key of a service's mark."""
    return {"pk": f"DELETED#{deletion_process_id}", **({"sk": sk} if sk else {})}


def confirm_deletion(table: Table, event: IdentityDataDeleted, *, now: datetime, sk: str | None = "DELETED") -> None:
    """Say that this service has nothing left.  `sk` is None for a table without sort key.

    1 write (1 WCU).  Who was asked again says it again (3 WCU), because the first time may have got lost: an event that
    stands on an item is told once, so it is taken away and put back.
    """
    key = deletion_mark_key(event.deletion_process_id, sk)
    events = carried([event], now)
    mark = {**key, "ttl": clock.epoch_seconds(now + MARKS_KEPT_FOR), "events": events}
    try:
        table.put(mark, condition="attribute_not_exists(pk)")
    except ConditionFailed:
        table.update(key, "REMOVE #events")
        table.put(mark)
