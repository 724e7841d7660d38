"""What is on the Admin API's address besides the API.  Contract: admin-api.md, sections 1 and 19."""

import json
import re

import pytest

from backbone import health
from backbone.settings import settings
from tests.support.api import InProcessApi

pytestmark = pytest.mark.slow

ANONYMOUS = {"x-api-key": ""}


@pytest.fixture(autouse=True)
def _no_remembered_health() -> None:
    health.forget()


@pytest.fixture
def _documented(admin: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKBONE_SWAGGER_UI", "true")
    settings.cache_clear()


def test_health_needs_no_key(admin: InProcessApi) -> None:
    """admin-api.md §19: `GET /health` → 200 `Healthy` without key"""
    answer = admin.get("/health", headers=ANONYMOUS)

    assert (answer.status, answer.body) == (200, "Healthy")


def test_health_is_503_while_the_database_does_not_answer(admin: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """admin-api.md §1: 200 text `Healthy` or 503 text `Unhealthy`"""
    monkeypatch.setenv("BACKBONE_CHALLENGES_TABLE", "gone")
    settings.cache_clear()

    answer = admin.get("/health", headers=ANONYMOUS)

    assert (answer.status, answer.body) == (503, "Unhealthy")


def test_the_root_leads_to_the_page(admin: InProcessApi) -> None:
    """admin-api.md §19: `GET /` → 301 `index.html`"""
    answer = admin.get("/", headers=ANONYMOUS)

    assert (answer.status, answer.headers["location"]) == (301, "index.html")


@pytest.mark.parametrize("path", ["/index.html", "/INDEX.HTML", "/clients/abc", "/favicon.ico", "/apis", "/api"])
def test_browsers_find_the_page_wherever_they_look(admin: InProcessApi, path: str) -> None:
    """admin-api.md §1: every GET path that does **not** begin with `api/` and matches nothing else is answered with
    `index.html`"""
    answer = admin.get(path, headers=ANONYMOUS)
    if answer.status == 308:
        answer = admin.get(answer.headers["location"], headers=ANONYMOUS)

    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<h1>Admin API" in answer.body


@pytest.mark.parametrize("path", ["/api/x", "/api/v1/x", "/api/v2/Devices", "/API/v1/x", "/api/"])
@pytest.mark.parametrize("key", ["", "test"])
def test_unknown_paths_of_the_api_are_404(admin: InProcessApi, path: str, key: str) -> None:
    """admin-api.md §19: unknown `/api/x` → 404 empty"""
    answer = admin.get(path, headers={"x-api-key": key})

    assert (answer.status, answer.body) == (404, "")


def test_prometheus_does_not_get_the_page(admin: InProcessApi) -> None:
    assert admin.get("/metrics").status == 404


def test_only_who_looks_gets_the_page(admin: InProcessApi) -> None:
    assert admin.post("/anywhere", {}).status == 404


def test_another_method_is_405(admin: InProcessApi) -> None:
    answer = admin.delete("/api/v1/Announcements")

    assert (answer.status, answer.body) == (405, "")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "POST"}


def test_a_path_in_another_case_is_sent_to_its_exact_form_with_its_query(admin: InProcessApi) -> None:
    """admin-api.md §1: Route matching: **case-insensitive** for path and for query parameter names"""
    answer = admin.request("POST", "/api/v1/announcements", query="A=1")

    assert (answer.status, answer.headers["location"]) == (308, "/api/v1/Announcements?A=1")


@pytest.mark.parametrize("path", ["/health", "/api/v1/Announcements", "/api/x", "/index.html", "/nowhere"])
def test_all_answers_have_the_common_headers(admin: InProcessApi, path: str) -> None:
    """admin-api.md §19: request header `X-Correlation-ID` is echoed; §1: Response headers on every response"""
    sent = {"x-correlation-id": f" abc{'d' * 100}"}

    headers = admin.get(path, headers=sent).headers

    assert headers["x-correlation-id"] == f"abc{'d' * 97}"
    assert headers["cross-origin-embedder-policy"] == "credentialless"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["strict-transport-security"] == "max-age=5184000; includeSubDomains"
    assert headers["x-frame-options"] == "Deny"
    for name in ("x-request-time", "x-response-time"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", headers[name])
    assert headers["x-response-duration-ms"].isdigit()
    assert headers["x-trace-id"]
    assert "server" not in headers


def test_without_correlation_id_there_is_a_fresh_one(admin: InProcessApi) -> None:
    """admin-api.md §1: else a new random 32 hex-digit id"""
    assert re.fullmatch(r"[0-9a-f]{32}", admin.get("/health").headers["x-correlation-id"])


def test_browsers_of_configured_origins_may_call(admin: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """admin-api.md §1: CORS is off unless configured; then any method and any request header"""
    asked = {
        "origin": "https://admin.example.org",
        "access-control-request-method": "DELETE",
        "access-control-request-headers": "x-api-key,x-xsrf-token",
        "x-api-key": "",
    }
    path = "/api/v1/Announcements/ANC1"
    assert "access-control-allow-origin" not in admin.request("OPTIONS", path, headers=asked).headers
    monkeypatch.setenv("BACKBONE_CORS_ALLOWED_ORIGINS", "https://admin.example.org")
    settings.cache_clear()

    answer = admin.request("OPTIONS", path, headers=asked)

    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "https://admin.example.org"
    assert answer.headers["access-control-allow-methods"] == "DELETE"
    assert answer.headers["access-control-allow-headers"] == "x-api-key,x-xsrf-token"


@pytest.mark.usefixtures("_documented")
@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/docs/index.html", "text/html; charset=utf-8"),
        ("/docs/v1/openapi.json", "application/json; charset=utf-8"),
        ("/docs/swagger-ui.css", "text/css; charset=utf-8"),
        ("/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ],
)
def test_the_documentation_is_there_when_enabled(admin: InProcessApi, path: str, content_type: str) -> None:
    """admin-api.md §19: `GET /docs/index.html`, `/docs/v1/openapi.json` → 200 when Swagger UI is enabled"""
    answer = admin.get(path, headers=ANONYMOUS)

    assert (answer.status, answer.headers["content-type"]) == (200, content_type)


@pytest.mark.usefixtures("_documented")
def test_the_documentation_is_of_this_api(admin: InProcessApi) -> None:
    page = admin.get("/docs/index.html", headers=ANONYMOUS).body

    assert "<title>Admin API</title>" in page
    assert "/docs/v1/openapi.json" in page
    document = json.loads(admin.get("/docs/v1/openapi.json", headers=ANONYMOUS).body)
    assert document["info"]["title"] == "Admin API"
    assert "/api/v1/Announcements" in document["paths"]
    assert "/api/v2/Devices" not in document["paths"]


@pytest.mark.parametrize("path", ["/docs", "/docs/index.html", "/docs/v1/openapi.json", "/docs/swagger-ui.css"])
def test_the_documentation_is_not_there_otherwise(admin: InProcessApi, path: str) -> None:
    """admin-api.md §1: only if `SwaggerUi.Enabled` is true"""
    answer = admin.get(path, headers=ANONYMOUS)

    assert (answer.status, answer.body) == (404, "")
