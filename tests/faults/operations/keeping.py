"""Tokens, files, the datawallet and sync runs: what identities keep."""

from typing import Any

from tests.faults.operations import operation
from tests.faults.operations.exchange import CONTENT, LARGE, acquainted, message
from tests.faults.world import Act, Person, World
from tests.unit.files import uploads
from tests.unit.files.uploads import FILES
from tests.unit.synchronization import steps
from tests.unit.synchronization.steps import SYNC_RUNS, VERSION_1, modification
from tests.unit.tokens.scenes import PASSWORD, TOKENS, WRONG_PASSWORD, given_failed_attempts, in_the_future


def token(world: World, owner: Person | None, **members: Any) -> str:
    """The id of a new token; an empty one of nobody."""
    content = {"content": CONTENT} if owner else {}
    return str(world.made(TOKENS, {"expiresAt": in_the_future(minutes=4), **content, **members}, owner)["id"])


def _create(world: World, person: Person | None, **members: Any) -> Act:
    body = {"expiresAt": in_the_future(minutes=4), **members}
    return lambda: world.api.post(TOKENS, body, caller=person.caller if person else None)


@operation("POST /api/v2/Tokens")
def _(world: World) -> Act:
    return _create(world, world.alice, content=CONTENT)


@operation("POST /api/v2/Tokens, large")
def _(world: World) -> Act:
    return _create(world, world.alice, content=LARGE)


@operation("POST /api/v2/Tokens, anonymous")
def _(world: World) -> Act:
    return _create(world, None)


@operation("GET /api/v2/Tokens/{id}")
def _(world: World) -> Act:
    of_alice = token(world, world.alice)
    return lambda: world.api.get(f"{TOKENS}/{of_alice}", caller=world.bob.caller)


def _wrong_password(world: World, before: int) -> Act:
    secret = token(world, world.alice, password=PASSWORD)

    def guess() -> Any:
        return world.api.get(f"{TOKENS}/{secret}", query={"password": WRONG_PASSWORD}, caller=world.bob.caller)

    if before:
        given_failed_attempts(secret, before)
    return guess


@operation("GET /api/v2/Tokens/{id}, wrong password")
def _(world: World) -> Act:
    return _wrong_password(world, 0)


@operation("GET /api/v2/Tokens/{id}, the wrong password that locks")
def _(world: World) -> Act:
    return _wrong_password(world, 99)


@operation("POST /api/v2/Tokens/{id}/UpdateContent")
def _(world: World) -> Act:
    empty = token(world, None)
    return lambda: world.api.post(f"{TOKENS}/{empty}/UpdateContent", {"newContent": CONTENT}, caller=world.alice.caller)


@operation("POST /api/v2/Tokens/{id}/UpdateContent, large")
def _(world: World) -> Act:
    empty = token(world, None)
    return lambda: world.api.post(f"{TOKENS}/{empty}/UpdateContent", {"newContent": LARGE}, caller=world.alice.caller)


@operation("DELETE /api/v2/Tokens/{id}")
def _(world: World) -> Act:
    of_alice = token(world, world.alice)
    world.api.get(f"{TOKENS}/{of_alice}", caller=world.bob.caller)
    return lambda: world.api.delete(f"{TOKENS}/{of_alice}", caller=world.alice.caller)


@operation("POST /api/v2/Files")
def _(world: World) -> Act:
    fields = uploads.form(owner=world.alice.address)
    return lambda: uploads.post(world.api, fields, world.alice.caller)


def file(world: World) -> Any:
    """A new file of Alice's."""
    return uploads.upload(world.api, world.alice.caller, owner=world.alice.address)


@operation("DELETE /api/v2/Files/{id}")
def _(world: World) -> Act:
    created = file(world)["id"]
    return lambda: world.api.delete(f"{FILES}/{created}", caller=world.alice.caller)


@operation("PATCH /api/v2/Files/{id}/ClaimOwnership")
def _(world: World) -> Act:
    created = file(world)
    return lambda: uploads.claim(world.api, created["id"], created["ownershipToken"], world.bob.caller)


@operation("PATCH /api/v2/Files/{id}/ClaimOwnership, wrong token")
def _(world: World) -> Act:
    created = file(world)
    return lambda: uploads.claim(world.api, created["id"], "wrong", world.bob.caller)


@operation("PATCH /api/v2/Files/{id}/RegenerateOwnershipToken")
def _(world: World) -> Act:
    created = file(world)
    return lambda: uploads.regenerate(world.api, created["id"], world.alice.caller)


@operation("POST /api/v2/Files/{id}/ValidateOwnershipToken")
def _(world: World) -> Act:
    created = file(world)
    return lambda: uploads.validate(world.api, created["id"], created["ownershipToken"], world.bob.caller)


@operation("POST /api/v2/Files/{id}/ValidateOwnershipToken, wrong token")
def _(world: World) -> Act:
    created = file(world)
    return lambda: uploads.validate(world.api, created["id"], "wrong", world.bob.caller)


def with_datawallet(world: World, person: Person) -> None:
    """Has a datawallet with two modifications."""
    steps.given_upgrade(world.api, person.caller, 1, [modification(0), modification(1)])


def news(world: World) -> None:
    """Bob has a datawallet, and an external event waits for him."""
    with_datawallet(world, world.bob)
    acquainted(world, "bob")
    message(world, "bob")()
    world.pump.deliver()


def start(world: World, **members: Any) -> Act:
    """Bob asks for a run of external events."""
    body = {"type": "ExternalEventSync", **members}
    return lambda: world.api.post(SYNC_RUNS, body, caller=world.bob.caller, headers=VERSION_1)


@operation("POST /api/v2/SyncRuns")
def _(world: World) -> Act:
    news(world)
    return start(world)


@operation("POST /api/v2/SyncRuns, in place of an abandoned one")
def _(world: World) -> Act:
    news(world)
    start(world, duration=0)()
    return start(world)


@operation("POST /api/v2/SyncRuns, upgrade")
def _(world: World) -> Act:
    body = {"type": "DatawalletVersionUpgrade"}
    return lambda: world.api.post(SYNC_RUNS, body, caller=world.bob.caller, headers=VERSION_1)


def _run(world: World) -> str:
    news(world)
    return str(start(world)().result["syncRun"]["id"])


@operation("PUT /api/v2/SyncRuns/{id}/RefreshExpirationTime")
def _(world: World) -> Act:
    run = _run(world)
    return lambda: world.api.put(f"{SYNC_RUNS}/{run}/RefreshExpirationTime", caller=world.bob.caller)


def _results(world: World, run: str, **result: str) -> list[dict[str, str]]:
    events = steps.events_of(world.api, world.bob.caller, run).result
    return [{"externalEventId": event["id"], **result} for event in events]


@operation("PUT /api/v2/SyncRuns/{id}/FinalizeExternalEventSync")
def _(world: World) -> Act:
    run = _run(world)
    results = _results(world, run)
    return lambda: steps.finalize(world.api, world.bob.caller, run, results, [modification(1), modification(2)])


@operation("PUT /api/v2/SyncRuns/{id}/FinalizeExternalEventSync, with an error")
def _(world: World) -> Act:
    run = _run(world)
    results = _results(world, run, errorCode="broken")
    return lambda: steps.finalize(world.api, world.bob.caller, run, results)


@operation("PUT /api/v2/SyncRuns/{id}/FinalizeDatawalletVersionUpgrade")
def _(world: World) -> Act:
    run = steps.given_run(world.api, world.bob.caller, "DatawalletVersionUpgrade")["id"]
    return lambda: steps.finalize_upgrade(world.api, world.bob.caller, run, 1, [modification(0)])


@operation("POST /api/v2/Datawallet/Modifications")
def _(world: World) -> Act:
    with_datawallet(world, world.bob)
    return lambda: steps.push(world.api, world.bob.caller, 1, modification(1), modification(2))


@operation("POST /api/v2/Datawallet/Modifications, more than a transaction takes")
def _(world: World) -> Act:
    with_datawallet(world, world.bob)
    many = [modification(number) for number in range(120)]
    return lambda: steps.push(world.api, world.bob.caller, 1, *many)


@operation("POST /api/v2/Datawallet/Modifications, large")
def _(world: World) -> Act:
    with_datawallet(world, world.bob)
    return lambda: steps.push(world.api, world.bob.caller, 1, modification(2, encryptedPayload=LARGE))


@operation("GET /api/v2/Datawallet/Modifications, several pages")
def _(world: World) -> Act:
    steps.given_upgrade(world.api, world.bob.caller, 1, [modification(number) for number in range(5)])
    return lambda: steps.listed(world.api, world.bob.caller, PageSize=2)
