"""From a template to a relationship.  Contract: relationships.md, sections 3.4 and 4.2.

Creating a relationship begins by fetching its template like everybody fetches it, with all that follows from it.
"""

from datetime import datetime

from backbone.caller import Caller
from backbone.errors import InvalidInput
from backbone.ids import RelationshipTemplateId
from backbone.quotas import Allowance, QuotaExhausted
from functions.relationships import domain, refusals
from functions.relationships.relationship import Relationship
from functions.relationships.store import RelationshipStore
from functions.relationships.templates_store import FoundTemplate, TemplateStore


def fetch_template(
    templates: TemplateStore,
    template_id: RelationshipTemplateId,
    caller: Caller,
    *,
    password: bytes | None = None,
    now: datetime,
) -> FoundTemplate:
    """The template, allocated by the caller from now on.  Raises `RecordNotFound` or `AllocationsExhausted`."""
    found = templates.find(template_id, caller.address)
    found.template.check_open_to(found.viewer, password, now)
    if found.template.is_allocated_by_fetching(found.viewer):
        templates.allocate(found.template, caller, now=now)
    return found


def create_relationship(
    relationships: RelationshipStore,
    templates: TemplateStore,
    template_id: RelationshipTemplateId,
    caller: Caller,
    *,
    content: bytes | None,
    allowance: Allowance,
    now: datetime,
) -> Relationship:
    """A new relationship with the template's creator.

    The allocation stays even when a later step fails (§11.1).  Two round trips for who has fetched the template before.
    An exhausted quota is refused as late as §3.4 says: after what is wrong with the template, the peer or the content.
    """
    allowance.postpone()
    found = fetch_template(templates, template_id, caller, now=now)
    if found.template.is_allocated_by_fetching(found.viewer):
        # It may have been deleted before the allocation was there to tell (§3.4 step 6).
        found = fetch_template(templates, template_id, caller, now=now)
    template = found.template
    flaw = domain.flaw_of_creation(content, template_creator=template.created_by, caller=caller)
    try:
        if not isinstance(flaw, InvalidInput):
            allowance.check()
        if flaw is None:
            creation = domain.create(
                template_id=template.id, template_creator=template.created_by, caller=caller, now=now
            )
            relationships.add(
                creation, content, templates.using(template, caller.address, creation.after.id, now=now), allowance
            )
            return creation.after
    except QuotaExhausted as exhausted:
        flaw = exhausted
    obstacle = relationships.obstacle_to_creation(template.created_by, caller.address)
    raise obstacle.error() if obstacle is refusals.PEER_IS_TO_BE_DELETED else flaw
