"""What Announcements does about events.  Contract: misc.md, section 2.2; events.md, section 6.3."""

from backbone import clock
from backbone.consumers import Consumers
from backbone.events import EventEnvelope
from backbone.events.deletion import IdentityDataDeleted
from backbone.events.devices import IdentityDeleted
from functions.announcements.store import AnnouncementStore

consumers = Consumers("announcements")
store = AnnouncementStore()


@consumers.on(IdentityDeleted)
def forget_recipient(event: IdentityDeleted, envelope: EventEnvelope) -> None:
    """It is no longer among the recipients; the announcements stay."""
    if not store.has_confirmed(event.deletion_process_id):
        store.forget_recipient(event.identity_address)
    confirmation = IdentityDataDeleted(
        identity_address=event.identity_address,
        deletion_process_id=event.deletion_process_id,
        service="announcements",
        aggregates=("AnnouncementRecipients",),
    )
    store.confirm_deletion(confirmation, now=clock.now())
