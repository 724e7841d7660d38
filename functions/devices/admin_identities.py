"""What operators do with identities, over HTTP or at the command line.  Contract: admin-api.md, sections 8 and 9."""

from dataclasses import dataclass
from datetime import datetime

from backbone.addresses import Address
from backbone.caller import Caller
from backbone.ids import TierId
from functions.devices import deletion_process, tiers
from functions.devices.deletion_process import DeletionProcess, Owner
from functions.devices.deletion_process_store import DeletionProcessStore
from functions.devices.domain import DeviceAndUser, Identity
from functions.devices.store import DeviceStore
from functions.devices.tier_store import TierStore

devices = DeviceStore()
processes = DeletionProcessStore()
tier_store = TierStore()


@dataclass(frozen=True, slots=True)
class IdentityWithDevices:
    """An identity and its devices, oldest first."""

    identity: Identity
    devices: tuple[DeviceAndUser, ...]


def find_identity(address: Address) -> IdentityWithDevices:
    """1 query of identity and devices, 1 round trip for the users.  Raises `RecordNotFound`."""
    owner = processes.get_owner(address)
    in_order = sorted(owner.devices, key=lambda device: (device.created_at, device.id))
    return IdentityWithDevices(owner.identity, tuple(devices.with_users(in_order)))


def change_tier(address: Address, tier_id: TierId, *, now: datetime) -> None:
    """Move an identity to another tier.

    Raises `InvalidPropertyValue` (an id that is too short), `RecordNotFound`,
    `QueuedForDeletionTierCannotBeManuallyAssigned` or `NewAndOldMatch`.
    """
    tiers.check_length(tier_id)
    tier_store.assign(address, tier_id, now=now)


def start_deletion(address: Address, *, now: datetime) -> DeletionProcess:
    """Queue an identity for deletion without a grace period, in the name of its oldest device.

    Raises `RecordNotFound` or `OnlyOneActiveDeletionProcessAllowed`.
    """

    def start(owner: Owner) -> deletion_process.Step:
        oldest = min(owner.devices, key=lambda device: (device.created_at, device.id))
        caller = Caller(address, oldest.id, owner.identity.client_id)
        return deletion_process.start(owner, caller, 0, now=now)

    return processes.start(address, start)
