"""The `$default` route of the Admin API.  Contract: admin-api.md, section 1."""

from chalice.app import Request, Response

from backbone.http import RequestContext, responses
from backbone.http.unrouted import Unrouted
from functions.admin import pages

_METRICS = "/metrics"
"""Prometheus finds nothing here, and shall not take a page for it: metrics are in CloudWatch."""


class Fallback(Unrouted):
    """Unknown paths of the API are 404; any other is a place in the single page that is shown to browsers."""

    def not_found(self, request: Request, context: RequestContext, path: str) -> Response:
        """Where a browser looks for a page, it finds the one there is."""
        if request.method != "GET" or path.lower().startswith("/api/") or path == _METRICS:
            return responses.empty(404, context)
        return responses.success(pages.index(), context)
