"""Tiers as other services read them.  Owner: functions/devices."""

from dataclasses import dataclass

from backbone.dynamodb import Item, Key, Table, Write
from backbone.ids import QUEUED_FOR_DELETION_TIER, TierId
from backbone.settings import settings

QUEUED_FOR_DELETION_ID = QUEUED_FOR_DELETION_TIER
_TIERS = "TIERS"


@dataclass(frozen=True, slots=True)
class TierView:
    """A tier that exists."""

    id: TierId
    name: str

    @classmethod
    def of(cls, item: Item) -> "TierView":
        """Read the owner's item."""
        return cls(TierId(item["sk"]), item["name"])


def table() -> Table:
    """The table of Devices."""
    return Table(settings().devices_table)


def key(tier_id: str) -> Key:
    """The item of a tier.  All tiers are in one partition, which is read as a whole to list them."""
    return {"pk": _TIERS, "sk": tier_id}


def find(tier_id: str) -> TierView | None:
    """1 read (1 RCU).  None for an id that no tier has, whatever it looks like."""
    if not tier_id or not TierId.is_valid(tier_id):
        return None
    item = table().get(key(tier_id))
    return TierView.of(item) if item else None


def all_tiers() -> tuple[TierView, ...]:
    """1 query (1 RCU per some 40 tiers), in no particular order."""
    return tuple(map(TierView.of, table().query_all("pk = :pk", {"pk": _TIERS})))


def check_exists(tier_id: str) -> Write:
    """The part of a transaction that fails unless there is this tier."""
    return table().checking(key(tier_id), "attribute_exists(pk)")
