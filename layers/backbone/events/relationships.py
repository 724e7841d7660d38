"""Events raised by Relationships.  Contract: relationships.md, section 5; events.md, section 2.2."""

from backbone.addresses import Address
from backbone.events.base import DomainEvent
from backbone.ids import RelationshipId, RelationshipTemplateId


class RelationshipTemplateCreated(DomainEvent):
    """A template was created.  → quotas."""

    template_id: RelationshipTemplateId
    created_by: Address

    @property
    def event_id(self) -> str:
        return f"{self.template_id}/Created"


class RelationshipTemplateAllocationsExhausted(DomainEvent):
    """The last allocation of a template was taken.  → synchronization (for its creator)."""

    relationship_template_id: RelationshipTemplateId
    created_by: Address

    @property
    def event_id(self) -> str:
        return f"{self.relationship_template_id}/maxNumberOfAllocationsExhausted"


class RelationshipStatusChanged(DomainEvent):
    """A relationship was created, answered, terminated or decomposed.

    → synchronization (for the peer), messages, quotas.

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
