"""Where deletion processes are kept, as their owners see them."""

from collections.abc import Callable
from datetime import datetime

from backbone import clock
from backbone.addresses import Address
from backbone.dynamodb import TRANSACTION_LIMIT, Item, Table, TransactionFailed, Write, batch_get, transact
from backbone.errors import RecordNotFound
from backbone.events import carried
from backbone.ids import DeviceId, IdentityDeletionProcessId
from backbone.settings import settings
from functions.devices.deletion_items import PROCESS, entry_item, process_item, process_key, process_of
from functions.devices.deletion_process import DeletionProcess, Owner, Step
from functions.devices.domain import Device, Identity
from functions.devices.items import device_key, device_of, identity_key, identity_of, user_key, user_of
from functions.devices.tier_store import TierStore

_ATTEMPTS = 10
"""Every lost race means that somebody else has changed the identity or its devices; nobody does so ten times."""
_OTHERS = 5  # process, identity, entry of the log, both tiers


class DeletionProcessStore:
    """Deletion processes in table `devices`: pk = `ID#<address>`, sk = `P#<process id>`; they carry events.

    The identity's status is the lock: it is not Active as long as there is a process that is Active or Deleting.  Users
    have copies of the end of the grace period; as many as fit are changed in the same transaction, the rest right
    afterwards (and once more by a consumer of the event, should this process die in between).
    """

    def __init__(self) -> None:
        self._tiers = TierStore()

    @property
    def _table(self) -> Table:
        return Table(settings().devices_table)

    def start(self, address: Address, decide: Callable[[Owner], Step]) -> DeletionProcess:
        """Read, decide, write; a lost race decides again on the new state.

        2 queries of identity and devices (1 RCU per dozen devices each), 1 transaction (13 + 2 per device WCU, index
        included).  Raises `RecordNotFound` without identity.
        """
        for _ in range(_ATTEMPTS):
            owner = self.get_owner(address)
            step = decide(owner)
            writes = [
                self._table.putting(
                    {**process_item(step.process), "events": carried(step.events, step.at)},
                    condition="attribute_not_exists(pk)",
                ),
                changing_identity(self._table, step),
                *self._tiers.moving(step.before, step.identity),
                *(self._table.putting(entry_item(entry)) for entry in step.entries),
            ]
            if (covered := self._commit(writes, step.identity, owner.devices)) is not None:
                self._copy_to_others(step.identity, but_not=covered)
                return step.process
        raise RuntimeError("the identity changes faster than its deletion can be started")

    def cancel(
        self,
        address: Address,
        process_id: IdentityDeletionProcessId,
        decide: Callable[[Owner, DeletionProcess | None], Step],
    ) -> DeletionProcess:
        """As `start`, with 1 more read of the process (1 RCU).  Raises `RecordNotFound` without identity."""
        for _ in range(_ATTEMPTS):
            owner = self.get_owner(address)
            step = decide(owner, self._find(address, process_id))
            writes = [
                self._table.putting(
                    {**process_item(step.process), "events": carried(step.events, step.at)},
                    condition="#status = :active AND #gracePeriodEndsAt > :now",
                    values={"active": "Active", "now": clock.render(step.at)},
                ),
                changing_identity(self._table, step),
                *self._tiers.moving(step.before, step.identity),
                *(self._table.putting(entry_item(entry)) for entry in step.entries),
            ]
            if (covered := self._commit(writes, step.identity, owner.devices)) is not None:
                self._copy_to_others(step.identity, but_not=covered)
                return step.process
        raise RuntimeError("the identity changes faster than its deletion can be cancelled")

    def all_of(self, address: Address, *, now: datetime) -> list[DeletionProcess]:
        """Newest first.  1 query of the identity and its processes (1 RCU).  Raises `RecordNotFound`."""
        found = list(
            self._table.query_all(
                "pk = :pk AND sk BETWEEN :identity AND :last",
                {"pk": identity_key(address)["pk"], "identity": "I", "last": f"{PROCESS}~"},
            )
        )
        if not found or found[0]["sk"] != "I":
            raise RecordNotFound("Identity")
        processes = [process_of(item) for item in found[1:]]
        kept = [process for process in processes if not _is_disposable(process, now)]
        return sorted(kept, key=lambda process: (process.created_at, process.id), reverse=True)

    def get(self, address: Address, process_id: IdentityDeletionProcessId, *, now: datetime) -> DeletionProcess:
        """1 read (1 RCU).  Raises `RecordNotFound`."""
        process = self._find(address, process_id)
        if process is None or _is_disposable(process, now):
            raise RecordNotFound("IdentityDeletionProcess")
        return process

    def _find(self, address: Address, process_id: IdentityDeletionProcessId) -> DeletionProcess | None:
        item = self._table.get(process_key(address, process_id))
        return process_of(item) if item else None

    def copy_grace_period(self, address: Address) -> None:
        """Bring the users' copies in line with the identity; for what a crash has left.

        1 query, 1 batch read per 100 devices (1 RCU each), 1 transaction per user that differs (4 WCU).
        """
        try:
            owner = self.get_owner(address)
        except RecordNotFound:
            return
        wanted = owner.identity.deletion_grace_period_ends_at
        users = batch_get(*((self._table, user_key(device.username)) for device in owner.devices))
        for device, user in zip(owner.devices, users, strict=True):
            differs = user is not None and user_of(user).deletion_grace_period_ends_at != wanted
            if differs and not self._copy(owner.identity, device):
                return  # the identity has changed: whoever changed it copies

    def get_owner(self, address: Address) -> Owner:
        """1 query of the identity and all its devices.  Raises `RecordNotFound`."""
        *devices, identity = [
            *self._table.query_all(
                "pk = :pk AND sk BETWEEN :first AND :identity",
                {"pk": identity_key(address)["pk"], "first": device_key(address, "")["sk"], "identity": "I"},
            )
        ] or [{}]
        if identity.get("sk") != "I":
            raise RecordNotFound("Identity")
        return Owner(identity_of(identity), tuple(map(device_of, devices)))

    def _commit(self, writes: list[Write], identity: Identity, devices: tuple[Device, ...]) -> set[DeviceId] | None:
        """The transaction, with as many users as fit; whose they are.  None: lost a race."""
        covered = devices[: TRANSACTION_LIMIT - _OTHERS]
        try:
            transact([*writes, *(self._copying(identity, device) for device in covered)])
        except TransactionFailed:
            return None
        return {device.id for device in covered}

    def _copy_to_others(self, identity: Identity, *, but_not: set[DeviceId]) -> None:
        """Devices beyond the transaction, and those added since they were read."""
        for device in self.get_owner(identity.address).devices:
            if device.id not in but_not and not self._copy(identity, device):
                return

    def _copy(self, identity: Identity, device: Device) -> bool:
        """False when the identity is no longer as it is copied."""
        key = identity_key(identity.address)
        end = identity.deletion_grace_period_ends_at
        condition = "#deletionGracePeriodEndsAt = :end" if end else "attribute_not_exists(#deletionGracePeriodEndsAt)"
        same = self._table.checking(
            key, f"attribute_exists(pk) AND {condition}", {"end": clock.render(end)} if end else None
        )
        try:
            transact([same, self._copying(identity, device)])
        except TransactionFailed as lost:
            return 0 not in lost.failed  # else the user is gone
        return True

    def _copying(self, identity: Identity, device: Device) -> Write:
        key, exists = user_key(device.username), "attribute_exists(pk)"
        end = identity.deletion_grace_period_ends_at
        if end is None:
            return self._table.updating(key, "REMOVE #deletionGracePeriodEndsAt", condition=exists)
        values = {"end": clock.render(end)}
        return self._table.updating(key, "SET #deletionGracePeriodEndsAt = :end", values, condition=exists)


def changing_identity(table: Table, step: Step) -> Write:
    """The identity's part of a step, on the condition that status and tier are still what they were."""
    before, after = step.before, step.identity
    end, previous = after.deletion_grace_period_ends_at, after.tier_id_before_deletion
    assigned: Item = {
        "status": str(after.status),
        "tierId": after.tier_id,
        "tierIdBeforeDeletion": previous,
        "deletionGracePeriodEndsAt": clock.render(end) if end else None,
    }
    present = {name: value for name, value in assigned.items() if value is not None}
    absent = [name for name in assigned if name not in present]
    setting = "SET " + ", ".join(f"#{name} = :{name}" for name in present)
    removing = " REMOVE " + ", ".join(f"#{name}" for name in [*absent, "events"])
    values = {**present, "statusBefore": str(before.status), "tierBefore": before.tier_id}
    condition = "#status = :statusBefore AND #tierId = :tierBefore"
    return table.updating(identity_key(after.address), setting + removing, values, condition=condition)


def _is_disposable(process: DeletionProcess, now: datetime) -> bool:
    return process.disposable_at is not None and process.disposable_at <= now
