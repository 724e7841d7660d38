"""What is true of identities and their devices.  Contract: devices.md, sections 1, 7 and 10."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from backbone.addresses import Address
from backbone.caller import Caller
from backbone.errors import InvalidPropertyValue, RecordNotFound
from backbone.ids import DeviceId, TierId, Username
from functions.devices.errors import DeviceCannotBeDeleted, OnlyOneBackupDeviceCanExist
from functions.devices.log_in import User
from functions.devices.oauth_clients import Client

MAX_PUBLIC_KEY_BYTES = 1024
"""Clients' key objects have about 100 bytes.  They may have members of their own, but the object is stored."""


class IdentityStatus(StrEnum):
    """As stored and as sent."""

    ACTIVE = "Active"
    TO_BE_DELETED = "ToBeDeleted"
    DELETING = "Deleting"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whoever owns a key.  `public_key` is the client's JSON as it was sent."""

    address: Address
    public_key: bytes
    identity_version: int
    client_id: str
    tier_id: TierId
    status: IdentityStatus
    created_at: datetime
    tier_id_before_deletion: TierId | None = None
    deletion_grace_period_ends_at: datetime | None = None
    backup_device_id: DeviceId | None = None

    def check_backup_device(self) -> None:
        """Raises `OnlyOneBackupDeviceCanExist` when there is one already."""
        if self.backup_device_id is not None:
            raise OnlyOneBackupDeviceCanExist


@dataclass(frozen=True, slots=True)
class Device:
    """An installation of an identity.  What changes with its log-ins is its `User`'s."""

    id: DeviceId
    address: Address
    username: Username
    created_at: datetime
    created_by_device: DeviceId
    communication_language: str


@dataclass(frozen=True, slots=True)
class DeviceAndUser:
    """A device and what it logs in with."""

    device: Device
    user: User


@dataclass(frozen=True, slots=True)
class Ids:
    """Where new ids come from."""

    device: Callable[[], DeviceId] = DeviceId.new
    username: Callable[[], Username] = Username.new
    user: Callable[[], str] = lambda: str(uuid.uuid4())


NEW_IDS = Ids()


def new_identity(
    *, address: Address, public_key: bytes, identity_version: int, client: Client, now: datetime
) -> Identity:
    """An identity in its client's default tier."""
    return Identity(
        address=address,
        public_key=public_key,
        identity_version=identity_version,
        client_id=client.client_id,
        tier_id=client.default_tier,
        status=IdentityStatus.ACTIVE,
        created_at=now,
    )


def new_device(
    identity: Identity,
    *,
    caller: Caller | None,
    password_hash: str,
    communication_language: str,
    is_backup_device: bool = False,
    now: datetime,
    ids: Ids = NEW_IDS,
) -> DeviceAndUser:
    """A device of `identity`, created by the caller's; the first one (no caller) is said to have created itself."""
    device_id = ids.device()
    username = ids.username()
    device = Device(
        id=device_id,
        address=identity.address,
        username=username,
        created_at=now,
        created_by_device=caller.device_id if caller else device_id,
        communication_language=communication_language,
    )
    user = User(
        username=username,
        user_id=ids.user(),
        address=identity.address,
        device_id=device_id,
        password_hash=password_hash,
        is_backup_device=is_backup_device,
        deletion_grace_period_ends_at=identity.deletion_grace_period_ends_at,
    )
    return DeviceAndUser(device, user)


@dataclass(frozen=True, slots=True)
class DeviceToDelete:
    """What is known of a device that `caller` wants to delete: whose it is, and the device if it is the caller's.

    Either may be missing alone, when somebody else deletes the device while it is read.
    """

    caller: Address
    owner: Address | None
    own: Device | None
    is_backup_device: bool

    def check(self) -> Device:
        """The device, if the caller may delete it.  Raises `RecordNotFound` or `DeviceCannotBeDeleted`."""
        if self.owner is not None and self.owner != self.caller:
            raise DeviceCannotBeDeleted
        if self.owner is None or self.own is None:
            raise RecordNotFound("Device")
        return self.own


def check_public_key_size(public_key: bytes) -> None:
    """Raises `InvalidPropertyValue` for more than an item should carry (the reference has no limit)."""
    if len(public_key) > MAX_PUBLIC_KEY_BYTES:
        raise InvalidPropertyValue(f"'identityPublicKey' must not have more than {MAX_PUBLIC_KEY_BYTES} bytes.")


def require_content(**properties: str | bytes) -> None:
    """Raises `InvalidPropertyValue` for the first one that is empty or nothing but white space."""
    for name, value in properties.items():
        if not (value.strip() if isinstance(value, str) else value):
            raise InvalidPropertyValue(f"'{name}' must not be empty.")
