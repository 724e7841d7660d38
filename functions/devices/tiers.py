"""What is true of tiers.  Contract: admin-api.md, sections 4 and 6."""

from collections.abc import Callable
from dataclasses import dataclass

from backbone.errors import InvalidPropertyValue
from backbone.ids import LENGTH, QUEUED_FOR_DELETION_TIER, TierId
from functions.devices.errors import (
    BasicTierCannotBeDeleted,
    InvalidTierName,
    NewAndOldMatch,
    QueuedForDeletionTierCannotBeDeleted,
    QueuedForDeletionTierCannotBeManuallyAssigned,
    UsedTierCannotBeDeleted,
)

BASIC = "Basic"
QUEUED_FOR_DELETION = "Queued for Deletion"
MIN_NAME_LENGTH, MAX_NAME_LENGTH = 3, 30
_INVALID_ID = "error.platform.validation.invalidId"


@dataclass(frozen=True, slots=True)
class Tier:
    """A class of identities, which decides on their quotas."""

    id: TierId
    name: str

    @property
    def is_queued_for_deletion(self) -> bool:
        """It belongs to deletion processes: nobody else puts identities into it or takes them out."""
        return self.id == QUEUED_FOR_DELETION_TIER

    @property
    def may_be_assigned(self) -> bool:
        """Whether operators should give it, to identities or as a client's default."""
        return not self.is_queued_for_deletion

    def check_deletable(self, use: "TierInUse") -> None:
        """Raises `UsedTierCannotBeDeleted`, `BasicTierCannotBeDeleted` or `QueuedForDeletionTierCannotBeDeleted`."""
        if use.is_used:
            raise UsedTierCannotBeDeleted
        if self.name == BASIC:
            raise BasicTierCannotBeDeleted
        if self.is_queued_for_deletion:
            raise QueuedForDeletionTierCannotBeDeleted


@dataclass(frozen=True, slots=True)
class TierInUse:
    """A tier, and who needs it: clients that give it, identities that have it or get it back.

    `queued` identities are in the tier for deletion now; if they cancel their deletion, they return to this one.
    """

    tier: Tier
    clients: int
    identities: int
    queued: int

    @property
    def is_used(self) -> bool:
        """Somebody would miss it."""
        return self.clients > 0 or self.identities > 0 or self.queued > 0


def new_tier(name: str, new_id: Callable[[], TierId] = TierId.new) -> Tier:
    """A tier of this name.  Raises `InvalidTierName`."""
    if not may_be_name(name):
        raise InvalidTierName(MIN_NAME_LENGTH, MAX_NAME_LENGTH)
    return Tier(new_id(), name)


def may_be_name(text: str) -> bool:
    """Whether a tier can have this name."""
    return MIN_NAME_LENGTH <= len(text) <= MAX_NAME_LENGTH


def fixed_tiers(new_id: Callable[[], TierId] = TierId.new) -> tuple[Tier, ...]:
    """The tiers every Backbone has."""
    return Tier(new_id(), BASIC), Tier(QUEUED_FOR_DELETION_TIER, QUEUED_FOR_DELETION)


def check_length(tier_id: TierId) -> None:
    """Raises `InvalidPropertyValue` for an id that is too short to be one (admin-api.md, sections 4 and 6)."""
    if len(tier_id) != LENGTH:
        raise InvalidPropertyValue(f"The id of a tier has {LENGTH} characters.", _INVALID_ID)


def check_assignment(old: TierId, new: TierId) -> None:
    """Whether an operator may move an identity.

    Raises `QueuedForDeletionTierCannotBeManuallyAssigned` or `NewAndOldMatch`.
    """
    if QUEUED_FOR_DELETION_TIER in (old, new):
        raise QueuedForDeletionTierCannotBeManuallyAssigned
    if old == new:
        raise NewAndOldMatch
