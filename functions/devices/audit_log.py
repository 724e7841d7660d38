"""The log of deletions, which survives the identities it is about.  Contract: devices.md, sections 1 and 8.

It names nobody: addresses, device ids and usernames are there as hashes only, slow ones, so that nobody finds out by
trying them all.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from backbone.addresses import Address
from backbone.ids import DeletionAuditLogEntryId, DeviceId, IdentityDeletionProcessId

_SALT = hashlib.sha256(b"enmeshed_identity_deletion_log").digest()
_ITERATIONS = 100_000
_BYTES = 32


class MessageKey(StrEnum):
    """What happened."""

    STARTED_BY_OWNER = "StartedByOwner"
    CANCELLED_BY_OWNER = "CancelledByOwner"
    GRACE_PERIOD_REMINDER_1_SENT = "GracePeriodReminder1Sent"
    GRACE_PERIOD_REMINDER_2_SENT = "GracePeriodReminder2Sent"
    GRACE_PERIOD_REMINDER_3_SENT = "GracePeriodReminder3Sent"
    DELETION_STARTED = "DeletionStarted"
    DATA_DELETED = "DataDeleted"
    DELETION_COMPLETED = "DeletionCompleted"
    ERROR_DURING_DELETION = "ErrorDuringDeletion"


@dataclass(frozen=True, slots=True)
class AuditLogEntry:
    """One line of the log.  `process_id` is None once the process is gone."""

    id: DeletionAuditLogEntryId
    process_id: IdentityDeletionProcessId | None
    created_at: datetime
    message_key: MessageKey
    identity_address_hash: str
    device_id_hash: str | None = None
    old_status: str | None = None
    new_status: str | None = None
    additional_data: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        message_key: MessageKey,
        process_id: IdentityDeletionProcessId | None,
        address: Address,
        now: datetime,
        *,
        device_id: DeviceId | None = None,
        old: str | None = None,
        new: str | None = None,
        data: Mapping[str, str] | None = None,
        new_id: Callable[[], DeletionAuditLogEntryId] = DeletionAuditLogEntryId.new,
    ) -> "AuditLogEntry":
        """An entry about this identity and device, of which only hashes are kept."""
        return cls(
            id=new_id(),
            process_id=process_id,
            created_at=now,
            message_key=message_key,
            identity_address_hash=hash_of(address),
            device_id_hash=hash_of(device_id) if device_id else None,
            old_status=str(old) if old else None,
            new_status=str(new) if new else None,
            additional_data=dict(data or {}),
        )


@lru_cache(maxsize=256)
def hash_of(text: str) -> str:
    """The hash of an address, a device id or a username: PBKDF2, 32 bytes as base64.  Takes some 30 ms."""
    key = hashlib.pbkdf2_hmac("sha256", text.strip().encode(), _SALT, _ITERATIONS, _BYTES)
    return base64.b64encode(key).decode()
