"""Events raised by Relationships.  Contract: relationships.md, section 5; events.md, section 2.2."""

from datetime import datetime

from backbone import clock
from backbone.addresses import Address
from backbone.events.base import DomainEvent
from backbone.ids import IdentityDeletionProcessId, RelationshipId, RelationshipTemplateId


class RelationshipTemplateCreated(DomainEvent):
    """A template was created.  → nobody (quotas count it with its creation)."""

    template_id: RelationshipTemplateId
    created_by: Address

    @property
    def event_id(self) -> str:
        return f"{self.template_id}/Created"


class RelationshipTemplateRemoved(DomainEvent):
    """A template was deleted or has expired long ago without having been used.  → quotas."""

    template_id: RelationshipTemplateId
    created_by: Address
    created_at: datetime

    @property
    def event_id(self) -> str:
        return f"{self.template_id}/Removed"


class RelationshipTemplateAllocationsExhausted(DomainEvent):
    """The last allocation of a template was taken.  → synchronization (for its creator)."""

    relationship_template_id: RelationshipTemplateId
    created_by: Address

    @property
    def event_id(self) -> str:
        return f"{self.relationship_template_id}/maxNumberOfAllocationsExhausted"


class RelationshipStatusChanged(DomainEvent):
    """A relationship was created, answered, terminated or decomposed.

    → synchronization (for the peer), messages.

    `audit_position` counts the entries of the audit log and makes each change unique.
    """

    relationship_id: RelationshipId
    new_status: str
    initiator: Address
    peer: Address
    was_due_to_identity_deletion: bool
    audit_position: int

    @property
    def event_id(self) -> str:
        return f"{self.relationship_id}/StatusChanged/{self.audit_position}"


class RelationshipAnonymised(DomainEvent):
    """A relationship does not name an identity any more, which had decomposed it before it was deleted.  → messages.

    Nothing else has changed, so nobody is told.
    """

    relationship_id: RelationshipId
    deleted_identity: Address
    peer: Address
    deletion_process_id: IdentityDeletionProcessId

    @property
    def event_id(self) -> str:
        return f"{self.relationship_id}/Anonymised/{self.deletion_process_id}"


class RelationshipReactivationRequested(DomainEvent):
    """One side asked for reactivation.  → synchronization (for the peer)."""

    relationship_id: RelationshipId
    requesting_identity: Address
    peer: Address
    audit_position: int

    @property
    def event_id(self) -> str:
        return f"{self.relationship_id}/ReactivationRequested/{self.audit_position}"


class RelationshipReactivationCompleted(DomainEvent):
    """A reactivation was accepted, rejected or revoked.  → synchronization (for the peer of the actor)."""

    relationship_id: RelationshipId
    new_relationship_status: str
    peer: Address
    audit_position: int

    @property
    def event_id(self) -> str:
        return f"{self.relationship_id}/ReactivationCompleted/{self.audit_position}"


class PeerToBeDeleted(DomainEvent):
    """One side of a relationship started to delete its identity.  → synchronization (for the peer)."""

    peer_of_identity_to_be_deleted: Address
    relationship_id: RelationshipId
    identity_to_be_deleted: Address
    grace_period_ends_at: datetime
    deletion_process_id: IdentityDeletionProcessId

    @property
    def event_id(self) -> str:
        return f"{self.relationship_id}/PeerToBeDeleted/{self.deletion_process_id}"


class PeerDeletionCancelled(DomainEvent):
    """The other side keeps its identity.  → synchronization (for the peer)."""

    peer_of_identity_with_deletion_cancelled: Address
    relationship_id: RelationshipId
    identity_with_deletion_cancelled: Address
    deletion_process_id: IdentityDeletionProcessId

    @property
    def event_id(self) -> str:
        return f"{self.relationship_id}/PeerDeletionCancelled/{self.deletion_process_id}"


class PeerDeleted(DomainEvent):
    """The deletion of the other side begins for real.  → synchronization (for the peer)."""

    peer_of_deleted_identity: Address
    relationship_id: RelationshipId
    deleted_identity: Address
    deletion_process_id: IdentityDeletionProcessId

    @property
    def event_id(self) -> str:
        return f"{self.relationship_id}/PeerDeleted/{self.deletion_process_id}"


class RelationshipRemoved(DomainEvent):
    """A relationship that both sides have left is gone for good.  → relationships (for its template)."""

    relationship_id: RelationshipId
    template_id: RelationshipTemplateId

    @property
    def event_id(self) -> str:
        return f"{self.relationship_id}/Removed"


class PeerFeatureFlagsChanged(DomainEvent):
    """An identity changed its feature flags.  → synchronization (for one identity that knows it)."""

    peer_address: Address
    notified_identity_address: Address
    changed_at: datetime

    @property
    def event_id(self) -> str:
        # An id has at most 128 characters, two addresses may have more; their last parts tell them apart.
        changed, notified = self.peer_address.rpartition(":")[2], self.notified_identity_address.rpartition(":")[2]
        return f"{changed}/FeatureFlagsChanged/{clock.render(self.changed_at)}/{notified}"
