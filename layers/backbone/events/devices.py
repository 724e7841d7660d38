"""Events raised by Devices.  Contract: devices.md, section 13."""

from datetime import datetime

from backbone import clock
from backbone.addresses import Address
from backbone.events.base import DomainEvent
from backbone.events.texts import TextInLanguage
from backbone.ids import DeviceId, IdentityDeletionProcessId, TierId


class IdentityCreated(DomainEvent):
    """An identity was created.  → nobody."""

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
    """There is a new tier.  → nobody."""

    tier_id: TierId
    tier_name: str

    @property
    def event_id(self) -> str:
        return f"{self.tier_id}/Created"


class TierDeleted(DomainEvent):
    """A tier is gone, and nobody had it.  → quotas."""

    tier_id: TierId

    @property
    def event_id(self) -> str:
        return f"{self.tier_id}/Deleted"


class IdentityToBeDeleted(DomainEvent):
    """An identity has started to delete itself; until the grace period is over it may change its mind.

    → relationships (tells the peers).
    """

    identity_address: Address
    deletion_process_id: IdentityDeletionProcessId
    grace_period_ends_at: datetime

    @property
    def event_id(self) -> str:
        return f"{self.deletion_process_id}/IdentityToBeDeleted"


class IdentityDeletionCancelled(DomainEvent):
    """An identity keeps itself.  → relationships (tells the peers)."""

    identity_address: Address
    deletion_process_id: IdentityDeletionProcessId

    @property
    def event_id(self) -> str:
        return f"{self.deletion_process_id}/IdentityDeletionCancelled"


class IdentityDeleted(DomainEvent):
    """The grace period is over and deletion *begins*.

    → every service deletes or anonymises what it has of the identity.

    When a service has nothing left, it says so by `IdentityDataDeleted`.
    """

    identity_address: Address
    deletion_process_id: IdentityDeletionProcessId

    @property
    def event_id(self) -> str:
        return f"{self.deletion_process_id}/IdentityDeleted"


class FeatureFlagsOfIdentityChanged(DomainEvent):
    """An identity has set feature flags.  → relationships (tells those who know it)."""

    identity_address: Address
    changed_at: datetime

    @property
    def event_id(self) -> str:
        return f"{self.identity_address}/FeatureFlagsChanged/{clock.render(self.changed_at)}"


class TierOfIdentityChanged(DomainEvent):
    """An identity belongs to another tier.  → nobody (quotas read it with every request)."""

    identity_address: Address
    old_tier_id: TierId
    new_tier_id: TierId
    changed_at: datetime

    @property
    def event_id(self) -> str:
        return f"{self.identity_address}/TierChanged/{clock.render(self.changed_at)}"


class IdentityDeletionProcessStatusChanged(DomainEvent):
    """A deletion process was started, cancelled, or deletion has begun.

    → nobody yet: only somebody else than the owner as initiator would be news for the owner.
    """

    deletion_process_owner: Address
    deletion_process_id: IdentityDeletionProcessId
    initiator: Address
    new_status: str

    @property
    def event_id(self) -> str:
        return f"{self.deletion_process_id}/StatusChanged/{self.new_status}"


class DeletionGracePeriodReminderDue(DomainEvent):
    """An identity is going to be deleted in a few days (`reminder` 1, 2 or 3).  → push."""

    identity_address: Address
    deletion_process_id: IdentityDeletionProcessId
    reminder: int
    days_until_deletion: int

    @property
    def event_id(self) -> str:
        return f"{self.deletion_process_id}/Reminder/{self.reminder}"


class NotificationRequested(DomainEvent):
    """Somebody wants these identities to get the notification that is configured as `code`.  → push."""

    notification_id: str
    code: str
    recipients: tuple[Address, ...]
    texts: tuple[TextInLanguage, ...]

    @property
    def event_id(self) -> str:
        return f"{self.notification_id}/NotificationRequested"
