"""Deletion processes over the wire."""

from backbone.http import Double, RequestModel, ResponseModel, Timestamp
from functions.devices.deletion_process import DeletionProcess


class StartDeletionProcessIn(RequestModel):
    """Body of POST /Identities/Self/DeletionProcesses; without length, the configured one."""

    length_of_grace_period_in_days: Double | None = None


class DeletionProcessOut(ResponseModel):
    """A process in every answer.  `approved…` are what is left of a step that does not exist any more."""

    id: str
    status: str
    created_at: Timestamp
    created_by_device: str
    approved_at: Timestamp
    approved_by_device: str
    grace_period_ends_at: Timestamp | None
    grace_period_reminder1_sent_at: Timestamp | None
    grace_period_reminder2_sent_at: Timestamp | None
    grace_period_reminder3_sent_at: Timestamp | None

    @classmethod
    def of(cls, process: DeletionProcess) -> "DeletionProcessOut":
        """The wire form."""
        first, second, third = process.reminders_sent_at
        return cls(
            id=process.id,
            status=str(process.status),
            created_at=process.created_at,
            created_by_device=process.created_by_device,
            approved_at=process.created_at,
            approved_by_device=process.created_by_device,
            grace_period_ends_at=process.grace_period_ends_at,
            grace_period_reminder1_sent_at=first,
            grace_period_reminder2_sent_at=second,
            grace_period_reminder3_sent_at=third,
        )
