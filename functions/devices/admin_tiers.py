"""What operators do with tiers, over HTTP or at the command line.  Contract: admin-api.md, section 6."""

from dataclasses import dataclass
from datetime import datetime

from backbone.ids import TierId
from functions.devices.tier_store import TierStore
from functions.devices.tiers import Tier, check_length, fixed_tiers, new_tier

tiers = TierStore()


@dataclass(frozen=True, slots=True)
class TierWithCount:
    """A tier, and how many identities have it."""

    tier: Tier
    identities: int


def list_tiers(*, now: datetime) -> list[TierWithCount]:
    """All tiers, those included that every Backbone has."""
    return [TierWithCount(tier, tiers.count_identities(tier.id)) for tier in _all(now)]


def find_tier(name_or_id: str, *, now: datetime) -> Tier | None:
    """A tier by its name or id; a name comes first."""
    found = tiers.find(name_or_id)
    if found is None and any(name_or_id in (tier.name, tier.id) for tier in fixed_tiers()):
        tiers.set_up(now=now)
        found = tiers.find(name_or_id)
    return found


def create_tier(name: str, *, now: datetime) -> Tier:
    """Raises `InvalidTierName` or `TierNameAlreadyExists`."""
    tier = new_tier(name)
    _all(now)
    tiers.add(tier, now=now)
    return tier


def delete_tier(tier_id: TierId) -> None:
    """Raises `InvalidPropertyValue` (an id that is too short), `RecordNotFound`, or what stands in the way."""
    check_length(tier_id)
    tiers.delete(tier_id)


def _all(now: datetime) -> list[Tier]:
    """A Backbone gets the tiers it must have when somebody first asks for tiers."""
    found = tiers.all()
    if {tier.name for tier in fixed_tiers()} <= {tier.name for tier in found}:
        return found
    tiers.set_up(now=now)
    return tiers.all()
