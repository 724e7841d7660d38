"""Hostile input against every endpoint of the deployed system: an exact refusal, never a 500, nothing written."""

import json
import re
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.local.stack import LocalStack
from infra.routes import endpoints
from tests.people import Identity
from tests.support.engine import forged_token

NewIdentity = Callable[[], Identity]
ENDPOINTS = [(endpoint.method, endpoint.path) for endpoint in endpoints()]
ANONYMOUS = {
    "/api/v2/Version",
    "/health",
    "/connect/token",
    "/api/v2/Challenges",
    "/api/v2/Identities",
    "/api/v2/Identities/IsDeleted",
    "/api/v2/Tags",
    "/r/{referenceId}",
    "/.well-known/apple-app-site-association",
    "/.well-known/assetlinks.json",
    "/style/style.css",
    "/docs",
    "/docs/index.html",
    "/docs/v2/openapi.json",
    "/docs/swagger-ui.css",
    "/docs/swagger-ui-bundle.js",
    "POST /api/v2/Tokens",
    "GET /api/v2/Tokens/{id}",
}
ANY_TEXT = "/r/{referenceId}"
"""What follows is not looked at (misc.md, section 3)."""
PREFIXES = {
    "Challenges": "CHL",
    "Devices": "DVC",
    "RelationshipTemplates": "RLT",
    "Relationships": "REL",
    "Messages": "MSG",
    "SyncRuns": "SYR",
    "Files": "FIL",
    "Tokens": "TOK",
}
BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"\xff\xfe\x00",
    b"[" * 50_000,
    json.dumps({"a": "x" * 1_000_000}).encode(),
    json.dumps({name: {"x": [1]} for name in ("body", "content", "recipients", "modifications", "type")}).encode(),
    json.dumps(dict.fromkeys(("devicePassword", "signedChallenge", "clientId", "newPassword"), 1.5)).encode(),
]


def concrete(path: str, value: str | None = None) -> str:
    """A path with its parameters filled in: well-formed ids of nothing, or `value`."""
    service = path.split("/")[3] if path.count("/") > 2 else ""
    return re.sub(r"\{\w+\}", value or PREFIXES.get(service, "XXX") + "0" * 17, path)


@pytest.fixture(scope="module")
def somebody(stack: LocalStack) -> Identity:
    """An ordinary identity whose token is misused."""
    return Identity.create(stack.base_url, "test", "test")


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_no_body_makes_an_endpoint_fail(somebody: Identity, method: str, path: str) -> None:
    """http-common.md §4: whatever cannot be bound is 400; nothing is ever a 500"""
    for content_type in ("application/json", "text/plain"):
        for body in BODIES:
            answer = somebody.device.connection.request(
                method, concrete(path), content=body, headers={"content-type": content_type}
            )
            assert answer.status < 500, (body[:40], answer.body)
            # 429: one of these bodies starts a deletion, after which nothing more may be created.
            assert answer.status in (200, 201, 204, 400, 404, 415, 401, 429), answer.status


@pytest.mark.parametrize(("method", "path"), [case for case in ENDPOINTS if "{" in case[1] and case[1] != ANY_TEXT])
@pytest.mark.parametrize(
    "value", ["XXX", "CHL%00", "..%2f..", "a" * 3000, "%F0%9F%92%A9", "'%20OR%201=1", "DVC" + "0" * 18, "%2e%2e"]
)
def test_no_id_makes_an_endpoint_fail(somebody: Identity, method: str, path: str, value: str) -> None:
    """http-common.md §11: a malformed id is 400 invalidPropertyValue"""
    answer = somebody.device.connection.request(method, concrete(path, value), json={})

    assert answer.status in (400, 404, 414), (answer.status, answer.body)


@pytest.mark.parametrize(
    "query", ["pageNumber=abc", "pageSize=-1", "pageSize=999999999999", "ids=&ids=%00", "localIndex=x"]
)
@pytest.mark.parametrize(("method", "path"), [case for case in ENDPOINTS if case[0] == "GET"])
def test_no_query_makes_an_endpoint_fail(somebody: Identity, method: str, path: str, query: str) -> None:
    answer = somebody.device.connection.request(method, f"{concrete(path)}?{query}")

    assert answer.status < 500, answer.body


@pytest.mark.parametrize(
    ("method", "path"), [case for case in ENDPOINTS if ANONYMOUS.isdisjoint((case[1], " ".join(case)))]
)
def test_an_endpoint_with_authentication_refuses_strangers_and_forgers(
    stack: LocalStack, somebody: Identity, method: str, path: str
) -> None:
    """http-common.md §5.1: 401, empty body"""
    claims = {
        "iss": "https://localhost",
        "sub": "x",
        "iat": 0,
        "exp": 4102444800,
        "nmshd_address": somebody.address,
        "device_id": somebody.device.device_id,
        "client_id": "test",
    }
    real_key_id = json.loads(
        stack.client("ssm").get_parameter(Name="/backbone/token-keys/public")["Parameter"]["Value"]
    )["keys"][0]["kid"]
    forged = [
        forged_token(claims, algorithm="none", key=None),
        forged_token(claims, algorithm="EdDSA", key=Ed25519PrivateKey.generate(), key_id=real_key_id),
        forged_token(claims, algorithm="EdDSA", key=Ed25519PrivateKey.generate(), key_id="unknown"),
        forged_token(claims, algorithm="HS256", key="a secret that strangers think of first", key_id=real_key_id),
        "garbage",
    ]
    anonymous = somebody.device.connection.anonymous()
    for token in [None, *forged]:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = anonymous.request(method, concrete(path), json={}, headers=headers, anonymous=True)
        assert (answer.status, answer.content) == (401, b""), token


def test_foreign_records_are_invisible(new_identity: NewIdentity) -> None:
    """Nobody reads what isn't theirs."""
    alice, bob, mallory = new_identity(), new_identity(), new_identity()
    template = alice.device.templates.create({})
    relationship = bob.device.relationships.request(bob.device.templates.load(template.reference.truncated), {})
    message = bob.device.connection.post(
        "/Messages", {"body": "AA", "recipients": [{"address": alice.address, "encryptedKey": "A" * 200}]}
    )
    run = bob.device.connection.post("/SyncRuns", {"type": "DatawalletVersionUpgrade"})["syncRun"]

    for path in (
        f"/Relationships/{relationship.id}",
        f"/Messages/{message['id']}",
        f"/SyncRuns/{run['id']}",
        f"/SyncRuns/{run['id']}/ExternalEvents",
    ):
        assert mallory.device.connection.request("GET", path).status == 404, path
    for action in ("Accept", "Reject", "Revoke"):
        assert (
            mallory.device.connection.request("PUT", f"/Relationships/{relationship.id}/{action}", json={}).status
            == 404
        )
    listed = mallory.device.connection.request("GET", f"/Relationships?ids={relationship.id}")
    assert listed.result == [] if listed.status == 200 else listed.body["result"] == []
    assert mallory.device.connection.request("GET", "/Messages").body["result"] == []


def test_a_body_beyond_the_platform_gets_the_contracts_error(somebody: Identity) -> None:
    """http-common.md §10 and docs/decisions/http-api.md: 400 requestBodyTooLarge, not a 5xx"""
    body = {"content": "A" * 7_000_000, "expiresAt": None}

    answer = somebody.device.connection.request("POST", "/RelationshipTemplates", json=body)

    assert (answer.status, answer.error_code) == (400, "error.platform.requestBodyTooLarge")
