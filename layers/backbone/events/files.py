"""Events raised by Files.  Contract: events.md, section 2.4."""

from datetime import datetime

from backbone import clock
from backbone.addresses import Address
from backbone.events.base import DomainEvent
from backbone.ids import FileId


class FileUploaded(DomainEvent):
    """A file was uploaded.  → nobody (quotas count it with its creation)."""

    file_id: FileId
    owner: Address

    @property
    def event_id(self) -> str:
        return f"{self.file_id}/Created"


class FileRemoved(DomainEvent):
    """A file was deleted or has expired long ago.  → quotas (of its creator; `cipher_size` in bytes)."""

    file_id: FileId
    created_by: Address
    created_at: datetime
    cipher_size: int

    @property
    def event_id(self) -> str:
        return f"{self.file_id}/Removed"


class FileOwnershipLocked(DomainEvent):
    """A wrong ownership token locked a file.  → synchronization (for the owner).

    `occurrence` tells apart the two that a wrong claim raises; the validation of a wrong token raises only the first.
    """

    file_id: FileId
    owner_address: Address
    locked_at: datetime
    occurrence: int = 1

    @property
    def event_id(self) -> str:
        return f"{self.file_id}/OwnershipLocked/{clock.render(self.locked_at)}/{self.occurrence}"


class FileOwnershipClaimed(DomainEvent):
    """A file has a new owner.  → synchronization (for the old one)."""

    file_id: FileId
    old_owner_address: Address
    new_owner_address: Address
    claimed_at: datetime

    @property
    def event_id(self) -> str:
        return f"{self.file_id}/OwnershipClaimed/{clock.render(self.claimed_at)}"
