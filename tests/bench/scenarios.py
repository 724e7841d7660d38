"""One scenario per endpoint: how to get ready for a typical request of about 1 KB, and the request."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from enmeshed import Account
from enmeshed.protocol.challenges import sign_challenge
from enmeshed.protocol.crypto import SignatureKeyPair
from tests.bench.world import CLIENT, World, credentials_of, token_of
from tests.people import Identity

KILOBYTE = base64.urlsafe_b64encode(b"x" * 900).decode().rstrip("=")
FORM = {"content-type": "application/x-www-form-urlencoded"}
VERSION = {"x-supported-datawallet-version": "1"}


@dataclass(frozen=True)
class Request:
    """A request that is ready to be sent; `expect` is the status it must get."""

    method: str
    path: str
    expect: int = 200
    options: dict[str, Any] = field(default_factory=dict)


Prepare = Callable[[World], Request]


@dataclass(frozen=True)
class Scenario:
    """`hot`: part of what clients do all day, so at most two sequential round trips and 5 ms of CPU."""

    endpoint: str
    prepare: Prepare
    hot: bool = True
    cpu_target_ms: float = 5.0


def _as(device: Account, method: str, path: str, expect: int = 200, **options: Any) -> Request:
    return Request(method, path, expect, {"token": token_of(device), **options})


def _modification(number: int = 0) -> dict[str, Any]:
    return {
        "objectIdentifier": f"object{number}",
        "collection": "Messages",
        "type": "Create",
        "payloadCategory": "Content",
        "datawalletVersion": 1,
        "encryptedPayload": KILOBYTE,
    }


def _new_event(world: World) -> None:
    body = _message_body(world.alice.address)
    world.api.post("/api/v2/Messages", body, token=token_of(world.bob.device))
    world.pump.deliver()


def _start_run(world: World, kind: str = "ExternalEventSync", device: Account | None = None) -> str:
    # Expires at once: it can be used all the same, and does not stand in the way of the next one.
    body = {"type": kind, "duration": 0}
    options: dict[str, Any] = {
        "json_body": body,
        "token": token_of(device or world.alice.device),
        "headers": VERSION,
    }
    run: str = world.api.request("POST", "/api/v2/SyncRuns", **options).result["syncRun"]["id"]
    return run


def catch_up(world: World) -> None:
    """Alice has fetched and processed everything, so that no limit of unreceived messages is met."""
    world.pump.deliver()
    token = token_of(world.alice.device)
    world.api.get("/api/v2/Messages", query={"pageSize": 200}, token=token)
    body = {"type": "ExternalEventSync", "duration": 0}
    while run := world.api.post("/api/v2/SyncRuns", body, token=token, headers=VERSION).result["syncRun"]:
        finish = _finalize(world, run["id"])
        world.api.request(finish.method, finish.path, **finish.options)


def _finalize(world: World, run: str) -> Request:
    path = f"/api/v2/SyncRuns/{run}"
    device = world.alice.device
    events = world.api.get(f"{path}/ExternalEvents", token=token_of(device), headers=VERSION).result
    results = [{"externalEventId": event["id"]} for event in events]
    body = {"externalEventResults": results, "datawalletModifications": []}
    return _as(device, "PUT", f"{path}/FinalizeExternalEventSync", json_body=body, headers=VERSION)


def token_request(world: World) -> Request:
    """A log-in with the right password in a warm function."""
    credentials = credentials_of(world.alice.device)
    form = {
        "client_id": CLIENT[0],
        "client_secret": CLIENT[1],
        "grant_type": "password",
        "username": credentials.username,
        "password": credentials.password,
    }
    return Request("POST", "/connect/token", options={"body": urlencode(form).encode(), "headers": FORM})


def create_identity(world: World) -> Request:
    """A registration."""
    key = SignatureKeyPair.generate()
    challenge = world.api.post("/api/v2/Challenges", {}).result
    body = {
        "clientId": CLIENT[0],
        "clientSecret": CLIENT[1],
        "identityPublicKey": key.public.base64(),
        "devicePassword": "password",
        "identityVersion": 1,
        "signedChallenge": sign_challenge(challenge, key),
    }
    return Request("POST", "/api/v2/Identities", 201, {"json_body": body})


def register_device(world: World) -> Request:
    """A second device."""
    device = world.alice.device
    challenge = world.api.post("/api/v2/Challenges", {}, token=token_of(device)).result
    body = {"devicePassword": "password", "signedChallenge": sign_challenge(challenge, device.session.admin_key)}
    return _as(device, "POST", "/api/v2/Devices", 201, json_body=body)


def delete_device(world: World) -> Request:
    """A device that has never logged in."""
    request = register_device(world)
    created = world.api.request(request.method, request.path, **request.options).result["id"]
    return _as(world.alice.device, "DELETE", f"/api/v2/Devices/{created}", 204)


def change_password(world: World) -> Request:
    """The same password again."""
    password = credentials_of(world.bob.device).password
    body = {"oldPassword": password, "newPassword": password}
    return _as(world.bob.device, "PUT", "/api/v2/Devices/Self/Password", 204, json_body=body)


def create_template(world: World) -> Request:
    """A template of 1 KB."""
    body = {"content": KILOBYTE, "expiresAt": "2099-01-01T00:00:00.000Z", "maxNumberOfAllocations": 1}
    return _as(world.alice.device, "POST", "/api/v2/RelationshipTemplates", 201, json_body=body)


def _created_template(world: World) -> str:
    request = create_template(world)
    template: str = world.api.request(request.method, request.path, **request.options).result["id"]
    return template


def first_look_at_template(world: World) -> Request:
    """With allocation."""
    return _as(world.bob.device, "GET", f"/api/v2/RelationshipTemplates/{_created_template(world)}")


def next_look_at_template(world: World) -> Request:
    """Already allocated."""
    request = first_look_at_template(world)
    world.api.request(request.method, request.path, **request.options)
    return request


def create_relationship(world: World) -> Request:
    """With a template that was looked at before."""
    other = world.new_identity()
    template = _created_template(world)
    world.api.get(f"/api/v2/RelationshipTemplates/{template}", token=token_of(other.device))
    body = {"relationshipTemplateId": template, "creationContent": KILOBYTE}
    return _as(other.device, "POST", "/api/v2/Relationships", 201, json_body=body)


def _requested(world: World) -> tuple[Identity, str]:
    request = create_relationship(world)
    relationship = world.api.request(request.method, request.path, **request.options).result
    return world.alice, relationship["id"]


def answer_relationship(answer: str) -> Prepare:
    """Accept or reject."""

    def prepare(world: World) -> Request:
        templator, relationship = _requested(world)
        body = {"creationResponseContent": KILOBYTE}
        return _as(templator.device, "PUT", f"/api/v2/Relationships/{relationship}/{answer}", json_body=body)

    return prepare


def get_relationship(world: World) -> Request:
    """An active one."""
    relationship = world.bob.device.relationships.all()[0].id
    return _as(world.bob.device, "GET", f"/api/v2/Relationships/{relationship}")


def can_create(world: World) -> Request:
    """Towards a related identity."""
    return _as(world.bob.device, "GET", "/api/v2/Relationships/CanCreate", query={"peer": world.alice.address})


def _message_body(*recipients: str) -> dict[str, Any]:
    key = base64.urlsafe_b64encode(b"k" * 152).decode().rstrip("=")
    return {"body": KILOBYTE, "recipients": [{"address": address, "encryptedKey": key} for address in recipients]}


def send_message(world: World) -> Request:
    """To one recipient who is up to date."""
    catch_up(world)
    body = _message_body(world.alice.address)
    return _as(world.bob.device, "POST", "/api/v2/Messages", 201, json_body=body)


def _sent(world: World) -> str:
    request = send_message(world)
    message: str = world.api.request(request.method, request.path, **request.options).result["id"]
    return message


def first_look_at_message(world: World) -> Request:
    """Marks it received."""
    return _as(world.alice.device, "GET", f"/api/v2/Messages/{_sent(world)}")


def next_look_at_message(world: World) -> Request:
    """Already received."""
    request = first_look_at_message(world)
    world.api.request(request.method, request.path, **request.options)
    return request


def look_at_sent_message(world: World) -> Request:
    """By its sender."""
    return _as(world.bob.device, "GET", f"/api/v2/Messages/{_sent(world)}")


def start_run_without_news(world: World) -> Request:
    """The most frequent request of all."""
    catch_up(world)
    return _as(world.alice.device, "POST", "/api/v2/SyncRuns", json_body={"type": "ExternalEventSync"}, headers=VERSION)


def start_run_with_news(world: World) -> Request:
    """One external event waits."""
    catch_up(world)
    _new_event(world)
    body = {"type": "ExternalEventSync", "duration": 0}
    return _as(world.alice.device, "POST", "/api/v2/SyncRuns", 201, json_body=body, headers=VERSION)


def list_modifications(news: int) -> Prepare:
    """With or without modifications above the local index."""

    def prepare(world: World) -> Request:
        catch_up(world)
        newest = world.api.get(
            "/api/v2/Datawallet/Modifications", token=token_of(world.alice.device), headers=VERSION
        ).result[-1]["index"]
        query = {"localIndex": newest - news}
        return _as(world.alice.device, "GET", "/api/v2/Datawallet/Modifications", query=query, headers=VERSION)

    return prepare


def _local_index(world: World) -> int:
    listed = world.api.get("/api/v2/Datawallet/Modifications", token=token_of(world.bob.device), headers=VERSION)
    index: int = listed.result[-1]["index"]
    return index


def push_modifications(count: int) -> Prepare:
    """`count` new objects of 1 KB each."""
    numbers: Iterator[int] = iter(range(10_000, 10_000_000))

    def prepare(world: World) -> Request:
        body = {
            "localIndex": _local_index(world),
            "modifications": [_modification(next(numbers) % 40) for _ in range(count)],
        }
        path = "/api/v2/Datawallet/Modifications"
        return _as(world.bob.device, "POST", path, 201, json_body=body, headers=VERSION)

    return prepare


def run_with_event(world: World) -> str:
    """A started run with one event."""
    catch_up(world)
    _new_event(world)
    return _start_run(world)


def list_events(world: World) -> Request:
    """One event."""
    run = run_with_event(world)
    return _as(world.alice.device, "GET", f"/api/v2/SyncRuns/{run}/ExternalEvents", headers=VERSION)


def finalize_run(world: World) -> Request:
    """One event processed."""
    return _finalize(world, run_with_event(world))


def finalize_upgrade(world: World) -> Request:
    """As at the creation of an identity."""
    catch_up(world)
    run = _start_run(world, "DatawalletVersionUpgrade")
    path = f"/api/v2/SyncRuns/{run}/FinalizeDatawalletVersionUpgrade"
    body = {"newDatawalletVersion": 1, "datawalletModifications": []}
    return _as(world.alice.device, "PUT", path, json_body=body, headers=VERSION)


def refresh_run(world: World) -> Request:
    """Of somebody new, because it stays open."""
    device = world.new_identity().device
    run = _start_run(world, "DatawalletVersionUpgrade", device)
    return _as(device, "PUT", f"/api/v2/SyncRuns/{run}/RefreshExpirationTime", headers=VERSION)


def get_run(world: World) -> Request:
    """A running one."""
    run = run_with_event(world)
    return _as(world.alice.device, "GET", f"/api/v2/SyncRuns/{run}", headers=VERSION)


def _simple(method: str, path: str, expect: int = 200, **options: Any) -> Prepare:
    return lambda world: _as(world.alice.device, method, path, expect, **options)


def _get_challenge(world: World) -> Request:
    challenge = world.api.post("/api/v2/Challenges", {}).result["id"]
    return _as(world.alice.device, "GET", f"/api/v2/Challenges/{challenge}")


def _is_deleted(world: World) -> Request:
    query = {"username": credentials_of(world.alice.device).username}
    return Request("GET", "/api/v2/Identities/IsDeleted", options={"query": query})


SCENARIOS = [
    Scenario("POST /connect/token", token_request, cpu_target_ms=20),
    Scenario("GET /api/v2/Version", _simple("GET", "/api/v2/Version")),
    Scenario("POST /api/v2/Challenges", _simple("POST", "/api/v2/Challenges", 201, json_body={})),
    Scenario("GET /api/v2/Challenges/{id}", _get_challenge),
    Scenario("POST /api/v2/Identities", create_identity, cpu_target_ms=30),
    Scenario("GET /api/v2/Identities/Self", _simple("GET", "/api/v2/Identities/Self")),
    Scenario("GET /api/v2/Identities/IsDeleted", _is_deleted),
    Scenario("GET /api/v2/Devices", _simple("GET", "/api/v2/Devices")),
    Scenario("GET /api/v2/Devices/Self", _simple("GET", "/api/v2/Devices/Self")),
    Scenario("POST /api/v2/Devices", register_device, cpu_target_ms=20),
    Scenario(
        "PUT /api/v2/Devices/Self",
        _simple("PUT", "/api/v2/Devices/Self", 204, json_body={"communicationLanguage": "de"}),
    ),
    Scenario("PUT /api/v2/Devices/Self/Password", change_password, hot=False, cpu_target_ms=30),
    Scenario("DELETE /api/v2/Devices/{id}", delete_device),
    Scenario("POST /api/v2/RelationshipTemplates", create_template),
    Scenario("GET /api/v2/RelationshipTemplates/{id}, first time", first_look_at_template),
    Scenario("GET /api/v2/RelationshipTemplates/{id}, again", next_look_at_template),
    Scenario("GET /api/v2/Relationships/CanCreate", can_create),
    Scenario("POST /api/v2/Relationships", create_relationship),
    Scenario("PUT /api/v2/Relationships/{id}/Accept", answer_relationship("Accept")),
    Scenario("PUT /api/v2/Relationships/{id}/Reject", answer_relationship("Reject")),
    Scenario("GET /api/v2/Relationships/{id}", get_relationship),
    Scenario("POST /api/v2/Messages, 1 recipient", send_message),
    Scenario("GET /api/v2/Messages/{id}, first time", first_look_at_message),
    Scenario("GET /api/v2/Messages/{id}, again", next_look_at_message),
    Scenario("GET /api/v2/Messages/{id}, by its sender", look_at_sent_message),
    Scenario("POST /api/v2/SyncRuns, no news", start_run_without_news),
    Scenario("POST /api/v2/SyncRuns, one event", start_run_with_news),
    Scenario("GET /api/v2/SyncRuns/{id}", get_run),
    Scenario("GET /api/v2/SyncRuns/{id}/ExternalEvents, one event", list_events),
    Scenario("PUT /api/v2/SyncRuns/{id}/RefreshExpirationTime", refresh_run),
    Scenario("PUT /api/v2/SyncRuns/{id}/FinalizeExternalEventSync, one event", finalize_run),
    Scenario("PUT /api/v2/SyncRuns/{id}/FinalizeDatawalletVersionUpgrade", finalize_upgrade),
    Scenario("GET /api/v2/Datawallet", _simple("GET", "/api/v2/Datawallet")),
    Scenario("GET /api/v2/Datawallet/Modifications, no news", list_modifications(0)),
    Scenario("GET /api/v2/Datawallet/Modifications, 3 news", list_modifications(3)),
    Scenario("POST /api/v2/Datawallet/Modifications, 1", push_modifications(1)),
    Scenario("POST /api/v2/Datawallet/Modifications, 10", push_modifications(10), cpu_target_ms=10),
]
