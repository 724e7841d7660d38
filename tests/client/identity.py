"""Identities and their devices: what end-to-end tests work with, client-protocol.md §9–§20."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx

from tests.client import ids
from tests.client.addresses import PublicIdentity, address_of, hostname_of
from tests.client.challenges import IDENTITY, sign_challenge
from tests.client.crypto import SecretKey, SignatureKeyPair
from tests.client.datawallet import DATAWALLET_VERSION, Modification
from tests.client.device.account import Account
from tests.client.device.events import ExternalEvents, SyncResult
from tests.client.device.files import File, Files
from tests.client.device.mailbox import Mailbox, Message
from tests.client.device.relationships import Relationship, Relationships
from tests.client.device.templates import Template, Templates
from tests.client.device.tokens import create_token, fill_token, load_token
from tests.client.encoding import JsonObject, iso, sorted_object, utc_now
from tests.client.errors import ClientError, ProtocolError
from tests.client.http import BackboneApi, Credentials
from tests.client.onboarding import DeviceSharedSecret
from tests.client.references import Reference

IDENTITY_VERSION = 1
DEVICES = "Devices"


class Device:
    """One device of an identity: its own connection, keys, local store and datawallet position.

    The parts ``templates``, ``relationships``, ``messages``, ``files``, ``wallet`` and ``api`` are open to tests
    that need more than the methods below.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self.api = account.api
        self.wallet = account.wallet
        self.templates = Templates(account)
        self.relationships = Relationships(account, self.templates)
        self.files = Files(account)
        self.messages = Mailbox(account, self.relationships, self.files)
        self._events = ExternalEvents(account, self.relationships, self.messages, self.files)

    @property
    def id(self) -> str:
        return self.account.device_id

    @property
    def address(self) -> str:
        return self.account.address

    # ------------------------------------------------------------------ relationships
    def create_template(
        self,
        content: Any,
        *,
        expires_at: datetime | None = None,
        max_number_of_allocations: int | None = None,
        for_identity: str | None = None,
        password: str | None = None,
        password_location: int | None = None,
    ) -> Template:
        """Make a template; ``template.reference.truncated()`` is for the other side (§14 Create)."""
        return self.templates.create(
            content,
            expires_at=expires_at,
            max_number_of_allocations=max_number_of_allocations,
            for_identity=for_identity,
            password=password,
            password_location=password_location,
        )

    def load_template(self, reference: str | Reference, *, password: str | None = None) -> Template:
        """Load a template by its reference or by that of a token for it (§14 Load, §13)."""
        return self.templates.load(reference, password=password)

    def request_relationship(self, template: Template, content: Any) -> Relationship:
        """Ask the template's creator for a relationship (§15 R)."""
        return self.relationships.request(template, content)

    def accept(self, relationship_id: str) -> Relationship:
        """Accept a request that :meth:`sync` brought (§15 T, accept)."""
        return self.relationships.accept(relationship_id)

    def reject(self, relationship_id: str) -> Relationship:
        """Reject a request that :meth:`sync` brought (§16)."""
        return self.relationships.reject(relationship_id)

    def revoke(self, relationship_id: str) -> Relationship:
        """Take back an own request (§16)."""
        return self.relationships.revoke(relationship_id)

    # ------------------------------------------------------------------ messages and files
    def send_message(self, recipients: Sequence[str], content: Any, *, attachments: Sequence[File] = ()) -> Message:
        """Send to addresses with an active or terminated relationship (§17 Send)."""
        return self.messages.send(recipients, content, attachments=attachments)

    def upload_file(self, content: bytes, **properties: Any) -> File:
        """Encrypt and upload; properties as in :meth:`Files.upload` (§18)."""
        return self.files.upload(content, **properties)

    # ------------------------------------------------------------------ tokens
    def create_token(self, content: JsonObject, **options: Any) -> Reference:
        """Upload any content as token; options as in :func:`create_token` (§19)."""
        return create_token(self.api, content, **options)

    def load_token(self, reference: str | Reference, *, password: str | None = None) -> JsonObject:
        """Fetch and decrypt a token (§19)."""
        return load_token(self.api, reference, address=self.address, password=password)

    # ------------------------------------------------------------------ synchronisation
    def sync(self) -> SyncResult:
        """Sync everything: external events and datawallet (§20.4)."""
        return self._events.sync()

    def push(self, modifications: Sequence[Modification] | None = None) -> None:
        """Push modifications to the datawallet, by default the queue of local changes (§20.2)."""
        self.wallet.push(modifications)

    def pull(self) -> list[Modification]:
        """Pull, decrypt and apply what other devices pushed (§20.2)."""
        return self.wallet.pull()

    # ------------------------------------------------------------------ devices
    def add_device(
        self, *, name: str | None = None, is_admin: bool = True, is_backup_device: bool | None = None
    ) -> DeviceSharedSecret:
        """Create another device and push the datawallet; the secret is for :meth:`onboard` (§11.1–§11.3)."""
        account = self.account
        challenge = self.api.post("/Challenges")
        password = ids.device_password()
        body: JsonObject = {
            "signedChallenge": sign_challenge(challenge, account.admin_key, IDENTITY),
            "devicePassword": password,
        }
        if is_backup_device is not None:
            body["isBackupDevice"] = is_backup_device
        answer = self.api.post("/Devices", body)
        created = {name: answer[name] for name in ("id", "username", "createdAt", "createdByDevice")}
        kind = {"isAdmin": is_admin or None, "isBackupDevice": answer["isBackupDevice"], "type": 0}
        value = {"@type": "Device", **created, **kind, "initialPassword": password, "name": name}
        account.store.create(DEVICES, sorted_object(value))
        account.wallet.sync()
        return DeviceSharedSecret(
            id=answer["id"],
            username=answer["username"],
            password=password,
            identity=account.identity,
            secret_base_key=account.secret_base_key,
            synchronization_key=account.synchronization_key,
            device_index=len(account.store.all(DEVICES)),
            created_at=answer["createdAt"],
            created_by_device=answer["createdByDevice"],
            is_backup_device=answer["isBackupDevice"],
            identity_key=account.identity_key if is_admin else None,
            name=name,
        )

    def fill_token(self, reference: str | Reference, secret: DeviceSharedSecret) -> None:
        """Hand the shared secret over through the new device's empty token (§11.3)."""
        fill_token(self.api, reference, secret.token_content())

    @classmethod
    def onboard(cls, api: BackboneApi, secret: DeviceSharedSecret) -> Device:
        """Become the device of a shared secret: new password, whole datawallet, own device object (§11.4).

        ``api`` says which Backbone and client; its credentials are not used.
        """
        account = Account.open(
            api.as_device(Credentials(secret.username, secret.password)),
            secret.identity,
            secret.identity_key,
            secret.id,
            secret.secret_base_key,
            secret.synchronization_key,
            device_index=secret.device_index,
        )
        account.api.login()
        new_password = ids.device_password()
        account.api.put("/Devices/Self/Password", {"oldPassword": secret.password, "newPassword": new_password})
        account.api.credentials = Credentials(secret.username, new_password)
        account.wallet.sync()
        own = account.store.get(DEVICES, secret.id)
        own.pop("initialPassword", None)
        account.store.update(DEVICES, {**own, **_signs_of_life(account)})
        account.wallet.push()
        return cls(account)


class Identity:
    """An identity and those of its devices that the test holds in its hands."""

    def __init__(self, device: Device) -> None:
        self.devices = [device]

    @property
    def address(self) -> str:
        return self.device.address

    @property
    def device(self) -> Device:
        """The first device."""
        return self.devices[0]

    @classmethod
    def create(
        cls,
        base_url: str,
        client_id: str,
        client_secret: str,
        *,
        device_name: str | None = None,
        address_hostname: str | None = None,
        identity_key: SignatureKeyPair | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> Identity:
        """Register a new identity with its first device and create its datawallet (§9).

        ``address_hostname`` overrides the host of the base URL in the address (§5); ``identity_key`` is that of an
        identity that has been deleted.
        """
        api = BackboneApi(base_url, client_id, client_secret, transport=transport)
        identity_key, password = identity_key or SignatureKeyPair.generate(), ids.device_password()
        address = address_of(identity_key.public, address_hostname or hostname_of(base_url))
        answer = register(api, identity_key, password)
        if answer["address"] != address:
            raise ProtocolError("error.client.addressMismatch", f"{answer['address']} instead of {address}")
        device, identity = answer["device"], PublicIdentity(address, identity_key.public)
        account = Account.open(
            api.as_device(Credentials(device["username"], password)),
            identity,
            identity_key,
            device["id"],
            SecretKey.generate(),
            SecretKey.generate(),
        )
        account.api.login()
        value = {
            "@type": "Device",
            "id": device["id"],
            "createdAt": answer["createdAt"],
            "createdByDevice": device["id"],
            "isBackupDevice": False,
            "name": device_name,
            "type": 0,
            "username": device["username"],
            **_signs_of_life(account),
        }
        account.store.create(DEVICES, sorted_object(value))
        account.wallet.create()
        account.wallet.sync()
        return cls(Device(account))

    def add_device(self, *, name: str | None = None, is_admin: bool = True) -> Device:
        """Create and onboard another device by handing over a shared secret (§11)."""
        secret = self.device.add_device(name=name, is_admin=is_admin)
        device = Device.onboard(self.device.api, secret)
        self.devices.append(device)
        return device


def register(api: BackboneApi, identity_key: SignatureKeyPair, device_password: str) -> JsonObject:
    """``POST /Identities`` with a freshly signed challenge, both anonymous (§9, steps 2–3)."""
    challenge = api.post("/Challenges", anonymous=True)
    body: JsonObject = {
        "devicePassword": device_password,
        "identityPublicKey": identity_key.public.base64(),
        "signedChallenge": sign_challenge({**challenge, "createdBy": None, "createdByDevice": None}, identity_key),
        "clientId": api.client_id,
        "clientSecret": api.client_secret,
        "identityVersion": IDENTITY_VERSION,
    }
    try:
        answer: JsonObject = api.post("/Identities", body, anonymous=True)
    except ClientError as error:
        if error.code == "error.platform.unauthorized":
            code = "error.transport.general.platformClientInvalid"
            raise ClientError(error.status, code, "client id or secret is wrong", error.body) from error
        raise
    return answer


def _signs_of_life(account: Account) -> JsonObject:
    """The members of a device object by which others see that it is onboarded (§11.4)."""
    return {
        "datawalletVersion": DATAWALLET_VERSION,
        "lastLoginAt": iso(utc_now()),
        "operatingSystem": "",
        "publicKey": account.device_key.public.json(),
    }
