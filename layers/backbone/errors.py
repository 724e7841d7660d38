"""The errors of the protocol.  Contract: http-common.md, sections 3.2 to 3.5.

Every refusal a client can see is a `BackboneError` with the exact code and status; services raise them (or a plain
`BackboneError` with a code of their own) and never touch HTTP.
"""

from typing import Any

NOT_FOUND_HINT = (
    "Make sure the ID exists and the record is not expired. "
    "If a password is required to fetch the record, make sure you passed the correct one."
)


class BackboneError(Exception):
    """A refusal with a protocol code.

    `status` is the HTTP status, `data` the optional extra member of the error body (used by exhausted quotas only),
    `retry_after_seconds` the header of that name, if the refusal passes by itself.
    """

    retry_after_seconds: int | None = None

    def __init__(self, code: str, message: str, *, status: int = 400, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.data = data


class InvalidInput(BackboneError):
    """Base of what is wrong with a request as such: it is told before quotas are judged (http-common.md, section 2)."""


class ClosedForMaintenance(BackboneError):
    """503: nobody may write at the moment, for example because tables are being restored (operating.md, 'Restore')."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("error.platform.maintenance", "The Backbone is closed for maintenance.", status=503)
        self.retry_after_seconds = retry_after_seconds


class RecordNotFound(BackboneError):
    """404: missing, expired or not visible to the caller.

    `record` is the type name clients find at the start of the message (`Identity not found.` is interpreted by them).
    """

    def __init__(self, record: str = "Record") -> None:
        super().__init__("error.platform.recordNotFound", f"{record} not found. {NOT_FOUND_HINT}", status=404)


class Forbidden(BackboneError):
    """403: the caller may see the record but not do this to it."""

    def __init__(self) -> None:
        super().__init__("error.platform.forbidden", "You are not allowed to perform this action.", status=403)


class InvalidPropertyValue(InvalidInput):
    """400: well-formed input that breaks a rule of the endpoint."""

    def __init__(self, message: str, code: str = "error.platform.validation.invalidPropertyValue") -> None:
        super().__init__(code, message)


class InvalidPageSize(InvalidInput):
    """400: a page larger than the maximum."""

    def __init__(self, maximum: int) -> None:
        code = "error.platform.validation.pagination.invalidPageSize"
        super().__init__(code, f"The page size must not be greater than {maximum}.")


class InputCannotBeParsed(InvalidInput):
    """400: the request could not be bound (http-common.md, section 4.2).  `key` names the member, `''` for none."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__("error.platform.inputCannotBeParsed", f"'{key}': {text}" if key else text)


class RequestBodyTooLarge(InvalidInput):
    """400: more bytes than the platform accepts."""

    def __init__(self) -> None:
        super().__init__("error.platform.requestBodyTooLarge", "The request body is too large.")
