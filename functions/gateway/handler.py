"""Lambda entry points of the gateway."""

from typing import Any

from backbone.http import lambda_handler
from functions.gateway import fallback
from functions.gateway.api import api

_routed = lambda_handler(api)


def http(event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
    """Its own endpoints, and everything no route takes."""
    if event.get("routeKey") == fallback.DEFAULT_ROUTE:
        return fallback.answer(event)
    return _routed(event, lambda_context)
