"""Feature flags: what an identity tells about its abilities.  Contract: devices.md, section 9."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.devices.errors import MaxNumberOfFeatureFlagsExceeded

MAX_NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class FeatureFlags:
    """The flags of an identity, by name; `changed_at` None: it has never set any."""

    flags: Mapping[str, bool]
    changed_at: datetime | None = None

    def changed(self, flags: Mapping[str, bool], *, maximum: int, now: datetime) -> "FeatureFlags":
        """With these flags set and all others as they are.  Raises `MaxNumberOfFeatureFlagsExceeded`.

        Every change has an instant of its own, which tells it from all others.
        """
        check_number(flags, maximum)
        merged = {**self.flags, **flags}
        check_number(merged, maximum)
        earliest = self.changed_at + timedelta(milliseconds=1) if self.changed_at else now
        return FeatureFlags(merged, max(now, earliest))


def check_number(flags: Mapping[str, bool], maximum: int) -> None:
    """Raises `MaxNumberOfFeatureFlagsExceeded`."""
    if len(flags) > maximum:
        raise MaxNumberOfFeatureFlagsExceeded(maximum)
