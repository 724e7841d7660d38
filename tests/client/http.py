"""HTTP as the TypeScript client speaks it, client-protocol.md §7 and §10."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.client.encoding import JsonObject, compact_json
from tests.client.errors import ClientError

API = "/api/v2"
TOKEN_PATH = "/connect/token"
SUPPORTED_DATAWALLET_VERSION = "1"
TIMEOUT_SECONDS = 60.0
MAX_REDIRECTS = 10
SECONDS_BEFORE_EXPIRY = 10

_WITH_DATAWALLET_VERSION = (f"{API}/SyncRuns", f"{API}/Datawallet")
_STATUSES_WITH_BODY = (400, 404, 500)

Query = Mapping[str, str | int | list[str]]


@dataclass(frozen=True)
class Credentials:
    """Username and password of a device (§10)."""

    username: str
    password: str


@dataclass(frozen=True)
class Response:
    """Status and body of an answer; ``body`` is the parsed JSON, or ``None`` when it is not JSON."""

    status: int
    body: Any
    content: bytes
    headers: Mapping[str, str]

    @property
    def error_code(self) -> str | None:
        """``error.code`` of the body, whatever the status."""
        error = self.body.get("error") if isinstance(self.body, dict) else None
        return error.get("code") if isinstance(error, dict) else None

    @property
    def result(self) -> Any:
        """What the TypeScript client makes of the answer: the result, ``None`` for 204, or an error (§7)."""
        if self.status == 204:
            return None
        self.raise_for_error()
        result = self.body.get("result") if isinstance(self.body, dict) else None
        if result is None or result is False or result == 0 or result == "":
            raise self._failure("error.transport.request.resultUndefined")
        return result

    def raise_for_error(self) -> None:
        """Raise a :class:`ClientError` with the code the TypeScript client reports (§7)."""
        if self.status == 401:
            raise self._failure("error.platform.unauthorized")
        if self.status == 403:
            raise self._failure("error.platform.forbidden")
        if self.status >= 300 and self.status not in _STATUSES_WITH_BODY:
            raise self._failure("error.platform.unexpected")
        if self.error_code is not None:
            raise self._failure(self.error_code)
        if self.status == 404:
            raise self._failure("error.transport.request.notFound")
        if self.status == 400:
            raise self._failure("error.transport.request.badRequest")
        if self.status == 500:
            raise self._failure("error.transport.request.resultUndefined")

    def _failure(self, code: str) -> ClientError:
        error = self.body.get("error") if isinstance(self.body, dict) else None
        message = error.get("message", "") if isinstance(error, dict) else ""
        return ClientError(self.status, code, message, self.body)


class BackboneApi:
    """One device's (or nobody's) connection to a Backbone.

    :meth:`request` returns whatever the Backbone answers, for tests of errors; :meth:`call` and the verbs
    return the ``result`` or raise. Log-in happens by itself, its token is kept until 10 s before its expiry
    (§10); on a 401 the client logs in again and repeats once (§7). Without credentials all calls are anonymous.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        credentials: Credentials | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.client_id = client_id
        self.client_secret = client_secret
        self.credentials = credentials
        self.transport = transport
        self._clock = clock
        self._token: str | None = None
        self._token_valid_until = 0.0
        self._http = httpx.Client(
            transport=transport, timeout=TIMEOUT_SECONDS, follow_redirects=True, max_redirects=MAX_REDIRECTS
        )

    def as_device(self, credentials: Credentials) -> BackboneApi:
        """The same Backbone and client, seen by a device."""
        return BackboneApi(
            self.base_url,
            self.client_id,
            self.client_secret,
            credentials,
            transport=self.transport,
            clock=self._clock,
        )

    def anonymous(self) -> BackboneApi:
        """The same Backbone and client, without log-in."""
        return BackboneApi(
            self.base_url, self.client_id, self.client_secret, transport=self.transport, clock=self._clock
        )

    def close(self) -> None:
        self._http.close()

    # ------------------------------------------------------------------ log-in
    def request_token(self, credentials: Credentials) -> Response:
        """The bare token request, form fields in the TypeScript client's order (§10)."""
        form = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "grant_type": "password",
            "username": credentials.username,
            "password": credentials.password,
        }
        return _response(self._http.post(self.base_url + TOKEN_PATH, data=form))

    def login(self) -> str:
        """Ask for a token and keep it.

        Refused credentials raise ``…noAuthGrant`` (so they must be a 400), anything else ``…noAuthPossible`` (§10).
        """
        if self.credentials is None:
            raise ClientError(None, "error.client.noCredentials", "this connection is anonymous")
        response = self.request_token(self.credentials)
        if response.status != 200:
            refused = response.status < 300 or response.status in _STATUSES_WITH_BODY
            code = "error.transport.request.noAuthGrant" if refused else "error.transport.request.noAuthPossible"
            raise ClientError(response.status, code, body=response.body)
        lifetime = int(response.body["expires_in"])
        self._token = str(response.body["access_token"])
        self._token_valid_until = self._clock() + lifetime - SECONDS_BEFORE_EXPIRY
        return self._token

    @property
    def token(self) -> str:
        """The access token, a new one when the old is about to expire (§10)."""
        if self._token is None or self._clock() >= self._token_valid_until:
            return self.login()
        return self._token

    def forget_token(self) -> None:
        self._token = None

    # ------------------------------------------------------------------ requests
    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        files: Any = None,
        data: Mapping[str, str] | None = None,
        content: bytes | None = None,
        anonymous: bool = False,
    ) -> Response:
        """Send a request and return the answer as it is. ``path`` is below ``/api/v2`` unless it starts with it.

        POST and PUT without content send ``{}``, PATCH sends nothing (§7). ``content`` goes out as it is.
        """
        url = path if path.startswith(("/api/", "/connect/", "/health")) else API + path
        authenticated = self.credentials is not None and not anonymous

        def send() -> Response:
            sent = {"Authorization": f"Bearer {self.token}"} if authenticated else {}
            if url.startswith(_WITH_DATAWALLET_VERSION):
                sent["x-supported-datawallet-version"] = SUPPORTED_DATAWALLET_VERSION
            body = content
            if files is None and data is None and content is None and (json is not None or method in ("POST", "PUT")):
                body = compact_json({} if json is None else json).encode()
                sent["Content-Type"] = "application/json"
            return _response(
                self._http.request(
                    method,
                    self.base_url + url,
                    content=body,
                    params=query,
                    headers={**sent, **(headers or {})},
                    files=files,
                    data=data,
                )
            )

        response = send()
        if response.status == 401 and authenticated:
            self.forget_token()
            response = send()
        return response

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Send a request and return its ``result`` (``None`` for 204); raises :class:`ClientError` (§7)."""
        return self.request(method, path, **options).result

    def get(self, path: str, query: Query | None = None, *, anonymous: bool = False) -> Any:
        return self.call("GET", path, query=query, anonymous=anonymous)

    def post(self, path: str, json: JsonObject | None = None, *, anonymous: bool = False) -> Any:
        return self.call("POST", path, json=json, anonymous=anonymous)

    def put(self, path: str, json: JsonObject | None = None) -> Any:
        return self.call("PUT", path, json=json)

    def delete(self, path: str) -> Any:
        return self.call("DELETE", path)

    def pages(self, path: str, query: Query | None = None) -> Iterator[list[JsonObject]]:
        """Every page of a list: the first without ``pageNumber``, then 2 … totalPages with the same query (§7).

        A missing ``pagination`` means one page.
        """
        number, total = 1, 1
        while number <= total:
            page = {} if number == 1 else {"pageNumber": number}
            response = self.request("GET", path, query={**(query or {}), **page})
            result = response.result
            yield result
            total = (response.body.get("pagination") or {}).get("totalPages", 1)
            number += 1

    def items(self, path: str, query: Query | None = None) -> Iterator[JsonObject]:
        """The items of every page (§7 paging)."""
        for page in self.pages(path, query):
            yield from page


def _response(answer: httpx.Response) -> Response:
    try:
        body = json.loads(answer.content) if answer.content else None
    except ValueError:
        body = None
    return Response(answer.status_code, body, answer.content, answer.headers)
