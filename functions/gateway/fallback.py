"""The `$default` route: everything API Gateway has no route for, and the preflights of browsers."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from chalice.app import Request, Response

from backbone.http import RequestContext, responses
from backbone.http.lambda_handler import to_chalice_event
from backbone.settings import settings
from functions.gateway.domain import MethodNotAllowed, MovedTo, Routes, outcome

ROUTES = Path(__file__).with_name("routes.json")
DEFAULT_ROUTE = "$default"


@lru_cache(maxsize=1)
def routes() -> Routes:
    """The route table, generated from the blueprints by `python -m infra.routes`."""
    table: Routes = json.loads(ROUTES.read_text(encoding="utf-8"))
    return table


def answer(event: dict[str, Any]) -> dict[str, Any]:
    """Answer a request that met no route."""
    request = Request(to_chalice_event(event))
    context = RequestContext.of(request)
    return dict(_response(request, context, event).to_dict())


def _response(request: Request, context: RequestContext, event: dict[str, Any]) -> Response:
    if request.method == "OPTIONS" and "access-control-request-method" in request.headers:
        return responses.empty(204, context, _preflight_headers(request))
    path = event["rawPath"]
    match outcome(request.method, path, routes()):
        case MethodNotAllowed(allowed):
            return responses.empty(405, context, {"Allow": ", ".join(allowed)})
        case MovedTo(exact):
            query = f"?{event['rawQueryString']}" if event.get("rawQueryString") else ""
            return responses.empty(308, context, {"Location": exact + query})
        case _:
            return responses.empty(404, context)


def _preflight_headers(request: Request) -> dict[str, str]:
    if not settings().cors_allowed_origins:
        return {}
    asked = request.headers.get("access-control-request-headers")
    headers = {"Access-Control-Allow-Methods": request.headers["access-control-request-method"]}
    return {**headers, "Access-Control-Allow-Headers": asked} if asked else headers
