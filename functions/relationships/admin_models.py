"""What goes over the wire, relationships for operators."""

from backbone.http import QueryModel, ResponseModel, Timestamp
from functions.relationships.listing_store import ListedRelationship


class ParticipantQuery(QueryModel):
    """Whose relationships to list: any text, because what is no address has none (admin-api.md, section 11.2)."""

    participant: str


class ListedRelationshipOut(ResponseModel):
    """A relationship as its participant has it."""

    peer: str
    requested_by: str
    template_id: str | None
    status: str
    creation_date: Timestamp
    answered_at: Timestamp | None
    created_by_device: str | None
    answered_by_device: str | None

    @classmethod
    def of(cls, listed: ListedRelationship) -> "ListedRelationshipOut":
        """The wire form."""
        return cls(
            peer=listed.peer,
            requested_by="Peer" if listed.is_requested_by_peer else "Self",
            template_id=listed.template_id,
            status=listed.status.value,
            creation_date=listed.created_at,
            answered_at=listed.answered_at,
            created_by_device=listed.created_by_device,
            answered_by_device=listed.answered_by_device,
        )
