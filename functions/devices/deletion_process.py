"""How an identity deletes itself.  Contract: devices.md, section 8.

A process is Active from its start; until its grace period is over the owner may cancel it.  Afterwards the deletion
begins for real: every service deletes its part and confirms, and when all have, the identity goes and the process with
it.  Nothing here knows where processes are kept or who runs the jobs.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from backbone.addresses import Address
from backbone.caller import Caller
from backbone.clock import days_after, to_milliseconds
from backbone.errors import InvalidPropertyValue, RecordNotFound
from backbone.events import DomainEvent
from backbone.events.devices import (
    DeletionGracePeriodReminderDue,
    IdentityDeleted,
    IdentityDeletionCancelled,
    IdentityDeletionProcessStatusChanged,
    IdentityToBeDeleted,
    TierOfIdentityChanged,
)
from backbone.ids import LENGTH, QUEUED_FOR_DELETION_TIER, DeviceId, IdentityDeletionProcessId
from functions.devices.audit_log import AuditLogEntry, MessageKey
from functions.devices.domain import Device, Identity, IdentityStatus
from functions.devices.errors import (
    DeletionProcessIsNotInRequiredStatus,
    GracePeriodHasAlreadyExpired,
    GracePeriodHasNotYetExpired,
    OnlyOneActiveDeletionProcessAllowed,
)

DELETING_SERVICES = (
    "announcements",
    "challenges",
    "files",
    "messages",
    "push",
    "quotas",
    "relationships",
    "synchronization",
    "tokens",
)
"""Who must have confirmed before the identity itself goes: every service that reacts to `IdentityDeleted`."""

OWN_AGGREGATES = ("Identities",)
"""What Devices itself deletes, as the audit log calls it."""

REMINDER_DAYS = (12, 10, 5)
"""At most so many days are left when the first, second and third reminder are sent."""

KEPT_AFTER_CANCELLATION = timedelta(days=30)
ASKED_AGAIN_AFTER = timedelta(hours=1)
"""Services that have not confirmed for so long are asked once more, at the next run of the job."""

_INVALID_ID = "error.platform.validation.invalidId"
_FIRST_YEAR = 1000
"""Timestamps have four digits for the year."""


class DeletionProcessStatus(StrEnum):
    """As stored and as sent."""

    ACTIVE = "Active"
    CANCELLED = "Cancelled"
    DELETING = "Deleting"


@dataclass(frozen=True, slots=True)
class DeletionProcess:
    """An identity's wish to be deleted.  `reminders_sent_at` are those of the three reminders."""

    id: IdentityDeletionProcessId
    address: Address
    created_at: datetime
    created_by_device: DeviceId
    status: DeletionProcessStatus
    grace_period_ends_at: datetime | None
    reminders_sent_at: tuple[datetime | None, datetime | None, datetime | None] = (None, None, None)
    cancelled_at: datetime | None = None
    deletion_started_at: datetime | None = None
    asked_at: datetime | None = None
    confirmed: frozenset[str] = frozenset()

    @property
    def disposable_at(self) -> datetime | None:
        """When housekeeping may remove it: only cancelled ones."""
        return self.cancelled_at + KEPT_AFTER_CANCELLATION if self.cancelled_at else None

    def is_past_grace_period(self, now: datetime) -> bool:
        """From the very millisecond on, as with log-ins."""
        return self.grace_period_ends_at is not None and self.grace_period_ends_at <= now

    @property
    def unconfirmed(self) -> tuple[str, ...]:
        """The services that still have something of the identity."""
        return tuple(service for service in DELETING_SERVICES if service not in self.confirmed)


@dataclass(frozen=True, slots=True)
class Owner:
    """An identity with all its devices."""

    identity: Identity
    devices: tuple[Device, ...]

    def has_device(self, device_id: DeviceId) -> bool:
        """Whether it is one of them."""
        return any(device.id == device_id for device in self.devices)


@dataclass(frozen=True, slots=True)
class Step:
    """What a change of a process commits as a whole: process, identity, log, events."""

    before: Identity
    identity: Identity
    process: DeletionProcess
    entries: tuple[AuditLogEntry, ...]
    events: tuple[DomainEvent, ...]
    at: datetime


def start(
    owner: Owner,
    caller: Caller,
    length_in_days: float,
    *,
    now: datetime,
    new_id: Callable[[], IdentityDeletionProcessId] = IdentityDeletionProcessId.new,
) -> Step:
    """Queue the identity for deletion.

    Raises `OnlyOneActiveDeletionProcessAllowed`, `RecordNotFound` (the caller's device), `InvalidPropertyValue`.
    """
    before = owner.identity
    if before.status is not IdentityStatus.ACTIVE:
        raise OnlyOneActiveDeletionProcessAllowed
    if not owner.has_device(caller.device_id):
        raise RecordNotFound("Device")
    process = DeletionProcess(
        id=new_id(),
        address=before.address,
        created_at=now,
        created_by_device=caller.device_id,
        status=DeletionProcessStatus.ACTIVE,
        grace_period_ends_at=end_of_grace_period(now, length_in_days),
    )
    identity = replace(
        before,
        status=IdentityStatus.TO_BE_DELETED,
        tier_id=QUEUED_FOR_DELETION_TIER,
        tier_id_before_deletion=before.tier_id,
        deletion_grace_period_ends_at=process.grace_period_ends_at,
    )
    entry = AuditLogEntry.of(
        MessageKey.STARTED_BY_OWNER, process.id, identity.address, now, device_id=caller.device_id, new=process.status
    )
    to_be_deleted = IdentityToBeDeleted(
        identity_address=identity.address,
        deletion_process_id=process.id,
        grace_period_ends_at=process.grace_period_ends_at or now,
    )
    events = (_tier_changed(before, identity, now), to_be_deleted, _status_changed(process))
    return Step(before, identity, process, (entry,), events, now)


def end_of_grace_period(now: datetime, length_in_days: float) -> datetime:
    """Also of a length of 0 or less.  Raises `InvalidPropertyValue` for an absurd one (500 in the reference)."""
    try:
        end = to_milliseconds(days_after(now, length_in_days))
    except (OverflowError, ValueError):
        end = None
    if end is None or end.year < _FIRST_YEAR:
        raise InvalidPropertyValue("'lengthOfGracePeriodInDays' is out of range.")
    return end


def cancel(
    owner: Owner,
    process: DeletionProcess | None,
    process_id: IdentityDeletionProcessId,
    caller: Caller,
    *,
    now: datetime,
) -> Step:
    """Keep the identity.  `process` is None when there is none of this id.

    Raises `InvalidPropertyValue` (an id that is too short), `RecordNotFound` (the caller's device or the process),
    `DeletionProcessIsNotInRequiredStatus` or `GracePeriodHasAlreadyExpired`, in this order.
    """
    identity = owner.identity
    if len(process_id) < LENGTH:
        raise InvalidPropertyValue("The id of the deletion process is too short.", _INVALID_ID)
    if not owner.has_device(caller.device_id):
        raise RecordNotFound("Device")
    if process is None:
        raise RecordNotFound("IdentityDeletionProcess")
    if process.status is not DeletionProcessStatus.ACTIVE:
        raise DeletionProcessIsNotInRequiredStatus(DeletionProcessStatus.ACTIVE)
    if process.is_past_grace_period(now):
        raise GracePeriodHasAlreadyExpired
    cancelled = replace(process, status=DeletionProcessStatus.CANCELLED, cancelled_at=now, grace_period_ends_at=None)
    kept = replace(
        identity,
        status=IdentityStatus.ACTIVE,
        tier_id=identity.tier_id_before_deletion or identity.tier_id,
        tier_id_before_deletion=None,
        deletion_grace_period_ends_at=None,
    )
    entry = AuditLogEntry.of(
        MessageKey.CANCELLED_BY_OWNER,
        process.id,
        identity.address,
        now,
        device_id=caller.device_id,
        old=process.status,
        new=cancelled.status,
    )
    told = IdentityDeletionCancelled(identity_address=identity.address, deletion_process_id=process.id)
    events = (_tier_changed(identity, kept, now), told, _status_changed(cancelled))
    return Step(identity, kept, cancelled, (entry,), events, now)


def begin(identity: Identity, process: DeletionProcess, *, now: datetime) -> Step:
    """Delete for real, from now on without return.

    Raises `DeletionProcessIsNotInRequiredStatus` or `GracePeriodHasNotYetExpired`.
    """
    if process.status is not DeletionProcessStatus.ACTIVE:
        raise DeletionProcessIsNotInRequiredStatus(DeletionProcessStatus.ACTIVE)
    if not process.is_past_grace_period(now):
        raise GracePeriodHasNotYetExpired
    deleting = replace(process, status=DeletionProcessStatus.DELETING, deletion_started_at=now, asked_at=now)
    gone = replace(identity, status=IdentityStatus.DELETING)
    entry = AuditLogEntry.of(
        MessageKey.DELETION_STARTED, process.id, identity.address, now, old=process.status, new=deleting.status
    )
    return Step(identity, gone, deleting, (entry,), (_status_changed(deleting), deletion_of(deleting)), now)


def deletion_of(process: DeletionProcess) -> IdentityDeleted:
    """What makes the services delete."""
    return IdentityDeleted(identity_address=process.address, deletion_process_id=process.id)


def must_ask_again(process: DeletionProcess, *, now: datetime) -> bool:
    """Whether the services have had their time."""
    asked = process.status is DeletionProcessStatus.DELETING and process.asked_at is not None
    return asked and now - (process.asked_at or now) >= ASKED_AGAIN_AFTER


def next_reminder(process: DeletionProcess, *, now: datetime) -> int | None:
    """The number of the reminder that is due, 1 to 3: the last one that is, never one that was skipped (§8.1)."""
    if process.status is not DeletionProcessStatus.ACTIVE or process.grace_period_ends_at is None:
        return None
    left = process.grace_period_ends_at - now
    for number in (3, 2, 1):
        if process.reminders_sent_at[number - 1] is not None:
            return None
        if left <= timedelta(days=REMINDER_DAYS[number - 1]):
            return number
    return None


def remind(
    process: DeletionProcess, number: int, *, now: datetime
) -> tuple[DeletionProcess, AuditLogEntry, DomainEvent]:
    """The process with its reminder, what the log says about it, and what the devices are told by."""
    sent = list(process.reminders_sent_at)
    sent[number - 1] = now
    end = process.grace_period_ends_at or now
    event = DeletionGracePeriodReminderDue(
        identity_address=process.address,
        deletion_process_id=process.id,
        reminder=number,
        days_until_deletion=math.ceil((end - now) / timedelta(days=1)),
    )
    entry = AuditLogEntry.of(
        MessageKey(f"GracePeriodReminder{number}Sent"),
        process.id,
        process.address,
        now,
        old=process.status,
        new=process.status,
    )
    return replace(process, reminders_sent_at=(sent[0], sent[1], sent[2])), entry, event


def data_deleted(process: DeletionProcess, aggregates: Iterable[str], *, now: datetime) -> tuple[AuditLogEntry, ...]:
    """What the log says when a service has nothing left."""
    return tuple(
        AuditLogEntry.of(
            MessageKey.DATA_DELETED,
            process.id,
            process.address,
            now,
            old=process.status,
            new=process.status,
            data={"aggregateType": aggregate},
        )
        for aggregate in aggregates
    )


def failed(process: DeletionProcess, message: str, *, now: datetime) -> AuditLogEntry:
    """What the log says when deletion has come to a halt."""
    return AuditLogEntry.of(
        MessageKey.ERROR_DURING_DELETION,
        process.id,
        process.address,
        now,
        old=process.status,
        new=process.status,
        data={"errorMessage": message},
    )


def unfinished(services: Iterable[str]) -> str:
    """The message about services that have not confirmed."""
    return f"not confirmed by: {', '.join(services)}"


def _tier_changed(before: Identity, after: Identity, now: datetime) -> TierOfIdentityChanged:
    return TierOfIdentityChanged(
        identity_address=after.address, old_tier_id=before.tier_id, new_tier_id=after.tier_id, changed_at=now
    )


def _status_changed(process: DeletionProcess) -> IdentityDeletionProcessStatusChanged:
    return IdentityDeletionProcessStatusChanged(
        deletion_process_owner=process.address,
        deletion_process_id=process.id,
        initiator=process.address,
        new_status=str(process.status),
    )
