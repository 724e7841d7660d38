"""Files against the deployed system: limits of the platform, races, what S3 holds in the end."""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from backbone import clock
from backbone.addresses import Address, anonymised_address
from backbone.events import DomainEvent, EventEnvelope
from backbone.events.devices import IdentityDeleted
from backbone.ids import IdentityDeletionProcessId
from enmeshed.http import Response
from enmeshed.protocol.encoding import b64u, iso, utc_now
from infra.local.stack import LocalStack
from tests.e2e.conftest import eventually
from tests.e2e.test_races import at_once, losers
from tests.people import Identity

NewIdentity = Callable[[], Identity]
MIB = 1024 * 1024


def upload(identity: Identity, content: bytes, **headers: str) -> Response:
    """A file of these bytes, encrypted or not."""
    fields = {
        "cipherHash": b64u(bytes(64)),
        "ownerSignature": b64u(b"signature"),
        "expiresAt": iso(utc_now() + timedelta(minutes=5)),
        "encryptedProperties": b64u(b"properties"),
    }
    files = [("content", ("cipher.bin", content, "application/octet-stream"))]
    return identity.device.connection.request("POST", "/Files", files=files, data=fields, headers=headers)


def objects_of(stack: LocalStack, file_id: str) -> list[str]:
    """The keys of a file's objects in S3."""
    bucket = stack.environment()["BACKBONE_PAYLOAD_BUCKET"]
    found = stack.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"files/{file_id}/")
    return [entry["Key"] for entry in found.get("Contents", [])]


@pytest.mark.parametrize("size", [1, 4 * MIB, 4 * MIB + 1, 5 * MIB, 10 * MIB, 15 * MIB])
def test_every_size_comes_back_unchanged(new_identity: NewIdentity, size: int) -> None:
    """files.md Checklist: 10 485 760 bytes -> 201; identical bytes: inline or by redirect, through Lambda or not"""
    alice, bob = new_identity(), new_identity()
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)

    created = upload(alice, content).result
    downloaded = bob.device.connection.request("GET", f"/Files/{created['id']}")

    assert created["cipherSize"] == size
    assert (downloaded.status, downloaded.headers["content-type"]) == (200, "application/octet-stream")
    assert downloaded.content == content


def test_large_contents_are_fetched_from_s3_without_a_token(stack: LocalStack, new_identity: NewIdentity) -> None:
    """files.md Surprise 9: a redirect that HTTP clients follow, dropping the token on the way"""
    alice = new_identity()
    created = upload(alice, bytes(5 * MIB)).result

    redirect = httpx.get(
        f"{stack.base_url}/api/v2/Files/{created['id']}",
        headers={"authorization": f"Bearer {alice.device.connection.token}"},
    )
    content = httpx.get(redirect.headers["location"])

    assert (redirect.status_code, redirect.content) == (307, b"")
    assert (content.status_code, len(content.content)) == (200, 5 * MIB)
    assert content.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("size", "code"),
    [
        (0, "InclusiveBetweenValidator"),
        (15 * MIB + 1, "InclusiveBetweenValidator"),  # `MaxFileBytes` of the local Backbone
        (20 * MIB, "error.platform.inputCannotBeParsed"),
    ],
)
def test_other_sizes_get_the_contracts_error(new_identity: NewIdentity, size: int, code: str) -> None:
    """files.md §3.1, steps 3 and 4"""
    answer = upload(new_identity(), bytes(size))

    assert (answer.status, answer.error_code) == (400, code)


@pytest.mark.parametrize("size", [1, 8 * MIB])
def test_strangers_upload_nothing(stack: LocalStack, size: int) -> None:
    """files.md Checklist: POST without token -> 401"""
    for headers in ({}, {"authorization": "Bearer garbage"}):
        answer = httpx.post(f"{stack.base_url}/api/v2/Files", files={"content": bytes(size)}, headers=headers)
        assert (answer.status_code, answer.content) == (401, b"")


def test_the_objects_go_with_the_file(stack: LocalStack, new_identity: NewIdentity) -> None:
    """files.md Checklist: DELETE by creator -> 204, then GET -> 404 and blob gone"""
    alice = new_identity()
    created = upload(alice, b"x" * 100).result
    assert len(objects_of(stack, created["id"])) == 1

    alice.device.connection.delete(f"/Files/{created['id']}")

    eventually("the removal of the content", lambda: not objects_of(stack, created["id"]))
    assert alice.device.connection.request("GET", f"/Files/{created['id']}").status == 404


def test_the_old_owner_hears_of_a_claim_and_of_a_lock(new_identity: NewIdentity) -> None:
    """files.md Checklist: old owner gets `FileOwnershipClaimed` with `fileId` and `newOwnerAddress`; owner gets
    `FileOwnershipLocked`; events.md §2.4: twice for a claim, once for a validation"""
    alice, bob, carol = new_identity(), new_identity(), new_identity()
    claimed, locked, doubted = (upload(alice, b"x").result for _ in range(3))

    attempt(bob, claimed["id"], claimed["ownershipToken"])
    attempt(carol, locked["id"], "wrong")
    carol.device.connection.post(f"/Files/{doubted['id']}/ValidateOwnershipToken", {"ownershipToken": "wrong"})

    seen: list[tuple[str, Any]] = []

    def four_events() -> bool:
        seen.extend((event["type"], event["payload"]) for event in raw_events(alice))
        return len(seen) >= 4

    eventually("four events", four_events)
    assert sorted(seen, key=str) == sorted(
        [
            ("FileOwnershipClaimed", {"fileId": claimed["id"], "newOwnerAddress": bob.address}),
            ("FileOwnershipLocked", {"fileId": locked["id"]}),
            ("FileOwnershipLocked", {"fileId": locked["id"]}),
            ("FileOwnershipLocked", {"fileId": doubted["id"]}),
        ],
        key=str,
    )


def raw_events(identity: Identity) -> list[dict[str, Any]]:
    """What is on the sync feed, without acting on it."""
    api = identity.device.connection
    started = api.post("/SyncRuns", {"type": "ExternalEventSync", "duration": 60})
    if started["syncRun"] is None:
        return []
    run = started["syncRun"]["id"]
    events = list(api.items(f"/SyncRuns/{run}/ExternalEvents"))
    results = [{"externalEventId": event["id"]} for event in events]
    body = {"externalEventResults": results, "datawalletModifications": []}
    api.put(f"/SyncRuns/{run}/FinalizeExternalEventSync", body)
    return events


def attempt(identity: Identity, file_id: str, token: str) -> Response:
    """Claim a file."""
    return identity.device.connection.request(
        "PATCH", f"/Files/{file_id}/ClaimOwnership", json={"ownershipToken": token}
    )


def test_two_identities_claim_the_same_file(new_identity: NewIdentity) -> None:
    """files.md §3.7: a token opens one claim"""
    alice, bob, carol = new_identity(), new_identity(), new_identity()
    created = upload(alice, b"x").result

    def claim(claimant: Identity) -> Response:
        return attempt(claimant, created["id"], created["ownershipToken"])

    answers = at_once(partial(claim, bob), partial(claim, carol))

    assert losers(answers) == [(403, "error.platform.forbidden")]


def test_a_claim_meets_the_deletion(new_identity: NewIdentity) -> None:
    """files.md §3.5, §3.7: the file is gone, and the claim came before or found nothing"""
    alice, bob = new_identity(), new_identity()
    for _ in range(3):
        created = upload(alice, b"x").result

        claim, deletion = at_once(
            partial(attempt, bob, created["id"], created["ownershipToken"]),
            partial(alice.device.connection.request, "DELETE", f"/Files/{created['id']}"),
        )

        assert deletion.status == 204
        assert claim.status in (200, 404)
        assert alice.device.connection.request("GET", f"/Files/{created['id']}").status == 404


def test_the_deletion_of_an_identity_takes_its_files(stack: LocalStack, new_identity: NewIdentity) -> None:
    """files.md Checklist: identity deletion removes owned files incl. blobs and anonymises `createdBy` on files owned
    by others"""
    alice, bob = new_identity(), new_identity()
    own, given_away = (upload(alice, b"x").result for _ in range(2))
    assert attempt(bob, given_away["id"], given_away["ownershipToken"]).status == 200

    deleted = IdentityDeleted(
        identity_address=Address(alice.address), deletion_process_id=IdentityDeletionProcessId.new()
    )
    publish(stack, deleted)

    eventually("the removal of the content", lambda: not objects_of(stack, own["id"]))
    assert bob.device.connection.request("GET", f"/Files/{own['id']}").status == 404

    def creator() -> str:
        return str(bob.device.connection.get(f"/Files/{given_away['id']}/metadata")["createdBy"])

    eventually("the pseudonym of the creator", lambda: creator() == anonymised_address("localhost"))


def publish(stack: LocalStack, event: DomainEvent) -> None:
    """Tell the bus."""
    entry = {
        "Source": "backbone",
        "DetailType": event.name,
        "Detail": json.dumps(EventEnvelope.of(event, clock.now()).to_dict()),
        "EventBusName": stack.environment()["BACKBONE_EVENT_BUS"],
    }
    assert stack.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_the_python_client_hands_a_file_over(new_identity: NewIdentity) -> None:
    """client-protocol.md §18: the stored bytes equal the uploaded `content` part; SHA-512 equals `cipherHash`"""
    alice, bob = new_identity(), new_identity()
    content = bytes(range(256)) * 10
    file = alice.device.files.upload(content, title="photo")

    at_bob = bob.device.files.load(file.reference.truncated)

    assert bob.device.files.download(at_bob) == content
    assert at_bob.metadata.title == "photo"
    assert attempt(bob, file.id, str(file.ownership_token)).status == 200
    eventually("the news of the claim", lambda: alice.device.sync())
    assert alice.device.files.get(file.id).owner == bob.address
