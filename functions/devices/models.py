"""What goes over the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator

from backbone.http import Base64, JsonBool, QueryModel, RequestModel, ResponseModel, Timestamp, UInt8
from backbone.ids import DeviceId, Username
from backbone.rules import broken_rule
from functions.devices.domain import DeviceAndUser, Identity
from functions.devices.registration import Registration
from functions.devices.signed_challenge import SignedChallenge


def _not_empty(text: str) -> str:
    if not text.strip():
        raise broken_rule("The value must not be empty.")
    return text


NotEmpty = Annotated[str, AfterValidator(_not_empty)]


class SignedChallengeIn(RequestModel):
    """A text and its signature."""

    challenge: str
    signature: Base64

    def read(self) -> SignedChallenge:
        """The domain's form."""
        return SignedChallenge.read(self.challenge, self.signature)


class CreateIdentityIn(RequestModel):
    """Body of POST /Identities.  Its rules come after the check of the client (devices.md, section 7.1)."""

    client_id: str
    client_secret: str
    identity_public_key: Base64
    device_password: str
    identity_version: UInt8
    signed_challenge: SignedChallengeIn
    device_communication_language: str | None = None

    def read(self) -> Registration:
        """The domain's form."""
        return Registration(
            client_id=self.client_id,
            public_key=self.identity_public_key,
            identity_version=self.identity_version,
            device_password=self.device_password,
            communication_language=self.device_communication_language,
            signed_challenge=self.signed_challenge.read(),
        )


class CreateDeviceIn(RequestModel):
    """Body of POST /Devices."""

    device_password: str
    signed_challenge: SignedChallengeIn
    communication_language: str | None = None
    is_backup_device: JsonBool | None = None


class UpdateDeviceIn(RequestModel):
    """Body of PUT /Devices/Self."""

    communication_language: str


class ChangePasswordIn(RequestModel):
    """Body of PUT /Devices/Self/Password."""

    old_password: NotEmpty
    new_password: NotEmpty


class IsDeletedQuery(QueryModel):
    """Query of GET /Identities/IsDeleted."""

    username: Username


class DevicesQuery(QueryModel):
    """Query of GET /Devices; no ids: all."""

    ids: tuple[DeviceId, ...] = ()


class FirstDeviceOut(ResponseModel):
    """The device that comes with a new identity."""

    id: str
    username: str
    created_at: Timestamp


class CreatedIdentityOut(ResponseModel):
    """Answer to POST /Identities."""

    address: str
    created_at: Timestamp
    device: FirstDeviceOut

    @classmethod
    def of(cls, identity: Identity, first: DeviceAndUser) -> "CreatedIdentityOut":
        """The wire form."""
        device = first.device
        first_out = FirstDeviceOut(id=device.id, username=device.username, created_at=device.created_at)
        return cls(address=identity.address, created_at=identity.created_at, device=first_out)


class IdentityOut(ResponseModel):
    """Answer to GET /Identities/Self."""

    address: str
    created_at: Timestamp
    identity_version: int
    tier_id: str
    status: str
    deletion_grace_period_ends_at: Timestamp | None

    @classmethod
    def of(cls, identity: Identity) -> "IdentityOut":
        """The wire form."""
        return cls(
            address=identity.address,
            created_at=identity.created_at,
            identity_version=identity.identity_version,
            tier_id=identity.tier_id,
            status=str(identity.status),
            deletion_grace_period_ends_at=identity.deletion_grace_period_ends_at,
        )


class IsDeletedOut(ResponseModel):
    """Answer to GET /Identities/IsDeleted."""

    is_deleted: bool
    deletion_date: Timestamp | None


class LastLogInOut(ResponseModel):
    """When a device logged in last."""

    time: Timestamp

    @classmethod
    def of(cls, time: datetime | None) -> "LastLogInOut | None":
        """None: never."""
        return cls(time=time) if time else None


class DeviceOut(ResponseModel):
    """A device in lists and as Self."""

    id: str
    username: str
    created_at: Timestamp
    created_by_device: str
    last_login: LastLogInOut | None
    communication_language: str
    is_backup_device: bool

    @classmethod
    def of(cls, found: DeviceAndUser) -> "DeviceOut":
        """The wire form."""
        device, user = found.device, found.user
        return cls(
            id=device.id,
            username=device.username,
            created_at=device.created_at,
            created_by_device=device.created_by_device,
            last_login=LastLogInOut.of(user.last_log_in_at),
            communication_language=device.communication_language,
            is_backup_device=user.is_backup_device,
        )


class CreatedDeviceOut(ResponseModel):
    """Answer to POST /Devices."""

    id: str
    username: str
    created_at: Timestamp
    created_by_device: str
    is_backup_device: bool

    @classmethod
    def of(cls, new: DeviceAndUser) -> "CreatedDeviceOut":
        """The wire form."""
        device = new.device
        return cls(
            id=device.id,
            username=device.username,
            created_at=device.created_at,
            created_by_device=device.created_by_device,
            is_backup_device=new.user.is_backup_device,
        )
