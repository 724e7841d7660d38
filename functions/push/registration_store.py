"""Where registrations are kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from backbone import clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.deletion import confirm_deletion, is_confirmed
from backbone.dynamodb import ConditionFailed, Item, Key, Table, batch_get, delete_all
from backbone.events.deletion import IdentityDataDeleted
from backbone.ids import DeviceId, DevicePushIdentifier, IdentityDeletionProcessId
from backbone.readmodels import devices, identities
from backbone.settings import settings
from functions.push.domain import (
    Environment,
    Platform,
    Recipient,
    RegisteredDevice,
    Registration,
    part_of,
    target_of,
)


def registration_key(address: Address, device_id: DeviceId) -> Key:
    """A device's registration, in the partition of its identity."""
    return {"pk": address, "sk": device_id}


@dataclass(frozen=True, slots=True)
class TargetPage:
    """Some recipients out of a part of all registrations; `last` is the target to go on after (None: that was all)."""

    recipients: list[Recipient]
    last: str | None


class RegistrationStore:
    """Registrations in table `push`: pk = `<address>`, sk = `DVC…`.

    Index `byTarget` (part, target; keys only): who shares a target, and everybody, part by part.
    """

    @property
    def _table(self) -> Table:
        return Table(settings().push_table)

    def register(self, caller: Caller, registration: Registration, *, now: datetime) -> RegisteredDevice:
        """1 write (1 WCU, with a new target 2 for the index).  The identifier is kept, or made if there was none.

        The endpoint of an earlier registration is forgotten: the next push makes sure that there is one and that it is
        enabled.
        """
        target = target_of(registration, caller.device_id)
        stored = self._table.update(
            registration_key(caller.address, caller.device_id),
            "SET #devicePushIdentifier = if_not_exists(#devicePushIdentifier, :identifier), #platform = :platform,"
            " #handle = :handle, #appId = :appId, #environment = :environment, #registeredAt = :now,"
            " #part = :part, #target = :target REMOVE #endpointArn",
            {
                "identifier": DevicePushIdentifier.new(),
                "platform": str(registration.platform),
                "handle": registration.handle,
                "appId": registration.app_id,
                "environment": str(registration.environment),
                "now": clock.render(now),
                "part": part_of(target),
                "target": target,
            },
        )
        return registered_device(stored)

    def unregister(self, caller: Caller) -> None:
        """1 write (1 WCU + 1 for the index).  May be repeated."""
        self._table.delete(registration_key(caller.address, caller.device_id))

    def of_identity(self, address: Address) -> list[RegisteredDevice]:
        """1 consistent query (1 RCU per 4 KB, about a dozen registrations)."""
        condition = "pk = :address AND begins_with(sk, :device)"
        found = self._table.query_all(condition, {"address": address, "device": DeviceId.prefix})
        return [registered_device(item) for item in found]

    def page(self, part: str, after: str | None, *, size: int) -> TargetPage:
        """Recipients of this part, one per target, in the order of targets; whose device is gone is forgotten.

        1 eventually consistent query of `byTarget` (0.5 RCU per about 25), 2 RCU each for registration and device.
        """
        condition = "#part = :part AND #target > :after" if after else "#part = :part"
        values = {"part": part, **({"after": after} if after else {})}
        found = self._table.query(condition, values, index="byTarget", limit=size, consistent=False)
        last = str(found.items[-1]["target"]) if found.last_key else None
        return TargetPage(self._recipients(found.items), last)

    def _recipients(self, entries: Sequence[Item]) -> list[Recipient]:
        keys = [registration_key(Address(entry["pk"]), DeviceId(entry["sk"])) for entry in entries]
        items = batch_get(*((self._table, key) for key in keys))
        registered = [registered_device(item) for item in items if item]
        owners = batch_get(
            *((identities.table(), devices.device_key(each.address, each.device_id)) for each in registered)
        )
        recipients: dict[str, Recipient] = {}
        for device, owner in zip(registered, owners, strict=True):
            if owner is None:
                self.forget(device)  # its identity has been deleted
            else:
                recipients.setdefault(device.target, Recipient(device, devices.language_of(owner)))
        return list(recipients.values())

    def remember_endpoint(self, device: RegisteredDevice, endpoint_arn: str) -> None:
        """1 write (1 WCU), unless the device has registered anew meanwhile."""
        self._unless_changed(device, "SET #endpointArn = :endpointArn", {"endpointArn": endpoint_arn})

    def forget(self, device: RegisteredDevice) -> bool:
        """1 write (1 WCU + 1 for the index), unless the device has registered anew meanwhile."""
        try:
            self._table.delete(
                registration_key(device.address, device.device_id),
                condition="#registeredAt = :seen",
                values={"seen": clock.render(device.registered_at)},
            )
        except ConditionFailed:
            return False
        return True

    def is_target_of_others(self, device: RegisteredDevice) -> bool:
        """Whether another device is registered for the same target.

        1 eventually consistent query of `byTarget` (0.5 RCU), which may still show this device where it was.
        """
        condition = "#part = :part AND #target = :target"
        values = {"part": part_of(device.target), "target": device.target}
        found = self._table.query(condition, values, index="byTarget", limit=2, consistent=False).items
        return any((each["pk"], each["sk"]) != (device.address, device.device_id) for each in found)

    def delete_all(self, registered: Iterable[RegisteredDevice]) -> int:
        """1 call per 25 (2 WCU each with the index); may be repeated."""
        return delete_all(self._table, (registration_key(each.address, each.device_id) for each in registered))

    def has_confirmed(self, deletion_process_id: IdentityDeletionProcessId) -> bool:
        """1 read (1 RCU)."""
        return is_confirmed(self._table, deletion_process_id)

    def confirm_deletion(self, deleted: IdentityDataDeleted, *, now: datetime) -> None:
        """1 write (1 WCU).  pk = `DELETED#<process id>`, sk = `DELETED`; TTL a month."""
        confirm_deletion(self._table, deleted, now=now)

    def _unless_changed(self, device: RegisteredDevice, expression: str, values: dict[str, str]) -> None:
        try:
            self._table.update(
                registration_key(device.address, device.device_id),
                expression,
                {**values, "seen": clock.render(device.registered_at)},
                condition="#registeredAt = :seen",
            )
        except ConditionFailed:
            return


def registered_device(item: Item) -> RegisteredDevice:
    """Read an item, also one out of a stream."""
    return RegisteredDevice(
        address=Address(item["pk"]),
        device_id=DeviceId(item["sk"]),
        device_push_identifier=DevicePushIdentifier(item["devicePushIdentifier"]),
        registration=Registration(
            platform=Platform(item["platform"]),
            app_id=item["appId"],
            environment=Environment(item["environment"]),
            handle=item["handle"],
        ),
        registered_at=clock.parse(item["registeredAt"]),
        endpoint_arn=item.get("endpointArn"),
    )
