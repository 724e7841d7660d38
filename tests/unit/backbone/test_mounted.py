"""Services behind a REST API that is mounted at a path: the same as behind the HTTP API.  http-common.md, section 1."""

import base64
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from functions.files.handler import http
from tests.support.api import InProcessApi, new_caller, token_of
from tests.unit.files.uploads import FILES, upload

Answer = dict[str, Any]


def call(
    method: str,
    rest: str | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
    *,
    query: dict[str, list[str]] | None = None,
    body: bytes = b"",
) -> Answer:
    """The event of a REST API (payload 1.0) as the mapping of a custom domain leaves it."""
    resource = "/{proxy+}" if rest else "/"
    event = {
        "resource": resource,
        "path": f"{FILES}/{rest}" if rest else FILES,
        "httpMethod": method,
        "headers": dict(headers),
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in (query or {}).items()} or None,
        "multiValueQueryStringParameters": query,
        "pathParameters": {"proxy": rest} if rest else None,
        "stageVariables": {"mount": FILES, "service": "files"},
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/live/{rest or ''}",
            "requestId": "the-request",
            "requestTimeEpoch": 1_700_000_000_000,
        },
        "body": base64.b64encode(body).decode() if body else None,
        "isBase64Encoded": bool(body),
    }
    return http(event, None)


def test_routes_are_found_below_the_path(api: InProcessApi) -> None:
    """Bodies, ids in the path, repeated parameters, headers in any case"""
    alice, bob = new_caller(), new_caller()
    ids = [upload(api, alice)["id"] for _ in range(3)]
    token = upload(api, alice)["ownershipToken"]
    of_alice = {"AUTHORIZATION": f"Bearer {token_of(alice)}"}

    listed = call("GET", None, of_alice, query={"ids": [ids[0], ids[2]], "pageSize": ["5"]})
    read = call("GET", f"{ids[0]}/metadata", {"Authorization": f"Bearer {token_of(bob)}"})
    asked = call(
        "POST",
        f"{ids[1]}/ValidateOwnershipToken",
        {"Content-Type": "application/json", **of_alice},
        body=json.dumps({"ownershipToken": token}).encode(),
    )

    assert [file["id"] for file in json.loads(listed["body"])["result"]] == [ids[0], ids[2]]
    assert json.loads(read["body"])["result"]["id"] == ids[0]
    assert read["headers"]["X-Trace-Id"] == "the-request"
    assert json.loads(asked["body"])["result"] == {"isValid": False}


def test_contents_are_binary(api: InProcessApi) -> None:
    alice = new_caller()
    created = upload(api, alice, b"\x00\xff")

    answer = call("GET", created["id"], {"authorization": f"Bearer {token_of(alice)}", "accept": "application/json"})

    assert (answer["isBase64Encoded"], base64.b64decode(answer["body"])) == (True, b"\x00\xff")


@pytest.mark.usefixtures("moto")
@pytest.mark.parametrize(
    ("method", "rest", "status"),
    [
        ("GET", None, 401),
        ("DELETE", None, 405),
        ("PUT", "FIL1", 405),
        ("GET", "FIL1/metadata/more", 404),
        ("GET", "FIL1/MetaData", 308),
        ("OPTIONS", None, 405),
    ],
)
def test_what_no_route_takes_is_answered_as_the_gateway_does(method: str, rest: str | None, status: int) -> None:
    answer = call(method, rest)

    assert (answer["statusCode"], answer["body"]) == (status, "")
    if status == 308:
        assert answer["headers"]["Location"] == f"{FILES}/FIL1/Metadata"


@pytest.mark.usefixtures("moto")
def test_a_preflight_request_is_answered() -> None:
    """http-common.md §9, CORS"""
    assert call("OPTIONS", "FIL1", {"Access-Control-Request-Method": "DELETE"})["statusCode"] == 204
