"""The front: what clients reach on the usual ports.

It stands where the network and the edge of API Gateway stand in AWS: it takes requests on fixed ports, names the client
in `X-Forwarded-*`, sends large uploads to their server, refuses what else is too large for a Lambda invocation, and
hands everything on to the emulator's HTTP API unchanged.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from infra.local.edge import Edge, too_large

_GATEWAY_SECONDS = 30  # API Gateway's own limit
_LONGEST_BODY = 64 * 1024 * 1024  # read to its end before it is refused, so that the client sees the answer
_START_SECONDS = 10

# Of one connection, not of the message (RFC 9110, section 7.6.1).
_OF_ONE_CONNECTION = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
_NOT_HANDED_ON = _OF_ONE_CONNECTION | {"expect", "content-length"}  # both are met here and made anew
_NOT_SENT_BACK = _OF_ONE_CONNECTION | {"content-length", "server", "x-amzn-requestid", "x-amz-request-id"}

_EVENT_PATHS = {"/api/v1/sse", "/api/v2/sse", "/health"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Sockets = list[socket.socket]


class Front:
    """Serves HTTP APIs, each on its sockets, in a thread of its own.

    `events` are the sockets where the server of events is in the reference; here it is part of the first API.
    """

    def __init__(self, apis: Sequence[tuple[Edge, Sockets]], events: Sockets) -> None:
        self._apis = apis
        self._events = events
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()), daemon=True)

    def start(self) -> None:
        """Start serving; returns when connections are accepted."""
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            raise RuntimeError("the front did not start")

    def stop(self) -> None:
        """Close the ports."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()

    async def _serve(self) -> None:
        timeout = aiohttp.ClientTimeout(total=_GATEWAY_SECONDS + 5)
        connector = aiohttp.TCPConnector(limit=0)
        async with (
            aiohttp.ClientSession(auto_decompress=False, timeout=timeout, connector=connector) as session,
            contextlib.AsyncExitStack() as served,
        ):
            for edge, sockets in self._apis:
                await served.enter_async_context(_serving(sockets, _passing_on(edge, session)))
            consumer_api, _ = self._apis[0]
            await served.enter_async_context(_serving(self._events, _events_only(_passing_on(consumer_api, session))))
            self._ready.set()
            await self._stopped.wait()


def _passing_on(edge: Edge, session: aiohttp.ClientSession) -> Handler:
    async def pass_on(request: web.Request) -> web.StreamResponse:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return too_large()
        destination = edge.destination(request.method, request.raw_path, body)
        if destination is None:
            return too_large()
        headers = _handed_on(request)
        if request.method == "OPTIONS" and not edge.is_mapped(request.raw_path):
            return await edge.default_route(request, headers)
        try:
            async with session.request(
                request.method,
                URL(destination, encoded=True),
                headers=headers,
                data=body or None,
                allow_redirects=False,
                skip_auto_headers=["User-Agent", "Accept", "Accept-Encoding", "Content-Type"],
            ) as answer:
                return _sent_back(answer.status, answer.headers, await answer.read())
        except (aiohttp.ClientError, TimeoutError):
            return web.json_response({"message": "Service Unavailable"}, status=503)

    return pass_on


def _handed_on(request: web.Request) -> "CIMultiDict[str]":
    headers = CIMultiDict(
        (name, value) for name, value in request.headers.items() if name.lower() not in _NOT_HANDED_ON
    )
    hops = [value for value in (request.headers.get("X-Forwarded-For"), request.remote) if value]
    headers["X-Forwarded-For"] = ", ".join(hops)
    headers.setdefault("X-Forwarded-Proto", request.scheme)
    headers.setdefault("X-Forwarded-Host", request.host)
    return headers


def _sent_back(status: int, headers: "aiohttp.typedefs.LooseHeaders", body: bytes) -> web.Response:
    kept = CIMultiDict(
        (name, value) for name, value in CIMultiDict(headers).items() if name.lower() not in _NOT_SENT_BACK
    )
    if not body:
        kept.popall("Content-Type", None)  # the emulator gives one to answers without content
    return web.Response(status=status, headers=kept, body=body)


def _events_only(handler: Handler) -> Handler:
    async def pass_on(request: web.Request) -> web.StreamResponse:
        if request.path.lower() in _EVENT_PATHS:
            return await handler(request)
        return web.Response(status=404)

    return pass_on


@contextlib.asynccontextmanager
async def _serving(sockets: Sockets, handler: Handler) -> AsyncIterator[None]:
    app = web.Application(client_max_size=_LONGEST_BODY)
    app.router.add_route("*", r"/{path:[\s\S]*}", handler)  # a path may hold an encoded line break, too
    app.on_response_prepare.append(_without_server_header)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        for listener in sockets:
            await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()


async def _without_server_header(request: web.Request, response: web.StreamResponse) -> None:
    del request
    response.headers.pop("Server", None)
