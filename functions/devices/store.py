"""Where identities, their devices and their users are kept."""

from dataclasses import dataclass, replace
from typing import Any

from backbone import clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.dynamodb import ConditionFailed, Table, TransactionFailed, Write, batch_get, transact
from backbone.errors import RecordNotFound
from backbone.events import carried
from backbone.events.devices import IdentityCreated
from backbone.ids import ChallengeId, DeviceId
from backbone.readmodels import challenges
from backbone.readmodels.challenges import ChallengeView
from backbone.settings import settings
from functions.devices.client_store import ClientStore, client_key, client_of
from functions.devices.domain import Device, DeviceAndUser, DeviceToDelete, Identity, IdentityStatus
from functions.devices.errors import AddressAlreadyExists, DeviceCannotBeDeleted, RegistrationFailed
from functions.devices.items import (
    device_item,
    device_key,
    device_of,
    identity_item,
    identity_key,
    identity_of,
    owner_key,
    user_item,
    user_key,
    user_of,
)
from functions.devices.oauth_clients import Client, ClientDeleted
from functions.devices.tier_store import TierStore

_NEW = "attribute_not_exists(pk)"
_ATTEMPTS = 10
"""Every lost race means that somebody else has changed the client or its tier; nobody does so ten times."""


@dataclass(frozen=True, slots=True)
class BeforeIdentity:
    """What there is when somebody wants to create an identity."""

    client: Client | None
    challenge: ChallengeView | None
    address_exists: bool


class DeviceStore:
    """Identities and devices in table `devices`; it makes and removes their users, too.  No index.

    identity      pk = `ID#<address>`, sk = `I`; the only item here that carries events
    device        pk = `ID#<address>`, sk = `D#<device id>`
    whose device  pk = `DEVICE#<device id>`, sk = `P`
    user          pk = `USER#<username in upper case>`, sk = `U`; see `UserStore`
    """

    def __init__(self) -> None:
        self._clients = ClientStore()
        self._tiers = TierStore()

    @property
    def _table(self) -> Table:
        return Table(settings().devices_table)

    # Identities -------------------------------------------------------------------------------------------------------

    def before_identity(
        self, client_id: str, challenge_id: ChallengeId | None, address: Address | None
    ) -> BeforeIdentity:
        """1 round trip (3 RCU)."""
        key = client_key(client_id)
        client, challenge, identity = batch_get(
            (self._table, key) if key else None,
            (challenges.table(), challenges.key(challenge_id)) if challenge_id else None,
            (self._table, identity_key(address)) if address else None,
        )
        return BeforeIdentity(
            client_of(client),
            ChallengeView.of(challenge) if challenge else None,
            identity is not None,
        )

    def add_identity(self, identity: Identity, first: DeviceAndUser, client: Client) -> None:
        """1 transaction (12 WCU).

        When the client was changed meanwhile, or its default tier deleted, the identity goes by what is true then (1
        read of the client and 1 transaction more).  Raises `AddressAlreadyExists`, `ClientReachedIdentitiesLimit` or
        `ClientDeleted` when somebody else was faster.
        """
        for _ in range(_ATTEMPTS):
            try:
                transact(self._registering(identity, first, client))
                return
            except TransactionFailed as lost:
                if 0 in lost.failed:
                    raise AddressAlreadyExists from None
                if not lost.failed.keys() & {1, 2}:
                    raise RegistrationFailed from None  # a random id that is taken
            found = self._clients.get(client.client_id)
            if found is None:
                raise ClientDeleted
            found.check_limit()
            client, identity = found, replace(identity, tier_id=found.default_tier)
        raise RuntimeError("the client changes faster than anybody can register with it")

    def _registering(self, identity: Identity, first: DeviceAndUser, client: Client) -> list[Write]:
        created = IdentityCreated(address=identity.address, tier=identity.tier_id)
        item = {
            **identity_key(identity.address),
            **identity_item(identity),
            "events": carried([created], identity.created_at),
        }
        return [
            self._table.putting(item, condition=_NEW),
            self._clients.counting_identity(client),
            *self._tiers.moving(None, identity),
            *self._adding(first),
        ]

    def get_identity(self, address: Address) -> Identity:
        """1 read (1 RCU).  Raises `RecordNotFound`."""
        item = self._table.get(identity_key(address))
        if item is None:
            raise RecordNotFound("Identity")
        return identity_of(item)

    # Devices ----------------------------------------------------------------------------------------------------------

    def before_device(
        self, address: Address, challenge_id: ChallengeId | None
    ) -> tuple[Identity, ChallengeView | None]:
        """1 round trip (2 RCU).  Raises `RecordNotFound` without identity, or when there is hardly any left."""
        identity, challenge = batch_get(
            (self._table, identity_key(address)),
            (challenges.table(), challenges.key(challenge_id)) if challenge_id else None,
        )
        if identity is None or identity["status"] == IdentityStatus.DELETING:
            raise RecordNotFound("Identity")
        return identity_of(identity), ChallengeView.of(challenge) if challenge else None

    def add_device(self, identity: Identity, new: DeviceAndUser) -> None:
        """1 transaction (8 WCU).

        Raises `OnlyOneBackupDeviceCanExist` or `RecordNotFound` when somebody else was faster.  When it was a deletion
        process that has started or ended meanwhile, the user takes over the grace period as it is now.
        """
        while True:
            try:
                transact([self._checking_identity(identity, new), *self._adding(new)])
                return
            except TransactionFailed as lost:
                if 0 not in lost.failed:
                    raise RegistrationFailed from None  # a random id that is taken
                found = lost.failed[0]
            if found is None or found["status"] == IdentityStatus.DELETING:
                raise RecordNotFound("Identity")
            identity = identity_of(found)
            if new.user.is_backup_device:
                identity.check_backup_device()
            grace_period_ends_at = identity.deletion_grace_period_ends_at
            new = replace(new, user=replace(new.user, deletion_grace_period_ends_at=grace_period_ends_at))

    def _checking_identity(self, identity: Identity, new: DeviceAndUser) -> Write:
        key = identity_key(identity.address)
        condition = "attribute_exists(pk) AND attribute_not_exists(#deletionGracePeriodEndsAt)"
        values: dict[str, Any] = {}
        if identity.deletion_grace_period_ends_at:
            # Deleting: its devices are being deleted, and none must be overlooked.
            condition = "#deletionGracePeriodEndsAt = :end AND #status <> :deleting"
            end = clock.render(identity.deletion_grace_period_ends_at)
            values = {"end": end, "deleting": str(IdentityStatus.DELETING)}
        if not new.user.is_backup_device:
            return self._table.checking(key, condition, values)
        values["device"] = new.device.id
        condition += " AND attribute_not_exists(#backupDeviceId)"
        return self._table.updating(key, "SET #backupDeviceId = :device REMOVE #events", values, condition=condition)

    def _adding(self, new: DeviceAndUser) -> list[Write]:
        device, user = new.device, new.user
        return [
            self._table.putting(item, condition=_NEW)
            for item in (
                {**device_key(device.address, device.id), **device_item(device)},
                {**owner_key(device.id), "address": device.address},
                {**user_key(user.username), **user_item(user)},
            )
        ]

    def devices_of(self, address: Address) -> list[Device]:
        """1 query (1 RCU per dozen devices), oldest first."""
        items = self._table.query_all(
            "pk = :pk AND begins_with(sk, :device)", {"pk": identity_key(address)["pk"], "device": "D#"}
        )
        return sorted(map(device_of, items), key=lambda device: (device.created_at, device.id))

    def with_users(self, devices: list[Device]) -> list[DeviceAndUser]:
        """1 round trip per 100 devices (1 RCU each).  A device that is being deleted is left out."""
        users = batch_get(*((self._table, user_key(device.username)) for device in devices))
        return [
            DeviceAndUser(device, user_of(item))
            for device, item in zip(devices, users, strict=True)
            if item is not None
        ]

    def get_device(self, caller: Caller) -> DeviceAndUser:
        """2 reads (2 RCU), the second one needing the first.  Raises `RecordNotFound`."""
        item = self._table.get(device_key(caller.address, caller.device_id))
        if item is None:
            raise RecordNotFound("Device")
        device = device_of(item)
        user = self._table.get(user_key(device.username))
        if user is None:
            raise RecordNotFound("Device")
        return DeviceAndUser(device, user_of(user))

    def set_language(self, caller: Caller, language: str) -> None:
        """1 write (1 WCU).  Raises `RecordNotFound`."""
        key = device_key(caller.address, caller.device_id)
        try:
            self._table.update(
                key, "SET #communicationLanguage = :new", {"new": language}, condition="attribute_exists(pk)"
            )
        except ConditionFailed:
            raise RecordNotFound("Device") from None

    def device_to_delete(self, caller: Caller, device_id: DeviceId) -> DeviceToDelete:
        """1 round trip (3 RCU)."""
        owner, device, identity = batch_get(
            (self._table, owner_key(device_id)),
            (self._table, device_key(caller.address, device_id)),
            (self._table, identity_key(caller.address)),
        )
        return DeviceToDelete(
            caller=caller.address,
            owner=Address(owner["address"]) if owner else None,
            own=device_of(device) if device else None,
            is_backup_device=identity is not None and identity.get("backupDeviceId") == device_id,
        )

    def delete_device(self, device: Device, *, is_backup_device: bool) -> None:
        """1 transaction (6 WCU, 8 for a backup device).

        Raises `DeviceCannotBeDeleted` once it has logged in, `RecordNotFound` when it is gone already.
        """
        never_used = "attribute_exists(pk) AND attribute_not_exists(#lastLogInAt)"
        writes = [
            self._table.deleting(user_key(device.username), condition=never_used),
            self._table.deleting(device_key(device.address, device.id)),
            self._table.deleting(owner_key(device.id)),
        ]
        if is_backup_device:
            key = identity_key(device.address)
            same = {"device": device.id}
            expression = "REMOVE #backupDeviceId, #events"
            writes.append(self._table.updating(key, expression, same, condition="#backupDeviceId = :device"))
        try:
            transact(writes)
        except TransactionFailed as lost:
            # Whoever made the last condition fail has used or deleted the device, so the first one fails with it.
            if lost.failed.get(0) is None:
                raise RecordNotFound("Device") from None
            raise DeviceCannotBeDeleted from None
