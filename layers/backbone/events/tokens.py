"""Events raised by Tokens.  Contract: events.md, section 2.4."""

from backbone.addresses import Address
from backbone.events.base import DomainEvent
from backbone.ids import TokenId


class TokenLocked(DomainEvent):
    """The last allowed attempt at a token's password failed.  → synchronization, push (for its creator, if any)."""

    token_id: TokenId
    created_by: Address | None

    @property
    def event_id(self) -> str:
        return f"{self.token_id}/Locked"
