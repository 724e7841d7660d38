"""Deleting the own identity, with a grace period in which that can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from enmeshed.errors import PreconditionError
from enmeshed.protocol.encoding import JsonObject, parse_iso, sorted_object
from enmeshed.session import Session

COLLECTION = "IdentityDeletionProcess"
ACTIVE = "Active"
_MEMBERS = ("id", "status", "createdAt", "createdByDevice", "gracePeriodEndsAt", "cancelledAt", "cancelledByDevice")
_ERRORS = "error.transport.identityDeletionProcess."


@dataclass(frozen=True)
class DeletionProcess:
    """A decision to delete the identity; ``status`` is ``Active``, ``Cancelled`` or ``Deleting``."""

    id: str
    status: str
    created_at: datetime
    created_by_device: str
    grace_period_ends_at: datetime | None

    @classmethod
    def of(cls, value: JsonObject) -> DeletionProcess:
        """From the stored object (§20.1)."""
        end = value.get("gracePeriodEndsAt")
        return cls(
            id=value["id"],
            status=value["status"],
            created_at=parse_iso(value["createdAt"]),
            created_by_device=value["createdByDevice"],
            grace_period_ends_at=parse_iso(end) if end else None,
        )


class Deletion:
    """The deletion of an account's identity: ``account.deletion``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def all(self) -> list[DeletionProcess]:
        """All deletion processes this device knows, oldest first. No network calls."""
        return [DeletionProcess.of(value) for value in self._session.objects.all(COLLECTION)]

    @property
    def active(self) -> DeletionProcess | None:
        """The one that will delete the identity, if any. No network calls."""
        return next((process for process in self.all() if process.status == ACTIVE), None)

    def start(self, *, grace_period_in_days: float | None = None) -> DeletionProcess:
        """Delete the identity after a grace period; until then it keeps working, with quotas of 0.

        :param grace_period_in_days: by default what the Backbone is configured for, usually 14
        :raises PreconditionError: ``…activeIdentityDeletionProcessAlreadyExists``
        :raises BackboneError: the Backbone refused

        One call: ``POST Identities/Self/DeletionProcesses``.
        """
        if self.active is not None:
            raise PreconditionError(f"{_ERRORS}activeIdentityDeletionProcessAlreadyExists")
        body = {} if grace_period_in_days is None else {"lengthOfGracePeriodInDays": grace_period_in_days}
        return self._keep(self._session.connection.post("/Identities/Self/DeletionProcesses", body))

    def cancel(self) -> DeletionProcess:
        """Take the deletion back.

        Raises :class:`PreconditionError` ``…noActiveIdentityDeletionProcess``, :class:`BackboneError`. One call:
        ``PUT Identities/Self/DeletionProcesses/{id}/Cancel``.
        """
        process = self.active
        if process is None:
            raise PreconditionError(f"{_ERRORS}noActiveIdentityDeletionProcess")
        path = f"/Identities/Self/DeletionProcesses/{process.id}/Cancel"
        return self._keep(self._session.connection.put(path))

    def refresh(self, process_id: str) -> DeletionProcess:
        """Fetch a process after an event (§20.4). One call: ``GET Identities/Self/DeletionProcesses/{id}``."""
        return self._keep(self._session.connection.get(f"/Identities/Self/DeletionProcesses/{process_id}"))

    def refresh_all(self) -> list[DeletionProcess]:
        """Fetch all processes. One call: ``GET Identities/Self/DeletionProcesses``."""
        return [self._keep(answer) for answer in self._session.connection.get("/Identities/Self/DeletionProcesses")]

    def _keep(self, answer: JsonObject) -> DeletionProcess:
        members = (
            "id",
            "status",
            "createdAt",
            "createdByDevice",
            "gracePeriodEndsAt",
            "cancelledAt",
            "cancelledByDevice",
        )
        value = sorted_object({name: answer.get(name) for name in members})
        objects = self._session.objects
        if objects.find(COLLECTION, value["id"]) is None:
            objects.create(COLLECTION, value)
        else:
            objects.update(COLLECTION, value)
        return DeletionProcess.of(value)
