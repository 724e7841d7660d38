"""Lambda entry points of the gateway."""

from pathlib import Path
from typing import Any

from backbone.http import lambda_handler
from backbone.http.unrouted import DEFAULT_ROUTE, Unrouted
from backbone.invocations import entry_point
from functions.gateway.api import api

_routed = lambda_handler(api)
_unrouted = Unrouted(Path(__file__).with_name("routes.json"))


@entry_point
def http(event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
    """Its own endpoints, and everything no route takes."""
    if event.get("routeKey") == DEFAULT_ROUTE:
        return _unrouted.answer(event)
    return _routed(event, lambda_context)
