"""Challenges, templates, relationships, messages: what identities do with each other."""

from typing import Any

from tests.faults.operations import operation
from tests.faults.world import Act, Person, World
from tests.unit.messages.journeys import request_to

CHALLENGES, TEMPLATES, RELATIONSHIPS, MESSAGES = (
    f"/api/v2/{name}" for name in ("Challenges", "RelationshipTemplates", "Relationships", "Messages")
)
CONTENT = "AQID"
LARGE = "A" * 40_000
"""More than an item keeps."""


@operation("POST /api/v2/Challenges")
def _(world: World) -> Act:
    return lambda: world.api.post(CHALLENGES, {}, caller=world.alice.caller)


@operation("POST /api/v2/Challenges, anonymous")
def _(world: World) -> Act:
    return lambda: world.api.post(CHALLENGES, {})


@operation("POST /api/v2/RelationshipTemplates")
def _(world: World) -> Act:
    return lambda: world.api.post(TEMPLATES, {"content": CONTENT}, caller=world.alice.caller)


@operation("POST /api/v2/RelationshipTemplates, large")
def _(world: World) -> Act:
    return lambda: world.api.post(TEMPLATES, {"content": LARGE}, caller=world.alice.caller)


def template(world: World, owner: Person | None = None, **members: Any) -> str:
    """Bob's template, unless somebody else's; its id."""
    return str(world.made(TEMPLATES, {"content": CONTENT, **members}, owner or world.bob)["id"])


def look_at(world: World, template_id: str, person: Person | None = None) -> Act:
    """Alice gets an allocation."""
    who = person or world.alice
    return lambda: world.api.get(f"{TEMPLATES}/{template_id}", caller=who.caller)


@operation("GET /api/v2/RelationshipTemplates/{id}")
def _(world: World) -> Act:
    return look_at(world, template(world))


@operation("GET /api/v2/RelationshipTemplates/{id}, limited")
def _(world: World) -> Act:
    return look_at(world, template(world, maxNumberOfAllocations=3))


@operation("GET /api/v2/RelationshipTemplates/{id}, the last of two")
def _(world: World) -> Act:
    limited = template(world, maxNumberOfAllocations=2)
    look_at(world, limited, world.person("carol"))()
    return look_at(world, limited)


@operation("DELETE /api/v2/RelationshipTemplates/{id}")
def _(world: World) -> Act:
    used = template(world, maxNumberOfAllocations=3)
    requested(world, used)
    look_at(world, used, world.person("carol"))()
    return lambda: world.api.delete(f"{TEMPLATES}/{used}", caller=world.bob.caller)


def request(world: World, template_id: str) -> Act:
    """Alice asks for a relationship."""
    body = {"relationshipTemplateId": template_id, "creationContent": CONTENT}
    return lambda: world.api.post(RELATIONSHIPS, body, caller=world.alice.caller)


def requested(world: World, template_id: str | None = None) -> str:
    """The id of Alice's Pending relationship to Bob."""
    used = template_id or template(world)
    look_at(world, used)()
    return str(
        world.api.post(
            RELATIONSHIPS, {"relationshipTemplateId": used, "creationContent": CONTENT}, caller=world.alice.caller
        ).result["id"]
    )


@operation("POST /api/v2/Relationships")
def _(world: World) -> Act:
    used = template(world)
    look_at(world, used)()
    return request(world, used)


@operation("POST /api/v2/Relationships, with a template that expires")
def _(world: World) -> Act:
    used = template(world, expiresAt="2099-01-01T00:00:00Z")
    look_at(world, used)()
    return request(world, used)


@operation("POST /api/v2/Relationships, after one that was rejected")
def _(world: World) -> Act:
    first = requested(world)
    world.api.put(f"{RELATIONSHIPS}/{first}/Reject", {}, caller=world.bob.caller)
    used = template(world)
    look_at(world, used)()
    return request(world, used)


def act(world: World, relationship: str, action: str, person: Person) -> Act:
    """PUT an action; the bodies that need to be there are `{}`."""
    body: Any = {} if action in ("Accept", "Reject", "Revoke") else ...
    return lambda: world.api.put(f"{RELATIONSHIPS}/{relationship}/{action}", body, caller=person.caller)


def _after(*steps: tuple[str, str]) -> Any:
    """Prepare all steps but the last, which is the one that is disturbed."""

    def prepare(world: World) -> Act:
        relationship = requested(world)
        *before, last = [act(world, relationship, action, getattr(world, who)) for who, action in steps]
        for step in before:
            step()
        return last

    return prepare


ACCEPT, TERMINATE, ASK = ("bob", "Accept"), ("alice", "Terminate"), ("alice", "Reactivate")
for _endpoint, _steps in {
    "Accept": [ACCEPT],
    "Reject": [("bob", "Reject")],
    "Revoke": [("alice", "Revoke")],
    "Terminate": [ACCEPT, TERMINATE],
    "Reactivate": [ACCEPT, TERMINATE, ASK],
    "Reactivate/Accept": [ACCEPT, TERMINATE, ASK, ("bob", "Reactivate/Accept")],
    "Reactivate/Reject": [ACCEPT, TERMINATE, ASK, ("bob", "Reactivate/Reject")],
    "Reactivate/Revoke": [ACCEPT, TERMINATE, ASK, ("alice", "Reactivate/Revoke")],
    "Decompose": [ACCEPT, TERMINATE, ("alice", "Decompose")],
    "Decompose, the second one": [ACCEPT, TERMINATE, ("alice", "Decompose"), ("bob", "Decompose")],
    "Decompose, rejected": [("bob", "Reject"), ("alice", "Decompose")],
}.items():
    operation(f"PUT {RELATIONSHIPS}/{{id}}/{_endpoint}")(_after(*_steps))


def message(world: World, *names: str, sender: str = "alice", **changes: Any) -> Act:
    """Alice, or another one, writes to these."""
    body = request_to(*(world.person(name).caller for name in names), **changes)
    return lambda: world.api.post(MESSAGES, body, caller=world.person(sender).caller)


def acquainted(world: World, *names: str) -> None:
    """Alice has active relationships with these."""
    for name in names:
        world.related_to(world.person(name))


@operation("POST /api/v2/Messages")
def _(world: World) -> Act:
    acquainted(world, "bob")
    return message(world, "bob")


@operation("POST /api/v2/Messages, large")
def _(world: World) -> Act:
    acquainted(world, "bob")
    return message(world, "bob", body=LARGE)


@operation("POST /api/v2/Messages, to three")
def _(world: World) -> Act:
    acquainted(world, "bob", "carol", "dave")
    return message(world, "bob", "carol", "dave")


@operation("GET /api/v2/Messages/{id}")
def _(world: World) -> Act:
    acquainted(world, "bob")
    sent = message(world, "bob")().result["id"]
    return lambda: world.api.get(f"{MESSAGES}/{sent}", caller=world.bob.caller)


@operation("GET /api/v2/Messages")
def _(world: World) -> Act:
    acquainted(world, "bob")
    for _ in range(3):
        message(world, "bob")()
    return lambda: world.api.get(MESSAGES, caller=world.bob.caller)
