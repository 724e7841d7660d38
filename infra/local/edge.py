"""Where the emulator's HTTP API differs from API Gateway, and what the front does about it.

* `OPTIONS`: without a CORS configuration of the API, API Gateway routes it like any other request; the emulator answers
  403 itself. Here the function behind `$default` is asked directly.
* `/health` and a few other paths belong to the emulator itself when the API is addressed by host name, so it is
  addressed by path.
* Size: API Gateway passes up to 10 MB, Lambda takes 6 MB. The emulator has no limit. Uploads of files that are larger
  go to the server that CloudFront sends them to in AWS (docs/decisions/large-uploads.md).
"""

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from backbone.errors import RequestBodyTooLarge
from backbone.ids import new_error_id

LAMBDA_REQUEST_BYTES = 6 * 1024 * 1024
"""The most a synchronous invocation of a function takes (https://docs.aws.amazon.com/lambda, quotas)."""
_REST_OF_EVENT_BYTES = 64 * 1024
_UPLOAD = ("POST", "/api/v2/Files")


class Edge:
    """One HTTP API of a deployed stack; `uploads_url` is the server of large uploads, if it has one."""

    def __init__(
        self, endpoint: str, api_id: str, default_function: str, lambda_client: Any, *, uploads_url: str | None = None
    ) -> None:
        self.api_url = f"{endpoint}/_aws/execute-api/{api_id}/$default"
        self._api_id = api_id
        self._default_function = default_function
        self._lambda = lambda_client
        self._uploads_url = uploads_url

    def destination(self, method: str, path: str, body: bytes) -> str | None:
        """The base URL that takes a request; None if its body would not fit into an invocation."""
        if (method, path) == _UPLOAD:
            # Forms are binary, so they travel as base64.
            fits = len(body) * 4 / 3 <= LAMBDA_REQUEST_BYTES - _REST_OF_EVENT_BYTES
            return self.api_url if fits else self._uploads_url
        return self.api_url if len(body) <= LAMBDA_REQUEST_BYTES else None

    async def default_route(self, request: web.Request, headers: Mapping[str, str]) -> web.Response:
        """Ask the function behind `$default`."""
        event = self._event(request, headers, await request.read())
        answer = await asyncio.to_thread(
            self._lambda.invoke, FunctionName=self._default_function, Payload=json.dumps(event)
        )
        result = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            return web.json_response({"message": "Internal Server Error"}, status=500)
        return web.Response(
            status=result["statusCode"],
            headers={name: str(value) for name, value in result.get("headers", {}).items()},
            body=result.get("body", "").encode(),
        )

    def _event(self, request: web.Request, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        now = time.time()
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": request.path,
            "rawQueryString": request.rel_url.raw_query_string,
            "headers": {name.lower(): value for name, value in headers.items()},
            "requestContext": {
                "apiId": self._api_id,
                "domainName": request.host,
                "http": {
                    "method": request.method,
                    "path": request.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": request.remote,
                    "userAgent": headers.get("User-Agent", ""),
                },
                "requestId": str(uuid.uuid4()),
                "routeKey": "$default",
                "stage": "$default",
                "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
                "timeEpoch": int(now * 1000),
            },
            "isBase64Encoded": bool(body),
        }
        return {**event, "body": base64.b64encode(body).decode()} if body else event


def too_large() -> web.Response:
    """The contract's answer to a body over the limit (http-common.md, section 3.3)."""
    refusal = RequestBodyTooLarge()
    error = {
        "id": new_error_id(),
        "code": refusal.code,
        "message": refusal.message,
        "docs": "",
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": None,
    }
    return web.json_response({"error": error}, status=refusal.status)
