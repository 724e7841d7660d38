"""The items of deletion processes and of the log of deletions: keys and attributes.  Only the stores use them."""

import zlib
from datetime import datetime, timedelta
from typing import Any

from backbone import clock
from backbone.addresses import Address
from backbone.dynamodb import Item, Key
from backbone.ids import DeletionAuditLogEntryId, DeviceId, IdentityDeletionProcessId, Username
from backbone.settings import settings
from functions.devices.audit_log import AuditLogEntry, MessageKey, hash_of
from functions.devices.deletion_process import DeletionProcess, DeletionProcessStatus

PROCESS = "P#"
DUE_PARTS = 16
"""Parts of the index of processes by the end of their grace period, so that no single partition takes them all."""


def process_key(address: str, process_id: str) -> Key:
    """A deletion process, in its identity's partition."""
    return {"pk": f"ID#{address}", "sk": f"{PROCESS}{process_id}"}


def process_item(process: DeletionProcess) -> dict[str, Any]:
    """A process's attributes; None stands for a missing one.  `due` is there as long as a job may have to act."""
    reminders = {
        reminder_attribute(number): _rendered(sent) for number, sent in enumerate(process.reminders_sent_at, start=1)
    }
    return {
        **process_key(process.address, process.id),
        "processId": process.id,
        "address": process.address,
        "createdAt": clock.render(process.created_at),
        "createdByDevice": process.created_by_device,
        "status": str(process.status),
        "gracePeriodEndsAt": _rendered(process.grace_period_ends_at),
        **reminders,
        "cancelledAt": _rendered(process.cancelled_at),
        "deletionStartedAt": _rendered(process.deletion_started_at),
        "askedAt": _rendered(process.asked_at),
        "confirmed": set(process.confirmed) or None,
        "due": due_part(process.id) if process.grace_period_ends_at else None,
        "ttl": clock.epoch_seconds(process.disposable_at) if process.disposable_at else None,
    }


def process_of(item: Item) -> DeletionProcess:
    """The inverse of `process_item`."""
    reminders = [_time(item, reminder_attribute(number)) for number in (1, 2, 3)]
    return DeletionProcess(
        id=IdentityDeletionProcessId(item["processId"]),
        address=Address(item["address"]),
        created_at=clock.parse(item["createdAt"]),
        created_by_device=DeviceId(item["createdByDevice"]),
        status=DeletionProcessStatus(item["status"]),
        grace_period_ends_at=_time(item, "gracePeriodEndsAt"),
        reminders_sent_at=(reminders[0], reminders[1], reminders[2]),
        cancelled_at=_time(item, "cancelledAt"),
        deletion_started_at=_time(item, "deletionStartedAt"),
        asked_at=_time(item, "askedAt"),
        confirmed=frozenset(item.get("confirmed", ())),
    )


def reminder_attribute(number: int) -> str:
    """When the n-th reminder was sent."""
    return f"reminder{number}SentAt"


def due_part(process_id: str) -> str:
    """The part of the index that a process belongs to."""
    return str(zlib.crc32(process_id.encode()) % DUE_PARTS)


def audit_log_pk(address: str) -> str:
    """The log of an identity; its address is not in it."""
    return f"AUDIT#{hash_of(address)}"


def entry_item(entry: AuditLogEntry) -> dict[str, Any]:
    """An entry of the log.  In order of time; at the same instant, `DataDeleted` before `DeletionCompleted`."""
    created_at = clock.render(entry.created_at)
    return {
        "pk": f"AUDIT#{entry.identity_address_hash}",
        "sk": f"{created_at}#{entry.message_key}#{entry.id}",
        "entryId": entry.id,
        "processId": entry.process_id,
        "createdAt": created_at,
        "messageKey": str(entry.message_key),
        "deviceIdHash": entry.device_id_hash,
        "oldStatus": entry.old_status,
        "newStatus": entry.new_status,
        "additionalData": dict(entry.additional_data) or None,
        "ttl": retention_ends(entry.created_at) if entry.process_id is None else None,
    }


def entry_of(item: Item) -> AuditLogEntry:
    """The inverse of `entry_item`."""
    process_id = item.get("processId")
    return AuditLogEntry(
        id=DeletionAuditLogEntryId(item["entryId"]),
        process_id=IdentityDeletionProcessId(process_id) if process_id else None,
        created_at=clock.parse(item["createdAt"]),
        message_key=MessageKey(item["messageKey"]),
        identity_address_hash=item["pk"].removeprefix("AUDIT#"),
        device_id_hash=item.get("deviceIdHash"),
        old_status=item.get("oldStatus"),
        new_status=item.get("newStatus"),
        additional_data=item.get("additionalData", {}),
    )


def deleted_user_key(username: Username) -> Key:
    """What remains of a user: the hash of its name."""
    return {"pk": f"DELETEDUSER#{hash_of(username)}", "sk": "D"}


def retention_ends(since: datetime) -> int:
    """The `ttl` of what is kept of a deleted identity."""
    return clock.epoch_seconds(since + timedelta(days=settings().deletion_audit_log_retention_days))


def _rendered(instant: datetime | None) -> str | None:
    return clock.render(instant) if instant else None


def _time(item: Item, name: str) -> datetime | None:
    return clock.parse(item[name]) if name in item else None
