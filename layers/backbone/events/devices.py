"""Events raised by Devices.  Contract: devices.md, section 13."""

from backbone.addresses import Address
from backbone.events.base import DomainEvent
from backbone.ids import DeviceId, TierId


class IdentityCreated(DomainEvent):
    """An identity was created.  → quotas."""

    address: Address
    tier: TierId

    @property
    def event_id(self) -> str:
        return f"{self.address}/Created"


class BackupDeviceUsed(DomainEvent):
    """A backup device logged in for the first time and is an ordinary device now.  → push."""

    identity_address: Address
    device_id: DeviceId

    @property
    def event_id(self) -> str:
        return f"{self.device_id}/BackupDeviceUsed"


class TierCreated(DomainEvent):
    """There is a new tier.  → quotas."""

    tier_id: TierId
    tier_name: str

    @property
    def event_id(self) -> str:
        return f"{self.tier_id}/Created"
