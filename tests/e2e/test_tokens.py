"""Tokens against the deployed system: hand-over, wrong order, foreign ids, the lock and what it sets off."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from enmeshed import Account, Backbone, BackboneError, Connection, Event, MemoryStorage, create_empty_token, read_token
from enmeshed.http import Response
from enmeshed.protocol.encoding import iso, utc_now
from infra.local.stack import CLIENT_ID, CLIENT_SECRET, LocalStack
from tests.e2e.conftest import eventually
from tests.people import Identity, new_secret

NewIdentity = Callable[[], Identity]
LARGE = {"large": "x" * 400_000}
CONTENT = {"hello": "there"}
NOT_FOUND = "error.platform.recordNotFound"
LOCKED = "error.platform.token.tooManyFailedPasswordAttempts"
ALREADY_FILLED = "error.platform.token.contentUpdateNotPossibleBecauseContentAlreadyExists"
WRONG_PASSWORD = "d3Jvbmc="
ATTEMPTS = 100
NEVER = datetime(9999, 12, 31, tzinfo=UTC)  # as official clients put it


@pytest.fixture
def backbone(stack: LocalStack) -> Backbone:
    """Seen by a client."""
    return Backbone(stack.base_url, CLIENT_ID, CLIENT_SECRET)


@pytest.fixture
def anonymous(backbone: Backbone) -> Connection:
    """Somebody without a name."""
    return backbone.anonymous


def soon() -> Any:
    return utc_now() + timedelta(minutes=5)


def answers_to(token_id: str, *apis: Connection, **query: Any) -> list[tuple[int, str | None]]:
    answers = [api.request("GET", f"/Tokens/{token_id}", query=query) for api in apis]
    return [(answer.status, answer.error_code) for answer in answers]


def refusal(call: Callable[[], object]) -> str | None:
    with pytest.raises(BackboneError) as refused:
        call()
    return refused.value.code


def test_a_token_carries_its_content_to_other_identities_and_to_nobody(
    new_identity: NewIdentity, backbone: Backbone
) -> None:
    alice, bob = new_identity(), new_identity()
    for content in (CONTENT, LARGE):
        reference = alice.device.tokens.create(content, expires_at=soon()).reference

        assert bob.device.tokens.read(reference.truncated) == content
        assert read_token(backbone, reference.url) == content


def test_a_new_device_is_onboarded_through_an_empty_token(
    new_identity: NewIdentity, backbone: Backbone, anonymous: Connection
) -> None:
    """tokens.md §3.5, Onboarding flow"""
    alice = new_identity()
    reference = create_empty_token(backbone)
    for _ in range(3):
        assert anonymous.get(f"/Tokens/{reference.id}")["content"] is None

    alice.device.devices.share(alice.device.devices.create(name="new"), reference)

    device = Account.onboard(MemoryStorage(), backbone, reference)
    assert device.address == alice.address
    token = anonymous.get(f"/Tokens/{reference.id}")
    assert (token["createdBy"], token["createdByDevice"]) == (alice.address, alice.device.device_id)


def test_an_identity_is_recovered_with_a_password_from_a_token_that_never_expires(
    new_identity: NewIdentity, backbone: Backbone
) -> None:
    """client-protocol.md §11.5"""
    alice = new_identity()
    secret = new_secret(alice.device, name="Backup Device", is_backup_device=True)
    kit = alice.device.tokens.create(
        secret.token_content(), expires_at=NEVER, password="recover", password_location=0
    ).reference

    assert refusal(lambda: read_token(backbone, kit, password="guess")) == NOT_FOUND

    device = Account.onboard(MemoryStorage(), backbone, kit, password="recover")
    assert device.address == alice.address
    alice.device.connection.delete(f"/Tokens/{kit.id}")
    assert refusal(lambda: read_token(backbone, kit, password="recover")) == NOT_FOUND


def test_things_done_in_the_wrong_order(new_identity: NewIdentity, backbone: Backbone, anonymous: Connection) -> None:
    alice, bob = new_identity(), new_identity()
    reference = create_empty_token(backbone)
    token, fill = f"/Tokens/{reference.id}", f"/Tokens/{reference.id}/UpdateContent"
    content = {"newContent": "AAAA"}

    def done(api: Connection, method: str, path: str, json: Any = None) -> tuple[int, str | None]:
        answer = api.request(method, path, json=json)
        return answer.status, answer.error_code

    assert done(alice.device.connection, "DELETE", token) == (403, "error.platform.forbidden")
    assert done(anonymous, "DELETE", token) == (401, None)
    assert done(anonymous, "POST", fill, content) == (401, None)
    assert alice.device.connection.request("GET", "/Tokens", query={"ids": reference.id}).body["result"] == []
    assert done(alice.device.connection, "POST", fill, content) == (200, None)
    assert done(alice.device.connection, "POST", fill, content) == (400, ALREADY_FILLED)
    assert done(bob.device.connection, "POST", fill, content) == (400, ALREADY_FILLED)
    assert done(bob.device.connection, "DELETE", token) == (403, "error.platform.forbidden")
    assert done(alice.device.connection, "DELETE", token) == (204, None)
    for method, path in (("DELETE", token), ("POST", fill), ("GET", token)):
        assert done(alice.device.connection, method, path, content if method == "POST" else None) == (404, NOT_FOUND)


def test_tokens_for_others_are_invisible(new_identity: NewIdentity, anonymous: Connection) -> None:
    """tokens.md, Surprises 3: wrong identity is indistinguishable from a missing token"""
    alice, bob, mallory = new_identity(), new_identity(), new_identity()
    reference = alice.device.tokens.create(CONTENT, expires_at=soon(), for_identity=bob.address).reference
    strangers, unknown = (mallory.device.connection, anonymous), "TOKthisisnonexisting"

    assert answers_to(reference.id, *strangers) == answers_to(unknown, *strangers) == [(404, NOT_FOUND)] * 2
    assert mallory.device.connection.request("GET", "/Tokens", query={"ids": reference.id}).body["result"] == []
    assert bob.device.tokens.read(reference) == CONTENT
    for prefix in ("RLT", "FIL", "DVC"):
        [(status, code)] = answers_to(prefix + reference.id[3:], bob.device.connection)
        assert (status, code) == (400, "error.platform.validation.invalidPropertyValue")


def test_the_hundredth_wrong_password_tells_the_creator_once(new_identity: NewIdentity, anonymous: Connection) -> None:
    """events.md §10: 100th wrong token password -> TokenLocked for creator once"""
    alice, bob, carol = new_identity(), new_identity(), new_identity()
    reference = alice.device.tokens.create(CONTENT, expires_at=soon(), password="open sesame").reference
    assert bob.device.tokens.read(reference, password="open sesame") == CONTENT

    def guess(_: int) -> Response:
        return anonymous.request("GET", f"/Tokens/{reference.id}", query={"password": WRONG_PASSWORD})

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(guess, range(ATTEMPTS)))

    assert sorted((answer.status, answer.error_code) for answer in answers) == [(400, LOCKED)] + [(404, NOT_FOUND)] * 99
    assert refusal(lambda: carol.device.tokens.read(reference, password="open sesame")) == LOCKED
    assert answers_to(reference.id, alice.device.connection, bob.device.connection) == [(200, None)] * 2
    heard: list[Event] = []
    eventually("the event", lambda: heard.extend(alice.device.sync()) or heard)  # type: ignore[func-returns-value]
    assert [(event.type, event.payload) for event in heard] == [("TokenLocked", {"tokenId": reference.id})]
    for _ in range(4):
        heard.extend(alice.device.sync())
    assert len(heard) == 1
    assert bob.device.sync() == carol.device.sync() == []


def test_of_two_devices_that_fill_a_token_one_is_late(
    new_identity: NewIdentity, backbone: Backbone, anonymous: Connection
) -> None:
    """tokens.md §7: two simultaneous fills: one wins, the other must end in `…contentAlreadyExists`"""
    alice, bob = new_identity(), new_identity()
    for size in (10, 100_000):
        reference = create_empty_token(backbone)
        body = {"newContent": "A" * 4 * size}

        with ThreadPoolExecutor(4) as threads:
            answers = list(
                threads.map(
                    lambda api: api.request("POST", f"/Tokens/{reference.id}/UpdateContent", json=body),  # noqa: B023
                    [alice.device.connection, bob.device.connection] * 2,
                )
            )

        refusals = [answer.error_code for answer in answers if answer.status != 200]
        assert refusals == [ALREADY_FILLED] * 3
        assert anonymous.get(f"/Tokens/{reference.id}")["content"] == body["newContent"]


def test_large_content_goes_when_the_token_goes(
    stack: LocalStack, new_identity: NewIdentity, backbone: Backbone
) -> None:
    """docs/decisions/payloads.md"""
    alice, s3 = new_identity(), stack.client("s3")
    bucket = stack.environment()["BACKBONE_PAYLOAD_BUCKET"]
    made = alice.device.tokens.create(LARGE, expires_at=soon()).reference
    filled = create_empty_token(backbone)
    alice.device.tokens.fill(filled, LARGE)

    def objects(token_id: str) -> list[str]:
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"tokens/{token_id}/").get("Contents", [])
        return [entry["Key"] for entry in listed]

    for reference in (made, filled):
        [key] = objects(reference.id)
        eventually("the settled object", lambda: not s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"])  # noqa: B023
        alice.device.connection.delete(f"/Tokens/{reference.id}")
        eventually("the clean-up", lambda: not objects(reference.id))  # noqa: B023


def test_a_list_of_much_content_is_delivered(new_identity: NewIdentity) -> None:
    """docs/decisions/large-responses.md: what Lambda cannot return is fetched from S3"""
    alice = new_identity()
    body = {"expiresAt": iso(soon()), "content": "A" * 4_000_000}
    ids = [alice.device.connection.post("/Tokens", body)["id"] for _ in range(2)]

    tokens = alice.device.connection.get("/Tokens", {"ids": ids})

    assert [(token["id"], len(token["content"])) for token in tokens] == [(id, 4_000_000) for id in ids]
