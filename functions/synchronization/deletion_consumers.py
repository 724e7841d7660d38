"""What Synchronization does when an identity is deleted.  Contract: events.md, section 6.3.

Apart from the feed's consumers, with a function of its own: a large datawallet takes minutes, and external
events must not wait for it.
"""

from backbone import clock
from backbone.consumers import Consumers
from backbone.events import EventEnvelope
from backbone.events.deletion import IdentityDataDeleted
from backbone.events.devices import IdentityDeleted
from functions.synchronization.deletion_store import DeletionStore
from functions.synchronization.store import SyncStore

deletion_consumers = Consumers("synchronization")
store = DeletionStore(SyncStore())


@deletion_consumers.on(IdentityDeleted)
def delete_synchronization(event: IdentityDeleted, envelope: EventEnvelope) -> None:
    """Datawallet, runs and events go.  What is deleted stays so: whoever breaks off is called again and goes on."""
    store.close(event.identity_address, now=clock.now())
    store.delete_all_but_head(event.identity_address)
    confirmation = IdentityDataDeleted(
        identity_address=event.identity_address,
        deletion_process_id=event.deletion_process_id,
        service="synchronization",
        aggregates=("ExternalEvents", "SyncRuns", "Datawallets"),
    )
    store.confirm(confirmation)
