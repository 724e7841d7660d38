"""How identities come into being.  Contract: devices.md, section 7.1; admin-api.md, section 8.3.

Clients register by themselves, operators register for them; who may, and in which order it is checked, is the routes'.
"""

from dataclasses import dataclass
from datetime import datetime

from backbone.addresses import Address
from backbone.settings import settings
from functions.devices import domain, languages, passwords
from functions.devices.domain import DeviceAndUser, Identity
from functions.devices.errors import AddressAlreadyExists, RegistrationFailed
from functions.devices.oauth_clients import Client
from functions.devices.signed_challenge import SignedChallenge, address_of
from functions.devices.store import BeforeIdentity, DeviceStore

devices = DeviceStore()


@dataclass(frozen=True, slots=True)
class Registration:
    """What somebody wants to be created, and the proof that the key is theirs.  Nothing is checked yet."""

    client_id: str
    public_key: bytes
    identity_version: int
    device_password: str
    communication_language: str | None
    signed_challenge: SignedChallenge

    @property
    def address(self) -> Address | None:
        """None for a key that cannot be read."""
        return address_of(self.public_key, settings().did_domain)

    def find(self) -> BeforeIdentity:
        """1 round trip (3 RCU)."""
        return devices.before_identity(self.client_id, self.signed_challenge.challenge_id, self.address)

    def check(self, found: BeforeIdentity, *, now: datetime) -> Address:
        """The address, if content, language, signature and challenge are right, and nobody has it."""
        domain.require_content(
            identityPublicKey=self.public_key,
            devicePassword=self.device_password,
            signature=self.signed_challenge.signature,
            challenge=self.signed_challenge.text,
        )
        domain.check_public_key_size(self.public_key)
        languages.parse(self.communication_language)
        self.signed_challenge.check(self.public_key, found.challenge, now=now)
        address = self.address
        if address is None or found.address_exists:
            raise AddressAlreadyExists
        return address

    def carry_out(self, address: Address, client: Client, *, now: datetime) -> tuple[Identity, DeviceAndUser]:
        """Create the identity and its first device, if the client's limit and the password allow it.  1 transaction.

        Raises `ClientDeleted` when the client was deleted in the meantime.
        """
        client.check_limit()
        if not passwords.is_acceptable(self.device_password, settings().password_policy):
            raise RegistrationFailed
        identity = domain.new_identity(
            address=address,
            public_key=self.public_key,
            identity_version=self.identity_version,
            client=client,
            now=now,
        )
        first = domain.new_device(
            identity,
            caller=None,
            password_hash=passwords.hash_secret(self.device_password),
            communication_language=languages.parse(self.communication_language),
            now=now,
        )
        devices.add_identity(identity, first, client)
        return identity, first
