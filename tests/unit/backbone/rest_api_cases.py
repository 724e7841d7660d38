"""The Chalice app behind a REST API answers like the functions behind the HTTP API (docs/decisions/chalice.md).

Events are those that API Gateway sends with payload 1.0, on a stage or on a custom domain with or without base path.
A blueprint belongs to one app, so these tests run in a process of their own (test_rest_api.py).
"""

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from chalice.config import Config
from chalice.local import LocalGateway

from app import app
from backbone.http.context import base_path_of
from functions.gateway import api as gateway
from tests.support.api import Answer, token_of
from tests.unit.files.uploads import CONTENT, encoded, form
from tests.unit.synchronization.steps import given_caller

HOST = "abcde12345.execute-api.eu-central-1.amazonaws.com"
ROUTES = sorted(app.routes, key=lambda route: (route.endswith("+}"), route.count("{")))
pytestmark = pytest.mark.usefixtures("moto")


def resource_of(path: str, method: str) -> tuple[str, dict[str, str]]:
    """The resource of the REST API that takes a path; a fixed segment wins, what takes everything comes last."""
    for route in ROUTES:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(route).replace(r"\{proxy\+\}", "(?P<proxy>.+)"))
        if match := re.fullmatch(pattern, path):
            return route, match.groupdict()
    raise AssertionError(f"API Gateway would answer 403 to {method} {path}")


def event(
    method: str,
    path: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, list[str]] | None = None,
    stage: str = "prod",
) -> dict[str, Any]:
    """What API Gateway sends for `https://<host>/<stage><path>`."""
    resource, parameters = resource_of(path, method)
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": {"Host": HOST, "X-Forwarded-Proto": "https", "Accept": "application/json", **(headers or {})},
        "multiValueHeaders": {},
        "queryStringParameters": {name: values[-1] for name, values in (query or {}).items()} or None,
        "multiValueQueryStringParameters": dict(query or {}) or None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/{stage}{path}" if stage else path,
            "stage": stage or "prod",
            "requestId": "316aa6d0-8154-4f7a-9af7-85d5f4a6bc81",
            "requestTimeEpoch": 1700000000000,
            "identity": {},
        },
        "body": base64.b64encode(body).decode() if body is not None else None,
        "isBase64Encoded": body is not None,
    }


def call(method: str, path: str, **options: Any) -> Answer:
    """One request."""
    answer = app(event(method, path, **options), None)
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        headers[name.lower()] = ",".join(values)
    return Answer(answer["statusCode"], headers, answer["body"], answer.get("isBase64Encoded", False))


def signed_in(caller: Any) -> dict[str, str]:
    """The header of somebody with a token."""
    return {"Authorization": f"Bearer {token_of(caller)}"}


@pytest.mark.parametrize(("stage", "base"), [("prod", f"https://{HOST}/prod"), ("", f"https://{HOST}")])
def test_what_is_created_is_found_where_the_answer_says(stage: str, base: str) -> None:
    caller = given_caller()
    created = call("POST", "/api/v2/Challenges", headers=signed_in(caller), stage=stage)

    assert created.status == 201
    assert created.headers["location"] == f"{base}/api/v2/Challenges/{created.result['id']}"
    found = call("GET", f"/api/v2/Challenges/{created.result['id']}", headers=signed_in(caller), stage=stage)
    assert found.result["id"] == created.result["id"]


def test_parameters_may_be_repeated() -> None:
    caller = given_caller()
    body, content_type = encoded(form())
    headers = {**signed_in(caller), "Content-Type": content_type}
    ids = {call("POST", "/api/v2/Files", body=body, headers=headers).result["id"] for _ in range(2)}

    listed = call("GET", "/api/v2/Files", headers=headers, query={"ids": sorted(ids)})

    assert {file["id"] for file in listed.result} == ids


@pytest.mark.parametrize("accept", ["application/json, text/plain, */*", "application/json", "image/png"])
def test_a_file_comes_back_whatever_the_client_accepts(accept: str) -> None:
    caller = given_caller()
    body, content_type = encoded(form())
    headers = {**signed_in(caller), "Content-Type": content_type, "Accept": accept}

    created = call("POST", "/api/v2/Files", body=body, headers=headers)
    answer = call("GET", f"/api/v2/Files/{created.result['id']}", headers=headers)

    assert created.status == 201
    assert answer.content == CONTENT


@pytest.mark.parametrize(
    ("method", "path", "status", "header"),
    [
        ("GET", "/api/v2/Nothing", 404, {}),
        ("GET", "/nothing/at/all", 404, {}),
        ("GET", "/", 404, {}),
        ("DELETE", "/api/v2/Challenges", 405, {"allow": "POST"}),
        ("POST", "/api/v2/Challenges/CHL00000000000000000", 405, {"allow": "GET"}),
        ("HEAD", "/api/v2/Challenges", 405, {"allow": "POST"}),
        ("GET", "/api/v2/challenges/CHL1", 308, {"location": "/api/v2/Challenges/CHL1"}),
        ("OPTIONS", "/api/v2/Challenges", 405, {"allow": "POST"}),
    ],
)
def test_what_no_route_takes_is_answered_as_by_the_http_api(
    method: str, path: str, status: int, header: dict[str, str]
) -> None:
    """http-common.md, sections 1 and 9."""
    answer = call(method, path, stage="")

    assert (answer.status, answer.body) == (status, "")
    assert {name: answer.headers.get(name) for name in header} == header
    assert "x-correlation-id" in answer.headers


def test_what_takes_everything_may_go_by_another_name() -> None:
    """API Gateway has been seen to call it `/{proxy*}` (aws/chalice, issue 2072)."""
    request = event("GET", "/api/v2/Nothing")
    request["requestContext"]["resourcePath"] = "/{proxy*}"

    assert app(request, None)["statusCode"] == 404


def test_a_preflight_is_answered_on_any_path() -> None:
    for path in ("/api/v2/Challenges", "/api/v2/Nothing"):
        assert call("OPTIONS", path, headers={"Access-Control-Request-Method": "POST"}).status == 204


def test_refusals_are_those_of_the_contract() -> None:
    assert call("GET", "/api/v2/Challenges/CHL00000000000000000").status == 401
    unknown = call("GET", "/api/v2/Challenges/CHL00000000000000000", headers=signed_in(given_caller()))
    assert unknown.error == (404, "error.platform.recordNotFound")


def test_a_redirect_to_the_exact_path_keeps_stage_and_query() -> None:
    answer = call("GET", "/api/v2/challenges/CHL1", query={"a": ["1", "2"]}, stage="prod")

    assert (answer.status, answer.headers["location"]) == (308, "/prod/api/v2/Challenges/CHL1?a=1&a=2")


@pytest.mark.parametrize(
    ("route", "path", "base"),
    [
        ("/api/v2/Challenges/{id}", "/api/v2/Challenges/CHL1", ""),
        ("/api/v2/Challenges/{id}", "/api/api/v2/Challenges/CHL1", "/api"),
        ("/api/v2/Challenges/{id}", "/a/b/api/v2/Challenges/CHL1", "/a/b"),
        ("/", "/", ""),
        ("/", "/prod/", "/prod"),
        ("/{proxy+}", "/prod/api/v2/x", "/prod"),
        ("/{proxy+}", "/production/x", ""),
        ("", "/api/v2/x", ""),
        ("$default", "/api/v2/x", ""),
    ],
)
def test_the_base_path_is_what_stands_before_the_route(route: str, path: str, base: str) -> None:
    assert base_path_of({"resourcePath": route, "path": path, "stage": "prod"}) == base


def test_every_route_of_the_http_api_is_there() -> None:
    table = json.loads((Path(gateway.__file__ or "").with_name("routes.json")).read_text(encoding="utf-8"))

    assert [path for path, methods in table.items() if not set(methods) <= set(app.routes.get(path, {}))] == []


def test_chalice_local_serves_it() -> None:
    caller = given_caller()
    local = LocalGateway(app, Config(chalice_stage="dev"))
    headers = {"host": "localhost:8000", "accept": "application/json", **signed_in(caller)}

    answer = local.handle_request(method="POST", path="/api/v2/Challenges", headers=headers, body=b"")
    wrong = local.handle_request(method="DELETE", path="/api/v2/Challenges", headers=headers, body=b"")

    assert answer["statusCode"] == 201, answer
    created = json.loads(answer["body"])["result"]["id"]
    assert answer["headers"]["Location"].endswith(f"localhost:8000/api/v2/Challenges/{created}")
    assert (wrong["statusCode"], wrong["headers"]["Allow"]) == (405, "POST")
