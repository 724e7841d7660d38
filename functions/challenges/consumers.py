"""What Challenges does about events.  Contract: events.md, section 6.3."""

from backbone import clock
from backbone.consumers import Consumers
from backbone.events import EventEnvelope
from backbone.events.deletion import IdentityDataDeleted
from backbone.events.devices import IdentityDeleted
from functions.challenges.deletion_store import DeletionStore

consumers = Consumers("challenges")
store = DeletionStore()


@consumers.on(IdentityDeleted)
def delete_challenges(event: IdentityDeleted, envelope: EventEnvelope) -> None:
    """Its challenges go.

    The index lags behind the table by a second at most, and nobody has been able to create a challenge for longer than
    that (functions/devices/deletion_jobs.py).  Should one be left nevertheless, its TTL removes it within a month.
    """
    if not store.has_confirmed(event.deletion_process_id):
        store.delete_all_of(event.identity_address)
    confirmation = IdentityDataDeleted(
        identity_address=event.identity_address,
        deletion_process_id=event.deletion_process_id,
        service="challenges",
        aggregates=("Challenges",),
    )
    store.confirm(confirmation, now=clock.now())
