"""Who wins when several start, cancel and delete at once.  Against DynamoDB Local, whose transactions are real."""

from datetime import timedelta
from functools import partial

import pytest

from backbone import clock
from backbone.caller import Caller
from functions.devices import audit_log, deletion_jobs, feature_flags_api
from functions.devices.consumers import consumers
from functions.devices.deletion_process import DELETING_SERVICES
from functions.devices.deletion_processes_api import cancel_deletion_process, start_deletion_process
from functions.devices.deletion_processes_models import StartDeletionProcessIn
from functions.devices.feature_flags_api import FeatureFlagsIn
from functions.devices.store import DeviceStore
from tests.support.builders import given_device
from tests.unit.devices.deletions import (
    begun,
    confirmation,
    deletions,
    deliver,
    everything,
    given_owner,
    messages_of,
    names,
    processes,
    started,
)
from tests.unit.devices.race import at_once

pytestmark = pytest.mark.local_dynamodb
NO_TOKENS = timedelta(0)


@pytest.fixture(autouse=True)
def _tables(local_dynamodb: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "_ITERATIONS", 1)


def _ends(caller: Caller) -> set[object]:
    devices = DeviceStore()
    return {
        found.user.deletion_grace_period_ends_at for found in devices.with_users(devices.devices_of(caller.address))
    }


def test_parallel_starts_make_one_process() -> None:
    """devices.md §16: also with two parallel requests: exactly one 201"""
    caller = given_owner()

    outcomes = at_once(*[partial(start_deletion_process, None, caller)] * 5)

    assert outcomes == ["ok"] + ["onlyOneActiveDeletionProcessAllowed"] * 4
    assert len(processes.all_of(caller.address, now=clock.now())) == 1
    assert messages_of(caller.address) == ["StartedByOwner"]


def test_parallel_cancellations_cancel_once() -> None:
    """devices.md §8: status not Active 400 deletionProcessIsNotInRequiredStatus"""
    caller = given_owner()
    process = started(caller, 1)

    outcomes = at_once(*[partial(cancel_deletion_process, process.id, caller)] * 4)

    assert outcomes == ["deletionProcessIsNotInRequiredStatus"] * 3 + ["ok"]
    assert messages_of(caller.address) == ["StartedByOwner", "CancelledByOwner"]


def test_a_device_that_is_added_meanwhile_is_not_overlooked() -> None:
    """Whoever comes first, every user has the end of the grace period in the end."""
    caller = given_owner()
    identity = DeviceStore().get_identity(caller.address)
    body = StartDeletionProcessIn(length_of_grace_period_in_days=0.5)
    adding = [partial(given_device, identity) for _ in range(6)]

    assert at_once(partial(start_deletion_process, body, caller), *adding) == ["ok"] * 7

    after = DeviceStore().get_identity(caller.address)
    assert _ends(caller) == {after.deletion_grace_period_ends_at}


def test_starts_and_cancellations_leave_users_and_identity_in_line() -> None:
    caller = given_owner(devices=3)
    process = started(caller, 1)

    def starting() -> object:
        return start_deletion_process(None, caller)

    at_once(partial(cancel_deletion_process, process.id, caller), *[starting] * 3)

    assert _ends(caller) == {DeviceStore().get_identity(caller.address).deletion_grace_period_ends_at}


def test_deletions_that_run_at_the_same_time_begin_once() -> None:
    caller = given_owner()
    process = started(caller, 0)
    found = deletions.find(caller.address, process.id)
    assert found is not None

    later = clock.now() + timedelta(seconds=1)
    outcomes = at_once(*[lambda: str(deletions.begin(found, now=later))] * 4)

    assert outcomes == ["False"] * 3 + ["True"]
    assert messages_of(caller.address) == ["StartedByOwner", "DeletionStarted"]


def test_parallel_jobs_do_everything_once() -> None:
    callers = [given_owner() for _ in range(3)]
    for caller in callers:
        started(caller, 0)

    at_once(*[partial(deletion_jobs.delete_due, now=clock.now(), tokens_valid_for=NO_TOKENS)] * 3)

    assert [messages_of(caller.address) for caller in callers] == [["StartedByOwner", "DeletionStarted"]] * 3


def test_a_cancellation_and_the_deletion_do_not_both_win() -> None:
    """devices.md §8: grace period over 400 gracePeriodHasAlreadyExpired"""
    caller = given_owner()
    process = started(caller, 1)
    found = deletions.find(caller.address, process.id)
    assert found is not None
    later = clock.now() + timedelta(days=1)

    outcomes = at_once(
        partial(cancel_deletion_process, process.id, caller),
        lambda: "begun" if deletions.begin(found, now=later) else "lost",
    )

    assert outcomes in (["lost", "ok"], ["begun", "deletionProcessIsNotInRequiredStatus"])
    expected = {"lost": "Active", "begun": "Deleting"}[outcomes[0]]
    assert DeviceStore().get_identity(caller.address).status == expected


def test_confirmations_that_come_at_the_same_time_are_all_counted() -> None:
    caller = given_owner(devices=2)
    process = begun(caller)

    said = [confirmation(process, service, service) for service in DELETING_SERVICES]
    outcomes = at_once(*(partial(deliver, consumers, each) for each in [*said, *said]))

    assert outcomes == ["ok"] * (2 * len(DELETING_SERVICES))
    assert not [item for item in everything() if names(item, caller.address, caller.device_id)]
    log = messages_of(caller.address)
    assert sorted(log[2:-1]) == sorted(
        ["DataDeleted Identities", *(f"DataDeleted {each}" for each in DELETING_SERVICES)]
    )
    assert log[-1] == "DeletionCompleted"


def test_no_device_is_added_while_the_identity_is_deleted() -> None:
    """A device that came in between would stay for ever."""
    caller = given_owner()
    identity = DeviceStore().get_identity(caller.address)
    process = begun(caller)

    def deleting() -> None:
        for service in DELETING_SERVICES:
            deliver(consumers, confirmation(process, service))

    outcomes = at_once(deleting, *[partial(given_device, identity)] * 4)

    assert outcomes == ["ok"] + ["recordNotFound"] * 4
    assert not [item for item in everything() if names(item, caller.address)]


def test_flags_set_at_the_same_time_are_all_kept() -> None:
    caller = given_owner()
    bodies = [FeatureFlagsIn.model_validate({f"flag{number}": True}) for number in range(6)]

    outcomes = at_once(*(partial(feature_flags_api.change_feature_flags, body, caller) for body in bodies))

    assert outcomes == ["ok"] * 6
    assert len(feature_flags_api.list_feature_flags(caller.address, caller)) == 6


def test_the_limit_of_flags_holds_for_parallel_changes() -> None:
    """devices.md §9: number of distinct names after the change <= 200"""
    caller = given_owner()
    many = FeatureFlagsIn.model_validate({f"flag{number}": True for number in range(199)})
    feature_flags_api.change_feature_flags(many, caller)
    bodies = [FeatureFlagsIn.model_validate({f"new{number}": True}) for number in range(4)]

    outcomes = at_once(*(partial(feature_flags_api.change_feature_flags, body, caller) for body in bodies))

    assert outcomes == ["maxNumberOfFeatureFlagsExceeded"] * 3 + ["ok"]


def test_a_device_that_disappears_meanwhile_keeps_nobody_from_starting() -> None:
    caller = given_owner(devices=3)
    other = next(device for device in DeviceStore().devices_of(caller.address) if device.id != caller.device_id)

    outcomes = at_once(
        partial(start_deletion_process, None, caller),
        partial(DeviceStore().delete_device, other, is_backup_device=False),
    )

    assert outcomes == ["ok", "ok"]
    assert len(_ends(caller)) == 1
