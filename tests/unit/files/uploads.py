"""What the tests of this folder begin with."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from backbone import clock
from backbone.caller import Caller
from backbone.encoding import to_base64url
from tests.support.api import Answer, InProcessApi, new_caller

FILES = "/api/v2/Files"
CONTENT = bytes(range(256))
HASH = bytes(range(64))
SIGNATURE = bytes(range(100, 200))
PROPERTIES = b'{"sealed":"\xc3\xa4"}'
WRONG = "wrong"

UNPARSABLE = (400, "error.platform.inputCannotBeParsed")
INVALID = (400, "error.platform.validation.invalidPropertyValue")
WRONG_SIZE = (400, "InclusiveBetweenValidator")
NOT_FOUND = (404, "error.platform.recordNotFound")
FORBIDDEN = (403, "error.platform.forbidden")
OWN_FILE = (400, "error.platform.validation.file.cannotClaimOwnershipOfOwnFile")
INVALID_PAGE_SIZE = (400, "error.platform.validation.pagination.invalidPageSize")


def in_days(days: float) -> str:
    """An instant as clients write it."""
    return clock.render(datetime.now(UTC) + timedelta(days=days))


def form(content: bytes | None = CONTENT, /, **fields: Any) -> dict[str, Any]:
    """The fields of an upload; None leaves one out."""
    all_fields = {
        "content": None if content is None else ("cipher.bin", content, "application/octet-stream"),
        "cipherHash": to_base64url(HASH),
        "owner": "did:e:localhost:dids:3a29ae5c1f591bbd9a2aaa",
        "ownerSignature": to_base64url(SIGNATURE),
        "expiresAt": in_days(1),
        "encryptedProperties": to_base64url(PROPERTIES),
        **fields,
    }
    return {name: value for name, value in all_fields.items() if value is not None}


def encoded(fields: Mapping[str, Any]) -> tuple[bytes, str]:
    """A form as bytes, and its content type."""
    parts = [(name, value if isinstance(value, tuple) else (None, value)) for name, value in fields.items()]
    request = httpx.Request("POST", "http://localhost", files=parts)
    return request.read(), request.headers["content-type"]


def post(api: InProcessApi, fields: Mapping[str, Any], caller: Caller | None) -> Answer:
    """Upload a form."""
    body, content_type = encoded(fields)
    return api.post(FILES, body=body, headers={"content-type": content_type}, caller=caller)


def upload(api: InProcessApi, caller: Caller, content: bytes = CONTENT, /, **fields: Any) -> Any:
    """A new file; gives the result of the upload."""
    return post(api, form(content, **fields), caller).result


def claim(api: InProcessApi, id: str, token: str, caller: Caller) -> Answer:
    """PATCH ClaimOwnership"""
    return api.patch(f"{FILES}/{id}/ClaimOwnership", {"ownershipToken": token}, caller=caller)


def validate(api: InProcessApi, id: str, token: str, caller: Caller) -> Answer:
    """POST ValidateOwnershipToken"""
    return api.post(f"{FILES}/{id}/ValidateOwnershipToken", {"ownershipToken": token}, caller=caller)


def regenerate(api: InProcessApi, id: str, caller: Caller) -> Answer:
    """PATCH RegenerateOwnershipToken, without body as clients send it"""
    return api.patch(f"{FILES}/{id}/RegenerateOwnershipToken", caller=caller)


def metadata(api: InProcessApi, id: str, caller: Caller | None = None) -> Any:
    """The metadata of a file, as anybody sees them."""
    return api.get(f"{FILES}/{id}/Metadata", caller=caller or new_caller()).result
