"""The synchronised secrets of an identity (§6 "Secret container")."""

from __future__ import annotations

from enmeshed.errors import RecordNotFoundError
from enmeshed.objects import Objects
from enmeshed.protocol.crypto import SecretKey
from enmeshed.protocol.encoding import JsonObject, iso, utc_now
from enmeshed.protocol.secret_containers import NONCES_PER_DEVICE, SECRET_CONTEXT, open_container, seal_container
from enmeshed.storage import Storage

COLLECTION = "Secrets"
STATE = "_state"
_NONCE = "secretNonce"


class Vault:
    """Named secrets, encrypted with the shared secret base key and kept among the synchronised objects."""

    def __init__(self, storage: Storage, objects: Objects, base_key: SecretKey, device_index: int) -> None:
        self._storage = storage
        self._objects = objects
        self._base_key = base_key
        self._first_nonce = device_index * NONCES_PER_DEVICE

    def save(self, name: str, secret: JsonObject) -> None:
        """Make the secret the active one of its name; an older one is closed with ``validTo`` (§6)."""
        with self._storage.transaction():
            old = self._active(name)
            if old is not None:
                self._objects.update(COLLECTION, {**old, "active": False, "validTo": iso(utc_now())})
            nonce = self._take_nonce()
            key = self._base_key.derive(nonce, SECRET_CONTEXT)
            self._objects.create(COLLECTION, seal_container(secret, name, key, created_at=utc_now(), nonce=nonce))

    def load(self, name: str) -> JsonObject:
        """The active secret of a name; raises :class:`RecordNotFoundError`."""
        container = self._active(name)
        if container is None:
            raise RecordNotFoundError(f"secret {name}")
        return open_container(container, self._base_key.derive(container["nonce"], SECRET_CONTEXT))

    def forget(self, name: str) -> None:
        """Delete all secrets of a name, as decomposing a relationship does (§16)."""
        for container in self._objects.all(COLLECTION, name):
            self._objects.delete(COLLECTION, container["id"])

    def _active(self, name: str) -> JsonObject | None:
        return next((one for one in reversed(self._objects.all(COLLECTION, name)) if one["active"]), None)

    def _take_nonce(self) -> int:
        state = self._storage.find(STATE, _NONCE) or {"next": self._first_nonce}
        nonce: int = state["next"]
        self._storage.put(STATE, _NONCE, {"next": nonce + 1})
        return nonce
