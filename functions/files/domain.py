"""What is true of files.  Contract: files.md.

Whoever knows its id may read a file.  The *creator* may delete it; the *owner*, at first the creator, holds a token
that makes anyone the next owner.  A single wrong token locks the file for claims until its owner makes a new one.
"""

import hmac
import string
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from backbone.addresses import Address
from backbone.caller import Caller
from backbone.errors import BackboneError, Forbidden, InvalidPropertyValue
from backbone.events import DomainEvent
from backbone.events.files import FileOwnershipClaimed, FileOwnershipLocked, FileUploaded
from backbone.ids import DeviceId, FileId, random_text

OWNERSHIP_TOKEN_LENGTH = 20
OWNERSHIP_TOKEN_ALPHABET = string.ascii_letters + string.digits + "!@#$%^&*()_-+=<>?/{}[]|~"
KEPT_AFTER_EXPIRY = timedelta(days=30)
_ALPHABET = frozenset(OWNERSHIP_TOKEN_ALPHABET)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)

NewToken = Callable[[], str]


def new_ownership_token() -> str:
    """A fresh token, drawn by the operating system's generator."""
    return random_text(OWNERSHIP_TOKEN_LENGTH, OWNERSHIP_TOKEN_ALPHABET)


def is_ownership_token(text: str) -> bool:
    """Whether a text could be one; a shorter one could (§4.1)."""
    return 1 <= len(text) <= OWNERSHIP_TOKEN_LENGTH and _ALPHABET.issuperset(text)


class CannotClaimOwnFile(BackboneError):
    """400: the file is the caller's already."""

    def __init__(self) -> None:
        super().__init__(
            "error.platform.validation.file.cannotClaimOwnershipOfOwnFile",
            "You cannot claim the ownership of a file that you own.",
        )


@dataclass(frozen=True, slots=True)
class File:
    """A file; its content and encrypted properties are opaque and stay with the store.

    `modified_by` is always the creator.  The reference keeps it when it makes `created_by` anonymous (§6); here nothing
    keeps the address of a deleted identity.
    """

    id: FileId
    created_at: datetime
    created_by: Address
    created_by_device: DeviceId
    modified_by: Address
    owner: Address
    owner_signature: bytes
    cipher_size: int
    cipher_hash: bytes
    expires_at: datetime
    ownership_token: str
    ownership_is_locked: bool = False
    last_ownership_claim_at: datetime | None = None

    @property
    def disposable_at(self) -> datetime | None:
        """When housekeeping may remove it (§6); None for those that outlive the calendar."""
        if self.expires_at > _END_OF_TIME - KEPT_AFTER_EXPIRY:
            return None
        return self.expires_at + KEPT_AFTER_EXPIRY

    def is_expired(self, now: datetime) -> bool:
        """Nothing can be done with it any more (§2)."""
        return self.expires_at <= now

    def check_deletable_by(self, caller: Caller) -> None:
        """The creator deletes, even after somebody else has become the owner (§3.5).  Raises `Forbidden`."""
        if caller.address != self.created_by:
            raise Forbidden

    def belongs_to_its_creator(self, caller: Caller) -> bool:
        """Whether the caller has created it and nobody else has become its owner."""
        return self.created_by == self.owner == caller.address

    def opens_to(self, token: str) -> bool:
        """Whether it is this file's token."""
        return hmac.compare_digest(token.encode(), self.ownership_token.encode())


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody's use of a file's ownership comes to.

    `after` is the file it leaves; `accepted` says whether the caller's token opened it.
    """

    after: File
    accepted: bool
    events: tuple[DomainEvent, ...] = ()

    @property
    def claimed(self) -> FileOwnershipClaimed | None:
        """The event of a claim."""
        return next((event for event in self.events if isinstance(event, FileOwnershipClaimed)), None)


def upload(
    caller: Caller,
    *,
    cipher_size: int,
    cipher_hash: bytes,
    expires_at: datetime | None,
    owner_signature: bytes,
    now: datetime,
    new_id: Callable[[], FileId] = FileId.new,
    new_token: NewToken = new_ownership_token,
) -> tuple[File, FileUploaded]:
    """A new file and the event that tells of it.  Raises `InvalidPropertyValue` unless it expires in the future."""
    if expires_at is None or expires_at <= now:
        raise InvalidPropertyValue("'expiresAt' must be in the future.")
    file = File(
        id=new_id(),
        created_at=now,
        created_by=caller.address,
        created_by_device=caller.device_id,
        modified_by=caller.address,
        owner=caller.address,
        owner_signature=owner_signature,
        cipher_size=cipher_size,
        cipher_hash=cipher_hash,
        expires_at=expires_at,
        ownership_token=new_token(),
    )
    return file, FileUploaded(file_id=file.id, owner=file.owner)


def regenerate_token(file: File, caller: Caller, *, new_token: NewToken = new_ownership_token) -> Change:
    """A new token for the owner; it also removes the lock, and both are kept (Surprise 1).  Raises `Forbidden`."""
    if caller.address != file.owner:
        raise Forbidden
    return Change(replace(file, ownership_token=new_token(), ownership_is_locked=False), accepted=True)


def claim_ownership(
    file: File, token: str, caller: Caller, *, now: datetime, new_token: NewToken = new_ownership_token
) -> Change:
    """The caller becomes the owner, or a wrong token locks the file (§3.7).

    Raises `CannotClaimOwnFile` or, when it is locked already, `Forbidden`.
    """
    if caller.address == file.owner:
        raise CannotClaimOwnFile
    if file.ownership_is_locked:
        raise Forbidden
    if not file.opens_to(token):
        # The reference raises two events for a claim (events.md, section 2.4).
        return _lock(file, now, times=2)
    event = FileOwnershipClaimed(
        file_id=file.id, old_owner_address=file.owner, new_owner_address=caller.address, claimed_at=now
    )
    after = replace(file, owner=caller.address, ownership_token=new_token(), last_ownership_claim_at=now)
    return Change(after, True, (event,))


def validate_token(file: File, token: str, caller: Caller, *, now: datetime) -> Change:
    """Whether the token would open a claim; a wrong one of somebody else's locks the file (§3.8)."""
    if file.ownership_is_locked:
        return Change(file, accepted=False)
    if file.opens_to(token):
        return Change(file, accepted=True)
    if caller.address == file.owner:
        return Change(file, accepted=False)
    return _lock(file, now, times=1)


def _lock(file: File, now: datetime, *, times: int) -> Change:
    events = tuple(
        FileOwnershipLocked(file_id=file.id, owner_address=file.owner, locked_at=now, occurrence=occurrence)
        for occurrence in range(1, times + 1)
    )
    return Change(replace(file, ownership_is_locked=True), False, events)
