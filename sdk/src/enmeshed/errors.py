"""Everything that can go wrong: one tree of exceptions, each with a code of the protocol.

::

    EnmeshedError
    ├── ProtocolError            the library refused by itself; nothing was changed, here or at the Backbone
    │   ├── UnreadableError      an envelope, a reference or an answer that cannot be decrypted, verified or parsed
    │   ├── RecordNotFoundError  there is no such object on this device
    │   └── PreconditionError    the operation does not fit the state of things
    ├── BackboneError            the Backbone refused; ``status`` is that of HTTP
    │   ├── LoginRefusedError    the device's credentials or the client's are wrong
    │   ├── UnauthorizedError    401
    │   ├── ForbiddenError       403
    │   ├── NotFoundError        404: unknown, expired, not visible, or the password is wrong
    │   ├── TooManyRequestsError 429, with ``retry_at``
    │   │   └── QuotaExhaustedError  the identity's quota is used up until ``retry_at``
    │   └── UnavailableError     5xx: it is not known whether the request had an effect
    ├── NetworkError             no answer: it is not known whether the request had an effect
    └── StorageError             the local storage cannot be used
        ├── AccountNotFoundError
        ├── WrongStorageKeyError
        └── NewerStorageError    written by a newer version of this library
"""

from __future__ import annotations

from datetime import datetime
from typing import Any


class EnmeshedError(Exception):
    """Base of all errors of this library.

    ``code`` is the code of the protocol: the one the Backbone answered, or the one official clients use for the same
    situation, or ``error.client.…`` where they have none. ``message`` says more, in English.
    """

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}".removesuffix(": "))
        self.code = code
        self.message = message


class ProtocolError(EnmeshedError):
    """The library refused by itself; nothing was changed, neither here nor at the Backbone."""


class UnreadableError(ProtocolError):
    """Something received cannot be decrypted, verified or parsed."""


class RecordNotFoundError(ProtocolError):
    """This device knows no such object (``error.transport.recordNotFound``)."""

    def __init__(self, message: str) -> None:
        super().__init__("error.transport.recordNotFound", message)


class PreconditionError(ProtocolError):
    """The operation does not fit the state of things."""


class BackboneError(EnmeshedError):
    """The Backbone refused a request.

    ``code`` is the one in its answer; without one, what official clients make of the status. ``body`` is the whole
    answer (parsed JSON, or ``None``).
    """

    def __init__(self, status: int, code: str, message: str = "", body: Any = None) -> None:
        super().__init__(code, message)
        self.status = status
        self.body = body

    @property
    def is_definite(self) -> bool:
        """Whether the request certainly had no effect."""
        return self.status < 500


class LoginRefusedError(BackboneError):
    """``/connect/token`` refused the device (``…noAuthGrant``) or the client (``…noAuthPossible``)."""


class UnauthorizedError(BackboneError):
    """401, also after a new log-in."""


class ForbiddenError(BackboneError):
    """403."""


class NotFoundError(BackboneError):
    """404."""


class TooManyRequestsError(BackboneError):
    """429; ``retry_at`` is the moment from which it makes sense to try again, or ``None`` if nobody said."""

    def __init__(
        self, status: int, code: str, message: str = "", body: Any = None, retry_at: datetime | None = None
    ) -> None:
        super().__init__(status, code, message, body)
        self.retry_at = retry_at


class QuotaExhaustedError(TooManyRequestsError):
    """A quota of the identity is used up (``error.platform.quotaExhausted``); ``metrics`` names which."""

    @property
    def metrics(self) -> list[str]:
        """Keys of the exhausted metrics, e.g. ``NumberOfSentMessages``."""
        return [str(entry.get("metricKey")) for entry in quota_entries(self.body)]


class UnavailableError(BackboneError):
    """5xx: it is not known whether the request had an effect; the next :meth:`Account.sync` finds out."""


class NetworkError(EnmeshedError):
    """No answer: it is not known whether the request had an effect; the next :meth:`Account.sync` finds out."""

    is_definite = False


class StorageError(EnmeshedError):
    """The local storage cannot be used."""


class AccountNotFoundError(StorageError):
    """The storage holds no account, and none was to be created."""


class WrongStorageKeyError(StorageError):
    """The storage is encrypted with another key, or not at all, or was tampered with."""


class NewerStorageError(StorageError):
    """The storage was written by a newer version of this library."""


def quota_entries(body: Any) -> list[dict[str, Any]]:
    """``error.data`` of a 429: which metric is exhausted until when."""
    error = body.get("error") if isinstance(body, dict) else None
    data = error.get("data") if isinstance(error, dict) else None
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []
