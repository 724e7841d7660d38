"""Where the emulator's HTTP API differs from API Gateway, and what the front does about it.

* `OPTIONS`: without a CORS configuration of the API, API Gateway routes it like any other request; the emulator answers
  403 itself. Here the function behind `$default` is asked directly.
* `/health` and a few other paths belong to the emulator itself when the API is addressed by host name, so it is
  addressed by path.
* Mappings: a custom domain sends what is below a path to another API. Here there is no domain, so the front does.
* Size: API Gateway passes up to 10 MB, Lambda takes 6 MB. The emulator has no limit. Files that are larger go to the
  server that CloudFront sends them to in AWS (docs/decisions/large-uploads.md).
"""

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from aiohttp import web

from backbone.errors import RequestBodyTooLarge
from backbone.ids import new_error_id

LAMBDA_REQUEST_BYTES = 6 * 1024 * 1024
"""The most a synchronous invocation of a function takes (https://docs.aws.amazon.com/lambda, quotas)."""
GATEWAY_REQUEST_BYTES = 10 * 1024 * 1024
"""The most that API Gateway passes on."""
_REST_OF_EVENT_BYTES = 64 * 1024
_FILES = "/api/v2/Files"
_STAGE = "live"


class Edge:
    """One HTTP API of a deployed stack.

    `uploads_url` is the server of large uploads, if it has one; `mapped` are the REST APIs that take large bodies, by
    the path of the domain that is mapped to them.
    """

    def __init__(
        self,
        endpoint: str,
        api_id: str,
        default_function: str,
        lambda_client: Any,
        *,
        uploads_url: str | None = None,
        mapped: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._api_url = f"{endpoint}/_aws/execute-api/{api_id}/$default"
        self._api_id = api_id
        self._default_function = default_function
        self._lambda = lambda_client
        self._uploads_url = uploads_url
        self._mapped = {path: f"{endpoint}/_aws/execute-api/{rest_api}/{_STAGE}" for path, rest_api in mapped.items()}

    def is_mapped(self, raw_path: str) -> bool:
        """Whether a REST API takes what is at a path."""
        return self._mapping_of(raw_path) is not None

    def destination(self, method: str, raw_path: str, body: bytes) -> str | None:
        """The URL that takes a request (its path as sent, with the query); None if its body is too large for all."""
        mapping = self._mapping_of(raw_path)
        if mapping is not None and len(body) <= GATEWAY_REQUEST_BYTES:
            return self._mapped[mapping] + raw_path[len(mapping) :]
        if (method, _path(raw_path)) == ("POST", _FILES) and not self._fits(body):
            return self._uploads_url and self._uploads_url + raw_path
        return self._api_url + raw_path if len(body) <= LAMBDA_REQUEST_BYTES else None

    def _mapping_of(self, raw_path: str) -> str | None:
        path = _path(raw_path)
        return next((mapped for mapped in self._mapped if path == mapped or path.startswith(f"{mapped}/")), None)

    def _fits(self, body: bytes) -> bool:
        """Forms are binary, so they travel as base64."""
        return len(body) * 4 / 3 <= LAMBDA_REQUEST_BYTES - _REST_OF_EVENT_BYTES

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


def _path(raw_path: str) -> str:
    return raw_path.partition("?")[0]


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
