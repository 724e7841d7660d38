"""Where deletions are kept track of, as the jobs and the confirmations of the services see them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from backbone import clock
from backbone.addresses import Address
from backbone.dynamodb import (
    BATCH_READ_LIMIT,
    ConditionFailed,
    Item,
    Key,
    Table,
    TransactionFailed,
    Write,
    batch_get,
    delete_all,
    transact,
)
from backbone.events import carried
from backbone.ids import IdentityDeletionProcessId, Username
from backbone.settings import settings
from functions.devices import deletion_process
from functions.devices.audit_log import AuditLogEntry, MessageKey
from functions.devices.client_store import ClientStore
from functions.devices.deletion_items import (
    DUE_PARTS,
    PROCESS,
    audit_log_pk,
    deleted_user_key,
    entry_item,
    process_item,
    process_key,
    process_of,
    reminder_attribute,
    retention_ends,
)
from functions.devices.deletion_process import OWN_AGGREGATES, DeletionProcess
from functions.devices.deletion_process_store import changing_identity
from functions.devices.domain import Device, Identity
from functions.devices.feature_flags_store import flags_key
from functions.devices.items import device_key, device_of, identity_key, identity_of, owner_key, user_key
from functions.devices.tier_store import TierStore

_BY_GRACE_PERIOD = "byGracePeriod"
_EARLIEST = "0"  # sorts before every timestamp
_PAGE = BATCH_READ_LIMIT // 2  # a process and its identity
_ATTEMPTS = 10
"""Every lost race means that somebody else has changed the identity or its client; nobody does so ten times."""


@dataclass(frozen=True, slots=True)
class Due:
    """A process that a job should look at."""

    address: Address
    process_id: IdentityDeletionProcessId


@dataclass(frozen=True, slots=True)
class DuePage:
    """Some of them, and where to go on (None: there are no more)."""

    found: list[Due]
    last_key: Item | None


@dataclass(frozen=True, slots=True)
class Deletion:
    """A process and its identity, as they are now."""

    identity: Identity
    process: DeletionProcess


class DeletionStore:
    """What goes on after the start of a process, in table `devices`.

    process       pk = `ID#<address>`, sk = `P#<process id>`; `due` and `gracePeriodEndsAt` are the keys of the sparse
                  index `byGracePeriod`; `confirmed`: the services that have nothing left; it carries events
    log           pk = `AUDIT#<hash of the address>`, sk = `<time>#<message key>#<entry id>`
    deleted user  pk = `DELETEDUSER#<hash of the username>`, sk = `D`: deletedAt
    """

    def __init__(self) -> None:
        self._clients = ClientStore()
        self._tiers = TierStore()

    @property
    def _table(self) -> Table:
        return Table(settings().devices_table)

    # The jobs ---------------------------------------------------------------------------------------------------------

    def due(self, *, after: datetime | None = None, until: datetime) -> Iterator[Due]:
        """Processes that are not cancelled whose grace period ends in this time, in no order; costs as `due_in`."""
        for part in range(DUE_PARTS):
            for page in self.due_in(part, after=after, until=until):
                yield from page.found

    def due_in(
        self, part: int, *, after: datetime | None = None, until: datetime, start: Item | None = None
    ) -> Iterator[DuePage]:
        """The same of one part of the index (of 16), by the end of their grace period, page by page.

        1 eventually consistent query per 50 processes, 0.5 RCU per 4 KB or some 20 processes.
        """
        while True:
            page = self._table.query(
                "#due = :part AND #gracePeriodEndsAt BETWEEN :after AND :until",
                {
                    "part": str(part),
                    "after": clock.render(after) if after else _EARLIEST,
                    "until": clock.render(until),
                },
                index=_BY_GRACE_PERIOD,
                consistent=False,
                limit=_PAGE,
                start=start,
            )
            yield DuePage([_due_of(item) for item in page.items], page.last_key)
            start = page.last_key
            if start is None:
                return

    def find_all(self, wanted: Sequence[Due]) -> list[Deletion]:
        """Those whose identity is still there.  1 batch read per 50 (2 RCU each)."""
        keys = [key(due) for due in wanted for key in (_process_key, _identity_key)]
        items = batch_get(*((self._table, key) for key in keys))
        pairs = zip(items[::2], items[1::2], strict=True)
        return [
            Deletion(identity_of(identity), process_of(process)) for process, identity in pairs if process and identity
        ]

    def find(self, address: Address, process_id: IdentityDeletionProcessId) -> Deletion | None:
        """1 batch read (2 RCU).  None once the identity is gone."""
        return next(iter(self.find_all([Due(address, process_id)])), None)

    def remind(self, process: DeletionProcess, number: int, *, now: datetime) -> bool:
        """1 transaction (4 WCU).  False when somebody else has done it, or the process is over."""
        after, entry, event = deletion_process.remind(process, number, now=now)
        attribute = reminder_attribute(number)
        writes = [
            self._table.updating(
                process_key(after.address, after.id),
                f"SET #{attribute} = :now, #events = :events",
                {"now": clock.render(now), "events": carried([event], now), "active": "Active"},
                condition=f"#status = :active AND attribute_not_exists(#{attribute})",
            ),
            self._table.putting(entry_item(entry)),
        ]
        return _succeeds(writes)

    def begin(self, deletion: Deletion, *, now: datetime) -> bool:
        """1 transaction (6 WCU).  False when the owner, or another run of the job, was faster."""
        step = deletion_process.begin(deletion.identity, deletion.process, now=now)
        writes = [
            self._table.putting(
                {**process_item(step.process), "events": carried(step.events, now)},
                condition="#status = :active AND #gracePeriodEndsAt <= :now",
                values={"active": "Active", "now": clock.render(now)},
            ),
            changing_identity(self._table, step),
            *(self._table.putting(entry_item(entry)) for entry in step.entries),
        ]
        return _succeeds(writes)

    def ask_again(self, process: DeletionProcess, *, now: datetime) -> bool:
        """2 writes (2 WCU) and 1 entry of the log (1 WCU).  False when another run of the job was faster.

        An event that stands on an item is told once, so it is taken away and put back.
        """
        key = process_key(process.address, process.id)
        asked = clock.render(process.asked_at or now)
        try:
            self._table.update(
                key,
                "SET #askedAt = :now REMOVE #events",
                {"now": clock.render(now), "asked": asked},
                condition="#askedAt = :asked",
            )
            self.log(deletion_process.failed(process, deletion_process.unfinished(process.unconfirmed), now=now))
            events = carried([deletion_process.deletion_of(process)], now)
            self._table.update(key, "SET #events = :events", {"events": events}, condition="attribute_exists(pk)")
        except ConditionFailed:
            return False
        return True

    def log(self, entry: AuditLogEntry) -> None:
        """1 write (1 WCU)."""
        self._table.put(entry_item(entry))

    # Confirmations ----------------------------------------------------------------------------------------------------

    def confirm(
        self, process: DeletionProcess, service: str, aggregates: Iterable[str], *, now: datetime
    ) -> DeletionProcess | None:
        """Note that a service has nothing left; the process as it is then.  None when it is over.

        1 transaction (2 WCU for the process, 2 for each entry of the log), 1 read (1 RCU).  A repeated confirmation
        changes nothing.
        """
        key = process_key(process.address, process.id)
        writes = [
            self._table.updating(
                key,
                "ADD #confirmed :services",
                {"services": {service}, "service": service},
                condition="attribute_exists(pk) AND NOT contains(#confirmed, :service)",
            ),
            *(
                self._table.putting(entry_item(entry))
                for entry in deletion_process.data_deleted(process, aggregates, now=now)
            ),
        ]
        _succeeds(writes)
        item = self._table.get(key)
        return process_of(item) if item else None

    # The end ----------------------------------------------------------------------------------------------------------

    def finish(self, process: DeletionProcess, *, now: datetime) -> None:
        """Delete the identity with all that Devices has of it; what is left is the log and hashes of the usernames.

        May break off anywhere and be repeated: each device goes with its user after the hash of the username has been
        written (with the time of the first attempt), the identity and the process go last, together.  Nobody adds a
        device to an identity that is being deleted.  1 write, then per device 1 write and 1 transaction (7 WCU), 1
        query of the log and 1 write per entry, 1 transaction (14 WCU).
        """
        address = process.address
        try:
            item = self._table.update(
                process_key(address, process.id),
                "SET #completedAt = if_not_exists(#completedAt, :now)",
                {"now": clock.render(now)},
                condition="attribute_exists(pk)",
            )
        except ConditionFailed:
            return  # somebody else has finished
        completed_at = clock.parse(item["completedAt"])
        for device in self._devices_of(address):
            self._delete_device(device, completed_at)
        self._table.delete(flags_key(address))
        delete_all(self._table, self._other_processes(process))
        for entry in self._table.query_all("pk = :pk", {"pk": audit_log_pk(address)}):
            self._release(entry)
        self._delete_identity(process, now=now)

    def _devices_of(self, address: Address) -> Iterator[Device]:
        values = {"pk": identity_key(address)["pk"], "device": device_key(address, "")["sk"]}
        return map(device_of, self._table.query_all("pk = :pk AND begins_with(sk, :device)", values))

    def _delete_device(self, device: Device, deleted_at: datetime) -> None:
        remains = {
            **deleted_user_key(device.username),
            "deletedAt": clock.render(deleted_at),
            "ttl": retention_ends(deleted_at),
        }
        self._table.put(remains)
        transact(
            [
                self._table.deleting(user_key(device.username)),
                self._table.deleting(owner_key(device.id)),
                self._table.deleting(device_key(device.address, device.id)),
            ]
        )

    def _other_processes(self, process: DeletionProcess) -> Iterator[Item]:
        values = {"pk": identity_key(process.address)["pk"], "process": PROCESS}
        own = process_key(process.address, process.id)["sk"]
        found = self._table.query_all("pk = :pk AND begins_with(sk, :process)", values, project="pk, sk")
        return (item for item in found if item["sk"] != own)

    def _release(self, entry: Item) -> None:
        """An entry of a process that is gone: it is kept for a while, and belongs to nothing."""
        key = {"pk": entry["pk"], "sk": entry["sk"]}
        ends = retention_ends(clock.parse(entry["createdAt"]))
        self._table.update(key, "SET #ttl = :ttl REMOVE #processId", {"ttl": ends})

    def _delete_identity(self, process: DeletionProcess, *, now: datetime) -> None:
        for _ in range(_ATTEMPTS):
            deletion = self.find(process.address, process.id)
            if deletion is None or _succeeds(self._ending(deletion, now)):
                return  # or somebody else has finished
        raise RuntimeError("the client changes faster than the identity can be deleted")

    def _ending(self, deletion: Deletion, now: datetime) -> list[Write]:
        process, here = deletion.process, "attribute_exists(pk)"
        last = [
            AuditLogEntry.of(
                MessageKey.DATA_DELETED,
                None,
                process.address,
                now,
                old=process.status,
                new=process.status,
                data={"aggregateType": aggregate},
            )
            for aggregate in OWN_AGGREGATES
        ]
        last.append(AuditLogEntry.of(MessageKey.DELETION_COMPLETED, None, process.address, now, old=process.status))
        return [
            self._table.deleting(identity_key(process.address), condition=here),
            self._table.deleting(process_key(process.address, process.id), condition=here),
            *(self._table.putting(entry_item(entry)) for entry in last),
            *self._clients.uncounting_identity(deletion.identity.client_id),
            *self._tiers.moving(deletion.identity, None),
        ]

    # What is left -----------------------------------------------------------------------------------------------------

    def deleted_at(self, username: Username, *, now: datetime) -> datetime | None:
        """When the identity of this user was deleted, if it is known.  1 read (1 RCU), after some 30 ms of hashing."""
        item = self._table.get(deleted_user_key(username))
        if item is None or item["ttl"] <= clock.epoch_seconds(now):
            return None
        return clock.parse(item["deletedAt"])


def _succeeds(writes: list[Write]) -> bool:
    try:
        transact(writes)
    except TransactionFailed:
        return False
    return True


def _due_of(item: Item) -> Due:
    address = Address(item["pk"].removeprefix("ID#"))
    return Due(address, IdentityDeletionProcessId(item["sk"].removeprefix(PROCESS)))


def _process_key(due: Due) -> Key:
    return process_key(due.address, due.process_id)


def _identity_key(due: Due) -> Key:
    return identity_key(due.address)
