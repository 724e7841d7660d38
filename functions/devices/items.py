"""The items of identities, devices and users: keys and attributes.  Only the stores use them."""

from datetime import datetime
from typing import Any

from backbone import clock
from backbone.addresses import Address
from backbone.dynamodb import Item, Key
from backbone.ids import DeviceId, TierId, Username
from functions.devices.domain import Device, Identity, IdentityStatus
from functions.devices.log_in import User


def identity_key(address: str) -> Key:
    """An identity."""
    return {"pk": f"ID#{address}", "sk": "I"}


def device_key(address: str, device_id: str) -> Key:
    """A device, in its identity's partition."""
    return {"pk": f"ID#{address}", "sk": f"D#{device_id}"}


def owner_key(device_id: str) -> Key:
    """Whose device it is."""
    return {"pk": f"DEVICE#{device_id}", "sk": "P"}


def user_key(log_in_name: str) -> Key:
    """What a device logs in with, by its name in any case."""
    return {"pk": f"USER#{log_in_name.upper()}", "sk": "U"}


def _rendered(instant: datetime | None) -> str | None:
    return clock.render(instant) if instant else None


def _time(item: Item, name: str) -> datetime | None:
    return clock.parse(item[name]) if name in item else None


def identity_item(identity: Identity) -> dict[str, Any]:
    """An identity's attributes; None stands for a missing one."""
    return {
        "address": identity.address,
        "publicKey": identity.public_key,
        "identityVersion": identity.identity_version,
        "clientId": identity.client_id,
        "tierId": identity.tier_id,
        "tierIdBeforeDeletion": identity.tier_id_before_deletion,
        "status": str(identity.status),
        "createdAt": clock.render(identity.created_at),
        "deletionGracePeriodEndsAt": _rendered(identity.deletion_grace_period_ends_at),
        "backupDeviceId": identity.backup_device_id,
    }


def identity_of(item: Item) -> Identity:
    """The inverse of `identity_item`."""
    backup_device_id, tier_before = item.get("backupDeviceId"), item.get("tierIdBeforeDeletion")
    return Identity(
        address=Address(item["address"]),
        public_key=item["publicKey"],
        identity_version=item["identityVersion"],
        client_id=item["clientId"],
        tier_id=TierId(item["tierId"]),
        status=IdentityStatus(item["status"]),
        created_at=clock.parse(item["createdAt"]),
        tier_id_before_deletion=TierId(tier_before) if tier_before else None,
        deletion_grace_period_ends_at=_time(item, "deletionGracePeriodEndsAt"),
        backup_device_id=DeviceId(backup_device_id) if backup_device_id else None,
    )


def device_item(device: Device) -> dict[str, Any]:
    """A device's attributes."""
    return {
        "deviceId": device.id,
        "address": device.address,
        "username": device.username,
        "createdAt": clock.render(device.created_at),
        "createdByDevice": device.created_by_device,
        "communicationLanguage": device.communication_language,
    }


def device_of(item: Item) -> Device:
    """The inverse of `device_item`."""
    return Device(
        id=DeviceId(item["deviceId"]),
        address=Address(item["address"]),
        username=Username(item["username"]),
        created_at=clock.parse(item["createdAt"]),
        created_by_device=DeviceId(item["createdByDevice"]),
        communication_language=item["communicationLanguage"],
    )


def user_item(user: User) -> dict[str, Any]:
    """A user's attributes; None stands for a missing one."""
    return {
        "username": user.username,
        "userId": user.user_id,
        "address": user.address,
        "deviceId": user.device_id,
        "passwordHash": user.password_hash,
        "isBackupDevice": user.is_backup_device or None,
        "failedLogIns": user.failed_log_ins,
        "lockedUntil": _rendered(user.locked_until),
        "lastLogInAt": _rendered(user.last_log_in_at),
        "deletionGracePeriodEndsAt": _rendered(user.deletion_grace_period_ends_at),
    }


def user_of(item: Item) -> User:
    """The inverse of `user_item`."""
    return User(
        username=Username(item["username"]),
        user_id=item["userId"],
        address=Address(item["address"]),
        device_id=DeviceId(item["deviceId"]),
        password_hash=item["passwordHash"],
        is_backup_device=item.get("isBackupDevice", False),
        failed_log_ins=item["failedLogIns"],
        locked_until=_time(item, "lockedUntil"),
        last_log_in_at=_time(item, "lastLogInAt"),
        deletion_grace_period_ends_at=_time(item, "deletionGracePeriodEndsAt"),
    )
