"""The devices of an identity: add, hand over, rename, remove, recover (§11)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from enmeshed.errors import PreconditionError
from enmeshed.expiry import NEVER
from enmeshed.http import Credentials
from enmeshed.protocol import ids
from enmeshed.protocol.challenges import IDENTITY, sign_challenge
from enmeshed.protocol.encoding import JsonObject, iso, parse_iso, sorted_object, utc_now
from enmeshed.protocol.onboarding import DeviceSharedSecret
from enmeshed.protocol.references import Reference
from enmeshed.protocol.tokens import CONTENT_SHARED_SECRET
from enmeshed.session import Session
from enmeshed.tokens import Token, Tokens

COLLECTION = "Devices"
BACKUP_DEVICE_NAME = "Backup Device"
RECOVERY_KIT_LOCATION = 0  # the named password location "RecoveryKit" (§12)


@dataclass(frozen=True)
class Device:
    """A device of the identity, as this one knows it."""

    id: str
    name: str | None
    description: str | None
    username: str
    created_at: datetime
    created_by_device: str
    is_admin: bool
    is_backup_device: bool
    is_onboarded: bool
    is_offboarded: bool
    is_current: bool
    last_login_at: datetime | None

    @classmethod
    def of(cls, value: JsonObject, current_id: str) -> Device:
        """From the stored object (§20.1 collection ``Devices``)."""
        last_login = value.get("lastLoginAt")
        return cls(
            id=value["id"],
            name=value.get("name"),
            description=value.get("description"),
            username=value["username"],
            created_at=parse_iso(value["createdAt"]),
            created_by_device=value["createdByDevice"],
            is_admin=value.get("isAdmin") or value["createdByDevice"] == value["id"],
            is_backup_device=value.get("isBackupDevice") or False,
            is_onboarded=bool(value.get("publicKey")),
            is_offboarded=value.get("isOffboarded") or False,
            is_current=value["id"] == current_id,
            last_login_at=parse_iso(last_login) if last_login else None,
        )


class Devices:
    """The devices of an account's identity: ``account.devices``."""

    def __init__(self, session: Session, tokens: Tokens) -> None:
        self._session = session
        self._tokens = tokens

    def all(self) -> list[Device]:
        """All devices of the identity, oldest first. No network calls."""
        return [Device.of(value, self._session.device_id) for value in self._session.objects.all(COLLECTION)]

    def get(self, device_id: str) -> Device:
        """A device; raises :class:`RecordNotFoundError`. No network calls."""
        return Device.of(self._session.objects.get(COLLECTION, device_id), self._session.device_id)

    @property
    def current(self) -> Device:
        """This device."""
        return self.get(self._session.device_id)

    def create(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        is_admin: bool = True,
        is_backup_device: bool | None = None,
    ) -> Device:
        """Register another device and tell the others (§11.1). :meth:`share` or :meth:`shared_secret` follows.

        :param is_admin: whether it gets the identity's private key, so that it can create templates and devices
        :param is_backup_device: see :meth:`create_recovery_kit`
        :raises PreconditionError: ``error.client.notAdmin``
        :raises BackboneError: the Backbone refused

        Calls: ``POST Challenges``, ``POST Devices``, those of :meth:`Datawallet.sync`.
        """
        session, password = self._session, ids.device_password()
        key = session.admin_key
        challenge = session.connection.post("/Challenges")
        body: JsonObject = {
            "signedChallenge": sign_challenge(challenge, key, IDENTITY),
            "devicePassword": password,
        }
        if is_backup_device is not None:
            body["isBackupDevice"] = is_backup_device
        answer = session.connection.post("/Devices", body)
        value = {
            "@type": "Device",
            **{member: answer[member] for member in ("id", "username", "createdAt", "createdByDevice")},
            "isAdmin": is_admin or None,
            "isBackupDevice": answer["isBackupDevice"],
            "type": 0,
            "initialPassword": password,
            "name": name,
            "description": description,
        }
        session.objects.create(COLLECTION, sorted_object(value))
        session.datawallet.sync()
        return self.get(answer["id"])

    def shared_secret(self, device: Device | str, *, profile_name: str | None = None) -> DeviceSharedSecret:
        """What makes another machine this new device; whoever has it **is** this identity (§11.2).

        Raises :class:`PreconditionError` ``error.transport.devices.alreadyOnboarded``. No network calls.
        """
        session, device_id = self._session, device if isinstance(device, str) else device.id
        value = session.objects.get(COLLECTION, device_id)
        if value.get("publicKey") or not value.get("initialPassword"):
            raise PreconditionError("error.transport.devices.alreadyOnboarded", device_id)
        return DeviceSharedSecret(
            id=device_id,
            username=value["username"],
            password=value["initialPassword"],
            identity=session.identity,
            secret_base_key=session.keys.secret_base_key,
            synchronization_key=session.keys.synchronization_key,
            device_index=self._index_of(device_id),
            created_at=value["createdAt"],
            created_by_device=value["createdByDevice"],
            is_backup_device=value.get("isBackupDevice") or False,
            identity_key=session.admin_key if value.get("isAdmin") else None,
            name=value.get("name"),
            description=value.get("description"),
            profile_name=profile_name,
        )

    def _index_of(self, device_id: str) -> int:
        """The number of devices up to and including this one (§11.2)."""
        return [value["id"] for value in self._session.objects.all(COLLECTION)].index(device_id) + 1

    def share(self, device: Device | str, reference: str | Reference, *, profile_name: str | None = None) -> None:
        """Hand a new device over through the empty token that it shows (§11.3); see :func:`create_empty_token`.

        Calls and errors as in :meth:`Tokens.fill`, and :class:`PreconditionError` as in :meth:`shared_secret`.
        """
        self._tokens.fill(reference, self.shared_secret(device, profile_name=profile_name).token_content())

    def create_token(self, device: Device | str, *, profile_name: str | None = None, **options: Any) -> Token:
        """Hand a new device over through a token of this device (§11.3), which is not kept.

        ``options`` (expiry, password), errors and calls as in :meth:`Tokens.create`.
        """
        secret = self.shared_secret(device, profile_name=profile_name)
        return self._tokens.create(secret.token_content(), ephemeral=True, **options)

    def rename(self, device: Device | str, name: str, *, description: str | None = None) -> Device:
        """Give a device another name, for all devices to see after their next synchronisation. No network calls."""
        value = self._session.objects.get(COLLECTION, device if isinstance(device, str) else device.id)
        changed = {**value, "name": name, "description": description or value.get("description")}
        self._session.objects.update(COLLECTION, sorted_object(changed))
        return self.get(value["id"])

    def delete(self, device: Device | str) -> None:
        """Delete a device that was never onboarded (§11.4).

        Raises :class:`PreconditionError` ``error.transport.devices.alreadyOnboarded``; :class:`BackboneError`
        ``…device.deviceCannotBeDeleted`` if it has logged in. One call: ``DELETE Devices/{id}``.
        """
        device_id = device if isinstance(device, str) else device.id
        if self.get(device_id).is_onboarded:
            raise PreconditionError("error.transport.devices.alreadyOnboarded", device_id)
        self._tokens.delete_at_backbone(f"/Devices/{device_id}")
        self._session.objects.delete(COLLECTION, device_id)

    def change_password(self) -> None:
        """Give this device a new random password (§4).

        One call: ``PUT Devices/Self/Password``. Interrupted, both passwords are tried at the next log-in.
        """
        change_password(self._session)

    def set_communication_language(self, language: str) -> None:
        """The language, e.g. ``de``, of push notifications to this device. One call: ``PUT Devices/Self``."""
        self._session.connection.put("/Devices/Self", {"communicationLanguage": language})

    # ------------------------------------------------------------------ recovery
    def create_recovery_kit(self, password: str, *, profile_name: str | None = None) -> Token:
        """A token with which the identity can be recovered when all devices are lost (§11.5).

        ``token.reference`` and the password are the kit: print them. An earlier kit becomes invalid.
        :meth:`Account.onboard` uses it. Calls: those of :meth:`create` and :meth:`Tokens.create`; for an earlier kit
        ``DELETE Tokens/{id}`` and ``DELETE Devices/{id}``.
        """
        if not password:
            raise PreconditionError("error.transport.noPasswordProvided", "a recovery kit needs a password")
        self._delete_recovery_kit()
        device = self.create(name=BACKUP_DEVICE_NAME, is_admin=True, is_backup_device=True)
        token = self._tokens.create(
            self.shared_secret(device, profile_name=profile_name).token_content(),
            expires_at=NEVER,
            password=password,
            password_location=RECOVERY_KIT_LOCATION,
        )
        self._session.datawallet.sync()
        return token

    @property
    def has_recovery_kit(self) -> bool:
        """Whether a backup device waits for being used. No network calls."""
        return any(device.is_backup_device and not device.is_onboarded for device in self.all())

    def _delete_recovery_kit(self) -> None:
        backups = [device for device in self.all() if device.is_backup_device and not device.is_onboarded]
        for backup in backups:
            for token in self._tokens.all():
                if _shared_device_id(token.content) == backup.id:
                    self._tokens.delete(token)
            self.delete(backup)


def change_password(session: Session) -> None:
    """Change the password of a session's device, so that at any moment the storage has one that works."""
    keys, old = session.keys, session.keys.credentials
    new = old.next_password or ids.device_password()
    session.keep(replace(keys, credentials=Credentials(old.username, old.password, new)))
    session.connection.login()
    if session.connection.password_in_use != new:
        session.connection.put("/Devices/Self/Password", {"oldPassword": old.password, "newPassword": new})
    session.keep(replace(keys, credentials=Credentials(old.username, new)))


def new_device(session: Session, device_id: str, created_at: str, name: str | None) -> JsonObject:
    """The object of the first device of an identity (§9.6)."""
    return sorted_object(
        {
            "@type": "Device",
            "id": device_id,
            "createdAt": created_at,
            "createdByDevice": device_id,
            "isBackupDevice": False,
            "name": name,
            "type": 0,
            "username": session.keys.credentials.username,
            **signs_of_life(session),
        }
    )


def signs_of_life(session: Session) -> JsonObject:
    """The members of a device object by which others see that it is onboarded (§11.4)."""
    return {
        "datawalletVersion": 1,
        "lastLoginAt": iso(utc_now()),
        "operatingSystem": "",
        "publicKey": session.device_key.public.json(),
    }


def _shared_device_id(content: Any) -> str | None:
    if not isinstance(content, dict) or content.get("@type") != CONTENT_SHARED_SECRET:
        return None
    shared: str | None = (content.get("sharedSecret") or {}).get("id")
    return shared
