"""The one clock.  Instants are UTC and whole milliseconds, because clients compare timestamps of different endpoints
for equality (http-common.md, section 6): what is stored is exactly what is rendered."""

from datetime import UTC, datetime, timedelta


def now() -> datetime:
    """The current instant, UTC, cut (not rounded) to milliseconds."""
    return to_milliseconds(datetime.now(UTC))


def to_milliseconds(instant: datetime) -> datetime:
    """`instant` in UTC without anything finer than a millisecond."""
    instant = instant.astimezone(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def render(instant: datetime) -> str:
    """`yyyy-MM-ddTHH:mm:ss.fffZ`, the only timestamp format of the API; sorts like the instants do."""
    # Not `%Y`, which does not fill up years before 1000.
    utc = instant.astimezone(UTC)
    return f"{utc.year:04d}{utc.strftime('-%m-%dT%H:%M:%S')}.{utc.microsecond // 1000:03d}Z"


def parse(text: str) -> datetime:
    """The inverse of `render`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def epoch_seconds(instant: datetime) -> int:
    """Whole seconds since 1970, the unit of DynamoDB's TTL."""
    return int(instant.timestamp())


def days_after(instant: datetime, days: float) -> datetime:
    """`instant` plus `days`."""
    return instant + timedelta(days=days)
