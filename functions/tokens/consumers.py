"""What Tokens does about events.  Contract: tokens.md, section 7; events.md, section 6.3."""

from backbone import clock
from backbone.addresses import anonymised_address
from backbone.consumers import Consumers
from backbone.events import EventEnvelope
from backbone.events.deletion import IdentityDataDeleted
from backbone.events.devices import IdentityDeleted
from backbone.settings import settings
from functions.tokens.deletion_store import DeletionStore
from functions.tokens.store import TokenStore

consumers = Consumers("tokens")
store = DeletionStore(TokenStore())


@consumers.on(IdentityDeleted)
def forget_identity(event: IdentityDeleted, envelope: EventEnvelope) -> None:
    """Its tokens go, with their contents; those of others lose its name."""
    if not store.has_confirmed(event.deletion_process_id):
        store.delete_created_by(event.identity_address)
        store.anonymise(event.identity_address, anonymised_address(settings().did_domain))
    confirmation = IdentityDataDeleted(
        identity_address=event.identity_address,
        deletion_process_id=event.deletion_process_id,
        service="tokens",
        aggregates=("Tokens",),
    )
    store.confirm(confirmation, now=clock.now())
