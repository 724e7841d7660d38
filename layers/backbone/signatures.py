"""Ed25519 signatures of clients.  Contract: devices.md, section 5.

Keys and signatures travel as base64 of a JSON object; the numbers in their member `alg` must be there but mean nothing.
"""

from typing import Any

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from pydantic_core import from_json

from backbone.encoding import from_base64

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


def _member(json_text: bytes, name: str) -> bytes:
    content: Any = from_json(json_text)  # unlike `json`, it limits the depth of what strangers send
    if not isinstance(content, dict) or "alg" not in content or not isinstance(content.get(name), str):
        raise ValueError(f"not a JSON object with '{name}' and 'alg'")
    return from_base64(content[name])


def public_key_bytes(public_key_json: bytes) -> bytes:
    """The 32 raw bytes in a client's public key object.  Raises `ValueError`."""
    key = _member(public_key_json, "pub")
    if len(key) != PUBLIC_KEY_BYTES:
        raise ValueError("not an Ed25519 public key")
    return key


def is_signed(text: str, signature_json: bytes, public_key: bytes) -> bool:
    """Whether the signature object holds a signature of exactly these UTF-8 bytes.

    Anything that cannot be read as a signature is none.
    """
    try:
        signature = _member(signature_json, "sig")
        if len(signature) != SIGNATURE_BYTES:
            return False
        VerifyKey(public_key).verify(text.encode("utf-8"), signature)
    except (ValueError, BadSignatureError):
        return False
    return True
