"""The Consumer API behind a REST API instead of an HTTP API: one Chalice app for all services (`app.py`).

REST APIs send payload 1.0, the shape Chalice routes on.  What they do differently is evened out here, so that clients
meet the same API: the stage's name or a base path before every path, binary answers only for those who ask for them, an
answer of their own (403) to requests that no route takes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from chalice.app import Chalice, Request, Response

from backbone.http.context import base_path_of
from backbone.http.delivery import deliverable
from backbone.http.lambda_handler import LambdaEvent
from backbone.http.unrouted import Unrouted

ANY_PATH = "/{proxy+}"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


class RestApp(Chalice):
    """A Chalice app that answers as the functions behind the HTTP API do."""

    def __call__(self, event: LambdaEvent, context: Any) -> dict[str, Any]:
        """The entry point of Lambda and of `chalice local`."""
        gateway = event["requestContext"]
        if gateway.get("resourcePath") not in self.routes:  # API Gateway sometimes calls it /{proxy*}
            event = {**event, "requestContext": {**gateway, "resourcePath": ANY_PATH}}
        response: dict[str, Any] = super().__call__(_regardless_of_wishes(event), context)
        return deliverable(response, self.app_name)

    def answer_everything_else(self, table: Path) -> None:
        """Answer what no route takes, by the route table in a file; to be called when all routes are there."""
        unrouted = Unrouted.of_table(table)

        def answer(**_: str) -> Response:
            request = self.current_request
            assert request is not None
            base = base_path_of(request.context)
            return unrouted.respond(request, request.context["path"].removeprefix(base), _query_of(request), base)

        paths = {**{path: set(methods) for path, methods in self.routes.items()}, "/": set(), ANY_PATH: set()}
        for path, taken in paths.items():
            others = [method for method in METHODS if method not in taken]
            self.route(path, methods=others, content_types=["*/*"], name="unrouted")(answer)


def _regardless_of_wishes(event: LambdaEvent) -> LambdaEvent:
    """As `to_chalice_event`: what the client accepts is ignored, but the one route that looks finds it."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    gateway = {**event["requestContext"], "accept": headers.get("accept")}
    return {**event, "headers": {**headers, "accept": "*/*"}, "requestContext": gateway}


def _query_of(request: Request) -> str:
    query: Mapping[str, Any] | None = request.query_params
    return urlencode([(name, value) for name in query for value in query.getlist(name)]) if query else ""  # type: ignore[attr-defined]
