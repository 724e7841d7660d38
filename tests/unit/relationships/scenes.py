"""What the tests of this folder begin with."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.dynamodb import Item, client, decode
from backbone.events import carried_by
from backbone.readmodels.relationships import relationship_key, table
from functions.relationships import api as relationships_api
from functions.relationships import templates_api
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import given_identity, given_relationship

RELATIONSHIPS = "/api/v2/Relationships"
TEMPLATES = "/api/v2/RelationshipTemplates"
VALIDATION = "error.platform.validation"
INVALID = (400, f"{VALIDATION}.invalidPropertyValue")
UNPARSABLE = (400, "error.platform.inputCannotBeParsed")
NOT_FOUND = (404, "error.platform.recordNotFound")
FORBIDDEN = (403, "error.platform.forbidden")
EXHAUSTED = (400, f"{VALIDATION}.relationshipTemplate.maxNumberOfAllocationsExhausted")
CONTENT = "AQID"  # three bytes; the same in base64 and base64url


def refused(name: str) -> tuple[int, str]:
    """400 with a code of this module."""
    return 400, f"{VALIDATION}.relationship.{name}"


def active_caller() -> Caller:
    """Somebody whose identity exists."""
    caller = new_caller()
    given_identity(caller.address)
    return caller


def given_template(api: InProcessApi, owner: Caller, **members: Any) -> str:
    """A new template; gives its id."""
    created = api.post(TEMPLATES, {"content": CONTENT, **members}, caller=owner).result
    return str(created["id"])


def fetch(api: InProcessApi, template_id: str, caller: Caller, **query: str) -> Answer:
    """GET a template."""
    return api.get(f"{TEMPLATES}/{template_id}", query=query, caller=caller)


def create(api: InProcessApi, template_id: str, caller: Caller, **members: Any) -> Answer:
    """POST a relationship."""
    body = {"relationshipTemplateId": template_id, "creationContent": CONTENT, **members}
    return api.post(RELATIONSHIPS, body, caller=caller)


@dataclass(frozen=True)
class Two:
    """Two identities and a relationship of theirs."""

    api: InProcessApi
    from_: Caller
    to: Caller
    id: str

    def act(self, action: str, who: Caller, body: Any = ...) -> Answer:
        """PUT an action; the bodies that need to be there are `{}`."""
        if body is ... and action in ("Accept", "Reject", "Revoke"):
            body = {}
        return self.api.put(f"{RELATIONSHIPS}/{self.id}/{action}", body, caller=who)

    def get(self, who: Caller) -> Answer:
        """GET it."""
        return self.api.get(f"{RELATIONSHIPS}/{self.id}", caller=who)

    def other(self, who: Caller) -> Caller:
        """The peer."""
        return self.to if who is self.from_ else self.from_

    @property
    def events(self) -> list[dict[str, Any]]:
        """The domain events of its last change."""
        return events_of(relationship_key(self.id))


def two(api: InProcessApi, status: str = "Pending") -> Two:
    """A relationship that has come to a status in the shortest way.

    DeletionProposed: `from` has decomposed a rejected one.
    """
    from_, to = active_caller(), active_caller()
    return Two(api, from_, to, given_relationship(from_.address, to.address, status).id)


def events_of(key: Any) -> list[dict[str, Any]]:
    """The domain events an item carries."""
    item = table().get(key)
    assert item is not None
    return [{"name": event.name, **event.payload} for event in carried_by(item)]


def in_the_future(**delta: float) -> str:
    """A timestamp as clients send it."""
    return clock.render(clock.now() + timedelta(**delta))


def at(monkeypatch: pytest.MonkeyPatch, instant: datetime) -> None:
    """Let the clock stand still for the service; tokens are made and checked by the real one."""
    still = SimpleNamespace(now=lambda: instant)
    for module in (relationships_api, templates_api):
        monkeypatch.setattr(module, "clock", still)


def stored_items() -> list[Item]:
    """Everything in the table."""
    return [decode(item) for item in client().scan(TableName=table().name)["Items"]]
