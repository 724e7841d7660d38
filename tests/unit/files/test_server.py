"""The server of large uploads: the same routes over WSGI.  Decision: docs/decisions/large-uploads.md."""

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest

from backbone.caller import Caller
from backbone.settings import settings
from functions.files.server import Application, application
from tests.support.api import new_caller, token_of
from tests.unit.files.uploads import UNPARSABLE, WRONG_SIZE, encoded, form

pytestmark = pytest.mark.usefixtures("moto")

MIB = 1024 * 1024


class Answer:
    """What a WSGI server would send."""

    def __init__(self, app: Application, environ: dict[str, Any]) -> None:
        self.body = b"".join(app(environ, self._start))

    def _start(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status = int(status.split(" ")[0])
        self.headers = {name.lower(): value for name, value in headers}

    @property
    def json(self) -> Any:
        """The parsed body."""
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str]:
        """Status and code of a refusal."""
        return self.status, self.json["error"]["code"]


def call(
    method: str = "POST",
    path: str = "/api/v2/Files",
    *,
    body: bytes = b"",
    content_type: str = "",
    caller: Caller | None = None,
    behind_https: bool = False,
    query: str = "",
    **headers: str,
) -> Answer:
    """One request."""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": "internal",
        "HTTP_X_FORWARDED_PROTO": "http",
        "HTTP_X_FORWARDED_HOST": "backbone.example.org",
        "wsgi.input": BytesIO(body),
        **({"HTTP_AUTHORIZATION": f"Bearer {token_of(caller)}"} if caller else {}),
        **headers,
    }
    return Answer(application(behind_https=behind_https), environ)


def post(content: bytes, caller: Caller | None, **options: Any) -> Answer:
    """Upload a form."""
    body, content_type = encoded(form(content))
    return call(body=body, content_type=content_type, caller=caller, **options)


def test_ten_mebibytes_are_uploaded() -> None:
    """files.md Checklist: 10 485 760 bytes -> 201"""
    caller = new_caller()

    answer = post(bytes(10 * MIB), caller, behind_https=True)

    created = answer.json["result"]
    assert (answer.status, created["cipherSize"], created["owner"]) == (201, 10 * MIB, caller.address)
    assert answer.headers["location"] == f"https://backbone.example.org/api/v2/Files/{created['id']}"
    assert answer.headers["x-correlation-id"]


def test_its_refusals_are_those_of_the_api() -> None:
    """files.md §3.1: the order of checks"""
    caller = new_caller()

    assert post(b"x", None).status == 401
    assert call(body=b"{}", content_type="application/json", caller=caller).status == 415
    assert post(bytes(10 * MIB + 1), caller).error == WRONG_SIZE
    assert post(bytes(20 * MIB), caller).error == UNPARSABLE
    assert call(caller=caller, content_type="multipart/form-data; boundary=x").error == UNPARSABLE


def test_the_list_of_files_lives_on_the_same_path() -> None:
    """CloudFront tells paths apart, not methods"""
    caller = new_caller()
    ids = [post(b"x", caller).json["result"]["id"] for _ in range(2)]

    answer = call("GET", caller=caller, query="pageSize=1")

    assert [file["id"] for file in answer.json["result"]] == ids[:1]
    assert answer.json["pagination"]["totalRecords"] == 2


@pytest.fixture
def browsers_allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An origin that may call."""
    monkeypatch.setenv("BACKBONE_CORS_ALLOWED_ORIGINS", "nmshd://prod")
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.usefixtures("browsers_allowed")
def test_browsers_ask_first() -> None:
    """http-common.md §9, CORS: preflight answered 204"""
    asked: dict[str, Any] = {
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST",
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "authorization",
    }

    answer = call("OPTIONS", HTTP_ORIGIN="nmshd://prod", **asked)

    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "nmshd://prod"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/api/v2/Files", 405),
        ("OPTIONS", "/api/v2/Files", 405),
        ("GET", "/health", 200),
        ("GET", "/api/v2/Files/FIL1", 404),
        ("POST", "/", 404),
    ],
)
def test_everything_else_belongs_to_the_api(method: str, path: str, status: int) -> None:
    answer = call(method, path)

    assert (answer.status, answer.body) == (status, b"")
    assert (answer.headers.get("allow") is not None) == (status == 405)
