"""Who may log in.  Contract: devices.md, section 2.3."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backbone.addresses import Address
from backbone.ids import DeviceId, Username
from functions.devices.log_in import AccessDenied, InvalidGrant, User, log_in_name

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOCKOUT = timedelta(minutes=10)
MILLISECOND = timedelta(milliseconds=1)
USER = User(
    username=Username("USRabc"),
    user_id="id",
    address=Address("did:e:localhost:dids:76a33ea3665eef489c70bb"),
    device_id=DeviceId("DVCabc"),
    password_hash="hash",
    is_backup_device=False,
)


def test_the_third_wrong_password_locks_and_starts_counting_anew() -> None:
    """devices.md §2.3, rows 11 and 12"""
    once = USER.after_wrong_password(NOW, LOCKOUT)
    twice = once.after_wrong_password(NOW, LOCKOUT)
    thrice = twice.after_wrong_password(NOW, LOCKOUT)

    assert (once.failed_log_ins, once.locked_until) == (1, None)
    assert (twice.failed_log_ins, twice.locked_until) == (2, None)
    assert (thrice.failed_log_ins, thrice.locked_until) == (0, NOW + LOCKOUT)


def test_a_lock_ends_at_its_very_instant() -> None:
    """devices.md §2.3, row 10: user currently locked out"""
    locked = replace(USER, locked_until=NOW)

    with pytest.raises(AccessDenied):
        locked.check_allowed(NOW - MILLISECOND)
    locked.check_allowed(NOW)


def test_a_wrong_password_after_a_lock_forgets_the_lock() -> None:
    locked = replace(USER, locked_until=NOW - MILLISECOND)

    assert locked.after_wrong_password(NOW, LOCKOUT).locked_until is None


def test_the_end_of_the_grace_period_is_the_end() -> None:
    """devices.md §7.3: treat equality at millisecond resolution as over"""
    leaving = replace(USER, deletion_grace_period_ends_at=NOW)

    leaving.check_allowed(NOW - MILLISECOND)
    with pytest.raises(InvalidGrant):
        leaving.check_allowed(NOW)


def test_the_end_of_the_grace_period_counts_more_than_a_lock() -> None:
    """devices.md §2.3: First match wins (row 9 before row 10)"""
    both = replace(USER, deletion_grace_period_ends_at=NOW, locked_until=NOW + LOCKOUT)

    with pytest.raises(InvalidGrant):
        both.check_allowed(NOW)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("USRabc", "USRABC"),
        ("usrABC", "USRABC"),
        (" \tUsrAbC\n", "USRABC"),
        ("USR0123456789ABCDEFG", "USR0123456789ABCDEFG"),
        ("USR0123456789ABCDEFGH", None),
        ("USR-", None),
        ("USRß", None),
        ("DVCabc", None),
        ("", None),
    ],
)
def test_users_are_looked_up_by_their_normalised_name(typed: str, name: str | None) -> None:
    """devices.md §2.1: Username is trimmed, Unicode-normalised and upper-cased before lookup"""
    assert log_in_name(typed) == name
