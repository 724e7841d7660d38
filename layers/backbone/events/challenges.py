"""Events raised by Challenges."""

from datetime import datetime

from backbone.addresses import Address
from backbone.events.base import DomainEvent
from backbone.ids import ChallengeId


class ChallengeRemoved(DomainEvent):
    """A challenge that somebody has created with an access token has expired long ago.  → quotas."""

    challenge_id: ChallengeId
    created_by: Address
    created_at: datetime

    @property
    def event_id(self) -> str:
        return f"{self.challenge_id}/Removed"
