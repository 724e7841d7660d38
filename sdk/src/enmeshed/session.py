"""Who a device is and what it works with: the keys of §6, its connection and its local data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from enmeshed.backbone import Backbone
from enmeshed.datawallet import Datawallet
from enmeshed.errors import AccountNotFoundError, EnmeshedError, PreconditionError
from enmeshed.http import Connection, Credentials
from enmeshed.objects import Objects
from enmeshed.protocol import ids
from enmeshed.protocol.addresses import PublicIdentity
from enmeshed.protocol.crypto import SecretKey, SignatureKeyPair
from enmeshed.protocol.encoding import JsonObject
from enmeshed.storage import Storage
from enmeshed.vault import STATE, Vault

KEYS = "keys"
PENDING = "_pending"


@dataclass(frozen=True)
class Keys:
    """What makes a device this device of this identity; never leaves the storage."""

    identity: PublicIdentity
    identity_key: SignatureKeyPair | None = field(repr=False)  # only an admin device has it
    device_id: str
    device_key: SignatureKeyPair = field(repr=False)
    device_index: int
    credentials: Credentials
    secret_base_key: SecretKey = field(repr=False)
    synchronization_key: SecretKey = field(repr=False)

    def json(self) -> JsonObject:
        """The form in the storage."""
        return {
            "identity": self.identity.json(),
            "identityKey": self.identity_key and self.identity_key.private_json(),
            "deviceId": self.device_id,
            "deviceKey": self.device_key.private_json(),
            "deviceIndex": self.device_index,
            "username": self.credentials.username,
            "password": self.credentials.password,
            "nextPassword": self.credentials.next_password,
            "secretBaseKey": self.secret_base_key.json(),
            "synchronizationKey": self.synchronization_key.json(),
        }

    @classmethod
    def parse(cls, value: JsonObject) -> Keys:
        """Inverse of :meth:`json`."""
        identity_key = value["identityKey"]
        return cls(
            identity=PublicIdentity.parse(value["identity"]),
            identity_key=SignatureKeyPair.parse_private(identity_key) if identity_key else None,
            device_id=value["deviceId"],
            device_key=SignatureKeyPair.parse_private(value["deviceKey"]),
            device_index=value["deviceIndex"],
            credentials=Credentials(value["username"], value["password"], value["nextPassword"]),
            secret_base_key=SecretKey.parse(value["secretBaseKey"]),
            synchronization_key=SecretKey.parse(value["synchronizationKey"]),
        )


def load_keys(storage: Storage) -> Keys | None:
    """The keys in a storage, or ``None`` if no account was made in it."""
    value = storage.find(STATE, KEYS)
    return None if value is None else Keys.parse(value)


class Session:
    """A device at work; the collections of an account share it."""

    def __init__(
        self, storage: Storage, backbone: Backbone, keys: Keys, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.storage = storage
        self.backbone = backbone
        self.keys = keys
        self.sleep = sleep
        self.connection: Connection = backbone.connect(keys.credentials)
        self.objects = Objects(storage)
        self.vault = Vault(storage, self.objects, keys.secret_base_key, keys.device_index)
        self.datawallet = Datawallet(
            self.connection, keys.synchronization_key, storage, self.objects, sleep=lambda seconds: self.sleep(seconds)
        )

    @classmethod
    def open(cls, storage: Storage, backbone: Backbone, **options: Callable[[float], None]) -> Session:
        """With the keys in the storage; raises :class:`AccountNotFoundError`."""
        keys = load_keys(storage)
        if keys is None:
            raise AccountNotFoundError("error.client.noAccount", "the storage holds no account; create=True makes one")
        return cls(storage, backbone, keys, **options)

    @property
    def address(self) -> str:
        return self.keys.identity.address

    @property
    def device_id(self) -> str:
        return self.keys.device_id

    @property
    def device_key(self) -> SignatureKeyPair:
        return self.keys.device_key

    @property
    def identity(self) -> PublicIdentity:
        return self.keys.identity

    @property
    def base_url(self) -> str:
        return self.connection.base_url

    @property
    def admin_key(self) -> SignatureKeyPair:
        """The identity's private key; a device that is no admin does not have it (§11.2)."""
        if self.keys.identity_key is None:
            raise PreconditionError("error.client.notAdmin", "this device does not have the identity's private key")
        return self.keys.identity_key

    def keep(self, keys: Keys) -> None:
        """Replace the keys, here and in the storage."""
        self.storage.put(STATE, KEYS, keys.json())
        self.keys = keys
        self.connection.credentials = keys.credentials

    @contextmanager
    def attempt(self, kind: str, data: JsonObject) -> Iterator[Attempt]:
        """A request whose success has to be remembered here, too.

        The attempt is kept before the request and forgotten by :meth:`Attempt.done`, in the transaction that keeps the
        result. If the request fails for certain it is forgotten as well. If nobody knows (no answer, or the process was
        killed), it stays, and the next synchronisation finds out what became of it.
        """
        name = ids.random_string(20)
        self.storage.put(PENDING, name, {"id": name, "kind": kind, **data}, kind)
        attempt = Attempt(self.storage, name)
        try:
            yield attempt
        except EnmeshedError as error:
            if getattr(error, "is_definite", True):
                attempt.done()
            raise


@dataclass(frozen=True)
class Attempt:
    """See :meth:`Session.attempt`."""

    storage: Storage
    name: str

    def done(self) -> None:
        """The result is kept, or there is none."""
        self.storage.delete(PENDING, self.name)
