"""Responses larger than Lambda can return.  Decision: docs/decisions/large-responses.md.

A page of large payloads can exceed the 6 MB of an invocation, and the contract leaves no way to shorten it.  Such a
response is put to S3 and answered by a redirect to a URL that lives a minute; the official HTTP client follows it (and
drops its `Authorization` header on the way).
"""

import json
from typing import Any

from backbone import payloads

INVOCATION_BYTES = 6 * 1024 * 1024
_HEADERS_BYTES = 64 * 1024
_LARGEST_SAFE_BODY = 1024 * 1024  # even if every character needed six, as control characters in JSON do

SEE_OTHER = 303


def deliverable(response: dict[str, Any], service: str) -> dict[str, Any]:
    """The response itself, or a redirect to it when Lambda could not carry it."""
    body: str = response["body"]
    if len(body) <= _LARGEST_SAFE_BODY or len(json.dumps(body)) <= INVOCATION_BYTES - _HEADERS_BYTES:
        return response
    headers = dict(response["headers"])
    url = payloads.lend(service, body.encode("utf-8"), headers.pop("Content-Type"))
    return {**response, "statusCode": SEE_OTHER, "headers": {**headers, "Location": url}, "body": ""}
