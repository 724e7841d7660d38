"""What every service says at the end of its part of an identity's deletion.  Contract: events.md, section 6.3."""

from backbone.addresses import Address
from backbone.events.base import DomainEvent
from backbone.ids import IdentityDeletionProcessId


class IdentityDataDeleted(DomainEvent):
    """A service has nothing left of a deleted identity.  → devices (which deletes the identity itself at the end).

    `aggregates` are the names that the audit log of the deletion gets, one entry each (`Relationships`, `Tokens`, …).
    """

    identity_address: Address
    deletion_process_id: IdentityDeletionProcessId
    service: str
    aggregates: tuple[str, ...]

    @property
    def event_id(self) -> str:
        return f"{self.deletion_process_id}/DataDeleted/{self.service}"
