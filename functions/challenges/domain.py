"""What is true of challenges.  Contract: devices.md, section 4.

A challenge is not consumed and not bound to anyone; it may be used for ten minutes and read for an hour longer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from backbone.addresses import Address
from backbone.caller import Caller
from backbone.ids import ChallengeId, DeviceId

LIFETIME = timedelta(minutes=10)
READABLE_AFTER_EXPIRY = timedelta(minutes=60)
KEPT_AFTER_EXPIRY = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A text to sign; whoever can, has the key."""

    id: ChallengeId
    expires_at: datetime
    created_by: Address | None
    created_by_device: DeviceId | None

    @property
    def created_at(self) -> datetime:
        """When its ten minutes began (quotas.md, section 2)."""
        return self.expires_at - LIFETIME

    def is_readable(self, now: datetime) -> bool:
        """Whether GET still delivers it."""
        return now <= self.expires_at + READABLE_AFTER_EXPIRY

    @property
    def disposable_at(self) -> datetime:
        """When housekeeping may remove it."""
        return self.expires_at + KEPT_AFTER_EXPIRY


def issue_challenge(
    caller: Caller | None, *, now: datetime, new_id: Callable[[], ChallengeId] = ChallengeId.new
) -> Challenge:
    """A fresh challenge; anonymous when nobody is logged in."""
    return Challenge(
        id=new_id(),
        expires_at=now + LIFETIME,
        created_by=caller.address if caller else None,
        created_by_device=caller.device_id if caller else None,
    )
