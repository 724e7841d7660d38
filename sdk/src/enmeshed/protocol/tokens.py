"""Content of a token, client-protocol.md §19."""

from typing import Any

from enmeshed.errors import PreconditionError
from enmeshed.protocol.crypto import Cipher, SecretKey
from enmeshed.protocol.encoding import JsonObject, compact_json, parse_object, reads

CONTENT_TEMPLATE = "TokenContentRelationshipTemplate"
CONTENT_FILE = "TokenContentFile"
CONTENT_SHARED_SECRET = "TokenContentDeviceSharedSecret"


def seal_token(content: JsonObject, key: SecretKey, *, nonce: bytes | None = None) -> str:
    """``content`` of ``POST /Tokens`` and ``newContent`` of ``UpdateContent`` (§19, §11.3)."""
    return key.encrypt(compact_json(content).encode(), nonce).base64()


@reads
def open_token(token: dict[str, Any], key: SecretKey) -> JsonObject:
    """The content of a token as the Backbone delivered it; an empty one is refused (§19)."""
    if not (token.get("content") and token.get("createdBy") and token.get("createdByDevice")):
        raise PreconditionError("error.transport.tokens.emptyToken")
    return parse_object(key.decrypt(Cipher.parse_base64(token["content"])))
