"""Events raised by Tokens.  Contract: tokens.md, section 6; events.md, section 2.4."""

from backbone.addresses import Address
from backbone.events.base import DomainEvent
from backbone.ids import TokenId


class TokenCreated(DomainEvent):
    """A token was created, by somebody or anonymously.  → quotas."""

    token_id: TokenId
    created_by: Address | None

    @property
    def event_id(self) -> str:
        return f"{self.token_id}/Created"


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
