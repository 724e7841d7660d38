"""Bad input changes nothing: what is stored before a refusal is stored after it, bit by bit."""

import json
import os
import re
from typing import Any

import pytest

from backbone import dynamodb, payloads
from backbone.caller import Caller
from infra.routes import ADMIN, endpoints
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import given_device, given_identity
from tests.support.engine import BUCKET

pytestmark = pytest.mark.slow

WRITING = [(endpoint.method, endpoint.path) for endpoint in endpoints() if endpoint.method != "GET"]
WRITING_FOR_OPERATORS = [(each.method, each.path) for each in endpoints(ADMIN) if each.method != "GET"]
HOSTILE: list[bytes] = [
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe",
    b"[" * 10_000,
    json.dumps({"a": "x" * 1_000_000}).encode(),
    json.dumps({name: {"x": [1]} for name in ("body", "content", "recipients", "modifications", "type")}).encode(),
    json.dumps({"content": "%%%", "localIndex": "x", "devicePassword": 1, "relationshipTemplateId": "REL"}).encode(),
    json.dumps({"relationshipTemplateId": "RLTdoesnotexist", "creationContent": "AA"}).encode(),
    json.dumps({"content": "AA", "expiresAt": "1999-01-01T00:00:00Z", "body": "AA", "recipients": []}).encode(),
]


def everything_stored() -> dict[str, Any]:
    tables = [value for name, value in os.environ.items() if name.startswith("BACKBONE_") and name.endswith("_TABLE")]
    stored: dict[str, Any] = {
        table: sorted(json.dumps(item, sort_keys=True, default=str) for item in _items(table)) for table in tables
    }
    objects = payloads.client().list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {**stored, BUCKET: [found["Key"] for found in objects]}


def _items(table: str) -> list[Any]:
    items: list[Any] = dynamodb.client().scan(TableName=table)["Items"]
    return items


@pytest.mark.parametrize(("method", "path"), WRITING)
def test_a_refused_request_writes_nothing(api: InProcessApi, method: str, path: str) -> None:
    address = new_caller().address
    caller = Caller(address, given_device(given_identity(address)).device.id, "test")
    concrete = re.sub(r"\{\w+\}", "XXX" if "Challenges" in path else _unknown_id(path), path)
    before = everything_stored()

    answers = [
        api.request(method, concrete, body=body, headers={"content-type": content_type}, caller=caller)
        for body in HOSTILE
        for content_type in ("application/json", "text/plain")
    ]

    assert_only_success_writes([answer.status for answer in answers], before)


@pytest.mark.parametrize(("method", "path"), WRITING_FOR_OPERATORS)
def test_a_refused_request_of_an_operator_writes_nothing(admin: InProcessApi, method: str, path: str) -> None:
    given_identity(new_caller().address)
    before = everything_stored()

    answers = [
        admin.request(method, re.sub(r"\{\w+\}", "XXX", path), body=body, headers={"content-type": content_type})
        for body in HOSTILE
        for content_type in ("application/json", "text/plain")
    ]

    assert_only_success_writes([answer.status for answer in answers], before)


def assert_only_success_writes(statuses: list[int], before: dict[str, Any]) -> None:
    assert all(status < 500 for status in statuses), statuses
    if all(status >= 400 for status in statuses):
        assert everything_stored() == before


def _unknown_id(path: str) -> str:
    prefixes = {"RelationshipTemplates": "RLT", "Relationships": "REL", "Messages": "MSG", "SyncRuns": "SYR"}
    prefixes |= {"Devices": "DVC", "Tokens": "TOK", "Files": "FIL", "Identities": "IDP"}
    return next((prefix for name, prefix in prefixes.items() if f"/{name}/" in path), "XXX") + "0" * 17


def test_most_writing_endpoints_refuse_all_of_it(api: InProcessApi) -> None:
    """Keeps the test above from proving nothing: endpoints that ignore their body are the exception."""
    assert len(WRITING) > 20
