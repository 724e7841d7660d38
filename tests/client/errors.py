"""Errors of the client: everything that goes wrong is a :class:`ClientError` with a code."""

from typing import Any


class ClientError(Exception):
    """A call that failed, with the code a TypeScript client would report (client-protocol.md §7).

    ``status`` is the HTTP status, or ``None`` when the client itself refused (see :class:`ProtocolError`).
    ``code`` is what the TypeScript client makes of the answer; it ignores the body for 401, 403, 409, 429 …
    (§24.4). What the Backbone really wrote is in ``body`` and, for the code, in :attr:`backbone_code`.
    """

    def __init__(self, status: int | None, code: str, message: str = "", body: Any = None) -> None:
        super().__init__(f"{status if status is not None else 'local'} {code}: {message}".rstrip(": "))
        self.status = status
        self.code = code
        self.message = message
        self.body = body

    @property
    def backbone_code(self) -> str | None:
        """The ``error.code`` of the answer's body, whatever its status."""
        error = self.body.get("error") if isinstance(self.body, dict) else None
        return error.get("code") if isinstance(error, dict) else None


class ProtocolError(ClientError):
    """The client refused by itself: a bad signature, an unreadable envelope, a violated precondition."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(None, code, message)
