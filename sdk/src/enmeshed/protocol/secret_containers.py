"""The synchronised collection of secrets, client-protocol.md §6 "Secret container"."""

from __future__ import annotations

from datetime import datetime

from enmeshed.protocol import ids
from enmeshed.protocol.crypto import Cipher, SecretKey
from enmeshed.protocol.encoding import JsonObject, compact_json, iso, parse_object, reads, sorted_object

COLLECTION = "Secrets"
NONCES_PER_DEVICE = 1_000_000
DEVICE_CONTEXT = "DEVICE01"
SECRET_CONTEXT = "SECRET01"


def seal_container(
    secret: JsonObject, name: str, key: SecretKey, *, created_at: datetime, nonce: int | None = None
) -> JsonObject:
    """A ``SecretContainerCipher`` around the verbose JSON of a secret (§6)."""
    return sorted_object(
        {
            "@type": "SecretContainerCipher",
            "active": True,
            "cipher": key.encrypt(compact_json(secret).encode()).json(),
            "createdAt": iso(created_at),
            "description": "",
            "id": ids.secret_container_id(),
            "name": name,
            "nonce": nonce,
            "validFrom": iso(created_at),
        }
    )


@reads
def open_container(container: JsonObject, key: SecretKey) -> JsonObject:
    """The secret inside a container (§6)."""
    return parse_object(key.decrypt(Cipher.parse(container["cipher"])))
