"""What goes over the wire, relationships."""

from pydantic import Field, field_validator

from backbone.addresses import Address
from backbone.http import Base64, QueryModel, RequestModel, ResponseModel, Timestamp
from backbone.ids import RelationshipId, RelationshipTemplateId
from backbone.rules import broken_rule
from functions.relationships.items import StoredRelationship
from functions.relationships.refusals import Refusal
from functions.relationships.relationship import AuditLogEntry, Relationship


class NewRelationship(RequestModel):
    """The body of POST.  The size of the content is checked late, by the domain (relationships.md, section 3.4)."""

    relationship_template_id: RelationshipTemplateId
    creation_content: Base64 | None = None


class Answer(RequestModel):
    """The body of Accept, Reject and Revoke.  Left out means zero bytes, null means null (section 3.4)."""

    creation_response_content: Base64 | None = b""


class PeerQuery(QueryModel):
    """Whom the caller would like to have a relationship with."""

    peer: Address


class RelationshipsQuery(QueryModel):
    """Which relationships to list."""

    ids: list[RelationshipId] = Field(default=[], validate_default=True)

    @field_validator("ids")
    @classmethod
    def _at_least_one(cls, ids: list[RelationshipId]) -> list[RelationshipId]:
        if not ids:
            raise broken_rule("'ids' must not be empty.")
        return ids


class CanCreateOut(ResponseModel):
    """Whether a relationship can be created, and if not, the error code that POST would give."""

    can_create: bool
    code: str | None

    @classmethod
    def of(cls, obstacle: Refusal | None) -> "CanCreateOut":
        """The wire form."""
        return cls(can_create=obstacle is None, code=obstacle.code if obstacle else None)


class AuditLogEntryOut(ResponseModel):
    """One change of a relationship."""

    created_at: Timestamp
    created_by: str
    created_by_device: str | None
    reason: str
    old_status: str | None
    new_status: str

    @classmethod
    def of(cls, entry: AuditLogEntry) -> "AuditLogEntryOut":
        """The wire form."""
        return cls(
            created_at=entry.created_at,
            created_by=entry.created_by,
            created_by_device=entry.created_by_device,
            reason=entry.reason,
            old_status=entry.old_status,
            new_status=entry.new_status,
        )


class RelationshipMetadataOut(ResponseModel):
    """A relationship without its contents; the log is in chronological order."""

    id: str
    relationship_template_id: str | None
    from_: str = Field(serialization_alias="from")
    to: str
    created_at: Timestamp
    status: str
    audit_log: list[AuditLogEntryOut]

    @classmethod
    def of(cls, relationship: Relationship) -> "RelationshipMetadataOut":
        """The wire form."""
        return cls(
            id=relationship.id,
            relationship_template_id=relationship.template_id,
            from_=relationship.from_,
            to=relationship.to,
            created_at=relationship.created_at,
            status=relationship.status,
            audit_log=[AuditLogEntryOut.of(entry) for entry in relationship.audit_log],
        )


class RelationshipOut(RelationshipMetadataOut):
    """A relationship with its contents."""

    creation_content: Base64 | None
    creation_response_content: Base64 | None

    @classmethod
    def with_contents(cls, stored: StoredRelationship) -> "RelationshipOut":
        """The wire form."""
        return cls(
            **dict(RelationshipMetadataOut.of(stored.relationship)),
            creation_content=stored.creation_content(),
            creation_response_content=stored.creation_response_content(),
        )
