"""Relationship templates over HTTP.  Contract: relationships.md, section 4."""

from backbone import clock
from backbone.caller import Caller
from backbone.http import Api, Created, NoContent, Page, PageOf, page_of
from backbone.ids import RelationshipTemplateId
from backbone.quotas import Allowance, Metric
from backbone.settings import settings
from functions.relationships import creation, templates_domain
from functions.relationships.templates_models import (
    CreatedTemplateOut,
    NewTemplate,
    PasswordQuery,
    PublicTemplateReferenceOut,
    TemplateOut,
    TemplatesQuery,
)
from functions.relationships.templates_store import TemplateStore

templates_api = Api("relationships")
store = TemplateStore()


@templates_api.post("/api/v2/RelationshipTemplates", limited_by=(Metric.NUMBER_OF_RELATIONSHIP_TEMPLATES,))
def create_template(new: NewTemplate, caller: Caller, allowance: Allowance) -> Created[CreatedTemplateOut]:
    """Invite others to a relationship."""
    template, event = templates_domain.issue_template(
        caller,
        max_number_of_allocations=new.max_number_of_allocations,
        expires_at=new.expires_at,
        for_identity=new.for_identity,
        password=new.password,
        now=clock.now(),
    )
    store.add(template, new.content, event, allowance)
    return Created(
        CreatedTemplateOut(id=template.id, created_at=template.created_at),
        location=f"/api/v2/RelationshipTemplates/{template.id}",
    )


@templates_api.get("/api/v2/RelationshipTemplates/{id}")
def get_template(id: RelationshipTemplateId, query: PasswordQuery, caller: Caller) -> TemplateOut:
    """Read a template and, the first time, take one of its allocations."""
    found = creation.fetch_template(store, id, caller, password=query.password, now=clock.now())
    return TemplateOut.of(found)


@templates_api.get("/api/v2/RelationshipTemplates")
def list_templates(query: TemplatesQuery, page: Page, caller: Caller) -> PageOf[TemplateOut]:
    """Those of the given templates that the caller may open, oldest first.  Allocates nothing."""
    now = clock.now()
    existing = store.find_all((item.id for item in query.templates), caller.address)
    listed = [
        found
        for found in existing
        if found.template.is_listed_for(found.viewer, query.passwords_of(found.template), now)
    ]
    oldest_first = sorted(listed, key=lambda found: (found.template.created_at, found.template.id))
    return page_of(oldest_first, page).map(TemplateOut.of)


@templates_api.delete("/api/v2/RelationshipTemplates/{id}")
def delete_template(id: RelationshipTemplateId, caller: Caller) -> NoContent:
    """Withdraw the invitation; relationships created with it stay and forget it."""
    now = clock.now()
    found = store.find(id, caller.address)
    found.template.check_deletable_by(found.viewer, now)
    store.delete(found.template.id, now=now)
    return NoContent()


@templates_api.get("/api/poc/PublicRelationshipTemplateReferences")
def list_public_template_references(caller: Caller) -> list[PublicTemplateReferenceOut]:
    """The templates that the operator shows to users of the caller's app."""
    references = settings().public_template_references.get(caller.client_id, ())
    return [PublicTemplateReferenceOut.of(reference) for reference in references]
