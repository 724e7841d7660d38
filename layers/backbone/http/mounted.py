"""A service behind a REST API of its own, mounted at a path of the custom domain (functions/uploads/template.yaml).

Such a REST API stores large bodies and hands everything else below its path on, so the routing that the HTTP API does
for others is done here.  The mapping of the domain takes the path away before the REST API sees a request; a variable
of its stage tells it.  Afterwards nothing differs: the event is in payload 2.0, what no route takes is answered as the
gateway function answers it.
"""

from collections.abc import Callable, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

from backbone.http.api import Api
from backbone.http.lambda_handler import LambdaEvent
from backbone.http.unrouted import DEFAULT_ROUTE, Routes, Unrouted, route_of

Handler = Callable[[LambdaEvent, Any], dict[str, Any]]

_MOUNT = "mount"
_PROXY = "proxy"


def mountable(handle: Handler, *apis: Api) -> Handler:
    """`handle`, which serves `apis` behind the HTTP API, behind a mounted REST API, too."""
    endpoints = sorted((each.path, each.method) for api in apis for each in api.endpoints)
    routes = {path: [method for _, method in found] for path, found in groupby(endpoints, key=itemgetter(0))}
    unrouted = Unrouted(routes)

    def handle_mounted(event: LambdaEvent, lambda_context: Any) -> dict[str, Any]:
        mount = _mount_of(event)
        if mount is None:
            return handle(event, lambda_context)
        event = _of_http_api(event, mount, routes)
        return unrouted.answer(event) if event["routeKey"] == DEFAULT_ROUTE else handle(event, lambda_context)

    return handle_mounted


def _mount_of(event: LambdaEvent) -> str | None:
    mount: str | None = (event.get("stageVariables") or {}).get(_MOUNT)
    return mount if "httpMethod" in event else None


def _of_http_api(event: LambdaEvent, mount: str, routes: Routes) -> LambdaEvent:
    """The event as the HTTP API would have sent it."""
    method, gateway = event["httpMethod"], event["requestContext"]
    rest = (event.get("pathParameters") or {}).get(_PROXY)
    path = f"{mount}/{rest}" if rest else mount
    route, values = route_of(method, path, routes) or (None, None)
    return {
        "version": "2.0",
        "routeKey": f"{method} {route}" if route else DEFAULT_ROUTE,
        "rawPath": path,
        "rawQueryString": urlencode(event.get("multiValueQueryStringParameters") or {}, doseq=True),
        "headers": _joined(event.get("multiValueHeaders") or {}),
        "pathParameters": values,
        "requestContext": {
            "http": {"method": method, "path": path},
            "requestId": gateway["requestId"],
            "timeEpoch": gateway.get("requestTimeEpoch"),
        },
        "body": event.get("body"),
        "isBase64Encoded": event.get("isBase64Encoded", False),
    }


def _joined(headers: Mapping[str, list[str]]) -> dict[str, str]:
    return {name.lower(): ",".join(values) for name, values in headers.items()}
