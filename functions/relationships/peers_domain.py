"""What those who know an identity hear of it.  Contract: relationships.md, sections 5 and 6."""

from dataclasses import dataclass

from backbone.addresses import Address
from backbone.events import DomainEvent
from backbone.events.devices import FeatureFlagsOfIdentityChanged, IdentityDeletionCancelled, IdentityToBeDeleted
from backbone.events.relationships import PeerDeletionCancelled, PeerFeatureFlagsChanged, PeerToBeDeleted
from backbone.ids import RelationshipId
from functions.relationships.relationship import Status

HEAR_OF_DELETION = frozenset({Status.PENDING, Status.ACTIVE, Status.TERMINATED})
"""Statuses in which a peer hears that the other identity is to be deleted, stays, or is deleted."""
HEAR_OF_FEATURE_FLAGS = frozenset({Status.PENDING, Status.ACTIVE})


@dataclass(frozen=True, slots=True)
class Tie:
    """A relationship from the point of view of one side; `told` are the ids of the events it carries."""

    relationship_id: RelationshipId
    peer: Address
    status: Status
    told: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class News:
    """Something to tell a peer, as long as the relationship has one of these statuses.

    `unless_told` is the id of an event that makes it old news: events come in no order.
    """

    event: DomainEvent
    statuses: frozenset[Status]
    unless_told: str | None = None


def of_deletion(tie: Tie, deletion: IdentityToBeDeleted) -> News | None:
    """`PeerToBeDeleted`, unless the peer has heard already that this deletion was cancelled."""
    if tie.status not in HEAR_OF_DELETION:
        return None
    told = PeerToBeDeleted(
        peer_of_identity_to_be_deleted=tie.peer,
        relationship_id=tie.relationship_id,
        identity_to_be_deleted=deletion.identity_address,
        grace_period_ends_at=deletion.grace_period_ends_at,
        deletion_process_id=deletion.deletion_process_id,
    )
    cancelled = IdentityDeletionCancelled(
        identity_address=deletion.identity_address, deletion_process_id=deletion.deletion_process_id
    )
    return News(told, HEAR_OF_DELETION, unless_told=_cancellation(tie, cancelled).event_id)


def of_cancellation(tie: Tie, cancelled: IdentityDeletionCancelled) -> News | None:
    """`PeerDeletionCancelled`."""
    return News(_cancellation(tie, cancelled), HEAR_OF_DELETION) if tie.status in HEAR_OF_DELETION else None


def of_feature_flags(tie: Tie, changed: FeatureFlagsOfIdentityChanged) -> News | None:
    """`PeerFeatureFlagsChanged`, for a peer."""
    if tie.status not in HEAR_OF_FEATURE_FLAGS:
        return None
    return News(feature_flags_changed(changed, tie.peer), HEAR_OF_FEATURE_FLAGS)


def feature_flags_changed(changed: FeatureFlagsOfIdentityChanged, notified: Address) -> PeerFeatureFlagsChanged:
    """The event for one of those who know the identity."""
    return PeerFeatureFlagsChanged(
        peer_address=changed.identity_address, notified_identity_address=notified, changed_at=changed.changed_at
    )


def _cancellation(tie: Tie, cancelled: IdentityDeletionCancelled) -> PeerDeletionCancelled:
    return PeerDeletionCancelled(
        peer_of_identity_with_deletion_cancelled=tie.peer,
        relationship_id=tie.relationship_id,
        identity_with_deletion_cancelled=cancelled.identity_address,
        deletion_process_id=cancelled.deletion_process_id,
    )
