"""Lambda entry point of the token keys: a CloudFormation custom resource.

Creating it makes the first key; changing its property `Rotation` adds one; deleting the stack forgets them all.  An
update that changes nothing else leaves the keys alone.
"""

import json
import urllib.request
from typing import Any

from backbone import clock
from backbone.observability import logger
from functions.keys import domain
from functions.keys.store import KeySetStore


def custom_resource(event: dict[str, Any], lambda_context: Any) -> None:
    """Handle one custom-resource request and tell CloudFormation how it went."""
    if "RequestType" not in event:
        return
    try:
        _carry_out(event)
        status, reason = "SUCCESS", ""
    except Exception as error:
        logger.exception("token keys failed")
        status, reason = "FAILED", f"{type(error).__name__}: {error}"
    _answer(event, status, reason)


def _carry_out(event: dict[str, Any]) -> None:
    store = KeySetStore()
    request = event["RequestType"]
    if request == "Delete":
        store.remove()
        return
    rotation = event.get("ResourceProperties", {}).get("Rotation")
    rotated = request == "Update" and rotation != event.get("OldResourceProperties", {}).get("Rotation")
    if store.private() is None or rotated:
        store.save(domain.add_key(store.private(), now=clock.now()))
        logger.info("token key added")


def _answer(event: dict[str, Any], status: str, reason: str) -> None:
    body = {
        "Status": status,
        "Reason": reason or "see the function's log",
        "PhysicalResourceId": event.get("PhysicalResourceId") or "token-keys",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    data = json.dumps(body).encode()
    # The URL is CloudFormation's own presigned one, out of the event.
    request = urllib.request.Request(event["ResponseURL"], data=data, method="PUT", headers={"Content-Type": ""})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310
        pass
