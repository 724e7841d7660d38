"""The OpenAPI documents that are generated from the code."""

import ast
import json
from functools import lru_cache
from typing import Annotated, Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from backbone.caller import Caller
from backbone.errors import BackboneError, Forbidden, InvalidPropertyValue, RecordNotFound
from backbone.http import Api, Created, NoContent, Page, PageOf, Raw, RawRequest, RequestModel, ResponseModel
from backbone.http.documentation import Answer, Body
from backbone.ids import DeviceId
from infra.build import ROOT
from infra.openapi.document import DOCUMENTS, Document, document
from infra.openapi.refusals import refusals
from infra.openapi.schemas import Components, prose
from infra.openapi.signatures import Operation
from infra.routes import endpoints

pytestmark = pytest.mark.slow

METHODS = ("get", "post", "put", "patch", "delete")


CONSUMER, ADMIN = DOCUMENTS
each_document = pytest.mark.parametrize("about", DOCUMENTS, ids=lambda about: about.http_api.name)


@lru_cache(maxsize=2)
def the_document(about: Document = CONSUMER) -> dict[str, Any]:
    return document(about)


def operations(about: Document) -> list[tuple[str, str, dict[str, Any]]]:
    paths = the_document(about)["paths"]
    return [(method, path, paths[path][method]) for path in paths for method in METHODS if method in paths[path]]


@each_document
def test_the_document_is_valid_openapi(about: Document) -> None:
    assert the_document(about)["openapi"] == "3.1.0"
    validate(the_document(about))


@each_document
def test_every_endpoint_is_described(about: Document) -> None:
    """misc.md §6: `POST /connect/token` and the proof-of-concept reference list are not described"""
    described = {(method.upper(), path) for method, path, _ in operations(about)}

    wanted = {(each.method, each.path) for each in endpoints(about.http_api) if about.describes(each)}
    assert described == wanted


def test_log_in_is_the_password_flow() -> None:
    """misc.md §6: title `Consumer API`; `oauth2` with password flow and token URL `/connect/token`"""
    scheme = the_document()["components"]["securitySchemes"]["oauth2"]

    assert the_document()["info"]["title"] == "Consumer API"
    assert scheme["type"] == "oauth2"
    assert scheme["flows"]["password"]["tokenUrl"] == "/connect/token"


def test_who_needs_a_token_says_so() -> None:
    paths = the_document()["paths"]

    assert paths["/api/v2/Devices"]["get"]["security"] == [{"oauth2": []}]
    assert "401" in paths["/api/v2/Devices"]["get"]["responses"]
    assert paths["/api/v2/Challenges"]["post"]["security"] == [{"oauth2": []}, {}]
    assert paths["/api/v2/Tags"]["get"]["security"] == []
    assert "401" not in paths["/api/v2/Tags"]["get"]["responses"]


def test_who_needs_a_key_says_so() -> None:
    document = the_document(ADMIN)
    paths = document["paths"]

    assert document["info"]["title"] == "Admin API"
    assert document["components"]["securitySchemes"]["apiKey"]["name"] == "X-API-KEY"
    assert paths["/api/v1/Announcements"]["get"]["security"] == [{"apiKey": []}]
    assert "401" in paths["/api/v1/Announcements"]["get"]["responses"]
    assert paths["/api/v1/xsrf"]["get"]["security"] == []
    assert "401" not in paths["/api/v1/xsrf"]["get"]["responses"]


@each_document
def test_every_example_fits_its_schema(about: Document) -> None:
    components = the_document(about)["components"]
    for method, path, operation in operations(about):
        contents = [response.get("content", {}) for response in operation["responses"].values()]
        contents.append(operation.get("requestBody", {}).get("content", {}))
        for content in contents:
            for described in content.values():
                examples = [each["value"] for each in described.get("examples", {}).values()]
                for example in [*examples, *([described["example"]] if "example" in described else [])]:
                    schema = {**described["schema"], "components": components}
                    jsonschema.validate(example, schema), (method, path)


@each_document
def test_every_operation_has_a_summary_and_an_answer(about: Document) -> None:
    for method, path, operation in operations(about):
        assert operation["summary"], (method, path)
        assert any(status < "400" for status in operation["responses"]), (method, path)
        assert not set(operation["summary"]) & set("\n§"), operation["summary"]


def test_every_error_code_of_a_service_is_described_somewhere() -> None:
    """No code of the protocol that stands in a service's source is missing from its operations."""
    text = json.dumps([the_document(about) for about in DOCUMENTS])
    missing = {
        code
        for about in DOCUMENTS
        for each in endpoints(about.http_api)
        for file in (ROOT / "functions" / each.service).glob("*.py")
        for code in _codes(file.read_text(encoding="utf-8"))
        if code not in text
    }

    assert missing == set()


def _codes(source: str) -> set[str]:
    strings = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    return {
        each for each in strings if isinstance(each, str) and each.startswith("error.platform.") and each[-1] != "."
    }


def test_refusals_are_found_where_they_hide() -> None:
    """Behind types, tables of rules, validators and constants."""
    paths = the_document()["paths"]

    def codes(path: str, method: str) -> str:
        return json.dumps(paths[path][method]["responses"])

    assert "relationshipToRecipientNotActive" in codes("/api/v2/Messages", "post")
    assert "PredicateValidator" in codes("/api/v2/Messages", "post")
    assert "cannotAcceptOrRejectRelationship" in codes("/api/v2/Relationships/{id}/Accept", "put")
    assert "cannotRevokeRelationship" not in codes("/api/v2/Relationships/{id}/Accept", "put")
    assert "onlyOneBackupDeviceCanExist" in codes("/api/v2/Devices", "post")


class _Something(RequestModel):
    name: str


class _SomethingOut(ResponseModel):
    """What came of it (devices.md, section 1)."""

    name: str


class _TooMuch(BackboneError):
    def __init__(self) -> None:
        super().__init__("error.platform.validation.test.tooMuch", "Too much.")


class _Store:
    def take(self, name: str) -> _SomethingOut:
        if name == "much":
            raise _TooMuch
        raise RecordNotFound("Thing")


_store = _Store()
_api = Api("tests")


@_api.post("/api/v2/Things/{id}")
def _change_thing(id: DeviceId, body: _Something, caller: Caller) -> Created[_SomethingOut]:
    """Change it (devices.md, section 1).  Then see."""
    return Created(_store.take(body.name))


@_api.get("/api/v2/Things")
def _list_things(page: Page, caller: Caller | None) -> PageOf[_SomethingOut]:
    """List them."""
    raise InvalidPropertyValue("no", "error.platform.validation.test.inline")


@_api.delete("/api/v2/Things")
def _drop_things(caller: Caller) -> NoContent:
    """Drop them."""
    try:
        _store.take("x")
    except RecordNotFound:
        raise Forbidden from None
    return NoContent()


@_api.post("/api/v2/Forms")
def _send_form(
    form: Annotated[RawRequest, Body("multipart/form-data", _SomethingOut)],
) -> Annotated[Raw, Answer(202, "Later.")]:
    """Send it."""
    return Raw(202)


def operation_of(path: str, method: str) -> dict[str, Any]:
    [endpoint] = [each for each in _api.endpoints if (each.path, each.method) == (path, method)]
    return Operation(endpoint, Components()).describe("test")


def test_an_operation_is_read_from_its_signature() -> None:
    operation = operation_of("/api/v2/Things/{id}", "POST")

    assert operation["summary"] == "Change it"
    assert operation["description"] == "Change it. Then see."
    assert [parameter["name"] for parameter in operation["parameters"]] == ["id"]
    assert operation["parameters"][0]["schema"]["pattern"].startswith("^DVC")
    assert operation["requestBody"]["required"]
    assert operation["responses"].keys() == {"201", "400", "401", "404", "415", "429", "500"}
    assert "error.platform.validation.test.tooMuch" in operation["responses"]["400"]["description"]


def test_a_list_has_pages() -> None:
    operation = operation_of("/api/v2/Things", "GET")

    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert {parameter["name"] for parameter in operation["parameters"]} == {"PageNumber", "PageSize"}
    assert schema["properties"].keys() == {"result", "pagination"}
    assert "error.platform.validation.test.inline" in operation["responses"]["400"]["description"]
    assert "invalidPageSize" in operation["responses"]["400"]["description"]


def test_an_empty_success_and_a_refusal() -> None:
    assert operation_of("/api/v2/Things", "DELETE")["responses"].keys() >= {"204", "401", "403"}


def test_raw_answers_and_bodies_are_described_by_annotations() -> None:
    operation = operation_of("/api/v2/Forms", "POST")

    assert operation["responses"]["202"] == {"description": "Later."}
    assert "multipart/form-data" in operation["requestBody"]["content"]


def test_two_models_of_one_name_are_told_apart() -> None:
    class Thing(RequestModel):
        name: str

    first, components = Thing, Components()

    class Thing(RequestModel):  # type: ignore[no-redef]
        size: int

    class Box(RequestModel):
        thing: Thing

    assert components.of(first, "validation") == {"$ref": "#/components/schemas/Thing"}
    assert components.of(Box, "validation") == {"$ref": "#/components/schemas/Box"}
    assert components.of(first, "validation") == {"$ref": "#/components/schemas/Thing"}
    assert components.schemas["Box"]["properties"]["thing"] == {"$ref": "#/components/schemas/Thing2"}
    assert components.schemas["Thing2"]["properties"].keys() == {"size"}


def test_what_is_only_caught_is_not_looked_for() -> None:
    assert "error.platform.forbidden" in {each.code for each in refusals(_drop_things, [])}


@pytest.mark.parametrize(
    ("docstring", "shown"),
    [
        ("Read it (devices.md, section 2).", "Read it."),
        ("Read it (§3.1)  twice.", "Read it twice."),
        ("Lines\n    of text (see there).", "Lines of text (see there)."),
        ("What goes.  Contract: misc.md, section 1.", "What goes."),
    ],
)
def test_citations_are_left_out(docstring: str, shown: str) -> None:
    assert prose(docstring) == shown
