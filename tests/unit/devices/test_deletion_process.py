"""The rules of deletion, with plain values.  Contract: devices.md, section 8; events.md, section 6."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backbone import clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.errors import InvalidPropertyValue, RecordNotFound
from backbone.ids import QUEUED_FOR_DELETION_TIER, DeviceId, IdentityDeletionProcessId, TierId, Username
from functions.devices import deletion_process
from functions.devices.audit_log import hash_of
from functions.devices.deletion_process import DeletionProcess, DeletionProcessStatus, Owner
from functions.devices.domain import Device, Identity, IdentityStatus
from functions.devices.errors import (
    DeletionProcessIsNotInRequiredStatus,
    GracePeriodHasAlreadyExpired,
    GracePeriodHasNotYetExpired,
    OnlyOneActiveDeletionProcessAllowed,
)

NOW = datetime(2026, 5, 6, 7, 8, 9, 123_000, tzinfo=UTC)
ADDRESS = Address.of_public_key(b"key", "localhost")
DEVICE = DeviceId.new()
CALLER = Caller(ADDRESS, DEVICE, "test")
BASIC = TierId("TIRbasic000000000000")
IDENTITY = Identity(ADDRESS, b"{}", 1, "test", BASIC, IdentityStatus.ACTIVE, NOW)
OWNER = Owner(IDENTITY, (Device(DEVICE, ADDRESS, Username.new(), NOW, DEVICE, "en"),))


def _started(days: float = 14, now: datetime = NOW) -> deletion_process.Step:
    return deletion_process.start(OWNER, CALLER, days, now=now)


def test_a_started_process_is_active_and_the_identity_queued_for_deletion() -> None:
    """devices.md §8: Effects of start: process Active, gracePeriodEndsAt = now + length; identity: tierIdBeforeDeletion
    := tierId, tierId := `TIR00000000000000001`, status ToBeDeleted, deletionGracePeriodEndsAt set; audit entry
    `StartedByOwner`. Events on commit: `TierOfIdentityChanged`, `IdentityToBeDeleted`,
    `IdentityDeletionProcessStatusChanged`."""
    step = _started()

    assert step.process.status is DeletionProcessStatus.ACTIVE
    assert step.process.grace_period_ends_at == step.identity.deletion_grace_period_ends_at == NOW + timedelta(days=14)
    assert (step.identity.tier_id, step.identity.tier_id_before_deletion) == (QUEUED_FOR_DELETION_TIER, BASIC)
    assert step.identity.status is IdentityStatus.TO_BE_DELETED
    assert [event.name for event in step.events] == [
        "TierOfIdentityChanged",
        "IdentityToBeDeleted",
        "IdentityDeletionProcessStatusChanged",
    ]
    entry = step.entries[0]
    assert (entry.message_key, entry.old_status, entry.new_status) == ("StartedByOwner", None, "Active")
    assert (entry.identity_address_hash, entry.device_id_hash) == (hash_of(ADDRESS), hash_of(DEVICE))


@pytest.mark.parametrize(("days", "length"), [(0, 0), (-1, -86_400), (0.5, 43_200), (1e-9, 0), (3650, 3650 * 86_400)])
def test_a_grace_period_may_have_any_length(days: float, length: int) -> None:
    """devices.md §8: Fractions allowed, no validation (0 and negative accepted)"""
    assert _started(days).process.grace_period_ends_at == NOW + timedelta(seconds=length)


@pytest.mark.parametrize("days", [1e300, -1e300, 3e6, -400_000])
def test_an_absurd_length_is_refused(days: float) -> None:
    """devices.md §8: absurd values overflow to 500 (400 here)"""
    with pytest.raises(InvalidPropertyValue):
        _started(days)


@pytest.mark.parametrize("status", [IdentityStatus.TO_BE_DELETED, IdentityStatus.DELETING])
def test_there_is_one_process_at_a_time(status: IdentityStatus) -> None:
    """devices.md §8: an Active or Deleting process exists 400 onlyOneActiveDeletionProcessAllowed — before the check of
    the device"""
    owner = Owner(replace(IDENTITY, status=status), ())

    with pytest.raises(OnlyOneActiveDeletionProcessAllowed):
        deletion_process.start(owner, CALLER, 14, now=NOW)


def test_a_device_of_somebody_else_starts_nothing() -> None:
    """devices.md §8: device not of this identity 404"""
    with pytest.raises(RecordNotFound):
        deletion_process.start(Owner(IDENTITY, ()), CALLER, 14, now=NOW)


def _cancel(step: deletion_process.Step, now: datetime = NOW) -> deletion_process.Step:
    owner = Owner(step.identity, OWNER.devices)
    return deletion_process.cancel(owner, step.process, step.process.id, CALLER, now=now)


def test_a_cancelled_process_leaves_the_identity_as_it_was() -> None:
    """devices.md §8: Effects of cancel: process Cancelled, cancelledAt, gracePeriodEndsAt null; identity: tierId
    restored, deletionGracePeriodEndsAt null, status Active; audit entry `CancelledByOwner`. Events:
    `TierOfIdentityChanged`, `IdentityDeletionCancelled`, `IdentityDeletionProcessStatusChanged`."""
    step = _cancel(_started(), NOW + timedelta(days=1))

    assert step.identity == IDENTITY
    assert (step.process.status, step.process.grace_period_ends_at) == (DeletionProcessStatus.CANCELLED, None)
    assert step.process.cancelled_at == NOW + timedelta(days=1)
    assert step.process.disposable_at == NOW + timedelta(days=31)
    assert [event.name for event in step.events] == [
        "TierOfIdentityChanged",
        "IdentityDeletionCancelled",
        "IdentityDeletionProcessStatusChanged",
    ]
    entry = step.entries[0]
    assert (entry.message_key, entry.old_status, entry.new_status) == ("CancelledByOwner", "Active", "Cancelled")


def test_only_an_active_process_in_its_grace_period_is_cancelled() -> None:
    """devices.md §8: status not Active 400 deletionProcessIsNotInRequiredStatus; grace period over 400
    gracePeriodHasAlreadyExpired"""
    step = _started(1)

    with pytest.raises(DeletionProcessIsNotInRequiredStatus):
        _cancel(_cancel(step))
    with pytest.raises(GracePeriodHasAlreadyExpired):
        _cancel(step, NOW + timedelta(days=1))


def test_the_checks_of_a_cancellation_come_in_the_contract_s_order() -> None:
    """devices.md §8: id shorter than 20 characters 400 invalidId; device not of this identity 404; unknown 404"""
    short = IdentityDeletionProcessId("IDPshort")

    with pytest.raises(InvalidPropertyValue) as refusal:
        deletion_process.cancel(Owner(IDENTITY, ()), None, short, CALLER, now=NOW)
    assert refusal.value.code == "error.platform.validation.invalidId"
    with pytest.raises(RecordNotFound, match="Device"):
        deletion_process.cancel(Owner(IDENTITY, ()), None, IdentityDeletionProcessId.new(), CALLER, now=NOW)
    with pytest.raises(RecordNotFound, match="Process"):
        deletion_process.cancel(OWNER, None, IdentityDeletionProcessId.new(), CALLER, now=NOW)


def test_deletion_begins_when_the_grace_period_is_over() -> None:
    """devices.md §8.2, step 2: process -> Deleting, deletionStartedAt, identity status Deleting, audit
    `DeletionStarted`, events `IdentityDeletionProcessStatusChanged`, `IdentityDeleted`"""
    step = _started(1)
    end = NOW + timedelta(days=1)

    with pytest.raises(GracePeriodHasNotYetExpired):
        deletion_process.begin(step.identity, step.process, now=end - timedelta(milliseconds=1))
    begun = deletion_process.begin(step.identity, step.process, now=end)

    assert (begun.process.status, begun.process.deletion_started_at) == (DeletionProcessStatus.DELETING, end)
    assert begun.identity.status is IdentityStatus.DELETING
    assert [event.name for event in begun.events] == ["IdentityDeletionProcessStatusChanged", "IdentityDeleted"]
    assert [entry.message_key for entry in begun.entries] == ["DeletionStarted"]
    with pytest.raises(DeletionProcessIsNotInRequiredStatus):
        deletion_process.begin(begun.identity, begun.process, now=end)


def test_reminders_are_sent_when_few_days_are_left_and_never_caught_up() -> None:
    """events.md §10: reminder job with d=13 -> none; d=11.5 -> reminder 1; next day d=10.5 -> none; d=9.5 -> 2;
    d=4.9 -> 3; then none"""
    process, sent = _started(14).process, []

    for days_left in (13, 11.5, 10.5, 9.5, 4.9, 3.9):
        now = NOW + timedelta(days=14 - days_left)
        number = deletion_process.next_reminder(process, now=now)
        if number:
            process, entry, event = deletion_process.remind(process, number, now=now)
            sent.append((days_left, entry.message_key, event.model_dump()["days_until_deletion"]))

    assert sent == [
        (11.5, "GracePeriodReminder1Sent", 12),
        (9.5, "GracePeriodReminder2Sent", 10),
        (4.9, "GracePeriodReminder3Sent", 5),
    ]


@pytest.mark.parametrize(("sent", "days_left", "expected"), [
    ((None, None, None), 4, 3),
    ((NOW, None, None), 11, None),
    ((None, NOW, None), 9, None),
    ((None, NOW, None), 5, 3),
    ((None, None, NOW), 1, None),
    ((None, None, None), 12, 1),
    ((None, None, None), 10, 2),
])  # fmt: skip
def test_only_the_last_reminder_that_is_due_is_sent(
    sent: tuple[datetime | None, datetime | None, datetime | None], days_left: float, expected: int | None
) -> None:
    """devices.md §8.1: reminder 3 already sent -> nothing; d <= 5 -> send, mark 3; else reminder 2 sent -> nothing; …
    At most one per run; skipped earlier reminders are never sent later."""
    process = replace(_started(days_left).process, reminders_sent_at=sent)

    assert deletion_process.next_reminder(process, now=NOW) == expected


def test_a_cancelled_process_reminds_nobody() -> None:
    assert deletion_process.next_reminder(_cancel(_started(4)).process, now=NOW) is None


def test_services_are_asked_again_after_an_hour() -> None:
    step = _started(0)
    process: DeletionProcess = deletion_process.begin(step.identity, step.process, now=NOW).process

    assert not deletion_process.must_ask_again(process, now=NOW + timedelta(minutes=59))
    assert deletion_process.must_ask_again(process, now=NOW + timedelta(minutes=60))
    assert not deletion_process.must_ask_again(step.process, now=NOW + timedelta(days=1))


def test_hashes_are_the_reference_s() -> None:
    """devices.md §7.3: Example: `USRabcdefghijklmnopq` -> `DLT4JLLF4VrR/Fo2eUNWE/OWWAFTWMU9yHFoHbrjH/g=`"""
    assert hash_of("USRabcdefghijklmnopq") == "DLT4JLLF4VrR/Fo2eUNWE/OWWAFTWMU9yHFoHbrjH/g="


@pytest.mark.parametrize("step", [_started(), _cancel(_started())], ids=["started", "cancelled"])
def test_event_ids_fit_and_differ(step: deletion_process.Step) -> None:
    """events.md §1.2: DomainEventId (1–128 chars)"""
    ids = [event.event_id for event in step.events]

    assert len(set(ids)) == len(ids)
    assert all(1 <= len(id) <= 128 for id in ids)
    assert clock.render(NOW) in ids[0]
