"""A Backbone: where it is, who the client is, and what can be asked without an identity."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import httpx

from enmeshed.http import TIMEOUT_SECONDS, Connection, Credentials, new_http_client
from enmeshed.protocol.addresses import hostname_of
from enmeshed.protocol.encoding import parse_iso


class Backbone:
    """A Backbone as seen by one OAuth client.

    ``base_url`` is that of the Backbone, e.g. ``https://backbone.example.org``; its host becomes part of the addresses
    of all identities created here, unless ``address_hostname`` says otherwise. ``client_id`` and ``client_secret`` come
    from the operator. ``timeout`` is in seconds. ``headers`` go with every request. ``transport`` and ``verify`` are
    those of httpx. Making the object makes no network calls.

    A Backbone may be shared by several accounts and threads. Close it, or use it in a ``with`` statement, to give its
    connections back.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        *,
        address_hostname: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        headers: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
        verify: bool | Any = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.client_id = client_id
        self.client_secret = client_secret
        self.hostname = address_hostname or hostname_of(base_url)
        self._http = new_http_client(transport=transport, timeout=timeout, verify=verify)
        self.anonymous = Connection(
            self.base_url, client_id, client_secret, client=self._http, headers=headers, clock=clock
        )

    def __enter__(self) -> Backbone:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def connect(self, credentials: Credentials) -> Connection:
        """A connection of a device. Makes no network calls; the log-in follows with the first request."""
        return self.anonymous.as_device(credentials)

    def version(self) -> int:
        """The major version of the Backbone's software. One call; this library knows 6 and 7."""
        return int(self.anonymous.get("/Version")["majorVersion"])

    def is_healthy(self) -> bool:
        """Whether the Backbone says that it is well. One call."""
        return self.anonymous.request("GET", "/health").status // 100 == 2

    def deletion_of(self, username: str) -> datetime | None:
        """When the identity of a device was deleted, or ``None`` if it was not. One call.

        ``username`` is that of the device. An account that can no longer log in asks this.
        """
        answer = self.anonymous.get("/Identities/IsDeleted", {"username": username})
        return parse_iso(answer["deletionDate"]) if answer["isDeleted"] else None
