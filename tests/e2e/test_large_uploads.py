"""Bodies that API Gateway stores before a function sees them.  Decision: docs/decisions/large-uploads.md."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest

from enmeshed.protocol.encoding import b64u, iso, utc_now
from infra.local.stack import LocalStack
from tests.people import Identity

NewIdentity = Callable[[], Identity]
FILES = "/api/v2/Files"
MIB = 1024 * 1024
FORM_BYTES = 1500
"""What the other fields of a form and its frame need."""
PAGE = "nmshd://prod"


def send(stack: LocalStack, identity: Identity, content: bytes, **fields: str) -> httpx.Response:
    """The first half of an upload: no redirect is followed."""
    form = {
        "cipherHash": b64u(bytes(64)),
        "ownerSignature": b64u(b"signature"),
        "expiresAt": iso(utc_now() + timedelta(minutes=5)),
        "encryptedProperties": b64u(b"properties"),
        **fields,
    }
    files = {"content": ("cipher.bin", content, "application/octet-stream")}
    return httpx.post(stack.base_url + FILES, data=form, files=files, headers=token_of(identity), timeout=60)


def follow(stack: LocalStack, identity: Identity, redirect: httpx.Response) -> httpx.Response:
    """The second half."""
    return httpx.get(stack.base_url + redirect.headers["location"], headers=token_of(identity), timeout=60)


def token_of(identity: Identity) -> dict[str, str]:
    """The header that says who calls."""
    return {"authorization": f"Bearer {identity.device.connection.token}"}


def bodies(stack: LocalStack) -> list[str]:
    """The keys of stored bodies."""
    bucket = stack.settings()["payload_bucket"]
    found = stack.client("s3").list_objects_v2(Bucket=bucket, Prefix="uploads/")
    return [entry["Key"] for entry in found.get("Contents", [])]


@pytest.mark.parametrize("size", [1, 5 * MIB, 10 * MIB - FORM_BYTES])
def test_a_body_is_stored_answered_and_gone(stack: LocalStack, new_identity: NewIdentity, size: int) -> None:
    """files.md Checklist: POST with valid fields -> 201, whatever API Gateway passes on"""
    alice = new_identity()
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)

    redirect = send(stack, alice, content)
    assert (redirect.status_code, redirect.content) == (303, b"")
    assert redirect.headers["location"].startswith("/api/v2/Uploads/Files/UPL")
    answers = [follow(stack, alice, redirect) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    created, again = (answer.json()["result"] for answer in answers)
    assert created == again
    assert answers[0].headers["location"] == f"{stack.base_url}{FILES}/{created['id']}"
    assert alice.device.connection.request("GET", f"/Files/{created['id']}").content == content
    assert bodies(stack) == []


def test_what_is_wrong_with_a_form_is_told_as_ever(stack: LocalStack, new_identity: NewIdentity) -> None:
    """files.md §3.1: 415 and the order of checks"""
    alice = new_identity()
    no_form = httpx.post(stack.base_url + FILES, json={}, headers=token_of(alice), follow_redirects=True)
    refused = follow(stack, alice, send(stack, alice, b"x", ownerSignature="ä"))

    assert no_form.status_code == 415
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "error.platform.validation.invalidPropertyValue"
    assert bodies(stack) == []


def test_nothing_of_strangers_is_stored(stack: LocalStack, new_identity: NewIdentity) -> None:
    """http-common.md §5.1"""
    alice, bob = new_identity(), new_identity()
    for headers in ({}, {"authorization": "Bearer garbage"}, {"authorization": f"{token_of(alice)['authorization']}x"}):
        refused = httpx.post(stack.base_url + FILES, content=bytes(5 * MIB), headers=headers, timeout=60)
        assert (refused.status_code, refused.content) == (401, b"")
        assert refused.headers["www-authenticate"].startswith("Bearer")
    assert bodies(stack) == []

    redirect = send(stack, alice, b"x")
    assert follow(stack, bob, redirect).status_code == 404
    assert httpx.get(stack.base_url + redirect.headers["location"]).status_code == 401
    assert follow(stack, alice, redirect).status_code == 201


def test_whoever_asks_twice_at_once_gets_one_file(stack: LocalStack, new_identity: NewIdentity) -> None:
    alice = new_identity()
    redirect = send(stack, alice, bytes(MIB))

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: follow(stack, alice, redirect), range(4)))

    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["result"]["id"] for answer in answers}) == 1
    assert len(alice.device.connection.get("/Files")) == 1


def test_the_rest_of_the_path_is_served_as_ever(stack: LocalStack, new_identity: NewIdentity) -> None:
    """Queries with repeated names, ids, methods and spellings that no route has (http-common.md, sections 1 and 4.3)"""
    alice = new_identity()
    ids = [follow(stack, alice, send(stack, alice, b"x")).json()["result"]["id"] for _ in range(3)]
    base = stack.base_url + FILES

    listed = httpx.get(f"{base}?ids={ids[0]}&ids={ids[2]}&pageSize=1", headers=token_of(alice)).json()
    assert [file["id"] for file in listed["result"]] == ids[:1]
    assert listed["pagination"]["totalRecords"] == 2
    assert httpx.patch(f"{base}/{ids[0]}/RegenerateOwnershipToken", headers=token_of(alice)).status_code == 200
    assert httpx.delete(f"{base}/{ids[0]}", headers=token_of(alice)).status_code == 204
    assert httpx.delete(base, headers=token_of(alice)).status_code == 405
    assert httpx.get(f"{base}/{ids[0]}/Nothing", headers=token_of(alice)).status_code == 404
    assert httpx.get(f"{base}/{ids[1]}/METADATA", headers=token_of(alice), follow_redirects=True).status_code == 200


def test_browsers_may_ask_first_and_follow(stack: LocalStack, new_identity: NewIdentity) -> None:
    """http-common.md §9, CORS"""
    alice = new_identity()
    asked = {"origin": PAGE, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    preflight = httpx.options(stack.base_url + FILES, headers=asked)
    redirect = httpx.post(stack.base_url + FILES, content=b"x", headers={**token_of(alice), "origin": PAGE})
    answer = httpx.get(stack.base_url + redirect.headers["location"], headers={**token_of(alice), "origin": PAGE})

    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-headers"] == "authorization"
    for response in (preflight, redirect, answer):
        assert response.headers["access-control-allow-origin"] == PAGE
