"""From API Gateway to Chalice and back.

HTTP APIs send payload 2.0, Chalice routes on the shape of REST APIs (1.0): a few renamed members are the whole
difference, except for the query string, where 2.0 joins repeated parameters with commas and only `rawQueryString` tells
them apart, and for cookies, which 2.0 takes out of the headers.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from chalice.app import Chalice

from backbone.http.api import Api
from backbone.http.delivery import deliverable
from backbone.invocations import entry_point

LambdaEvent = dict[str, Any]


def to_chalice_event(event: LambdaEvent) -> LambdaEvent:
    """A payload 2.0 event in the shape Chalice expects; any other event unchanged."""
    if event.get("version") != "2.0":
        return event
    gateway = event["requestContext"]
    _, _, route_path = event["routeKey"].partition(" ")
    headers = dict(event.get("headers") or {})
    accept = headers.get("accept")
    if cookies := event.get("cookies"):
        headers["cookie"] = "; ".join(cookies)
    return {
        "requestContext": {
            "resourcePath": route_path,
            "httpMethod": gateway["http"]["method"],
            "path": event["rawPath"],
            "requestId": gateway["requestId"],
            "requestTimeEpoch": gateway.get("timeEpoch"),
            "accept": accept,
        },
        "path": event["rawPath"],
        # What the client accepts is ignored (http-common.md, section 5.3); Chalice would refuse it binary answers.
        # The one route that looks at it finds it in its `RequestContext`.
        "headers": {**headers, "accept": "*/*"},
        "pathParameters": event.get("pathParameters"),
        "multiValueQueryStringParameters": parse_qs(event.get("rawQueryString") or "", keep_blank_values=True),
        "stageVariables": event.get("stageVariables"),
        "body": event.get("body"),
        "isBase64Encoded": event.get("isBase64Encoded", False),
    }


def lambda_handler(*apis: Api) -> Callable[[LambdaEvent, Any], dict[str, Any]]:
    """The Lambda entry point that serves these APIs.

    An event that is no request (a direct invocation with `{}`) does nothing: it loads the function ahead of use.
    """
    app = Chalice(app_name=apis[0].service, configure_logs=False)
    for api in apis:
        app.register_blueprint(api)

    @entry_point
    def handle(event: LambdaEvent, lambda_context: Any) -> dict[str, Any]:
        if "requestContext" not in event:
            return {"statusCode": 204}
        response: dict[str, Any] = app(to_chalice_event(event), lambda_context)
        return deliverable(response, app.app_name)

    return handle
