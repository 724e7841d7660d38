"""Results and errors as HTTP responses: envelope and headers.  Contract: http-common.md, sections 3, 5 and 9."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chalice.app import Response
from pydantic import BaseModel

from backbone import clock
from backbone.errors import BackboneError
from backbone.http.context import RequestContext
from backbone.http.paging import PageOf
from backbone.http.results import Created, NoContent, Raw
from backbone.ids import new_error_id
from backbone.settings import settings

JSON = "application/json; charset=utf-8"

_SECURITY_HEADERS = {
    "Strict-Transport-Security": "max-age=5184000; includeSubDomains",
    "X-Frame-Options": "Deny",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Content-Security-Policy": "object-src 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "credentialless",
    "Cross-Origin-Resource-Policy": "same-site",
}


def _to_json(result: Any) -> str:
    if isinstance(result, BaseModel):
        return result.model_dump_json(by_alias=True)
    if isinstance(result, Sequence) and not isinstance(result, str):
        return "[" + ",".join(_to_json(item) for item in result) + "]"
    return json.dumps(result, separators=(",", ":"), ensure_ascii=False)


def success(result: Any, context: RequestContext) -> Response:
    """The response for whatever a route returned."""
    status, headers = 200, {}
    if result is None or isinstance(result, NoContent):
        return _response(204, "", context, {})
    if isinstance(result, Raw):
        content_type = {"Content-Type": result.content_type} if result.content_type else {}
        return _response(result.status, result.body, context, {**content_type, **result.headers})
    if isinstance(result, Created):
        status, headers = 201, {"Location": context.base_url + result.location if result.location else ""}
        result = result.result
    pagination = ""
    if isinstance(result, PageOf):
        if result.pagination:
            pagination = f',"pagination":{_to_json(result.pagination)}'
        result = result.items
    return _response(status, f'{{"result":{_to_json(result)}{pagination}}}', context, {"Content-Type": JSON, **headers})


def failure(error: BackboneError, context: RequestContext) -> Response:
    """The error envelope."""
    body = {
        "error": {
            "id": new_error_id(),
            "code": error.code,
            "message": error.message,
            "docs": "",
            "time": _error_time(),
            "data": error.data,
        }
    }
    headers = {"Content-Type": JSON}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    return _response(error.status, json.dumps(body, separators=(",", ":")), context, headers)


def _error_time() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def unauthorized(problem: str | None, context: RequestContext) -> Response:
    """401 without body; `problem` is None when no token was sent (http-common.md, section 5.1)."""
    challenge = "Bearer"
    if problem is not None:
        challenge = f'Bearer error="invalid_token", error_description="{problem}"'
    headers = {
        "WWW-Authenticate": challenge,
        "Cache-Control": "no-store",
        "Pragma": "no-cache",
        "Expires": "Thu, 01 Jan 1970 00:00:00 GMT",
    }
    return _response(401, "", context, headers)


def unsupported_media_type(context: RequestContext) -> Response:
    """415 as problem details, not as envelope (http-common.md, section 5.3)."""
    body = {
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.16",
        "title": "Unsupported Media Type",
        "status": 415,
        "traceId": context.trace_id,
    }
    return _response(415, json.dumps(body), context, {"Content-Type": "application/problem+json; charset=utf-8"})


def empty(status: int, context: RequestContext, headers: Mapping[str, str] | None = None) -> Response:
    """A status without body: 404 and 405 of unknown routes, 204 of a preflight, redirects."""
    return _response(status, "", context, headers or {})


def _response(status: int, body: str | bytes, context: RequestContext, headers: Mapping[str, str]) -> Response:
    sent = clock.now()
    elapsed = max(0, math.floor((sent - context.arrived).total_seconds() * 1000))
    all_headers: dict[str, str | list[str]] = {
        **_SECURITY_HEADERS,
        "X-Request-Time": clock.render(context.arrived),
        "X-Response-Time": clock.render(sent),
        "X-Response-Duration-ms": str(elapsed),
        "X-Trace-Id": context.trace_id,
        "X-Correlation-ID": context.correlation_id,
        **cors_headers(context.origin),
        **headers,
    }
    return Response(body=body, status_code=status, headers=all_headers)


def cors_headers(origin: str | None) -> dict[str, str]:
    """What lets a browser on a page of `origin` read the response (http-common.md, section 9)."""
    allowed = settings().cors_allowed_origins
    if not origin or not allowed or (origin not in allowed and "*" not in allowed):
        return {}
    headers = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
    if exposed := settings().cors_exposed_headers:
        headers["Access-Control-Expose-Headers"] = ",".join(exposed)
    return headers
