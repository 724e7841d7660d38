"""Version, health, unknown routes, preflights.  Contract: http-common.md, sections 1, 5.3, 9 and 14."""

import pytest

from backbone import health
from backbone.http.unrouted import MethodNotAllowed, MovedTo, NotFound, outcome
from backbone.settings import settings
from tests.support.api import InProcessApi

ROUTES = {
    "/api/v2/Devices": ["GET", "POST"],
    "/api/v2/Devices/{id}": ["DELETE"],
    "/api/v2/Devices/Self": ["GET", "PUT"],
}


@pytest.fixture(autouse=True)
def _no_remembered_health() -> None:
    health.forget()


def test_the_major_version_is_the_string_seven(api: InProcessApi) -> None:
    """http-common.md §14: GET /api/v2/Version anonymously -> 200, `result.majorVersion` is the string `"7"`"""
    assert api.get("/api/v2/Version").json == {"result": {"majorVersion": "7"}}


def test_health_is_plain_text(api: InProcessApi) -> None:
    """http-common.md §14: GET /health -> 200"""
    answer = api.get("/health")

    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, "Healthy", "text/plain")


def test_health_is_503_while_the_database_does_not_answer(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """misc.md: `GET /health` with database down -> 503 `Unhealthy`"""
    monkeypatch.setenv("BACKBONE_CHALLENGES_TABLE", "gone")
    settings.cache_clear()

    answer = api.get("/health")

    assert (answer.status, answer.body) == (503, "Unhealthy")


def test_an_unknown_version_is_404_without_body_and_with_the_common_headers(api: InProcessApi) -> None:
    """http-common.md §14: GET /api/v1/Devices -> 404, empty body"""
    answer = api.get("/api/v1/Devices")

    assert (answer.status, answer.body) == (404, "")
    assert "x-correlation-id" in answer.headers


def test_a_known_path_with_another_method_is_405_without_token(api: InProcessApi) -> None:
    """http-common.md §1: Known route, wrong method -> 405, empty body, `Allow` header, no authentication needed"""
    answer = api.delete("/api/v2/Challenges")

    assert (answer.status, answer.body, answer.headers["allow"]) == (405, "", "POST")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v2/devices", MovedTo("/api/v2/Devices")),
        ("GET", "/API/V2/Devices/", MovedTo("/api/v2/Devices")),
        ("DELETE", "/api/v2/devices/DVCabc", MovedTo("/api/v2/Devices/DVCabc")),
        ("GET", "/api/v2/devices/self", MovedTo("/api/v2/Devices/Self")),
        ("PATCH", "/api/v2/Devices", MethodNotAllowed(("GET", "POST"))),
        ("GET", "/api/v3/Devices", NotFound()),
        ("GET", "/", NotFound()),
        ("GET", "/api/v2/Devices/{x}/y", NotFound()),
    ],
)
def test_what_happens_to_a_request_without_route(method: str, path: str, expected: object) -> None:
    """http-common.md §1: path segments are matched case-insensitively; unknown route 404; wrong method 405"""
    assert outcome(method, path, ROUTES) == expected


def test_a_path_in_another_case_is_sent_to_its_exact_form_with_its_query(api: InProcessApi) -> None:
    """http-common.md §1: Path segments are matched case-insensitively by the reference"""
    answer = api.get("/api/v2/challenges/CHLabc", query="a=1&b=2")

    assert (answer.status, answer.headers["location"]) == (308, "/api/v2/Challenges/CHLabc?a=1&b=2")


def test_a_preflight_from_a_configured_origin_is_204_with_its_headers(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """http-common.md §9: any request header, any method, no credentials; preflight answered 204"""
    monkeypatch.setenv("BACKBONE_CORS_ALLOWED_ORIGINS", "nmshd://prod;http://localhost:3090")
    monkeypatch.setenv("BACKBONE_CORS_EXPOSED_HEADERS", "X-Request-Time;X-Trace-Id")
    settings.cache_clear()
    asked = {
        "origin": "http://localhost:3090",
        "access-control-request-method": "PUT",
        "access-control-request-headers": "authorization,content-type",
    }

    answer = api.request("OPTIONS", "/api/v2/Challenges", headers=asked)

    assert (answer.status, answer.body) == (204, "")
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3090"
    assert answer.headers["access-control-allow-methods"] == "PUT"
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
    assert answer.headers["access-control-expose-headers"] == "X-Request-Time,X-Trace-Id"
    assert "access-control-allow-credentials" not in answer.headers


def test_a_strange_origin_gets_no_cors_headers(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """http-common.md §9: CORS only for configured origins"""
    monkeypatch.setenv("BACKBONE_CORS_ALLOWED_ORIGINS", "http://localhost:3090")
    settings.cache_clear()

    answer = api.get("/api/v2/Version", headers={"origin": "http://elsewhere"})

    assert "access-control-allow-origin" not in answer.headers


def test_without_configured_origins_there_are_no_cors_headers_at_all(api: InProcessApi) -> None:
    """http-common.md §9: Only if configured"""
    asked = {"origin": "http://localhost:3090", "access-control-request-method": "GET"}

    answer = api.request("OPTIONS", "/api/v2/Version", headers=asked)

    assert not [name for name in answer.headers if name.startswith("access-control")]
