"""Events raised by Synchronization.  Contract: synchronization.md, sections 2.3 and 4."""

from datetime import datetime

from backbone import clock
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


class DatawalletVersionUpgraded(DomainEvent):
    """A datawallet has a higher version, or its first one.  → overview."""

    identity: Address
    version: int

    @property
    def event_id(self) -> str:
        return f"{self.identity}/DatawalletVersion/{self.version}"


class DatawalletCompactionDue(DomainEvent):
    """It is time to look for superseded modifications in a datawallet.  → synchronization."""

    identity: Address
    due_at: datetime

    @property
    def event_id(self) -> str:
        return f"{self.identity}/CompactionDue/{clock.render(self.due_at)}"


class ExternalEventCreated(DomainEvent):
    """The sync feed of an identity got an event.  → push (unless delivery is blocked).

    A blocked event is told of twice: as blocked when it comes, and once it can be delivered.  Of several that become
    deliverable together, one is told.
    """

    external_event_id: ExternalEventId
    owner: Address
    is_delivery_blocked: bool

    @property
    def event_id(self) -> str:
        return f"{self.external_event_id}/{'Blocked' if self.is_delivery_blocked else 'Created'}"
