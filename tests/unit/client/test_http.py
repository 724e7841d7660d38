"""Log-in, repetition, errors and paging of the connection to a Backbone."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from tests.client.errors import ClientError
from tests.client.http import BackboneApi, Credentials

Handler = Callable[[httpx.Request], httpx.Response]


class Recorder:
    """Answers log-ins by itself, everything else with the given handler, and remembers all requests."""

    def __init__(self, answer: Handler, login: Handler | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self.now = 1000.0
        self._answer = answer
        self._login = login or self._token

    def _token(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"access_token": f"token-{len(self.requests)}", "expires_in": "300"})

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return (self._login if request.url.path == "/connect/token" else self._answer)(request)

    def api(self, credentials: Credentials | None = Credentials("USR", "p&=+ä")) -> BackboneApi:  # noqa: B008
        transport = httpx.MockTransport(self._handle)
        return BackboneApi(
            "http://localhost/", "id", "secret", credentials, transport=transport, clock=lambda: self.now
        )

    @property
    def paths(self) -> list[str]:
        return [request.url.raw_path.decode() for request in self.requests]


def always(status: int, body: Any = None, **options: Any) -> Handler:
    return lambda request: httpx.Response(status, json=body, **options)


def test_the_token_request_has_the_form_fields_in_order() -> None:
    """client-protocol.md §10."""
    recorder = Recorder(always(204))
    recorder.api().login()
    assert recorder.requests[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qsl(recorder.requests[0].content.decode()) == [
        ("client_id", "id"),
        ("client_secret", "secret"),
        ("grant_type", "password"),
        ("username", "USR"),
        ("password", "p&=+ä"),
    ]


def test_a_token_is_kept_until_ten_seconds_before_its_expiry() -> None:
    """client-protocol.md §10."""
    recorder = Recorder(always(204))
    api = recorder.api()
    api.get("/Devices/Self")
    recorder.now += 289
    api.get("/Devices/Self")
    assert recorder.paths.count("/connect/token") == 1
    recorder.now += 1
    api.get("/Devices/Self")
    assert recorder.paths.count("/connect/token") == 2


def test_after_a_401_the_client_logs_in_again_and_repeats_once() -> None:
    """client-protocol.md §7."""
    recorder = Recorder(lambda request: httpx.Response(401 if "token-1" in request.headers["authorization"] else 204))
    assert recorder.api().get("/Devices/Self") is None
    assert recorder.paths == ["/connect/token", "/api/v2/Devices/Self", "/connect/token", "/api/v2/Devices/Self"]


def test_a_second_401_is_reported_as_unauthorized() -> None:
    """client-protocol.md §7."""
    recorder = Recorder(always(401))
    with pytest.raises(ClientError) as caught:
        recorder.api().get("/Devices/Self")
    assert (caught.value.status, caught.value.code) == (401, "error.platform.unauthorized")
    assert recorder.paths.count("/api/v2/Devices/Self") == 2


def test_anonymous_calls_neither_log_in_nor_repeat() -> None:
    """client-protocol.md §7."""
    recorder = Recorder(always(401))
    assert recorder.api(credentials=None).request("POST", "/Challenges").status == 401
    assert recorder.api().request("POST", "/Challenges", anonymous=True).status == 401
    assert recorder.paths == ["/api/v2/Challenges", "/api/v2/Challenges"]
    assert all("authorization" not in request.headers for request in recorder.requests)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "noAuthGrant"),
        (404, "noAuthGrant"),
        (500, "noAuthGrant"),
        (401, "noAuthPossible"),
        (503, "noAuthPossible"),
    ],
)
def test_a_refused_log_in_tells_wrong_credentials_from_everything_else(status: int, code: str) -> None:
    """client-protocol.md §10."""
    recorder = Recorder(always(204), login=always(status, {"error": "x"}))
    with pytest.raises(ClientError) as caught:
        recorder.api().get("/Devices/Self")
    assert caught.value.code == f"error.transport.request.{code}"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, {"error": {"code": "a.b", "message": "m"}}, "a.b"),
        (404, {"error": {"code": "a.b", "message": "m"}}, "a.b"),
        (500, {"error": {"code": "a.b", "message": "m"}}, "a.b"),
        (200, {"error": {"code": "a.b", "message": "m"}}, "a.b"),
        (403, {"error": {"code": "a.b", "message": "m"}}, "error.platform.forbidden"),
        (409, {"error": {"code": "a.b", "message": "m"}}, "error.platform.unexpected"),
        (429, {"error": {"code": "a.b", "message": "m"}}, "error.platform.unexpected"),
        (400, None, "error.transport.request.badRequest"),
        (404, None, "error.transport.request.notFound"),
        (500, None, "error.transport.request.resultUndefined"),
        (200, {}, "error.transport.request.resultUndefined"),
        (201, {"result": None}, "error.transport.request.resultUndefined"),
        (200, {"result": 0}, "error.transport.request.resultUndefined"),
        (200, {"result": ""}, "error.transport.request.resultUndefined"),
    ],
)
def test_errors_get_the_code_of_the_typescript_client(status: int, body: Any, code: str) -> None:
    """client-protocol.md §7, §24.4."""
    with pytest.raises(ClientError) as caught:
        Recorder(always(status, body)).api().get("/Devices/Self")
    assert (caught.value.status, caught.value.code, caught.value.body) == (status, code, body)
    assert caught.value.backbone_code == ("a.b" if body and "error" in body else None)


def test_a_raw_request_returns_status_and_body_of_an_error() -> None:
    """client-protocol.md §7: for tests of errors."""
    response = Recorder(always(429, {"error": {"code": "a.b"}})).api().request("POST", "/Messages", json={})
    assert (response.status, response.error_code) == (429, "a.b")


@pytest.mark.parametrize("result", [{}, []])
def test_empty_lists_and_objects_are_results(result: Any) -> None:
    """client-protocol.md §7: ``result`` must be truthy in JavaScript."""
    assert Recorder(always(200, {"result": result})).api().get("/Tags") == result


def test_post_and_put_without_content_send_an_empty_object_and_patch_sends_nothing() -> None:
    """client-protocol.md §7."""
    recorder = Recorder(always(204))
    api = recorder.api(credentials=None)
    api.post("/Challenges")
    api.put("/Relationships/REL/Reject")
    api.call("PATCH", "/Files/FIL/RegenerateOwnershipToken")
    assert [request.content for request in recorder.requests] == [b"{}", b"{}", b""]
    assert recorder.requests[0].headers["content-type"] == "application/json"


def test_sync_runs_and_datawallet_carry_the_supported_version() -> None:
    """client-protocol.md §7."""
    recorder = Recorder(always(204))
    api = recorder.api(credentials=None)
    for path in ("/SyncRuns", "/Datawallet/Modifications", "/Messages"):
        api.get(path)
    versions = [request.headers.get("x-supported-datawallet-version") for request in recorder.requests]
    assert versions == ["1", "1", None]


def test_query_values_are_percent_encoded_and_lists_repeat_their_key() -> None:
    """client-protocol.md §7, §12.3."""
    recorder = Recorder(always(204))
    recorder.api(credentials=None).get("/Messages", {"ids": ["a", "b"], "password": "x+/y="})
    assert recorder.paths == ["/api/v2/Messages?ids=a&ids=b&password=x%2B%2Fy%3D"]


def test_pages_are_read_until_the_last_with_the_same_query() -> None:
    """client-protocol.md §7 paging."""

    def page(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params.get("pageNumber", 1))
        return httpx.Response(200, json={"result": [{"n": number}], "pagination": {"totalPages": 3}})

    recorder = Recorder(page)
    assert list(recorder.api(credentials=None).items("/List", {"localIndex": 5})) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert recorder.paths == [
        "/api/v2/List?localIndex=5",
        "/api/v2/List?localIndex=5&pageNumber=2",
        "/api/v2/List?localIndex=5&pageNumber=3",
    ]


def test_a_list_without_pagination_is_one_page() -> None:
    """client-protocol.md §7 paging."""
    recorder = Recorder(always(200, {"result": [{"n": 1}]}))
    assert list(recorder.api(credentials=None).items("/List")) == [{"n": 1}]
    assert len(recorder.requests) == 1


def test_bodies_are_compact_json_in_utf8() -> None:
    """client-protocol.md §1, §7."""
    recorder = Recorder(always(204))
    recorder.api(credentials=None).post("/Tokens", {"b": "ä", "a": 1})
    assert recorder.requests[0].content == '{"b":"ä","a":1}'.encode()
    assert json.loads(recorder.requests[0].content) == {"b": "ä", "a": 1}
