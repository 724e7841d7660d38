"""The Admin API of the deployed system: who gets in, and what is beside the API."""

import subprocess
from http.cookies import SimpleCookie

import httpx
import pytest

from infra.local.stack import ADMIN_KEY, CLIENT_ID, CLIENT_SECRET, LocalStack
from infra.routes import ADMIN, endpoints
from tests.e2e.test_hostile import BODIES, concrete
from tests.e2e.test_official_client import SCRIPTS, TIMEOUT_SECONDS

URL = "/api/v1/Announcements"
ANNOUNCEMENT = {
    "severity": 1,
    "isSilent": True,
    "texts": [{"language": "en", "title": "Title", "body": "Body"}],
    "recipients": ["did:e:localhost:dids:8234cca0160ff05c785636"],
}
LOCKED = [(each.method, each.path) for each in endpoints(ADMIN) if not each.anonymous]


def somebody(stack: LocalStack) -> httpx.Client:
    """Without key."""
    return httpx.Client(base_url=stack.admin_url, timeout=30)


def operator(stack: LocalStack) -> httpx.Client:
    """With the key."""
    return httpx.Client(base_url=stack.admin_url, timeout=30, headers={"X-API-KEY": ADMIN_KEY})


@pytest.mark.parametrize(("method", "path"), LOCKED)
def test_nobody_gets_in_without_key(stack: LocalStack, method: str, path: str) -> None:
    """admin-api.md §19: any endpoint without `X-API-KEY` → 401, empty body"""
    for headers in ({}, {"X-API-KEY": "wrong"}, {"X-API-KEY": ""}, {"Authorization": "Bearer x"}):
        with somebody(stack) as client:
            answer = client.request(method, concrete(path), content=b"{", headers=headers)

        assert (answer.status_code, answer.content) == (401, b"")
        assert "x-correlation-id" in answer.headers
        assert "content-type" not in answer.headers


@pytest.mark.parametrize(("method", "path"), LOCKED)
def test_no_body_makes_an_endpoint_fail(stack: LocalStack, method: str, path: str) -> None:
    """http-common.md §4: whatever cannot be bound is 400; nothing is ever a 500"""
    with operator(stack) as client:
        for content_type in ("application/json", "text/plain"):
            for body in BODIES:
                answer = client.request(method, concrete(path), content=body, headers={"content-type": content_type})

                assert answer.status_code in (200, 201, 204, 400, 404, 415), (body[:40], answer.text)


def test_official_clients_see_what_is_announced_to_them(stack: LocalStack) -> None:
    """admin-api.md §16: The announcement tests then read the Consumer API and expect: announcement for everybody
    visible; for the own address visible; for another address not visible; language fallback to `en`"""
    outcome = subprocess.run(
        ["node", "announcements.cjs", stack.base_url, CLIENT_ID, CLIENT_SECRET, stack.admin_url, ADMIN_KEY],
        cwd=SCRIPTS,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )

    assert outcome.returncode == 0, f"{outcome.stdout}\n{outcome.stderr}"
    assert outcome.stdout.splitlines()[-1].endswith("done")


def test_a_dotnet_client_repeats_the_cookie_and_sends_null(stack: LocalStack) -> None:
    """admin-api.md §2.2: requires that at least one `Set-Cookie` header exists; repeats it verbatim as `Cookie`; §3.5:
    a JSON body (the literal `null`) on **every** request that has no body of its own"""
    null = {"content": b"null", "headers": {"Content-Type": "application/json; charset=utf-8"}}
    with operator(stack) as client:
        xsrf = client.request("GET", "/api/v1/xsrf", **null)  # type: ignore[arg-type]
        [cookie] = xsrf.headers.get_list("set-cookie")
        client.cookies.clear()
        client.headers.update({"X-XSRF-TOKEN": xsrf.text, "Cookie": cookie})
        created = client.post(URL, json=ANNOUNCEMENT).json()["result"]
        read = client.request("GET", f"{URL}/{created['id']}", **null)  # type: ignore[arg-type]
        deleted = client.request("DELETE", f"{URL}/{created['id']}", **null)  # type: ignore[arg-type]

    assert created["severity"] == "Medium"
    assert read.json() == {"result": created}
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert "content-type" not in deleted.headers


def test_the_admin_ui_logs_in(stack: LocalStack) -> None:
    """admin-api.md §2.2: For the login check it fetches the token **without** key and posts without key"""
    with somebody(stack) as browser:
        xsrf = browser.get("/api/v1/xsrf", headers={"Accept": "application/json, text/plain, */*"})
        assert set(SimpleCookie(xsrf.headers["set-cookie"])) == {"X-XSRF-COOKIE"}
        browser.headers.update({"X-XSRF-TOKEN": xsrf.text})

        answers = [
            browser.post("/api/v1/validateApiKey", json={"apiKey": key}).json() for key in (ADMIN_KEY, "wrong", None)
        ]
        again = browser.get("/api/v1/xsrf")

    assert answers == [{"isValid": True}, {"isValid": False}, {"isValid": False}]
    assert "set-cookie" not in again.headers


def test_what_is_beside_the_api(stack: LocalStack) -> None:
    """admin-api.md §19: `GET /health` → 200 `Healthy` without key; `GET /` → 301 `index.html`; unknown `/api/x` → 404
    empty; `GET /docs/index.html`, `/docs/v1/openapi.json` → 200 when Swagger UI is enabled"""
    with somebody(stack) as browser:
        root = browser.get("/")
        unknown = browser.get("/api/x")
        other_case = browser.get("/API/V1/ANNOUNCEMENTS")

        assert (browser.get("/health").status_code, browser.get("/health").text) == (200, "Healthy")
        assert (root.status_code, root.headers["location"]) == (301, "index.html")
        assert "Admin API" in browser.get("/", follow_redirects=True).text
        assert (unknown.status_code, unknown.content) == (404, b"")
        assert (other_case.status_code, other_case.headers["location"]) == (308, URL)
        for path in ("/docs/index.html", "/docs/v1/openapi.json", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"):
            assert browser.get(path).status_code == 200
    assert httpx.get(f"{stack.base_url}{URL}", headers={"X-API-KEY": ADMIN_KEY}).status_code == 404
