"""Who gets into the Admin API.  Contract: admin-api.md, sections 2, 3, 17 and 19."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backbone import admin_keys, parameters
from infra.routes import ADMIN, endpoints
from tests.support.api import InProcessApi, new_caller, token_of
from tests.support.engine import put_admin_keys

pytestmark = pytest.mark.slow

LOCKED = [(each.method, each.path) for each in endpoints(ADMIN) if not each.anonymous]
OPEN = {
    "/",
    "/index.html",
    "/health",
    "/api/v1/xsrf",
    "/api/v1/ValidateApiKey",
    "/api/v1/validateApiKey",
    "/api/v1/validateapikey",
    "/docs",
    "/docs/index.html",
    "/docs/v1/openapi.json",
    "/docs/swagger-ui.css",
    "/docs/swagger-ui-bundle.js",
    "/odata",
    "/odata/{document}",
}
XSRF = "/api/v1/xsrf"
VALIDATE = "/api/v1/ValidateApiKey"
URL = "/api/v1/Announcements"
ANNOUNCEMENT = {
    "severity": "High",
    "isSilent": False,
    "texts": [{"language": "en", "title": "Title", "body": "Body"}],
}


# Keys


def test_nobody_gets_in_without_key(admin: InProcessApi) -> None:
    """admin-api.md §19: any endpoint without `X-API-KEY` → 401, empty body"""
    for method, path in LOCKED:
        # Malformed, so that whatever looks at it before the key would say so.
        answer = admin.request(method, re.sub(r"\{\w+\}", "x", path), body=b"{", headers={"x-api-key": ""})

        assert (answer.status, answer.body) == (401, ""), (method, path)
        assert "www-authenticate" not in answer.headers
        assert "x-correlation-id" in answer.headers


@pytest.mark.parametrize("key", ["Test", "test2", "tes", "TEST", "test,test", "tést", "x" * 100_000, "null"])
def test_a_key_must_be_exactly_right(admin: InProcessApi, key: str) -> None:
    """admin-api.md §2.1: exactly equal (case-sensitive)"""
    assert admin.get(URL, headers={"x-api-key": key}).status == 401


def test_the_key_opens_the_api(admin: InProcessApi) -> None:
    """admin-api.md §2.1: Header `X-API-KEY: <key>`"""
    assert admin.get(URL).status == 200


def test_what_needs_no_key_is_what_the_contract_lists() -> None:
    """admin-api.md §2.1: Anonymous endpoints: `GET /api/v1/xsrf`, `POST /api/v1/ValidateApiKey`, `/health`, `/docs/*`,
    static files, the OData service document `/odata` and `/odata/$metadata`"""
    assert {each.path for each in endpoints(ADMIN) if each.anonymous} <= OPEN


def test_a_client_s_token_opens_nothing(admin: InProcessApi) -> None:
    """admin-api.md §2.1: Everything else needs the key"""
    headers = {"x-api-key": "", "authorization": f"Bearer {token_of(new_caller())}"}

    assert admin.get(URL, headers=headers).status == 401


def test_a_key_opens_nothing_for_clients(api: InProcessApi) -> None:
    assert api.get("/api/v2/Devices", headers={"x-api-key": "test"}).status == 401


def test_several_keys_work_at_once_and_each_ends_for_itself(admin: InProcessApi) -> None:
    """Rotation: the new one works before the old one goes."""
    put_admin_keys("old", "new")
    assert [admin.get(URL, headers={"x-api-key": key}).status for key in ("old", "new", "test")] == [200, 200, 401]

    put_admin_keys("new")
    assert [admin.get(URL, headers={"x-api-key": key}).status for key in ("old", "new")] == [401, 200]


def test_before_the_first_key_nobody_gets_in(admin: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    put_admin_keys()
    for key in ("", "test", "null"):
        assert admin.get(URL, headers={"x-api-key": key}).status == 401
        assert admin.post(VALIDATE, {"apiKey": key}).json == {"isValid": False}


def test_the_log_names_the_key_but_does_not_hold_it(admin: InProcessApi, caplog: pytest.LogCaptureFixture) -> None:
    """Who did it can be told, without a secret in the log."""
    put_admin_keys("a-secret-key-to-look-for")
    key_id = admin_keys.find("a-secret-key-to-look-for").id
    headers = {"x-api-key": "a-secret-key-to-look-for"}

    admin.post(URL, ANNOUNCEMENT, headers=headers)
    admin.get(URL, headers={"x-api-key": "a-wrong-key-to-look-for"})
    admin.post(VALIDATE, {"apiKey": "a-wrong-key-to-look-for"})

    requests = [record for record in caplog.records if record.message == "request"]
    assert [getattr(record, "api_key", None) for record in requests] == [key_id, None, None]
    assert "key-to-look-for" not in str([vars(record) for record in caplog.records])


# Forgery


@pytest.mark.parametrize("key", ["test", "", "wrong"])
def test_a_token_is_text_and_comes_with_a_cookie(admin: InProcessApi, key: str) -> None:
    """admin-api.md §19: `GET /api/v1/xsrf` with or without key → 200 text token + `Set-Cookie: X-XSRF-COOKIE=…`"""
    answer = admin.get(XSRF, headers={"x-api-key": key})

    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert re.fullmatch(r"[\w-]{20,}", answer.body)
    assert re.fullmatch(r"X-XSRF-COOKIE=[\w-]+; path=/; samesite=strict", answer.headers["set-cookie"])
    assert answer.headers["cache-control"] == "no-cache, no-store"


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("text/html, application/json;q=0.9", True),
        ("application/json, text/plain, */*", False),
        ("*/*", False),
        ("text/plain", False),
    ],
)
def test_a_token_is_json_for_who_wants_nothing_else(admin: InProcessApi, accept: str, is_json: bool) -> None:
    """admin-api.md §2.2: a client that sends `Accept: application/json` without `*/*` gets the same token as a JSON
    string"""
    answer = admin.get(XSRF, headers={"accept": accept})

    assert answer.body.startswith('"') is is_json
    assert answer.headers["content-type"].startswith("application/json" if is_json else "text/plain")


def echoed(answer: Any) -> str:
    return str(answer.headers["set-cookie"])


def only_the_pair(answer: Any) -> str:
    return echoed(answer).partition(";")[0]


@pytest.mark.parametrize("cookie_of", [echoed, only_the_pair])
def test_who_has_a_cookie_gets_no_other(admin: InProcessApi, cookie_of: Any) -> None:
    """admin-api.md §2.2: If the request already carries a valid cookie, no new `Set-Cookie` is sent"""
    answer = admin.get(XSRF)

    again = admin.get(XSRF, headers={"cookie": cookie_of(answer)})

    assert again.status == 200
    assert "set-cookie" not in again.headers


@pytest.mark.parametrize(
    "cookie", ["X-XSRF-COOKIE=", "other=1", "X-XSRF-COOKIES=abcdefghijklmnopqrstuvwxyz", "x" * 9000]
)
def test_who_has_another_cookie_gets_one(admin: InProcessApi, cookie: str) -> None:
    assert "set-cookie" in admin.get(XSRF, headers={"cookie": cookie}).headers


def like_the_typescript_tests(token: str, cookie: str) -> dict[str, str]:
    return {"X-XSRF-TOKEN": token, "Cookie": cookie}


def like_the_admin_ui(token: str, cookie: str) -> dict[str, str]:
    return {"X-XSRF-TOKEN": token, "Cookie": f"theme=dark; {cookie.partition(';')[0]}"}


def like_curl(token: str, cookie: str) -> dict[str, str]:
    return {}


def forged(token: str, cookie: str) -> dict[str, str]:
    return {"X-XSRF-TOKEN": "x", "Cookie": "X-XSRF-COOKIE=y"}


@pytest.mark.parametrize("headers_of", [like_the_typescript_tests, like_the_admin_ui, like_curl, forged])
def test_all_clients_may_write(admin: InProcessApi, headers_of: Any) -> None:
    """admin-api.md §2.2: How clients use it (must keep working); a replacement may accept requests without it"""
    answer = admin.get(XSRF)
    headers: Mapping[str, str] = headers_of(answer.body, answer.headers["set-cookie"])

    assert admin.post(URL, ANNOUNCEMENT, headers=headers).status == 201
    assert admin.post(VALIDATE, {"apiKey": "test"}, headers=headers).json == {"isValid": True}


def test_cookies_are_found_where_the_gateway_puts_them(admin: InProcessApi) -> None:
    """API Gateway takes them out of the headers."""
    from functions.admin.handler import admin as handler

    cookies = ["theme=dark", *admin.get(XSRF).headers["set-cookie"].split("; ")]
    request = {"http": {"method": "GET", "path": XSRF}, "requestId": "1", "timeEpoch": 0}
    event = {"version": "2.0", "routeKey": f"GET {XSRF}", "rawPath": XSRF, "headers": {}, "requestContext": request}

    answer = handler({**event, "cookies": cookies}, None)

    assert answer["statusCode"] == 200
    assert "Set-Cookie" not in answer["headers"]


# The log-in of the Admin UI


@pytest.mark.parametrize("key", ["test", "", "wrong"])
def test_whether_a_key_is_valid_is_told_without_envelope(admin: InProcessApi, key: str) -> None:
    """admin-api.md §19: `POST /api/v1/ValidateApiKey` right key → 200 `{"isValid":true}`"""
    answer = admin.post(VALIDATE, {"apiKey": "test"}, headers={"x-api-key": key})

    assert (answer.status, answer.json) == (200, {"isValid": True})
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    "body", [b'{"apiKey":"wrong"}', b'{"apiKey":null}', b'{"apiKey":""}', b"{}", b"null", b"", None]
)
def test_anything_else_is_not_valid(admin: InProcessApi, body: bytes | None) -> None:
    """admin-api.md §19: wrong, null or empty body → `{"isValid":false}`"""
    answer = admin.post(VALIDATE, body=body, headers={"content-type": "application/json"})

    assert (answer.status, answer.json) == (200, {"isValid": False})


@pytest.mark.parametrize("path", ["/api/v1/validateapikey", "/api/v1/validateApiKey"])
def test_the_known_spellings_work(admin: InProcessApi, path: str) -> None:
    """admin-api.md §19: `/api/v1/validateapikey` (other case) works"""
    assert admin.post(path, {"APIKEY": "test"}).json == {"isValid": True}


@pytest.mark.parametrize("path", [VALIDATE, URL])
@pytest.mark.parametrize("body", [b"{", b'{"apiKey":1,"severity":true}', b"[]", b"\xff"])
def test_malformed_json_cannot_be_parsed(admin: InProcessApi, path: str, body: bytes) -> None:
    """admin-api.md §19: malformed JSON → 400 `error.platform.inputCannotBeParsed`"""
    answer = admin.post(path, body=body, headers={"content-type": "application/json"})

    assert answer.error == (400, "error.platform.inputCannotBeParsed")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_body_null_does_not_matter(admin: InProcessApi, method: str) -> None:
    """admin-api.md §3.5: sends a JSON body (the literal `null`) on **every** request that has no body of its own"""
    id = admin.post(URL, ANNOUNCEMENT).result["id"]

    assert admin.request(method, f"{URL}/{id}", json_body=None).status < 300


def test_keys_that_cannot_be_read_shut_nobody_out_for_good(
    admin: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 401 would say that the key is wrong."""

    def refuse(name: str, **_: object) -> str:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetParameter")

    monkeypatch.setattr(parameters, "read", refuse)

    assert admin.get("/api/v1/Tiers").error == (503, "error.platform.unexpected")
