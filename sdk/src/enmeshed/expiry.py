"""When things expire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from enmeshed.errors import PreconditionError
from enmeshed.protocol.encoding import utc_now

NEVER = datetime(9999, 12, 31, tzinfo=UTC)  # as official clients put it (§4)


def expiry(expires_in: timedelta | None, expires_at: datetime | None, default: timedelta | datetime) -> datetime:
    """The moment that callers mean by ``expires_in`` or ``expires_at``, by default that of ``default``.

    Raises :class:`PreconditionError` if it is over already.
    """
    if expires_in is not None:
        moment = utc_now() + expires_in
    elif expires_at is not None:
        moment = expires_at.replace(tzinfo=UTC) if expires_at.tzinfo is None else expires_at
    else:
        moment = utc_now() + default if isinstance(default, timedelta) else default
    if moment <= utc_now():
        raise PreconditionError("error.client.alreadyExpired", str(moment))
    return moment
