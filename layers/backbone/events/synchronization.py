"""Events raised by Synchronization.  Contract: synchronization.md, sections 2.3 and 4."""

from backbone.addresses import Address
from backbone.events.base import DomainEvent
from backbone.ids import DeviceId, ExternalEventId


class DatawalletModified(DomainEvent):
    """A datawallet got at least one modification; `index` is the newest.  → push (to the other devices)."""

    identity: Address
    modified_by_device: DeviceId
    index: int

    @property
    def event_id(self) -> str:
        return f"{self.identity}/DatawalletModified/{self.index}"


class ExternalEventCreated(DomainEvent):
    """The sync feed of an identity got an event.  → push (unless delivery is blocked)."""

    external_event_id: ExternalEventId
    owner: Address
    is_delivery_blocked: bool

    @property
    def event_id(self) -> str:
        return f"{self.external_event_id}/Created"
