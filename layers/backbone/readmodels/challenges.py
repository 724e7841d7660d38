"""Challenges as Devices reads them.  Owner: functions/challenges."""

from dataclasses import dataclass
from datetime import datetime

from backbone import clock
from backbone.dynamodb import Item, Key, Table
from backbone.settings import settings


@dataclass(frozen=True, slots=True)
class ChallengeView:
    """When a challenge stops being usable."""

    expires_at: datetime

    @classmethod
    def of(cls, item: Item) -> "ChallengeView":
        """Read the owner's item."""
        return cls(clock.parse(item["expiresAt"]))


def table() -> Table:
    """The table of Challenges."""
    return Table(settings().challenges_table)


def key(challenge_id: str) -> Key:
    """The item of a challenge."""
    return {"pk": challenge_id}
