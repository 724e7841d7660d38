"""What Files does about events.  Contract: files.md, section 6; events.md, section 6.3."""

from backbone import clock
from backbone.addresses import anonymised_address
from backbone.consumers import Consumers
from backbone.events import EventEnvelope
from backbone.events.deletion import IdentityDataDeleted
from backbone.events.devices import IdentityDeleted
from backbone.settings import settings
from functions.files.deletion_store import DeletionStore

consumers = Consumers("files")
store = DeletionStore()


@consumers.on(IdentityDeleted)
def forget_identity(event: IdentityDeleted, envelope: EventEnvelope) -> None:
    """Its files go, with their contents; those that others have claimed from it lose its name."""
    if not store.has_confirmed(event.deletion_process_id):
        store.forget(event.identity_address, anonymised_address(settings().did_domain))
    confirmation = IdentityDataDeleted(
        identity_address=event.identity_address,
        deletion_process_id=event.deletion_process_id,
        service="files",
        aggregates=("Files",),
    )
    store.confirm(confirmation, now=clock.now())
