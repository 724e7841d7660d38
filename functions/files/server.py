"""The collection `/api/v2/Files` as a server of its own, for uploads that no Lambda invocation takes.

    python -m functions.files.server [--port 8080] [--behind-https]

A file has up to 10 MiB, an invocation takes 6 MB.  In AWS, CloudFront sends this one path to a container that runs this
module, if the deployment has one; locally the front sends it what is too large.  Decision:
docs/decisions/large-uploads.md.  Requests become the events API Gateway would send, with the body as bytes, and go to
the same handler: one code, one behaviour.
"""

import argparse
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import IO, Any

from chalice.app import Request, Response

from backbone.http import RequestContext, responses
from backbone.http.lambda_handler import to_chalice_event
from functions.files.handler import http

PATH = "/api/v2/Files"
METHODS = ("GET", "POST")
HEALTH = "/health"
THREADS = 8
"""Uploads at the same time; each holds its body in memory, twice while it is parsed."""
LONGEST_READ = 20 * 1024 * 1024 + 1
"""One byte more than a request may have (files.md, section 1): enough for the form to be refused."""
LONGEST_BODY = 64 * 1024 * 1024
"""Received before it is refused, so that the client sees the answer."""

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


def application(*, behind_https: bool = False) -> Application:
    """The WSGI application.

    `behind_https`: clients come by HTTPS, whatever the load balancer says about its own connection.
    """

    def serve(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path != PATH:
            return _send(start_response, 200 if path == HEALTH else 404)
        headers = _headers(environ)
        if behind_https:
            headers["x-forwarded-proto"] = "https"
        event = _event(environ, method, headers)
        answer = http(event, None) if method in METHODS else _other_method(event).to_dict()
        return _send(start_response, answer["statusCode"], _headers_of(answer), answer["body"].encode())

    return serve


def _event(environ: Environ, method: str, headers: dict[str, str]) -> dict[str, Any]:
    stream: IO[bytes] = environ["wsgi.input"]
    return {
        "version": "2.0",
        "routeKey": f"{method} {PATH}",
        "rawPath": PATH,
        "rawQueryString": environ.get("QUERY_STRING", ""),
        "headers": headers,
        "requestContext": {
            "http": {"method": method, "path": PATH},
            "requestId": uuid.uuid4().hex,
            "timeEpoch": int(time.time() * 1000),
        },
        "body": stream.read(LONGEST_READ) if method == "POST" else None,
        "isBase64Encoded": False,
    }


def _other_method(event: dict[str, Any]) -> Response:
    """What the function behind `$default` answers: 405, or 204 to the preflight of a browser."""
    request = Request(to_chalice_event(event))
    context = RequestContext.of(request)
    allowed = ", ".join(METHODS)
    if request.method != "OPTIONS" or "access-control-request-method" not in request.headers:
        return responses.empty(405, context, {"Allow": allowed})
    asked = request.headers.get("access-control-request-headers", "")
    return responses.empty(
        204, context, {"Access-Control-Allow-Methods": allowed, "Access-Control-Allow-Headers": asked}
    )


def _headers(environ: Environ) -> dict[str, str]:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    return {**headers, "content-type": environ.get("CONTENT_TYPE", "")}


def _headers_of(answer: dict[str, Any]) -> list[tuple[str, str]]:
    several = answer["multiValueHeaders"].items()
    return [*answer["headers"].items(), *((name, value) for name, values in several for value in values)]


def _send(
    start_response: StartResponse, status: int, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
) -> Iterable[bytes]:
    start_response(f"{status} {HTTPStatus(status).phrase}", list(headers))
    return [body]


def serve(port: int, *, host: str = "0.0.0.0", behind_https: bool = False) -> None:  # noqa: S104  # a container's only port
    """Serve until the process is told to end."""
    from waitress.server import create_server  # part of the container, not of the Lambda packages

    server = create_server(
        application(behind_https=behind_https),
        host=host,
        port=port,
        threads=THREADS,
        max_request_body_size=LONGEST_BODY,
        ident=None,
        channel_timeout=60,
    )
    server.run()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m functions.files.server", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--behind-https", action="store_true", help="clients reach this by HTTPS")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the first process of a container has no default for it
    serve(arguments.port, behind_https=arguments.behind_https)


if __name__ == "__main__":
    main()
