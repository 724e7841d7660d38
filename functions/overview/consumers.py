"""What the overview does about events.  Contract: admin-api.md, section 10 (`datawalletVersion`)."""

from backbone.consumers import Consumers
from backbone.events import EventEnvelope
from backbone.events.synchronization import DatawalletVersionUpgraded
from functions.overview import projection

consumers = Consumers("overview")


@consumers.on(DatawalletVersionUpgraded)
def show_datawallet_version(event: DatawalletVersionUpgraded, envelope: EventEnvelope) -> None:
    """Versions only rise, so a repeated or late event changes nothing, unless it is of an earlier life."""
    projection.note_datawallet_version(event.identity, event.version, envelope.time)
