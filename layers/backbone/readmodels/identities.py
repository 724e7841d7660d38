"""Identities as other services read them.  Owner: functions/devices."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from backbone import clock
from backbone.dynamodb import Item, Key, Table, Write
from backbone.settings import settings

ACTIVE = "Active"
DELETING = "Deleting"
DEVICES, DELETION_PROCESSES = "D#", "P#"
"""What the sort keys of an identity's devices and deletion processes begin with; both have `createdAt`."""


@dataclass(frozen=True, slots=True)
class IdentityView:
    """The status of an identity (`Active`, `ToBeDeleted` or `Deleting`), and its tier."""

    status: str
    tier_id: str

    @classmethod
    def of(cls, item: Item) -> "IdentityView":
        """Read the owner's item."""
        return cls(item["status"], item["tierId"])

    @property
    def is_active(self) -> bool:
        """Neither to be deleted nor being deleted."""
        return self.status == ACTIVE


def table() -> Table:
    """The table of Devices."""
    return Table(settings().devices_table)


def key(address: str) -> Key:
    """The item of an identity."""
    return {"pk": f"ID#{address}", "sk": "I"}


def is_identity(item: Item) -> bool:
    """Whether an item of an identity's partition is the identity itself."""
    return bool(item["sk"] == "I")


def begin_of_life(item: Item) -> datetime:
    """When the identity registered.  An address may have had an identity before, which has been deleted."""
    return clock.parse(item["createdAt"])


def life_at(address: str) -> datetime | None:
    """When the identity that has this address now registered; None without one, or if it is being deleted.

    1 consistent read (1 RCU).
    """
    item = table().get(key(address))
    return begin_of_life(item) if item is not None and item["status"] != DELETING else None


def partition_of(address: str) -> Iterator[Item]:
    """The identity, its devices and its deletion processes: 1 consistent query (1 RCU per 4 KB, about 12 of them)."""
    return table().query_all("pk = :pk", {"pk": f"ID#{address}"})


def check_active(address: str) -> Write:
    """The part of a transaction that fails unless the identity exists and is active."""
    return table().checking(key(address), "#status = :active", {"active": ACTIVE})


def check_not_deleting(address: str) -> Write:
    """The part of a transaction that fails unless the identity exists and its deletion has not begun."""
    condition = "attribute_exists(pk) AND #status <> :deleting"
    return table().checking(key(address), condition, {"deleting": DELETING})
