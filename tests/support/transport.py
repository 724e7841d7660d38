"""The Python client against the API in this process: no sockets, no emulator."""

import httpx

from tests.support.api import InProcessApi


class InProcessTransport(httpx.BaseTransport):
    """Hands httpx requests to the handlers."""

    def __init__(self, api: InProcessApi) -> None:
        self._api = api

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        answer = self._api.request(
            request.method,
            request.url.path,
            body=request.read(),
            query=request.url.query.decode("ascii"),
            headers=dict(request.headers),
        )
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.content)
