"""Who a device is and what it keeps, client-protocol.md §6."""

from __future__ import annotations

from dataclasses import dataclass

from tests.client.addresses import PublicIdentity
from tests.client.crypto import SecretKey, SignatureKeyPair
from tests.client.device.wallet import Wallet
from tests.client.errors import ProtocolError
from tests.client.http import BackboneApi
from tests.client.local_store import LocalStore
from tests.client.secret_containers import SecretContainers


@dataclass
class Account:
    """The keys of §6 in this device's hands, its connection and its local data."""

    api: BackboneApi
    identity: PublicIdentity
    identity_key: SignatureKeyPair | None  # only an admin device has it
    device_id: str
    device_key: SignatureKeyPair
    secret_base_key: SecretKey
    synchronization_key: SecretKey
    store: LocalStore
    secrets: SecretContainers
    wallet: Wallet

    @classmethod
    def open(
        cls,
        api: BackboneApi,
        identity: PublicIdentity,
        identity_key: SignatureKeyPair | None,
        device_id: str,
        secret_base_key: SecretKey,
        synchronization_key: SecretKey,
        *,
        device_index: int = 0,
    ) -> Account:
        """An account with an empty store and a fresh device key."""
        store = LocalStore()
        return cls(
            api=api,
            identity=identity,
            identity_key=identity_key,
            device_id=device_id,
            device_key=SignatureKeyPair.generate(),
            secret_base_key=secret_base_key,
            synchronization_key=synchronization_key,
            store=store,
            secrets=SecretContainers(store, secret_base_key, device_index=device_index),
            wallet=Wallet(api, synchronization_key, store),
        )

    @property
    def address(self) -> str:
        return self.identity.address

    @property
    def admin_key(self) -> SignatureKeyPair:
        """The identity's private key; a device that is no admin does not have it (§11.2)."""
        if self.identity_key is None:
            raise ProtocolError("error.client.notAdmin", "this device does not have the identity's private key")
        return self.identity_key
