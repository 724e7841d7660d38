"""Lambda entry points of the Admin API's own function."""

from pathlib import Path
from typing import Any

from backbone.http import lambda_handler
from backbone.http.unrouted import DEFAULT_ROUTE
from backbone.invocations import entry_point
from functions.admin.admin_api import admin_api
from functions.admin.docs_api import docs_api
from functions.admin.fallback import Fallback
from functions.admin.pages_api import pages_api

_routed = lambda_handler(admin_api, pages_api, docs_api)
_fallback = Fallback(Path(__file__).with_name("routes.json"))


@entry_point
def admin(event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
    """Its own endpoints, and everything no route takes."""
    if event.get("routeKey") == DEFAULT_ROUTE:
        return _fallback.answer(event)
    return _routed(event, lambda_context)
