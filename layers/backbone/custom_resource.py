"""CloudFormation's custom resources: what a deployment does that no built-in resource can.

CloudFormation invokes a function and waits until it is told, at a URL of its own, how it went.
"""

import json
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from backbone.invocations import entry_point
from backbone.observability import logger

Request = dict[str, Any]
Work = Callable[[Request], Mapping[str, str]]
"""Carries out a request and returns the attributes that templates may ask for (`!GetAtt`)."""

_ANSWER_SECONDS = 10


def resource_handler(name: str, work: Work) -> Callable[[Request, Any], None]:
    """The Lambda entry point of the custom resource `name`; any event but a request does nothing."""

    @entry_point
    def handle(request: Request, lambda_context: Any) -> None:
        if "RequestType" not in request:
            return
        try:
            attributes = dict(work(request))
            answer(request, name, "SUCCESS", "", attributes)
        except Exception as error:
            logger.exception("custom resource failed", event_id=274810, resource=name)
            answer(request, name, "FAILED", f"{type(error).__name__}: {error}", {})

    return handle


def answer(request: Request, name: str, status: str, reason: str, attributes: Mapping[str, str]) -> None:
    """Tell CloudFormation."""
    body = {
        "Status": status,
        "Reason": reason or "see the function's log",
        "PhysicalResourceId": request.get("PhysicalResourceId") or name,
        "StackId": request["StackId"],
        "RequestId": request["RequestId"],
        "LogicalResourceId": request["LogicalResourceId"],
        "Data": attributes,
    }
    # The URL is CloudFormation's own presigned one, out of the event.
    sent = urllib.request.Request(  # noqa: S310
        request["ResponseURL"], data=json.dumps(body).encode(), method="PUT", headers={"Content-Type": ""}
    )
    with urllib.request.urlopen(sent, timeout=_ANSWER_SECONDS):  # noqa: S310
        pass
