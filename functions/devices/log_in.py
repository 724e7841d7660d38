"""Logging in: who may, and what wrong passwords lead to.  Contract: devices.md, section 2.3.

Three wrong passwords in a row lock a user for a while.  The counter moves by compare-and-swap in the store, so parallel
attempts are counted one by one.
"""

import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backbone.addresses import Address
from backbone.ids import DeviceId, Username

MAX_FAILED_LOG_INS = 3


class LogInRefused(Exception):
    """No token."""


class InvalidGrant(LogInRefused):
    """Unknown user, wrong password, or an identity whose grace period is over."""


class AccessDenied(LogInRefused):
    """The user is locked."""


@dataclass(frozen=True, slots=True)
class User:
    """What a device logs in with, and how that has gone so far.

    `deletion_grace_period_ends_at` is a copy of the identity's.
    """

    username: Username
    user_id: str
    address: Address
    device_id: DeviceId
    password_hash: str
    is_backup_device: bool
    failed_log_ins: int = 0
    locked_until: datetime | None = None
    last_log_in_at: datetime | None = None
    deletion_grace_period_ends_at: datetime | None = None

    def is_locked(self, now: datetime) -> bool:
        """Not even the right password helps."""
        return self.locked_until is not None and self.locked_until > now

    def is_past_grace_period(self, now: datetime) -> bool:
        """The identity counts as deleted from the very millisecond its grace period ends (devices.md, section 7.3)."""
        return self.deletion_grace_period_ends_at is not None and self.deletion_grace_period_ends_at <= now

    def check_allowed(self, now: datetime) -> None:
        """Raises `InvalidGrant` or `AccessDenied`."""
        if self.is_past_grace_period(now):
            raise InvalidGrant
        if self.is_locked(now):
            raise AccessDenied

    def after_wrong_password(self, now: datetime, lockout: timedelta) -> "User":
        """One failure more; the third in a row locks and starts counting anew."""
        failed = self.failed_log_ins + 1
        if failed < MAX_FAILED_LOG_INS:
            return replace(self, failed_log_ins=failed, locked_until=None)
        return replace(self, failed_log_ins=0, locked_until=now + lockout)


def log_in_name(typed: str) -> str | None:
    """What a user is looked up by: the name trimmed, normalised and in upper case.  None for what can be no name."""
    name = unicodedata.normalize("NFC", typed.strip())
    return (
        name.upper() if name.isascii() and name[:3].upper() == "USR" and Username.is_valid("USR" + name[3:]) else None
    )
