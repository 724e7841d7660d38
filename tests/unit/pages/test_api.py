"""Pages and documents over HTTP.  Contract: misc.md, sections 3, 4 and 6."""

import json
import re
from html import unescape

import pytest

from backbone.settings import settings
from tests.support.api import InProcessApi
from tests.unit.pages.apps import CONFIGURATION, app
from tests.unit.pages.conftest import Configure

APPLE = "https://apps.apple.com/app/example"
GOOGLE = "https://play.google.com/store/apps/details?id=example&hl=en"
WELL_KNOWN = ["/.well-known/apple-app-site-association", "/.well-known/assetlinks.json"]


def links(body: str) -> list[str]:
    return [unescape(link) for link in re.findall(r'<a [^>]*href="([^"]+)"', body)]


@pytest.mark.parametrize(
    ("user_agent", "stores"), [("iPhone", [APPLE]), ("Android", [GOOGLE]), ("unknown", [APPLE, GOOGLE])]
)
def test_a_visitor_sees_the_stores_of_his_platform(
    api: InProcessApi, configured: None, user_agent: str, stores: list[str]
) -> None:
    """misc.md: `GET /r/TOK123?app=<known>` with user agent `iPhone`/`Android`/`unknown` -> store links as in §3"""
    answer = api.get("/r/TOK123", query={"app": "example"}, headers={"User-Agent": user_agent})

    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert links(answer.body) == stores
    assert 'data-open="example"' in answer.body


@pytest.mark.parametrize("query", ["", "app=unknown", "app=EXAMPLE", "app="])
def test_whoever_names_no_known_app_may_choose_one(api: InProcessApi, configured: None, query: str) -> None:
    """misc.md: unknown app -> selection page with all apps"""
    answer = api.get("/r/RLT123", query=query)

    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert re.findall(r'data-choose="([^"]+)"', answer.body) == ["example", "Other"]
    assert "The example &lt;app&gt;" in answer.body
    assert "--primary: #5B2A9D" in answer.body


def test_the_default_app_stands_in_for_none_but_not_for_an_unknown_one(api: InProcessApi, configure: Configure) -> None:
    """misc.md §3: absent → `DefaultAppId`"""
    configure({"AppOnboarding": {**CONFIGURATION["AppOnboarding"], "DefaultAppId": "Other"}})

    assert 'data-open="Other"' in api.get("/r/FIL123").body
    assert 'data-choose="Other"' in api.get("/r/FIL123", query="app=unknown").body


def test_without_apps_there_is_no_page(api: InProcessApi, configure: Configure) -> None:
    """misc.md: not configured -> 404"""
    configure({})

    answer = api.get("/r/TOK123", query={"app": "example"})

    assert (answer.status, answer.body) == (404, "")
    assert "content-type" not in answer.headers


def test_a_store_that_has_not_got_the_app_is_no_link(api: InProcessApi, configure: Configure) -> None:
    """misc.md §3: a store without `AppLink` is shown greyed, without target, with `NoLinkText` as tooltip"""
    text = 'Not yet "here"'
    configure({"AppOnboarding": {"Apps": [app(AppleAppStore={"NoLinkText": text})]}})

    answer = api.get("/r/TOK123", query={"app": "example"}, headers={"User-Agent": "iPhone"})

    assert links(answer.body) == []
    assert '<span class="store unavailable" title="Not yet &#34;here&#34;"' in answer.body


@pytest.mark.parametrize("reference", ["TOK123", "%3Cscript%3E", "x" * 500, "..%2f.."])
def test_the_reference_is_not_looked_at(api: InProcessApi, configured: None, reference: str) -> None:
    """misc.md §3: `referenceId`: any text, ignored, not looked up"""
    answer = api.get(f"/r/{reference}", query={"app": "example"})

    assert answer.status == 200
    assert reference not in answer.body


def test_nothing_of_the_request_gets_into_the_page(api: InProcessApi, configured: None) -> None:
    answer = api.get("/r/TOK1", query={"app": "<script>alert(1)</script>"}, headers={"User-Agent": "<b>iPhone"})

    assert "alert(1)" not in answer.body
    assert "<b>" not in answer.body


def test_apple_is_told_the_apps(api: InProcessApi, configured: None) -> None:
    """misc.md: `GET /.well-known/assetlinks.json`, `/.well-known/apple-app-site-association` -> documents of §4"""
    answer = api.get(WELL_KNOWN[0])

    [detail] = answer.json["applinks"]["details"]
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert detail["appIDs"] == ["TEAM.org.example.app", "TEAM.org.example.beta"]
    assert [component["/"] for component in detail["components"]] == ["/r/*"]
    assert detail["components"][0]["comment"]


def test_android_is_told_the_apps(api: InProcessApi, configured: None) -> None:
    """misc.md: `GET /.well-known/assetlinks.json`, `/.well-known/apple-app-site-association` -> documents of §4"""
    answer = api.get(WELL_KNOWN[1])

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert [element["target"]["package_name"] for element in answer.json] == ["org.example.app", "org.example.beta"]
    assert answer.json[0] == {
        "relation": ["delegate_permission/common.handle_all_urls"],
        "target": {
            "namespace": "android_app",
            "package_name": "org.example.app",
            "sha256_cert_fingerprints": ["AA:BB", "CC:DD"],
        },
    }


@pytest.mark.parametrize("path", WELL_KNOWN)
def test_without_configuration_nothing_is_well_known(api: InProcessApi, configure: Configure, path: str) -> None:
    """misc.md: not configured -> 404 empty"""
    configure({})

    answer = api.get(path)

    assert (answer.status, answer.body) == (404, "")


def test_the_style_sheet_may_be_kept(api: InProcessApi) -> None:
    """misc.md §6: `GET /style/style.css`: static file (anonymous, with `ETag`/`Last-Modified`)"""
    answer = api.get("/style/style.css")
    again = api.get("/style/style.css", headers={"If-None-Match": answer.headers["etag"]})

    assert (answer.status, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert answer.headers["last-modified"].endswith("GMT")
    assert (again.status, again.body) == (304, "")


@pytest.fixture
def _documented(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKBONE_SWAGGER_UI", "true")
    settings.cache_clear()


@pytest.mark.usefixtures("_documented")
@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/docs/index.html", "text/html; charset=utf-8"),
        ("/docs/v2/openapi.json", "application/json; charset=utf-8"),
        ("/docs/swagger-ui.css", "text/css; charset=utf-8"),
        ("/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ],
)
def test_the_documentation_is_there_when_enabled(api: InProcessApi, path: str, content_type: str) -> None:
    """misc.md: `GET /docs/index.html`, `/docs/v2/openapi.json` -> 200 when enabled, 404 otherwise"""
    answer = api.get(path)

    assert (answer.status, answer.headers["content-type"]) == (200, content_type)


@pytest.mark.usefixtures("_documented")
def test_the_docs_lead_to_the_page(api: InProcessApi) -> None:
    """misc.md §6: `/docs` redirects to the page; document title `Consumer API`"""
    answer = api.get("/docs")
    page = api.get(answer.headers["location"])

    assert answer.status == 302
    assert "<title>Consumer API</title>" in page.body
    assert "https://" not in page.body  # nothing from elsewhere
    assert json.loads(api.get("/docs/v2/openapi.json").body)["info"]["title"] == "Consumer API"


@pytest.mark.parametrize(
    "path",
    ["/docs", "/docs/index.html", "/docs/v2/openapi.json", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"],
)
def test_the_documentation_is_not_there_otherwise(api: InProcessApi, path: str) -> None:
    """misc.md: `GET /docs/index.html`, `/docs/v2/openapi.json` -> 200 when enabled, 404 otherwise"""
    answer = api.get(path)

    assert (answer.status, answer.body) == (404, "")


@pytest.mark.usefixtures("_documented")
def test_without_the_packaged_files_there_is_no_page(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """`chalice deploy` packages no Swagger UI."""
    monkeypatch.setattr("backbone.http.static.SWAGGER_UI", "no_such_package")

    answer = api.get("/docs/swagger-ui.css")

    assert (answer.status, answer.body) == (404, "")
