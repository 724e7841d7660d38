"""The synchronised collection of secrets, client-protocol.md §6 "Secret container"."""

from __future__ import annotations

from datetime import datetime

from tests.client import ids
from tests.client.crypto import Cipher, SecretKey
from tests.client.encoding import JsonObject, compact_json, iso, parse_object, sorted_object, utc_now
from tests.client.errors import ProtocolError
from tests.client.local_store import LocalStore

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


def open_container(container: JsonObject, key: SecretKey) -> JsonObject:
    """The secret inside a container (§6)."""
    return parse_object(key.decrypt(Cipher.parse(container["cipher"])))


class SecretContainers:
    """Named secrets, encrypted with the shared secret base key and kept in the synchronised store."""

    def __init__(self, store: LocalStore, base_key: SecretKey, *, device_index: int = 0) -> None:
        self._store = store
        self._base_key = base_key
        self._next_nonce = device_index * NONCES_PER_DEVICE

    def save(self, name: str, secret: JsonObject) -> None:
        """Make the secret the active one of its name; an older one is closed with ``validTo`` (§6)."""
        old = self._active(name)
        if old is not None:
            self._store.update(COLLECTION, {**old, "active": False, "validTo": iso(utc_now())})
        nonce = self._take_nonce()
        key = self._base_key.derive(nonce, SECRET_CONTEXT)
        self._store.create(COLLECTION, seal_container(secret, name, key, created_at=utc_now(), nonce=nonce))

    def rewrite(self, name: str, secret: JsonObject) -> None:
        """Change the active secret of a name in place, e.g. its message counter (§24.1)."""
        container = self._active(name)
        if container is None:
            raise ProtocolError("error.transport.recordNotFound", f"secret {name}")
        nonce = self._take_nonce()
        cipher = self._base_key.derive(nonce, SECRET_CONTEXT).encrypt(compact_json(secret).encode())
        self._store.update(COLLECTION, {**container, "cipher": cipher.json(), "nonce": nonce})

    def load(self, name: str) -> JsonObject:
        """The active secret of a name; raises ``error.transport.recordNotFound``."""
        container = self._active(name)
        if container is None:
            raise ProtocolError("error.transport.recordNotFound", f"secret {name}")
        return open_container(container, self._base_key.derive(container["nonce"], SECRET_CONTEXT))

    def forget(self, name: str) -> None:
        """Delete all secrets of a name, as decomposing a relationship does (§16)."""
        for container in self._store.all(COLLECTION):
            if container["name"] == name:
                self._store.delete(COLLECTION, container["id"])

    def _active(self, name: str) -> JsonObject | None:
        containers = self._store.all(COLLECTION)
        return next((one for one in containers if one["name"] == name and one["active"]), None)

    def _take_nonce(self) -> int:
        nonce, self._next_nonce = self._next_nonce, self._next_nonce + 1
        return nonce
