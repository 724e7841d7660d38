"""Log-in, repetition, errors and paging of the connection to a Backbone."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from enmeshed import BackboneError, NetworkError, QuotaExhaustedError, TooManyRequestsError
from enmeshed.http import Connection, Credentials, new_http_client

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

    def api(self, credentials: Credentials | None = Credentials("USR", "p&=+ä")) -> Connection:  # noqa: B008
        client = new_http_client(transport=httpx.MockTransport(self._handle))
        return Connection("http://localhost/", "id", "secret", credentials, client=client, clock=lambda: self.now)

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
    with pytest.raises(BackboneError) as caught:
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
    with pytest.raises(BackboneError) as caught:
        recorder.api().get("/Devices/Self")
    assert caught.value.code == f"error.transport.request.{code}"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, {"error": {"code": "a.b", "message": "m"}}, "a.b"),
        (404, {"error": {"code": "a.b", "message": "m"}}, "a.b"),
        (500, {"error": {"code": "a.b", "message": "m"}}, "a.b"),
        (200, {"error": {"code": "a.b", "message": "m"}}, "a.b"),
        (403, {"error": {"code": "a.b", "message": "m"}}, "a.b"),
        (409, {"error": {"code": "a.b", "message": "m"}}, "a.b"),
        (401, None, "error.platform.unauthorized"),
        (403, None, "error.platform.forbidden"),
        (409, None, "error.platform.unexpected"),
        (429, None, "error.platform.unexpected"),
        (400, None, "error.transport.request.badRequest"),
        (404, None, "error.transport.request.notFound"),
        (500, None, "error.transport.request.resultUndefined"),
        (200, {}, "error.transport.request.resultUndefined"),
        (201, {"result": None}, "error.transport.request.resultUndefined"),
        (200, {"result": 0}, "error.transport.request.resultUndefined"),
        (200, {"result": ""}, "error.transport.request.resultUndefined"),
    ],
)
def test_errors_have_the_backbones_code_or_that_of_official_clients(status: int, body: Any, code: str) -> None:
    """client-protocol.md §7; unlike official clients (§24.4), the code of every answer is read."""
    with pytest.raises(BackboneError) as caught:
        Recorder(always(status, body)).api().get("/Devices/Self")
    assert (caught.value.status, caught.value.code, caught.value.body) == (status, code, body)


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


def test_an_exhausted_quota_says_when_to_try_again() -> None:
    """quotas.md §5: the latest of the exhausted metrics; some Backbones write no ``Z``."""
    data = [
        {"metricKey": "NumberOfFiles", "isExhaustedUntil": "2024-02-14T23:59:59.999Z"},
        {"metricKey": "UsedFileStorageSpace", "isExhaustedUntil": "9999-12-31T23:59:59.9999999"},
    ]
    body = {"error": {"code": "error.platform.quotaExhausted", "message": "m", "data": data}}
    with pytest.raises(QuotaExhaustedError) as caught:
        Recorder(always(429, body)).api().post("/Files")
    assert caught.value.retry_at == datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert caught.value.metrics == ["NumberOfFiles", "UsedFileStorageSpace"]


def test_a_throttled_request_says_when_to_try_again() -> None:
    """The header ``Retry-After``, in seconds or as a date; without it nobody knows."""
    moments = {}
    for header in ("120", "Wed, 21 Oct 2099 07:28:00 GMT", "soon"):
        with pytest.raises(TooManyRequestsError) as caught:
            Recorder(always(429, headers={"retry-after": header})).api().post("/Files")
        moments[header] = caught.value.retry_at
    with pytest.raises(TooManyRequestsError) as caught:
        Recorder(always(429)).api().post("/Files")
    assert caught.value.retry_at is moments["soon"] is None
    assert moments["Wed, 21 Oct 2099 07:28:00 GMT"] == datetime(2099, 10, 21, 7, 28, tzinfo=UTC)
    assert moments["120"] is not None
    assert moments["120"] > datetime.now(UTC)


@pytest.mark.parametrize(
    ("failure", "code"),
    [(httpx.ReadTimeout("slow"), "aborted"), (httpx.ConnectError("refused"), "network")],
)
def test_without_an_answer_nobody_knows(failure: httpx.HTTPError, code: str) -> None:
    """client-protocol.md §7 "no response"."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise failure

    with pytest.raises(NetworkError) as caught:
        Recorder(fail).api().get("/Devices/Self")
    assert caught.value.code == f"error.transport.request.{code}"
    assert not caught.value.is_definite


def test_redirects_are_followed() -> None:
    """client-protocol.md §7: up to 10."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/elsewhere":
            return httpx.Response(200, json={"result": [1]})
        return httpx.Response(302, headers={"location": "/elsewhere"})

    assert Recorder(answer).api().get("/Files") == [1]


def test_a_password_that_the_backbone_may_know_already_is_tried_second() -> None:
    """A password change whose answer never came."""
    known = []

    def login(request: httpx.Request) -> httpx.Response:
        password = dict(parse_qsl(request.content.decode()))["password"]
        known.append(password)
        return httpx.Response(200 if password == "new" else 400, json={"access_token": "t", "expires_in": 300})

    api = Recorder(always(204), login=login).api(Credentials("USR", "old", "new"))
    api.get("/Devices/Self")
    assert (known, api.password_in_use) == (["old", "new"], "new")
