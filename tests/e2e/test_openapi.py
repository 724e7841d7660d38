"""The OpenAPI documents against the deployed system: Schemathesis makes requests from them, good and bad ones, and no
answer is a failure of the server or one that the document does not describe."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from infra.local.stack import ADMIN_KEY, CLIENT_ID, CLIENT_SECRET, LocalStack
from tests.e2e.conftest import eventually, relate
from tests.people import Identity

FUNCTIONS = Path(__file__).parents[2] / "functions"
EXAMPLES = 8
"""Requests to each endpoint made by chance, beside those at the limits of its schemas.  With more, the whole would take
longer than two minutes."""
NOT_THERE = {"/api/v2/Identities/Self/DeletionProcesses/{id}"}
"""What nobody has here; found or not found is both described."""
HTML = "text/html; charset=utf-8"
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

_generation = GenerationConfig(
    modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE],
    deterministic=True,
    with_security_parameters=False,  # the key is sent by the test
)
_project = ProjectConfig(generation=_generation)
_config = SchemathesisConfig(projects=ProjectsConfig(default=_project))
document = json.loads((FUNCTIONS / "pages" / "files" / "openapi.json").read_text(encoding="utf-8"))
schema = schemathesis.openapi.from_dict(document, config=_config)
admin_document = json.loads((FUNCTIONS / "admin" / "files" / "openapi.json").read_text(encoding="utf-8"))
admin_schema = schemathesis.openapi.from_dict(admin_document, config=_config)


@pytest.fixture(scope="module")
def somebody(stack: LocalStack) -> Identity:
    """An ordinary identity that sends all that."""
    return Identity.create(stack.base_url, CLIENT_ID, CLIENT_SECRET)


a_few = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@schema.parametrize()
@a_few
def test_every_answer_is_described(case: schemathesis.Case, stack: LocalStack, somebody: Identity) -> None:
    headers = {"Authorization": f"Bearer {somebody.device.connection.token}"}

    answer = case.call(base_url=stack.base_url, headers=headers, allow_redirects=False, timeout=30)

    if answer.status_code == 404 and not answer.content:
        return  # a path that no route takes: http-common.md §5.3, 404 from routing: empty body
    case.validate_response(answer, checks=CHECKS)


@admin_schema.parametrize()
@a_few
def test_every_answer_to_operators_is_described(case: schemathesis.Case, stack: LocalStack) -> None:
    answer = case.call(base_url=stack.admin_url, headers={"X-API-KEY": ADMIN_KEY}, allow_redirects=False, timeout=30)

    if (not answer.content and answer.status_code == 404) or HTML in answer.headers.get("content-type", []):
        return  # a path that no route takes
    case.validate_response(answer, checks=CHECKS)


@dataclass(frozen=True)
class World:
    """Something of everything that can be read, and who may read it; ids by the path they are read under."""

    reader: Identity
    peer: Identity
    ids: dict[str, str]

    def value(self, name: str, path: str) -> Any:
        """What a parameter of a path is, so that something is found; None: it is left out."""
        record = self.ids.get(path.split("/")[3] if path.count("/") > 2 else "", "IDP00000000000000000")
        credentials = self.reader.device.connection.credentials
        assert credentials is not None
        known = {
            "id": record,
            "ids": [record],
            "templates.0.id": record,
            "address": self.peer.address,
            "peer": self.peer.address,
            "username": credentials.username,
            "language": "en",
            "referenceId": "TOK123",
            "X-Supported-Datawallet-Version": "1",
        }
        return known.get(name)


@pytest.fixture(scope="module")
def world(stack: LocalStack) -> World:
    """Two related identities, and what they have done."""
    alice, bob = (Identity.create(stack.base_url, CLIENT_ID, CLIENT_SECRET) for _ in range(2))
    api = alice.device.connection
    relationship = relate(alice, bob)
    message = bob.device.messages.send([alice.address], {"text": "hello"})
    expires_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    form = dict.fromkeys(("cipherHash", "ownerSignature", "encryptedProperties"), "c2VhbGVk")
    content = {"content": ("content", b"sealed", "application/octet-stream")}
    run = eventually("a sync run", lambda: api.post("/SyncRuns", {"duration": 120})["syncRun"])
    ids = {
        "Devices": alice.device.device_id,
        "Relationships": relationship,
        "Messages": message.id,
        "SyncRuns": run["id"],
        "RelationshipTemplates": alice.device.templates.create({"purpose": "test"}).id,
        "Challenges": api.post("/Challenges")["id"],
        "Tokens": api.post("/Tokens", {"content": "c2VhbGVk", "expiresAt": expires_at})["id"],
        "Files": api.call("POST", "/Files", data={**form, "expiresAt": expires_at}, files=content)["id"],
    }
    return World(alice, bob, ids)


def test_what_is_there_is_read_as_described(stack: LocalStack, world: World) -> None:
    """Chance never hits a record that exists, so each is read once on purpose."""
    headers = {"Authorization": f"Bearer {world.reader.device.connection.token}"}
    found: dict[str, int] = {}
    for path, operations in document["paths"].items():
        if "get" not in operations:
            continue
        places: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
        for parameter in operations["get"].get("parameters", []):
            value = world.value(parameter["name"], path)
            if value is not None:
                places[parameter["in"]][parameter["name"]] = value
        case = schema[path]["GET"].Case(path_parameters=places["path"], query=places["query"], headers=places["header"])
        answer = case.call(base_url=stack.base_url, headers=headers, allow_redirects=False)
        case.validate_response(answer, checks=CHECKS)
        found[path] = answer.status_code

    not_there = {path: status for path, status in found.items() if status != 200}
    assert not_there.keys() <= NOT_THERE, not_there


def test_the_document_for_operators_is_served_as_it_is_in_the_repository(stack: LocalStack) -> None:
    """admin-api.md §19: `GET /docs/index.html`, `/docs/v1/openapi.json` → 200 when Swagger UI is enabled"""
    assert httpx.get(f"{stack.admin_url}/docs/v1/openapi.json").json() == admin_document


def test_the_document_is_served_as_it_is_in_the_repository(stack: LocalStack) -> None:
    """misc.md: `GET /docs/index.html`, `/docs/v2/openapi.json` -> 200 when enabled, 404 otherwise"""
    served = httpx.get(f"{stack.base_url}/docs/v2/openapi.json")
    page = httpx.get(f"{stack.base_url}/docs", follow_redirects=True)

    assert served.json() == document
    assert page.url.path == "/docs/index.html"
    for path in ("/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"):
        assert path in page.text
        assert httpx.get(f"{stack.base_url}{path}").status_code == 200
