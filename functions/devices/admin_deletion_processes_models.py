"""Deletion processes and the log of deletions over the wire, for operators."""

from backbone.http import ResponseModel, Timestamp
from functions.devices.audit_log import AuditLogEntry
from functions.devices.deletion_process import DeletionProcess
from functions.devices.deletion_processes_models import DeletionProcessOut


class AuditLogEntryOut(ResponseModel):
    """What happened.  A status that there is none of is an empty text, not null."""

    id: str
    created_at: Timestamp
    old_status: str
    new_status: str
    additional_data: dict[str, str]
    message_key: str

    @classmethod
    def of(cls, entry: AuditLogEntry) -> "AuditLogEntryOut":
        """The wire form."""
        return cls(
            id=entry.id,
            created_at=entry.created_at,
            old_status=entry.old_status or "",
            new_status=entry.new_status or "",
            additional_data=dict(entry.additional_data),
            message_key=str(entry.message_key),
        )


class DeletionProcessDetailsOut(DeletionProcessOut):
    """A process with its log."""

    audit_log: list[AuditLogEntryOut]

    @classmethod
    def with_log(cls, process: DeletionProcess, log: list[AuditLogEntry]) -> "DeletionProcessDetailsOut":
        """The wire form."""
        entries = [AuditLogEntryOut.of(entry) for entry in log]
        return cls(**DeletionProcessOut.of(process).model_dump(), audit_log=entries)
