"""Relationships over HTTP.  Contract: relationships.md, section 3.4."""

from backbone import clock
from backbone.caller import Caller
from backbone.http import Api, Created, Page, PageOf
from backbone.ids import RelationshipId
from backbone.quotas import Allowance, Metric
from functions.relationships import creation, domain
from functions.relationships.domain import Action
from functions.relationships.models import (
    Answer,
    CanCreateOut,
    NewRelationship,
    PeerQuery,
    RelationshipMetadataOut,
    RelationshipOut,
    RelationshipsQuery,
)
from functions.relationships.store import RelationshipStore
from functions.relationships.templates_store import TemplateStore

api = Api("relationships")
store = RelationshipStore()
templates = TemplateStore()


@api.post("/api/v2/Relationships", limited_by=(Metric.NUMBER_OF_RELATIONSHIPS,))
def create_relationship(new: NewRelationship, caller: Caller, allowance: Allowance) -> Created[RelationshipMetadataOut]:
    """Ask a template's creator for a relationship.  Fetches (and allocates) the template on the way."""
    relationship = creation.create_relationship(
        store,
        templates,
        new.relationship_template_id,
        caller,
        content=new.creation_content,
        allowance=allowance,
        now=clock.now(),
    )
    return Created(RelationshipMetadataOut.of(relationship))


@api.get("/api/v2/Relationships/CanCreate")
def can_create_relationship(query: PeerQuery, caller: Caller) -> CanCreateOut:
    """Whether POST would find an obstacle.  404 for an unknown peer."""
    return CanCreateOut.of(store.obstacle_to_creation(query.peer, caller.address))


@api.get("/api/v2/Relationships/{id}")
def get_relationship(id: RelationshipId, caller: Caller) -> RelationshipOut:
    """Read a relationship that the caller takes part in and has not decomposed."""
    found = store.get(id, now=clock.now())
    found.relationship.check_readable_by(caller.address)
    return RelationshipOut.with_contents(found)


@api.get("/api/v2/Relationships")
def list_relationships(query: RelationshipsQuery, page: Page, caller: Caller) -> PageOf[RelationshipOut]:
    """Those of the given ids that the caller takes part in, decomposed ones included (section 3.3)."""
    return store.find_all(query.ids, caller.address, page, now=clock.now()).map(RelationshipOut.with_contents)


@api.put("/api/v2/Relationships/{id}/Accept", limited_by=(Metric.NUMBER_OF_RELATIONSHIPS,))
def accept_relationship(
    id: RelationshipId, answer: Answer, caller: Caller, allowance: Allowance
) -> RelationshipMetadataOut:
    """`to` agrees."""
    return _act(id, Action.ACCEPT, caller, answer, allowance)


@api.put("/api/v2/Relationships/{id}/Reject")
def reject_relationship(id: RelationshipId, answer: Answer, caller: Caller) -> RelationshipMetadataOut:
    """`to` does not agree."""
    return _act(id, Action.REJECT, caller, answer)


@api.put("/api/v2/Relationships/{id}/Revoke")
def revoke_relationship(id: RelationshipId, answer: Answer, caller: Caller) -> RelationshipMetadataOut:
    """`from` takes the request back."""
    return _act(id, Action.REVOKE, caller, answer)


@api.put("/api/v2/Relationships/{id}/Terminate")
def terminate_relationship(id: RelationshipId, caller: Caller) -> RelationshipMetadataOut:
    """Either side ends it."""
    return _act(id, Action.TERMINATE, caller)


@api.put("/api/v2/Relationships/{id}/Reactivate")
def request_reactivation(id: RelationshipId, caller: Caller) -> RelationshipMetadataOut:
    """Either side asks to resume it."""
    return _act(id, Action.REQUEST_REACTIVATION, caller)


@api.put("/api/v2/Relationships/{id}/Reactivate/Accept")
def accept_reactivation(id: RelationshipId, caller: Caller) -> RelationshipMetadataOut:
    """The other side agrees."""
    return _act(id, Action.ACCEPT_REACTIVATION, caller)


@api.put("/api/v2/Relationships/{id}/Reactivate/Reject")
def reject_reactivation(id: RelationshipId, caller: Caller) -> RelationshipMetadataOut:
    """The other side does not agree."""
    return _act(id, Action.REJECT_REACTIVATION, caller)


@api.put("/api/v2/Relationships/{id}/Reactivate/Revoke")
def revoke_reactivation(id: RelationshipId, caller: Caller) -> RelationshipMetadataOut:
    """The side that asked takes it back."""
    return _act(id, Action.REVOKE_REACTIVATION, caller)


@api.put("/api/v2/Relationships/{id}/Decompose")
def decompose_relationship(id: RelationshipId, caller: Caller) -> RelationshipMetadataOut:
    """Either side gives it up; once both have, it is ready for deletion."""
    return _act(id, Action.DECOMPOSE, caller)


def _act(
    relationship_id: RelationshipId,
    action: Action,
    caller: Caller,
    answer: Answer | None = None,
    allowance: Allowance | None = None,
) -> RelationshipMetadataOut:
    now = clock.now()
    changed = store.change(
        relationship_id,
        lambda relationship: domain.act(relationship, action, caller, now=now),
        content=answer.creation_response_content if answer else None,
        allowance=allowance,
        now=now,
    )
    return RelationshipMetadataOut.of(changed)
