"""The circumstances of one request."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalice.app import Request

from backbone import clock
from backbone.ids import UploadId
from backbone.settings import settings

CORRELATION_ID_LENGTH = 100
_LINE_BREAKS = re.compile(r"[\r\n]")


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What the layer knows of a request beside its input (http-common.md, section 9).

    `arrived` is when API Gateway took it; `correlation_id` is the client's own or a fresh one; `trace_id` is opaque.
    """

    method: str
    path: str
    arrived: datetime
    correlation_id: str
    trace_id: str
    origin: str | None
    base_url: str
    accept: str = "*/*"
    upload: UploadId | None = None
    """Under which the body was stored, if it was (`backbone.http.uploads`); the same when the request is repeated."""

    @property
    def route(self) -> str:
        """The line of the route table, for logs and metrics: it names no ids."""
        return f"{self.method} {self.path}"

    @classmethod
    def of(cls, request: Request) -> "RequestContext":
        """Read headers and gateway context."""
        gateway = request.context
        epoch = gateway.get("requestTimeEpoch")
        return cls(
            method=request.method,
            path=str(gateway.get("resourcePath", request.path)),
            arrived=datetime.fromtimestamp(epoch / 1000, UTC) if epoch else clock.now(),
            correlation_id=correlation_id(request.headers.get("x-correlation-id")),
            trace_id=str(gateway.get("requestId") or uuid.uuid4().hex),
            origin=request.headers.get("origin"),
            base_url=_base_url(request),
            accept=gateway.get("accept") or request.headers.get("accept", "*/*"),
        )


@dataclass(frozen=True, slots=True)
class RawRequest:
    """Headers (any case) and body as sent, for the endpoint whose errors are not those of the API."""

    headers: Mapping[str, str]
    body: bytes


def _base_url(request: Request) -> str:
    scheme = request.headers.get("x-forwarded-proto", "https")
    # The first is what a distribution says (infra/distribution.yaml).
    forwarded = ("x-backbone-host", "x-forwarded-host") if settings().trust_forwarded_host else ()
    host = next((host for name in (*forwarded, "host") if (host := request.headers.get(name))), "")
    return f"{scheme}://{host}{base_path_of(request.context)}"


def base_path_of(gateway: Mapping[str, Any]) -> str:
    """What stands before the route in the path: a REST API's stage, or the base path of a custom domain; often nothing.

    A route has as many segments as the path that has met it, unless it takes everything; that one says the rest itself.
    """
    route, path = str(gateway.get("resourcePath") or ""), str(gateway.get("path") or "")
    if not route.startswith("/"):
        return ""
    if route.endswith("+}"):
        stage = f"/{gateway.get('stage', '')}"
        return stage if path.startswith(f"{stage}/") and len(stage) > 1 else ""
    segments = [segment for segment in path.split("/") if segment]
    before = segments[: len(segments) - len([segment for segment in route.split("/") if segment])]
    return "".join(f"/{segment}" for segment in before)


def correlation_id(sent: str | None) -> str:
    """The client's id without line breaks, trimmed and cut to 100 characters, or 32 fresh hex digits."""
    cleaned = _LINE_BREAKS.sub("", sent or "").strip()[:CORRELATION_ID_LENGTH]
    return cleaned or uuid.uuid4().hex
