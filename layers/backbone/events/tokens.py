"""Events raised by Tokens.  Contract: tokens.md, section 6; events.md, section 2.4."""

from datetime import datetime

from backbone.addresses import Address
from backbone.events.base import DomainEvent
from backbone.ids import TokenId


class TokenCreated(DomainEvent):
    """A token was created, by somebody or anonymously.  → nobody (quotas count it with its creation)."""

    token_id: TokenId
    created_by: Address | None

    @property
    def event_id(self) -> str:
        return f"{self.token_id}/Created"


class TokenFilled(DomainEvent):
    """Somebody has put content into an empty token and is its creator from then on.  → quotas.

    `created_at` is when the token was created, by `old_creator` or anonymously.
    """

    token_id: TokenId
    old_creator: Address | None
    new_creator: Address
    created_at: datetime

    @property
    def event_id(self) -> str:
        return f"{self.token_id}/Filled"


class TokenRemoved(DomainEvent):
    """A token that somebody has created was deleted or has expired long ago.  → quotas."""

    token_id: TokenId
    created_by: Address
    created_at: datetime

    @property
    def event_id(self) -> str:
        return f"{self.token_id}/Removed"


class TokenLocked(DomainEvent):
    """The last allowed attempt at a token's password failed.  → synchronization, push (for its creator, if any).

    `occurrence` counts the locks: an operator may unlock a token, and it may be locked again.
    """

    token_id: TokenId
    created_by: Address | None
    occurrence: int = 1

    @property
    def event_id(self) -> str:
        return f"{self.token_id}/Locked/{self.occurrence}"
