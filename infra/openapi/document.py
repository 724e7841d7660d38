"""The whole documents: OpenAPI 3.1."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backbone.http.api import Endpoint
from infra.build import ROOT
from infra.openapi import examples
from infra.openapi.schemas import Components, ErrorOut, ProblemOut, Schema
from infra.openapi.signatures import Operation
from infra.routes import ADMIN, CONSUMER, HttpApi, endpoints

_OF_CLIENTS = """\
The Consumer API of an Enmeshed Backbone. Clients keep everything they store here encrypted end to end.

Results come in the member `result`, refusals as `error`. Names in bodies and queries match in any case, unknown members
are ignored, and bytes are base64url without padding (requests may use standard base64, too). Log in at `/connect/token`
with the user name and password of a device."""

_OF_OPERATORS = """\
The Admin API of an Enmeshed Backbone: what its operators do. Everything but a few routes needs a key in the header
`X-API-KEY`.

Results come in the member `result`, refusals as `error`. Names in bodies and queries match in any case, unknown members
are ignored, and bytes are base64url without padding (requests may use standard base64, too)."""


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """What is said of one HTTP API, and where; paths that begin with one of `undescribed` are left out."""

    http_api: HttpApi
    file: Path
    version: str
    description: str
    undescribed: tuple[str, ...]
    security_schemes: Schema
    unauthorized: Schema

    def describes(self, endpoint: Endpoint) -> bool:
        """Whether it has a place in the document."""
        return not endpoint.path.startswith(self.undescribed)


DOCUMENTS = (
    Document(
        CONSUMER,
        ROOT / "functions" / "pages" / "files" / "openapi.json",
        "2",
        _OF_CLIENTS,
        # As the reference's (misc.md, section 6), and where redirects lead.
        ("/connect/", "/api/poc/", "/docs", "/api/v2/Uploads/"),
        {
            "oauth2": {
                "type": "oauth2",
                "description": "The user name and password of a device, in the name of a client.",
                "flows": {"password": {"tokenUrl": "/connect/token", "scopes": {}}},
            }
        },
        {
            "description": "There is no token, or it is invalid or has expired. The body is empty.",
            "headers": {"WWW-Authenticate": {"schema": {"type": "string"}}},
        },
    ),
    Document(
        ADMIN,
        ROOT / "functions" / "admin" / "files" / "openapi.json",
        "1",
        _OF_OPERATORS,
        # Pages, and other spellings of what is described.
        ("/docs", "/index.html", "/api/v1/validate"),
        {"apiKey": {"type": "apiKey", "in": "header", "name": "X-API-KEY"}},
        {"description": "There is no key, or it is wrong. The body is empty."},
    ),
)


def document(about: Document = DOCUMENTS[0]) -> Schema:
    """The OpenAPI document of everything that has a route."""
    components = Components()
    paths: dict[str, dict[str, Schema]] = {}
    known: set[str] = set()
    for endpoint in endpoints(about.http_api):
        if about.describes(endpoint):
            operation = Operation(endpoint, components).describe(_operation_id(endpoint, known))
            paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    responses = {"Unauthorized": about.unauthorized, **_shared_responses(components)}
    return {
        "openapi": "3.1.0",
        "info": {"title": about.http_api.name, "version": about.version, "description": about.description},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in sorted({_tag(operations) for operations in paths.values()})],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.schemas.items())),
            "responses": dict(sorted(responses.items())),
            "securitySchemes": about.security_schemes,
        },
    }


def _tag(operations: dict[str, Schema]) -> str:
    return str(next(iter(operations.values()))["tags"][0])


def _operation_id(endpoint: Endpoint, known: set[str]) -> str:
    name = wanted = endpoint.view.__name__
    number = 1
    while name in known:  # one route under two paths
        number += 1
        name = f"{wanted}_{number}"
    known.add(name)
    return name


def _shared_responses(components: Components) -> dict[str, Any]:
    problem = {
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.16",
        "title": "Unsupported Media Type",
        "status": 415,
        "traceId": "0HN7",
    }
    unexpected = examples.error("error.platform.unexpected", "An unexpected error occurred.")
    error, problem_schema = components.of(ErrorOut, "serialization"), components.of(ProblemOut, "serialization")
    return {
        "TooLargeToReturn": {
            "description": "The result is larger than this system can return at once: fetch it from `Location`, "
            "without authorization, within a minute.",
            "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
        },
        "UnsupportedMediaType": {
            "description": "The body is not of the type described.",
            "content": {"application/problem+json": {"schema": problem_schema, "example": problem}},
        },
        "TooManyRequests": {"description": "Too many requests at once, or a quota is exhausted (then with an error)."},
        "Unexpected": {
            "description": "Something went wrong that is not the client's fault.",
            "content": {"application/json": {"schema": error, "example": unexpected}},
        },
    }
