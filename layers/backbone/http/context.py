"""The circumstances of one request."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from chalice.app import Request

from backbone import clock
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
    forwarded = request.headers.get("x-forwarded-host") if settings().trust_forwarded_host else None
    host = forwarded or request.headers.get("host", "")
    return f"{scheme}://{host}"


def correlation_id(sent: str | None) -> str:
    """The client's id without line breaks, trimmed and cut to 100 characters, or 32 fresh hex digits."""
    cleaned = _LINE_BREAKS.sub("", sent or "").strip()[:CORRELATION_ID_LENGTH]
    return cleaned or uuid.uuid4().hex
