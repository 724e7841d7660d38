"""What a relationship is: two identities and the log of what they did.  Contract: relationships.md, section 2."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from backbone.addresses import Address
from backbone.errors import RecordNotFound
from backbone.ids import DeviceId, RelationshipId, RelationshipTemplateId
from functions.relationships import refusals

KEPT_WHEN_READY_FOR_DELETION = timedelta(days=30)


class Status(StrEnum):
    """Where a relationship stands."""

    PENDING = "Pending"
    ACTIVE = "Active"
    REJECTED = "Rejected"
    REVOKED = "Revoked"
    TERMINATED = "Terminated"
    DELETION_PROPOSED = "DeletionProposed"
    READY_FOR_DELETION = "ReadyForDeletion"

    @property
    def is_open(self) -> bool:
        """Whether such a relationship keeps its two identities from creating another one (§3.4 step 7)."""
        return self in _OPEN


_OPEN = frozenset({Status.PENDING, Status.ACTIVE, Status.TERMINATED, Status.DELETION_PROPOSED})


class Reason(StrEnum):
    """What an entry of the audit log records."""

    CREATION = "Creation"
    ACCEPTANCE_OF_CREATION = "AcceptanceOfCreation"
    REJECTION_OF_CREATION = "RejectionOfCreation"
    REVOCATION_OF_CREATION = "RevocationOfCreation"
    TERMINATION = "Termination"
    REACTIVATION_REQUESTED = "ReactivationRequested"
    ACCEPTANCE_OF_REACTIVATION = "AcceptanceOfReactivation"
    REJECTION_OF_REACTIVATION = "RejectionOfReactivation"
    REVOCATION_OF_REACTIVATION = "RevocationOfReactivation"
    DECOMPOSITION = "Decomposition"
    DECOMPOSITION_DUE_TO_IDENTITY_DELETION = "DecompositionDueToIdentityDeletion"


@dataclass(frozen=True, slots=True)
class AuditLogEntry:
    """One change: who did what, when, and what became of the status (`old_status` is None for the creation only)."""

    created_at: datetime
    created_by: Address
    created_by_device: DeviceId | None
    reason: Reason
    old_status: Status | None
    new_status: Status


@dataclass(frozen=True, slots=True)
class Relationship:
    """Two identities and what they have done to their relationship.

    `from_` created it with a template of `to`.  The contents that travel with creation and answer are opaque and stay
    with the store.
    """

    id: RelationshipId
    template_id: RelationshipTemplateId | None
    from_: Address
    to: Address
    created_at: datetime
    status: Status
    audit_log: tuple[AuditLogEntry, ...]
    from_has_decomposed: bool = False
    to_has_decomposed: bool = False

    @property
    def last_entry(self) -> AuditLogEntry:
        """The newest entry; there always is one."""
        return self.audit_log[-1]

    def has_participant(self, address: Address) -> bool:
        """Whether this is one of the two."""
        return address in (self.from_, self.to)

    def peer_of(self, participant: Address) -> Address:
        """The other one."""
        return self.to if participant == self.from_ else self.from_

    def was_decomposed_by(self, participant: Address) -> bool:
        """Whether this participant has given the relationship up."""
        return self.from_has_decomposed if participant == self.from_ else self.to_has_decomposed

    def decomposed_by(self, participant: Address) -> "Relationship":
        """The same, given up by this participant."""
        return replace(
            self,
            from_has_decomposed=self.from_has_decomposed or participant == self.from_,
            to_has_decomposed=self.to_has_decomposed or participant == self.to,
        )

    @property
    def counted_for(self) -> frozenset[Address]:
        """Whose number of relationships it adds to, as long as quotas count it (quotas.md §2)."""
        match self.status:
            case Status.PENDING:
                return frozenset({self.from_})
            case Status.ACTIVE | Status.TERMINATED:
                return frozenset({self.from_, self.to})
            case Status.DELETION_PROPOSED:
                return frozenset({self.to if self.from_has_decomposed else self.from_})
            case _:
                return frozenset()

    @property
    def disposable_at(self) -> datetime | None:
        """When housekeeping may remove it (§7)."""
        if self.status is not Status.READY_FOR_DELETION:
            return None
        return self.last_entry.created_at + KEPT_WHEN_READY_FOR_DELETION

    def check_participant(self, address: Address) -> None:
        """Whoever does not take part learns nothing: raises `RecordNotFound`."""
        if not self.has_participant(address):
            raise RecordNotFound("Relationship")

    def check_readable_by(self, address: Address) -> None:
        """Raises `RecordNotFound` for a stranger and `relationshipAlreadyDecomposed` after one's own decomposition."""
        self.check_participant(address)
        if self.was_decomposed_by(address):
            raise refusals.ALREADY_DECOMPOSED.error()
