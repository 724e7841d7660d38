"""What Synchronization does when it is time to look for superseded modifications.

By the function that also deletes what identities leave behind: reading a large datawallet takes its time, and external
events must not wait for it.
"""

from contextlib import suppress

from backbone import clock
from backbone.addresses import Address
from backbone.events import EventEnvelope
from backbone.events.synchronization import DatawalletCompactionDue
from backbone.observability import logger
from functions.synchronization import compaction
from functions.synchronization.compaction_store import CompactionStore
from functions.synchronization.deletion_consumers import deletion_consumers
from functions.synchronization.errors import IdentityIsDeleted
from functions.synchronization.store import SyncStore

sync_store = SyncStore()
store = CompactionStore()


@deletion_consumers.on(DatawalletCompactionDue)
def compact_datawallet(event: DatawalletCompactionDue, envelope: EventEnvelope) -> None:
    """Superseded modifications that are a month old go.  May be repeated."""
    with suppress(IdentityIsDeleted):
        discarded = compact(event.identity)
        if discarded:
            logger.info("datawallet compacted", event_id=769524, discarded=discarded)


def compact(owner: Address) -> int:
    """How many modifications have been removed.  Raises `IdentityIsDeleted`."""
    now, seen = clock.now(), sync_store.head(owner).modification_index
    discarded, is_complete = 0, True
    for modification in compaction.superseded(store.newest_first(owner, seen)):
        if modification.may_go(now):
            discarded += store.discard(owner, modification)
        else:
            is_complete = False
    sync_store.change(
        lambda: compaction.settled(sync_store.head(owner), seen=seen, is_complete=is_complete, now=clock.now())
    )
    return discarded
