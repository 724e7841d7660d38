"""The API in this process: requests become the events API Gateway would send, and go to the deployed handlers."""

import base64
import importlib
import itertools
import json
import re
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from backbone import access_tokens, clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.http.api import Api, Endpoint
from backbone.ids import DeviceId
from tests.support.engine import ADMIN_KEY, DOMAIN

FUNCTIONS = Path(__file__).parents[2] / "functions"
SERVICES = (
    "gateway",
    "challenges",
    "devices",
    "relationships",
    "messages",
    "synchronization",
    "tokens",
    "files",
    "tags",
    "announcements",
    "push",
    "pages",
    "quotas",
)
ADMIN_SERVICES = (
    "admin",
    "devices",
    "quotas",
    "relationships",
    "messages",
    "tokens",
    "announcements",
    "challenges",
    "overview",
)


_ENTRY_POINTS = {"Token": "token", "Sse": "sse"}
"""Of functions that share a handler with others."""

_callers = itertools.count()


def new_caller(client_id: str = "test") -> Caller:
    """Somebody with a valid token; whether the identity exists is another matter."""
    # Numbered, not random: addresses are parts of test names, which all processes of a run must agree on.
    return Caller(Address.of_public_key(str(next(_callers)).encode(), DOMAIN), DeviceId.new(), client_id)


def token_of(caller: Caller) -> str:
    """A valid access token."""
    return access_tokens.issue(caller, user_id=str(uuid.uuid4()), username="USRtest", now=clock.now())


@dataclass(frozen=True)
class Answer:
    """A response as a client sees it."""

    status: int
    headers: Mapping[str, str]
    body: str
    is_base64: bool = False

    @property
    def content(self) -> bytes:
        """The body as it would go over the wire."""
        return base64.b64decode(self.body) if self.is_base64 else self.body.encode()

    @property
    def json(self) -> Any:
        """The parsed body."""
        return json.loads(self.body)

    @property
    def result(self) -> Any:
        """The result of a success."""
        assert self.status < 300, f"{self.status}: {self.body}"
        return self.json["result"]

    @property
    def error(self) -> tuple[int, str]:
        """Status and code of a refusal."""
        return self.status, self.json["error"]["code"]


class InProcessApi:
    """Calls handlers like API Gateway does; all of them, or those of some services only.

    With `admin`, it is the Admin API, and requests bring its key unless they bring another.
    """

    def __init__(self, services: Iterable[str] = SERVICES, *, admin: bool = False) -> None:
        self._admin = admin
        self._routes: list[tuple[Endpoint, re.Pattern[str], Any]] = []
        for service in services:
            for file in sorted((FUNCTIONS / service).glob("*api.py")):
                module = importlib.import_module(f"functions.{service}.{file.stem}")
                handlers = importlib.import_module(f"functions.{service}.handler")
                for api in (value for value in vars(module).values() if isinstance(value, Api)):
                    if api.admin is admin:
                        self._add(api, handlers)
        # Fixed segments win over parameters, as in API Gateway.
        self._routes.sort(key=lambda route: route[0].path.count("{"))

    def _add(self, api: Api, handlers: Any) -> None:
        for endpoint in api.endpoints:
            pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", endpoint.path))
            entry_point = "admin" if self._admin else _ENTRY_POINTS.get(endpoint.function, "http")
            self._routes.append((endpoint, pattern, getattr(handlers, entry_point)))

    def _call(self, function: str, handler: Any, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke the Lambda function `function`, here its handler."""
        del function
        answer: dict[str, Any] = handler(event, None)
        return answer

    def _token(self, caller: Caller) -> str:
        return token_of(caller)

    def request(
        self,
        method: str,
        path: str,
        *,
        json_body: Any = ...,
        body: bytes | None = None,
        query: Any = None,
        headers: Mapping[str, str] | None = None,
        caller: Caller | None = None,
        token: str | None = None,
    ) -> Answer:
        """Send one request; `json_body` unless it is left out, else `body` as it is."""
        sent = {"host": "localhost:8090"}
        if self._admin:
            sent = {"host": "localhost:8091", "x-api-key": ADMIN_KEY}
        if json_body is not ...:
            body = json.dumps(json_body).encode()
            sent["content-type"] = "application/json"
        if caller is not None:
            token = self._token(caller)
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        sent.update({name.lower(): value for name, value in (headers or {}).items()})
        raw_query = query if isinstance(query, str) else urlencode(query or {}, doseq=True)
        for endpoint, pattern, handler in self._routes:  # noqa: B007  # used after the break
            match = pattern.fullmatch(path)
            if match and endpoint.method == method:
                function, route_key = endpoint.function, f"{method} {endpoint.path}"
                break
        else:
            match, function, route_key = None, "Admin" if self._admin else "Gateway", "$default"
            service, entry_point = ("admin", "admin") if self._admin else ("gateway", "http")
            handler = getattr(importlib.import_module(f"functions.{service}.handler"), entry_point)
        event = {
            "version": "2.0",
            "routeKey": route_key,
            "rawPath": path,
            "rawQueryString": raw_query,
            "headers": sent,
            "pathParameters": match.groupdict() if match else None,
            "requestContext": {
                "http": {"method": method, "path": path},
                "requestId": uuid.uuid4().hex,
                "timeEpoch": int(time.time() * 1000),
            },
            "body": base64.b64encode(body).decode() if body else None,
            "isBase64Encoded": bool(body),
        }
        answer = self._call(function, handler, event)
        headers_out = {name.lower(): value for name, value in answer["headers"].items()}
        for name, values in (answer.get("multiValueHeaders") or {}).items():
            headers_out[name.lower()] = ",".join(values)
        return Answer(answer["statusCode"], headers_out, answer["body"], answer.get("isBase64Encoded", False))

    def get(self, path: str, **options: Any) -> Answer:
        """GET"""
        return self.request("GET", path, **options)

    def post(self, path: str, json_body: Any = ..., **options: Any) -> Answer:
        """POST"""
        return self.request("POST", path, json_body=json_body, **options)

    def put(self, path: str, json_body: Any = ..., **options: Any) -> Answer:
        """PUT"""
        return self.request("PUT", path, json_body=json_body, **options)

    def patch(self, path: str, json_body: Any = ..., **options: Any) -> Answer:
        """PATCH"""
        return self.request("PATCH", path, json_body=json_body, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        """DELETE"""
        return self.request("DELETE", path, **options)
