"""What is true of tokens.  Contract: tokens.md.

A token is handed around by its id.  Whoever has made it or has read it before may read it always; others need it to be
neither expired nor locked, to be meant for them, and to know its password.  An *empty* token is a rendezvous: anybody
who passes these checks may fill it, and is its creator from then on.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from backbone.addresses import Address
from backbone.caller import Caller
from backbone.errors import BackboneError, Forbidden, InvalidPropertyValue, RecordNotFound
from backbone.events.tokens import TokenCreated, TokenFilled, TokenLocked
from backbone.ids import DeviceId, TokenId

MAX_CONTENT_BYTES = 10 * 1024 * 1024
MAX_PASSWORD_BYTES = 200
MAX_FAILED_ATTEMPTS = 100
ANONYMOUS_LIFETIME = timedelta(minutes=5)
"""Anonymous tokens expire earlier than this."""
KEPT_AFTER_EXPIRY = timedelta(days=30)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class TooManyFailedPasswordAttempts(BackboneError):
    """400: the token is locked.  The one thing strangers learn about a token (Surprises, 3)."""

    def __init__(self) -> None:
        super().__init__(
            "error.platform.token.tooManyFailedPasswordAttempts",
            "The token is locked because a wrong password was sent too often.",
        )


class ContentAlreadyExists(BackboneError):
    """400: the token is not empty (any more)."""

    def __init__(self) -> None:
        super().__init__(
            "error.platform.token.contentUpdateNotPossibleBecauseContentAlreadyExists",
            "The content of the token cannot be updated because it already has one.",
        )


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks for a token; `address` is None for anonymous callers, who never have an allocation."""

    address: Address | None
    has_allocation: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """Everything about a token but its content, which is opaque and stays with the store.

    `is_empty`: it has no content, not even one of zero length.  `times_locked` survives an operator's reset.
    """

    id: TokenId
    created_by: Address | None
    created_by_device: DeviceId | None
    created_at: datetime
    expires_at: datetime
    for_identity: Address | None
    password: bytes | None
    is_empty: bool
    access_failed_count: int = 0
    times_locked: int = 0

    @property
    def is_locked(self) -> bool:
        """Whether nobody new may read or fill it."""
        return self.access_failed_count >= MAX_FAILED_ATTEMPTS

    @property
    def disposable_at(self) -> datetime | None:
        """When housekeeping may remove it (§7)."""
        return self.expires_at + KEPT_AFTER_EXPIRY if self.expires_at <= _END_OF_TIME - KEPT_AFTER_EXPIRY else None

    def is_always_open_to(self, viewer: Viewer) -> bool:
        """§3.2, rules 1 and 2.  No creator equals no caller: what was made anonymously is open to all who are."""
        return viewer.address == self.created_by or viewer.has_allocation

    def check_reachable_for(self, address: Address | None, now: datetime) -> None:
        """§3.2, rules 3 to 5; §3.5, rules 4 to 6.  Raises `RecordNotFound` or `TooManyFailedPasswordAttempts`."""
        if self.expires_at < now:
            raise RecordNotFound("Token")
        if self.is_locked:
            raise TooManyFailedPasswordAttempts
        if self.for_identity is not None and (address is None or address not in (self.for_identity, self.created_by)):
            raise RecordNotFound("Token")

    def is_opened_by(self, password: bytes | None) -> bool:
        """Whether the password is right, or there is none."""
        if self.password is None:
            return True
        return password is not None and hmac.compare_digest(password, self.password)

    def check_empty(self) -> None:
        """§3.5, rule 8.  Raises `ContentAlreadyExists`."""
        if not self.is_empty:
            raise ContentAlreadyExists

    def check_deletable_by(self, caller: Caller) -> None:
        """§3.4.  Nobody is the creator of an anonymous token.  Raises `Forbidden`."""
        if self.created_by != caller.address:
            raise Forbidden

    def filled_by(self, caller: Caller) -> tuple["Token", TokenFilled]:
        """§3.5, rule 9: the token now belongs to who filled it, and counts as his."""
        filled = replace(self, created_by=caller.address, created_by_device=caller.device_id, is_empty=False)
        event = TokenFilled(
            token_id=self.id, old_creator=self.created_by, new_creator=caller.address, created_at=self.created_at
        )
        return filled, event

    def after_wrong_password(self) -> tuple["Token", TokenLocked | None]:
        """§4: one attempt more, and the event that tells of the last one.  Raises `TooManyFailedPasswordAttempts`."""
        if self.is_locked:
            raise TooManyFailedPasswordAttempts
        failed = replace(self, access_failed_count=self.access_failed_count + 1)
        if not failed.is_locked:
            return failed, None
        locked = replace(failed, times_locked=self.times_locked + 1)
        event = TokenLocked(token_id=self.id, created_by=self.created_by, occurrence=locked.times_locked)
        return locked, event


def issue_token(
    caller: Caller | None,
    *,
    content: bytes | None,
    expires_at: datetime,
    for_identity: Address | None,
    password: bytes | None,
    now: datetime,
    new_id: Callable[[], TokenId] = TokenId.new,
) -> tuple[Token, TokenCreated]:
    """A new token and the event that tells of it (§3.1).  Raises `InvalidPropertyValue`."""
    if expires_at <= now:
        raise InvalidPropertyValue("'expiresAt' must be in the future.")
    if caller is None:
        _check_anonymous(content, expires_at, now)
    elif content is not None and len(content) > MAX_CONTENT_BYTES:
        raise InvalidPropertyValue(f"'content' must not be larger than {MAX_CONTENT_BYTES} bytes.")
    token = Token(
        id=new_id(),
        created_by=caller.address if caller else None,
        created_by_device=caller.device_id if caller else None,
        created_at=now,
        expires_at=expires_at,
        for_identity=for_identity,
        password=password,
        is_empty=content is None,
    )
    return token, TokenCreated(token_id=token.id, created_by=token.created_by)


def _check_anonymous(content: bytes | None, expires_at: datetime, now: datetime) -> None:
    if content is not None:
        raise InvalidPropertyValue("'content' must be null when the token is created anonymously.")
    if expires_at >= now + ANONYMOUS_LIFETIME:
        raise InvalidPropertyValue(
            "'expiresAt' must be less than 5 minutes ahead when the token is created anonymously."
        )
