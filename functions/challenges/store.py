"""Where challenges are kept."""

from datetime import datetime

from backbone import clock
from backbone.addresses import Address
from backbone.dynamodb import Table
from backbone.errors import RecordNotFound
from backbone.events import farewell
from backbone.events.challenges import ChallengeRemoved
from backbone.ids import ChallengeId, DeviceId
from backbone.quotas import Allowance
from backbone.settings import settings
from functions.challenges.domain import Challenge


class ChallengeStore:
    """Table `challenges`.  pk = `CHL…`.  TTL on `ttl`, thirty days after expiry.  No index."""

    @property
    def _table(self) -> Table:
        return Table(settings().challenges_table)

    def add(self, challenge: Challenge, allowance: Allowance) -> None:
        """Anonymous: 1 write (1 WCU).  With a creator: 1 transaction of challenge and count (2 WCU each, 1 for the
        index).  Never overwrites: the id is new or the call fails."""
        item = {
            "pk": challenge.id,
            "expiresAt": clock.render(challenge.expires_at),
            "createdBy": challenge.created_by,
            "createdByDevice": challenge.created_by_device,
            "ttl": clock.epoch_seconds(challenge.disposable_at),
            "onRemoval": _farewell(challenge),
        }
        writing = self._table.putting(item, condition="attribute_not_exists(pk)")
        allowance.spend([writing], now=challenge.created_at)

    def get(self, challenge_id: ChallengeId, *, now: datetime) -> Challenge:
        """1 consistent read (1 RCU).  Raises `RecordNotFound` when absent or no longer readable."""
        item = self._table.get({"pk": challenge_id})
        if item is None:
            raise RecordNotFound("Challenge")
        challenge = Challenge(
            id=ChallengeId(item["pk"]),
            expires_at=clock.parse(item["expiresAt"]),
            created_by=Address(item["createdBy"]) if "createdBy" in item else None,
            created_by_device=DeviceId(item["createdByDevice"]) if "createdByDevice" in item else None,
        )
        if not challenge.is_readable(now):
            raise RecordNotFound("Challenge")
        return challenge


def _farewell(challenge: Challenge) -> str | None:
    """Whose count the end of the challenge reduces."""
    if challenge.created_by is None:
        return None
    removed = ChallengeRemoved(
        challenge_id=challenge.id, created_by=challenge.created_by, created_at=challenge.created_at
    )
    return farewell(removed)
