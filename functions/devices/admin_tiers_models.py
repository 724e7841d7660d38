"""Tiers over the wire, for operators."""

from backbone.http import RequestModel, ResponseModel
from functions.devices.admin_tiers import TierWithCount
from functions.devices.tiers import Tier


class CreateTierIn(RequestModel):
    """Body of POST /Tiers."""

    name: str


class CreatedTierOut(ResponseModel):
    """Answer to POST /Tiers."""

    id: str
    name: str

    @classmethod
    def of(cls, tier: Tier) -> "CreatedTierOut":
        """The wire form."""
        return cls(id=tier.id, name=tier.name)


class TierInListOut(ResponseModel):
    """A tier in the list."""

    id: str
    name: str
    can_be_used_as_default_for_client: bool
    can_be_manually_assigned: bool
    number_of_identities: int

    @classmethod
    def of(cls, found: TierWithCount) -> "TierInListOut":
        """The wire form."""
        tier = found.tier
        return cls(
            id=tier.id,
            name=tier.name,
            can_be_used_as_default_for_client=tier.may_be_assigned,
            can_be_manually_assigned=tier.may_be_assigned,
            number_of_identities=found.identities,
        )
