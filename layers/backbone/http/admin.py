"""`AdminApi`: an `Api` for operators.  Contract: admin-api.md, sections 1 to 3.

Its routes are bound by their signatures like all others; before that, the request must bring a key in `X-API-KEY`.
They are served by another HTTP API than those of clients, and by functions of their own:

    admin_api = AdminApi("devices", function="AdminDevices")

    @admin_api.get("/api/v1/Clients")
    def list_clients() -> tuple[ClientOut, ...]: ...
"""

from collections.abc import Callable

from chalice.app import Request

from backbone import admin_keys
from backbone.http.api import Api, ViewT, everybody

KEY_HEADER = "x-api-key"


def bearer_of_a_key(request: Request) -> str:
    """Whose key the request brings, for the log: the key's id.  Raises `InvalidApiKey`."""
    return admin_keys.find(request.headers.get(KEY_HEADER)).id


class AdminApi(Api):
    """The routes of one service for operators; `function` is the Lambda function that serves them."""

    admin = True
    admit = staticmethod(bearer_of_a_key)

    def get(self, path: str, *, anonymous: bool = False) -> Callable[[ViewT], ViewT]:
        """Serve GET on `path`; with `anonymous`, without asking for a key."""
        return self._serve("GET", path, admit=everybody if anonymous else self.admit)

    def post(  # type: ignore[override]  # nothing that operators do is limited by quotas
        self, path: str, *, anonymous: bool = False
    ) -> Callable[[ViewT], ViewT]:
        """Serve POST on `path`; with `anonymous`, without asking for a key."""
        return self._serve("POST", path, admit=everybody if anonymous else self.admit)
