"""What consumers make of what has happened: all events of a cause, and what follows from them, delivered in one go."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

from backbone import clock
from backbone.dynamodb import Table
from backbone.settings import settings
from functions.messages import domain as messages_domain
from functions.relationships import unused_templates_store
from tests.faults.operations import OPERATIONS, operation
from tests.faults.operations.devices import DEVICE_PUSH, registered_for_push
from tests.faults.operations.exchange import acquainted, act, look_at, message, requested, template
from tests.faults.operations.jobs import delete_due, given_due
from tests.faults.operations.keeping import news, token, with_datawallet
from tests.faults.world import Act, World
from tests.support.builders import given_device
from tests.unit.synchronization.steps import modification, push


def _listening(world: World) -> None:
    """Alice has a phone, and so has Bob, who also listens."""
    registered_for_push(world, world.alice)
    registered_for_push(world, world.bob, "sse")
    world.api.get("/api/v2/sse", caller=world.bob.caller)
    world.pump.deliver()


def _following(world: World, cause: Act) -> Act:
    """Everything before is delivered, then the cause happens; its events are what is disturbed."""
    _listening(world)
    cause()
    return lambda: world.pump.deliver()


def _events_of(name: str) -> None:
    @operation(f"events: {name}")
    def _(world: World) -> Act:
        return _following(world, OPERATIONS[name].prepare(world))


_RELATIONSHIPS = "PUT /api/v2/Relationships/{id}"
for _name in (
    "POST /api/v2/Messages, to three",
    "GET /api/v2/RelationshipTemplates/{id}, the last of two",
    "POST /api/v2/Relationships",
    f"{_RELATIONSHIPS}/Accept",
    f"{_RELATIONSHIPS}/Reject",
    f"{_RELATIONSHIPS}/Revoke",
    f"{_RELATIONSHIPS}/Terminate",
    f"{_RELATIONSHIPS}/Reactivate",
    f"{_RELATIONSHIPS}/Reactivate/Reject",
    f"{_RELATIONSHIPS}/Reactivate/Revoke",
    f"{_RELATIONSHIPS}/Decompose, rejected",
    "PATCH /api/v2/Files/{id}/ClaimOwnership",
    "PATCH /api/v2/Files/{id}/ClaimOwnership, wrong token",
    "DELETE /api/v2/Files/{id}",
    "GET /api/v2/Tokens/{id}, the wrong password that locks",
    "DELETE /api/v2/Tokens/{id}",
    "POST /api/v2/Tokens/{id}/UpdateContent",
    "DELETE /api/v2/RelationshipTemplates/{id}",
    "PUT /api/v2/SyncRuns/{id}/FinalizeDatawalletVersionUpgrade",
    "POST /api/v2/Devices/Self/PushNotifications/SendTestNotification",
    "POST /api/v2/Notifications",
    "POST /connect/token, first use of a backup device",
    "POST /api/v2/Identities/Self/DeletionProcesses",
    "PUT /api/v2/Identities/Self/DeletionProcesses/{id}/Cancel",
    "admin POST /api/v1/Announcements",
    "admin POST /api/v1/Announcements, to some",
    "admin DELETE /api/v1/Tiers/{id}",
    "job: reminders",
):
    _events_of(_name)


def _steps(world: World, relationship: str, steps: Iterable[tuple[str, str]]) -> None:
    for who, action in steps:
        assert act(world, relationship, action, getattr(world, who))().status == 200


@operation("events: a message that waits for the reactivation")
def _(world: World) -> Act:
    relationship = requested(world)
    _steps(world, relationship, [("bob", "Accept"), ("alice", "Terminate")])
    message(world, "bob")()
    _steps(world, relationship, [("alice", "Reactivate")])
    return _following(world, act(world, relationship, "Reactivate/Accept", world.bob))


def _with_messages(world: World) -> str:
    """A terminated relationship, and a message in each direction."""
    relationship = requested(world)
    _steps(world, relationship, [("bob", "Accept")])
    message(world, "bob")()
    message(world, "alice", sender="bob")()
    _steps(world, relationship, [("alice", "Terminate")])
    return relationship


@operation("events: decomposition with messages")
def _(world: World) -> Act:
    return _following(world, act(world, _with_messages(world), "Decompose", world.alice))


@operation("events: the second decomposition with messages")
def _(world: World) -> Act:
    relationship = _with_messages(world)
    _steps(world, relationship, [("alice", "Decompose")])
    return _following(world, act(world, relationship, "Decompose", world.bob))


@operation("events: feature flags, told to peers and to who has allocated a template")
def _(world: World) -> Act:
    acquainted(world, "bob")
    look_at(world, template(world, world.alice), world.person("carol"))()
    return _following(world, OPERATIONS["PATCH /api/v2/Identities/Self/FeatureFlags"].prepare(world))


@operation("events: a deletion is cancelled, told to peers")
def _(world: World) -> Act:
    acquainted(world, "bob")
    return _following(world, OPERATIONS["PUT /api/v2/Identities/Self/DeletionProcesses/{id}/Cancel"].prepare(world))


@operation("events: a message that numbers mailboxes")
def _(world: World) -> Act:
    world.patch(messages_domain, "is_milestone", lambda message_id: True)
    acquainted(world, "bob")
    for _ in range(3):
        message(world, "bob")()
    return _following(world, message(world, "bob"))


@operation("events: a challenge is removed")
def _(world: World) -> Act:
    world.made("/api/v2/Challenges", {}, world.alice)
    return _following(world, lambda: _remove_all("challenges", "CHL"))


def _remove_all(service: str, prefix: str) -> None:
    """As TTL does it."""
    table = Table(getattr(settings(), f"{service}_table"))
    found = table.scan_page(filter="begins_with(pk, :prefix)", values={"prefix": prefix}, project="pk, sk")
    for item in found.items:
        table.delete(item)


@operation("events: a relationship is removed, and its template has expired")
def _(world: World) -> Act:
    used = template(world, expiresAt=clock.render(clock.now() + timedelta(hours=1)))
    relationship = requested(world, used)
    world.patch(unused_templates_store, "IN_FLIGHT", timedelta(days=-1))
    act(world, relationship, "Reject", world.bob)()
    _steps(world, relationship, [("alice", "Decompose"), ("bob", "Decompose")])
    return _following(world, lambda: _remove_all("relationships", "REL"))


@operation("events: the datawallet is modified, and there is another device")
def _(world: World) -> Act:
    with_datawallet(world, world.bob)
    other = given_device(world.bob.identity).device.id
    body = {"platform": "apns", "handle": "handle-of-another-phone", "appId": "org.example.app"}
    world.api.put(DEVICE_PUSH, body, caller=replace(world.bob.caller, device_id=other))
    return _following(world, lambda: push(world.api, world.bob.caller, 1, modification(1)))


@operation("events: compaction is due")
def _(world: World) -> Act:
    with_datawallet(world, world.bob)
    push(world.api, world.bob.caller, 1, modification(0, type="Delete"))
    return _following(world, lambda: _remove_timers())


def _remove_timers() -> None:
    table = Table(settings().synchronization_table)
    found = table.scan_page(filter="sk = :timer", values={"timer": "TIMER"}, project="pk, sk")
    for item in found.items:
        table.delete(item)


def _full_life(world: World) -> None:
    """Alice has something everywhere."""
    news(world)
    with_datawallet(world, world.alice)
    message(world, "alice", sender="bob")()
    look_at(world, template(world))()
    look_at(world, template(world, world.alice, maxNumberOfAllocations=2), world.bob)()
    template(world, forIdentity=world.alice.address)
    token(world, world.alice)
    for_alice = token(world, world.bob, forIdentity=world.alice.address)
    world.api.get(f"/api/v2/Tokens/{for_alice}", caller=world.alice.caller)
    OPERATIONS["PATCH /api/v2/Files/{id}/ClaimOwnership"].prepare(world)()
    OPERATIONS["POST /api/v2/Files"].prepare(world)()
    world.made("/api/v2/Challenges", {}, world.alice)
    OPERATIONS["admin POST /api/v1/Announcements, to some"].prepare(world)()
    OPERATIONS["PATCH /api/v2/Identities/Self/FeatureFlags"].prepare(world)()
    world.pump.deliver()


@operation("events: the deletion of an identity")
def _(world: World) -> Act:
    _full_life(world)
    given_due(world.alice)
    return _following(world, delete_due)


@operation("events: the deletion of an identity that had decomposed before")
def _(world: World) -> Act:
    _steps(world, _with_messages(world), [("alice", "Decompose")])
    world.pump.deliver()
    given_due(world.alice)
    return _following(world, delete_due)


@operation("events: the deletion of both, and the orphans")
def _(world: World) -> Act:
    acquainted(world, "bob")
    message(world, "bob")()
    given_due(world.alice, world.bob)
    return _following(world, delete_due)


def _overview(cause: str) -> Callable[[World], Act]:
    def prepare(world: World) -> Act:
        happen = OPERATIONS[cause].prepare(world)
        world.follow_overview()
        happen()
        return world.follow_overview

    return prepare


for _name in ("POST /api/v2/Identities", "admin PUT /api/v1/Identities/{address}", "POST /connect/token"):
    operation(f"stream: the overview after {_name}")(_overview(_name))


@operation("stream: the overview after a deletion")
def _(world: World) -> Act:
    given_due(world.alice)
    world.follow_overview()
    delete_due()
    world.pump.deliver()
    return world.follow_overview
