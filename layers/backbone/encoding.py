"""Bytes in JSON.  Contract: http-common.md, sections 4.1 and 6."""

import base64
import binascii
import re

_BASE64_URL = re.compile(r"[A-Za-z0-9_-]*={0,2}")


def to_base64url(data: bytes) -> str:
    """base64url without padding, the form of every byte string in a response."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64(text: str) -> bytes:
    """Read base64url (padding optional) or else standard base64 (padding required).

    Raises `ValueError` when `text` is neither.
    """
    if _BASE64_URL.fullmatch(text):
        bare = text.rstrip("=")
        if len(bare) % 4 == 1 or (text != bare and len(text) % 4):
            raise ValueError("invalid base64url")
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    return from_standard_base64(text)


def from_standard_base64(text: str) -> bytes:
    """Read standard base64 with padding.  Raises `ValueError`."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("invalid base64") from error
