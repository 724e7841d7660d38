"""HTTP as the Backbone's clients speak it: log-in, repetition, errors, paging (client-protocol.md §7, §10)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from enmeshed.errors import (
    BackboneError,
    EnmeshedError,
    ForbiddenError,
    LoginRefusedError,
    NetworkError,
    NotFoundError,
    QuotaExhaustedError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
    quota_entries,
)
from enmeshed.protocol.encoding import JsonObject, compact_json, parse_iso, utc_now
from enmeshed.version import __version__

API = "/api/v2"
TOKEN_PATH = "/connect/token"
SUPPORTED_DATAWALLET_VERSION = "1"
TIMEOUT_SECONDS = 60.0
MAX_REDIRECTS = 10
SECONDS_BEFORE_EXPIRY = 10
QUOTA_EXHAUSTED = "error.platform.quotaExhausted"

_WITH_DATAWALLET_VERSION = (f"{API}/SyncRuns", f"{API}/Datawallet")
_STATUSES_WITH_BODY = (400, 404, 500)
_CODES_WITHOUT_BODY = {
    400: "error.transport.request.badRequest",
    401: "error.platform.unauthorized",
    403: "error.platform.forbidden",
    404: "error.transport.request.notFound",
    500: "error.transport.request.resultUndefined",
}
_CLASSES: dict[int, type[BackboneError]] = {401: UnauthorizedError, 403: ForbiddenError, 404: NotFoundError}

Query = Mapping[str, str | int | list[str]]


@dataclass(frozen=True)
class Credentials:
    """Username and password of a device; ``next_password`` is one that the Backbone may know already."""

    username: str
    password: str = field(repr=False)
    next_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Response:
    """Status and body of an answer; ``body`` is the parsed JSON, or ``None`` when it is not JSON."""

    status: int
    body: Any
    content: bytes
    headers: Mapping[str, str]

    @property
    def error(self) -> JsonObject:
        """The ``error`` object of the body, empty if there is none."""
        error = self.body.get("error") if isinstance(self.body, dict) else None
        return error if isinstance(error, dict) else {}

    @property
    def error_code(self) -> str | None:
        """``error.code`` of the body, whatever the status."""
        code = self.error.get("code")
        return code if isinstance(code, str) else None

    @property
    def result(self) -> Any:
        """The ``result`` of the body, ``None`` for 204; raises :class:`BackboneError` for everything else (§7)."""
        if self.status == 204:
            return None
        self.raise_for_error()
        result = self.body.get("result") if isinstance(self.body, dict) else None
        if result is None or result is False or result == 0 or result == "":  # {} and [] are results
            raise self.failure("error.transport.request.resultUndefined")
        return result

    def raise_for_error(self) -> None:
        """Raise the :class:`BackboneError` that fits, if the answer is none that was hoped for."""
        if self.status >= 300 or self.error_code is not None:
            raise self.failure(self.error_code or _CODES_WITHOUT_BODY.get(self.status, "error.platform.unexpected"))

    def failure(self, code: str) -> BackboneError:
        """The exception for this answer."""
        message = str(self.error.get("message", ""))
        if self.status == 429:
            kind = QuotaExhaustedError if code == QUOTA_EXHAUSTED else TooManyRequestsError
            return kind(self.status, code, message, self.body, self.retry_at)
        kind_of_5xx = UnavailableError if self.status >= 500 else BackboneError
        return _CLASSES.get(self.status, kind_of_5xx)(self.status, code, message, self.body)

    @property
    def retry_at(self) -> datetime | None:
        """When to try again: the latest exhausted quota, else the header ``Retry-After``, else ``None``."""
        moments = [moment for entry in quota_entries(self.body) if (moment := _moment(entry.get("isExhaustedUntil")))]
        return max(moments) if moments else _retry_after(self.headers.get("retry-after"))


def _moment(text: Any) -> datetime | None:
    try:
        return parse_iso(text)
    except EnmeshedError:
        return None


def _retry_after(text: str | None) -> datetime | None:
    if not text:
        return None
    if text.isdecimal():
        return utc_now() + timedelta(seconds=int(text))
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


class Connection:
    """One device's (or nobody's) connection to a Backbone.

    :meth:`request` returns whatever the Backbone answers; :meth:`call` and the verbs return the ``result`` or raise.
    Log-in happens by itself, its token is kept until 10 s before its expiry (§10); on a 401 the connection logs in
    again and repeats once (§7). Without credentials all calls are anonymous. Connections may be used by several
    threads at once.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        credentials: Credentials | None = None,
        *,
        client: httpx.Client | None = None,
        headers: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.client_id = client_id
        self.client_secret = client_secret
        self.credentials = credentials
        self._headers = dict(headers or {})
        self._clock = clock
        self.password_in_use: str | None = None
        self._token: str | None = None
        self._token_valid_until = 0.0
        self._login_lock = threading.RLock()
        self._http = client or new_http_client()

    def as_device(self, credentials: Credentials) -> Connection:
        """The same Backbone and client, seen by a device."""
        return self._with(credentials)

    def anonymous(self) -> Connection:
        """The same Backbone and client, without log-in."""
        return self._with(None)

    def _with(self, credentials: Credentials | None) -> Connection:
        return Connection(
            self.base_url,
            self.client_id,
            self.client_secret,
            credentials,
            client=self._http,
            headers=self._headers,
            clock=self._clock,
        )

    # ------------------------------------------------------------------ log-in
    def request_token(self, credentials: Credentials) -> Response:
        """The bare token request, form fields in the official clients' order (§10)."""
        form = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "grant_type": "password",
            "username": credentials.username,
            "password": credentials.password,
        }
        with _network_errors():
            return response_of(self._http.post(self.base_url + TOKEN_PATH, data=form, headers=self._headers))

    def login(self) -> str:
        """Ask for a token and keep it.

        Raises :class:`LoginRefusedError`: ``…noAuthGrant`` if the device's credentials are refused,
        ``…noAuthPossible`` for anything else (§10).
        """
        credentials = self.credentials
        if credentials is None:
            raise EnmeshedError("error.client.noCredentials", "this connection is anonymous")
        response, self.password_in_use = self.request_token(credentials), credentials.password
        if response.status == 400 and credentials.next_password is not None:
            response = self.request_token(Credentials(credentials.username, credentials.next_password))
            self.password_in_use = credentials.next_password
        if response.status != 200:
            refused = response.status < 300 or response.status in _STATUSES_WITH_BODY
            code = "error.transport.request.noAuthGrant" if refused else "error.transport.request.noAuthPossible"
            if response.status >= 500 or response.status == 429:
                raise response.failure(code)
            raise LoginRefusedError(response.status, code, str(response.body), response.body)
        try:
            lifetime, self._token = int(response.body["expires_in"]), str(response.body["access_token"])
        except (KeyError, TypeError, ValueError) as error:
            raise response.failure("error.transport.request.noAuthPossible") from error
        self._token_valid_until = self._clock() + lifetime - SECONDS_BEFORE_EXPIRY
        return self._token

    @property
    def token(self) -> str:
        """The access token, a new one when the old is about to expire (§10)."""
        with self._login_lock:
            if self._token is None or self._clock() >= self._token_valid_until:
                return self.login()
            return self._token

    def forget_token(self) -> None:
        """Log in again before the next call."""
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
        Raises :class:`NetworkError` if no answer comes.
        """
        body, extra = content, dict(headers or {})
        if files is None and data is None and content is None and (json is not None or method in ("POST", "PUT")):
            body = compact_json({} if json is None else json).encode()
            extra.setdefault("Content-Type", "application/json")
        options = {"content": body, "params": query, "files": files, "data": data}
        with self.stream(method, path, headers=extra, anonymous=anonymous, **options) as answer:
            return response_of(answer)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        anonymous: bool = False,
        **options: Any,
    ) -> Iterator[httpx.Response]:
        """Send a request and give the answer before its body is read, logged in again and repeated once after a 401."""
        url = path if path.startswith(("/api/", "/connect/", "/health")) else API + path
        authenticated = self.credentials is not None and not anonymous
        for last in (not authenticated, True):
            sent = {**self._headers, **(headers or {})}
            if url.startswith(_WITH_DATAWALLET_VERSION):
                sent.setdefault("x-supported-datawallet-version", SUPPORTED_DATAWALLET_VERSION)
            if authenticated:
                sent["Authorization"] = f"Bearer {self.token}"
            with (
                _network_errors(),
                self._http.stream(method, self.base_url + url, headers=sent, **options) as answer,
            ):
                if answer.status_code != 401 or last:
                    yield answer
                    return
            self.forget_token()

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Send a request and return its ``result`` (``None`` for 204); raises :class:`BackboneError` (§7)."""
        return self.request(method, path, **options).result

    def get(self, path: str, query: Query | None = None, *, anonymous: bool = False) -> Any:
        """:meth:`call` with GET."""
        return self.call("GET", path, query=query, anonymous=anonymous)

    def post(self, path: str, json: JsonObject | None = None, *, anonymous: bool = False) -> Any:
        """:meth:`call` with POST."""
        return self.call("POST", path, json=json, anonymous=anonymous)

    def put(self, path: str, json: JsonObject | None = None) -> Any:
        """:meth:`call` with PUT."""
        return self.call("PUT", path, json=json)

    def patch(self, path: str, json: JsonObject | None = None) -> Any:
        """:meth:`call` with PATCH."""
        return self.call("PATCH", path, json=json)

    def delete(self, path: str) -> Any:
        """:meth:`call` with DELETE."""
        return self.call("DELETE", path)

    def page(self, path: str, query: Query | None = None, number: int = 1) -> tuple[list[JsonObject], int]:
        """One page of a list, and how many there are (§7 paging). The first is asked for without ``pageNumber``."""
        page = {} if number == 1 else {"pageNumber": number}
        response = self.request("GET", path, query={**(query or {}), **page})
        result: list[JsonObject] = response.result
        return result, (response.body.get("pagination") or {}).get("totalPages", 1)

    def pages(self, path: str, query: Query | None = None) -> Iterator[list[JsonObject]]:
        """Every page of a list: the first without ``pageNumber``, then 2 … totalPages with the same query (§7).

        A missing ``pagination`` means one page.
        """
        number, total = 1, 1
        while number <= total:
            result, total = self.page(path, query, number)
            yield result
            number += 1

    def items(self, path: str, query: Query | None = None) -> Iterator[JsonObject]:
        """The items of every page (§7 paging)."""
        for page in self.pages(path, query):
            yield from page


def new_http_client(
    *, transport: httpx.BaseTransport | None = None, timeout: float = TIMEOUT_SECONDS, verify: bool | Any = True
) -> httpx.Client:
    """An HTTP client with the limits of official clients."""
    return httpx.Client(
        transport=transport,
        timeout=timeout,
        follow_redirects=True,
        max_redirects=MAX_REDIRECTS,
        verify=verify,
        headers={"User-Agent": f"enmeshed-python/{__version__}"},
    )


def response_of(answer: httpx.Response) -> Response:
    """Status, headers and body of an answer of httpx."""
    content = answer.read()
    try:
        body = json.loads(content) if content else None
    except ValueError:
        body = None
    return Response(answer.status_code, body, content, answer.headers)


@contextmanager
def _network_errors() -> Iterator[None]:
    """Whatever httpx raises becomes a :class:`NetworkError` with the code of official clients (§7)."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise NetworkError("error.transport.request.aborted", str(error)) from error
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
        raise NetworkError("error.transport.request.network", str(error)) from error
