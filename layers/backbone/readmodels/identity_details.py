"""All that the overview of identities shows of one.  Owners: functions/devices, functions/synchronization.

The stream of Devices' table tells when to look again; what its records are about is known here, too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backbone import clock
from backbone.addresses import Address
from backbone.dynamodb import Item, Key, batch_get, decode
from backbone.ids import TierId
from backbone.readmodels import datawallets, identities
from backbone.readmodels.identities import DEVICES

_IDENTITY, _USER = "ID#", "USER#"
_LAST_LOG_IN = "lastLogInAt"


@dataclass(frozen=True, slots=True)
class IdentityDetails:
    """An identity as it is now.  `last_log_in_at` is the latest of all its devices'."""

    address: Address
    client_id: str
    tier_id: TierId
    identity_version: int
    created_at: datetime
    number_of_devices: int
    last_log_in_at: datetime | None
    datawallet_version: int | None


@dataclass(frozen=True, slots=True)
class LogIn:
    """Somebody of an identity has logged in."""

    address: Address
    at: datetime


def find(address: Address) -> IdentityDetails | None:
    """None without identity.

    1 query of identity and devices (1 RCU per dozen devices); 1 batch read of their users and of the head of the
    datawallet (1 RCU each).
    """
    condition, values = "pk = :pk AND sk BETWEEN :devices AND :identity", {"devices": DEVICES, "identity": "I"}
    found = list(identities.table().query_all(condition, {**values, "pk": identities.key(address)["pk"]}))
    if not found or not identities.is_identity(found[-1]):
        return None
    identity, devices = found[-1], found[:-1]
    head, *users = batch_get(
        (datawallets.table(), datawallets.head_key(address)),
        *((identities.table(), _user_key(device)) for device in devices),
    )
    return IdentityDetails(
        address=address,
        client_id=identity["clientId"],
        tier_id=TierId(identity["tierId"]),
        identity_version=identity["identityVersion"],
        created_at=clock.parse(identity["createdAt"]),
        number_of_devices=len(devices),
        last_log_in_at=_latest(users),
        datawallet_version=(head or {}).get("version"),
    )


def _user_key(device: Item) -> Key:
    return {"pk": f"{_USER}{device['username'].upper()}", "sk": "U"}


def _latest(users: Iterable[Item | None]) -> datetime | None:
    instants = [clock.parse(user[_LAST_LOG_IN]) for user in users if user and _LAST_LOG_IN in user]
    return max(instants, default=None)


def identity_changed_by(record: Mapping[str, Any]) -> Address | None:
    """Whose identity or device a record of the stream is about: one that came, changed or went."""
    keys = decode(record["Keys"])
    is_meant = keys["sk"] == "I" or keys["sk"].startswith(DEVICES)
    return Address(keys["pk"].removeprefix(_IDENTITY)) if is_meant and keys["pk"].startswith(_IDENTITY) else None


def log_in_of(record: Mapping[str, Any]) -> LogIn | None:
    """The log-in that a record of the stream tells of, if it is the first one of its user in this hour."""
    user, before = record.get("NewImage", {}), record.get("OldImage", {})
    if not record["Keys"]["pk"]["S"].startswith(_USER) or _LAST_LOG_IN not in user:
        return None
    at = clock.parse(user[_LAST_LOG_IN]["S"])
    if _LAST_LOG_IN in before and clock.parse(before[_LAST_LOG_IN]["S"]) >= hour_of(at):
        return None
    return LogIn(Address(user["address"]["S"]), at)


def hour_of(instant: datetime) -> datetime:
    """When its hour began."""
    return instant.replace(minute=0, second=0, microsecond=0)


def some_addresses(start: Item | None) -> tuple[list[Address], Item | None]:
    """Some identities, and where to go on.  Reads 1 MB of the table of Devices whatever is in it (128 RCU)."""
    page = identities.table().scan_page(filter="sk = :identity", values={"identity": "I"}, start=start, project="pk")
    return [Address(item["pk"].removeprefix(_IDENTITY)) for item in page.items], page.last_key
