"""The deletion of an identity from the job to the last entry of the log.  Contract: devices.md, §8.1 and §8.2;
events.md, section 6."""

import importlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.consumers import Consumers
from backbone.events.devices import IdentityDeleted, IdentityDeletionCancelled, IdentityToBeDeleted
from backbone.ids import TierId
from backbone.invocations import InvocationFailed
from functions.devices import audit_log as audit_log_rules
from functions.devices import (
    deletion_items,
    deletion_jobs,
    deletion_process,
    deletion_process_store,
    deletion_store,
    domain,
    handler,
)
from functions.devices.audit_log import hash_of
from functions.devices.client_store import ClientStore
from functions.devices.consumers import consumers
from functions.devices.deletion_items import process_key
from functions.devices.deletion_process import DELETING_SERVICES, DeletionProcess, DeletionProcessStatus
from functions.devices.deletion_store import Deletion, DeletionStore, Due
from functions.devices.feature_flags import FeatureFlags
from functions.devices.feature_flags_store import FeatureFlagsStore
from functions.devices.job_store import JobStore
from functions.devices.store import DeviceStore
from functions.devices.user_store import UserStore
from tests.support.builders import given_client, given_device, given_identity
from tests.support.command import backbone
from tests.support.crashes import died
from tests.support.keys import ClientKey
from tests.unit.devices.deletions import (
    audit_log,
    begun,
    carried_on,
    confirm_all,
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

pytestmark = [pytest.mark.usefixtures("moto"), pytest.mark.slow]

FUNCTIONS = Path(__file__).parents[3] / "functions"
NO_TOKENS = timedelta(0)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _fast_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log_rules, "_ITERATIONS", 1)


def _process(caller: Caller, process: DeletionProcess) -> DeletionProcess | None:
    found = deletions.find(caller.address, process.id)
    return found.process if found else None


def _status(caller: Caller, process: DeletionProcess) -> str:
    found = _process(caller, process)
    return str(found.status) if found else "gone"


# The jobs -------------------------------------------------------------------------------------------------------------


def test_nothing_is_deleted_before_the_end_of_the_grace_period() -> None:
    """events.md §10: deletion job before grace period end -> nothing"""
    caller = given_owner()
    process = started(caller, 1)

    outcome = deletion_jobs.delete_due(now=clock.now() + DAY - timedelta(minutes=1), tokens_valid_for=NO_TOKENS)

    assert (outcome.done, _status(caller, process)) == (0, "Active")


def test_afterwards_the_deletion_begins() -> None:
    """devices.md §8.2, step 2: For every identity with status ToBeDeleted and grace period over: process -> Deleting,
    deletionStartedAt, identity status Deleting, audit `DeletionStarted`, events `IdentityDeletionProcessStatusChanged`,
    `IdentityDeleted`"""
    callers = [given_owner() for _ in range(20)]
    due = [started(caller, 1) for caller in callers]

    outcome = deletion_jobs.delete_due(now=clock.now() + DAY, tokens_valid_for=NO_TOKENS)

    assert outcome.done == 20
    assert {_status(*pair) for pair in zip(callers, due, strict=True)} == {"Deleting"}
    assert DeviceStore().get_identity(callers[0].address).status == "Deleting"
    assert [event.name for event in carried_on(callers[0].address, due[0].id)] == [
        "IdentityDeletionProcessStatusChanged",
        "IdentityDeleted",
    ]
    assert messages_of(callers[0].address) == ["StartedByOwner", "DeletionStarted"]


def test_the_daily_job_waits_until_no_access_token_is_good_any_more() -> None:
    """A token outlives the grace period by at most its life time; what is written then must not be overlooked."""
    caller = given_owner()
    process = started(caller, 0)
    life_time = timedelta(seconds=300)

    deletion_jobs.delete_due(now=clock.now() + life_time - timedelta(seconds=10), tokens_valid_for=life_time)
    assert _status(caller, process) == "Active"
    deletion_jobs.delete_due(now=clock.now() + life_time, tokens_valid_for=life_time)
    assert _status(caller, process) == "Deleting"


def test_a_cancelled_process_is_not_in_the_index() -> None:
    caller = given_owner()
    process = started(caller, 1)
    processes.cancel(
        caller.address,
        process.id,
        lambda owner, found: deletion_process.cancel(owner, found, process.id, caller, now=clock.now()),
    )

    assert list(deletions.due(until=clock.now() + 100 * DAY)) == []


def test_one_identity_that_fails_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """operations.md §9: the first failure stops this identity, the run goes on with the next identity"""
    callers = [given_owner() for _ in range(3)]
    for caller in callers:
        started(caller, 0)
    original, failing = type(deletions).begin, callers[1].address

    def begin(self: Any, found: Any, *, now: datetime) -> bool:
        if found.identity.address == failing:
            raise RuntimeError("no luck")
        return original(self, found, now=now)

    monkeypatch.setattr(type(deletions), "begin", begin)
    outcome = deletion_jobs.delete_due(now=clock.now(), tokens_valid_for=NO_TOKENS)

    assert (outcome.done, outcome.failed) == (2, 1)
    with pytest.raises(deletion_jobs.JobFailed):
        outcome.check()


def test_a_job_that_runs_out_of_time_is_started_again() -> None:
    for _ in range(3):
        started(given_owner(), 0)
    answers = iter([True, False, False])

    with pytest.raises(deletion_jobs.OutOfTime):
        deletion_jobs.delete_due(
            now=clock.now(), tokens_valid_for=NO_TOKENS, has_time=lambda: next(answers, False), run="today"
        )
    assert deletion_jobs.delete_due(now=clock.now(), tokens_valid_for=NO_TOKENS, run="today").done == 2


def test_a_job_goes_on_where_it_has_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would never come to an end otherwise, once there are more processes than a run can look at."""
    monkeypatch.setattr(deletion_store, "_PAGE", 2)
    now = clock.now()
    for _ in range(40):
        started(given_owner(), 14, now=now)
    looked: list[str] = []
    find = DeletionStore.find_all

    def watched(store: DeletionStore, wanted: Sequence[Due]) -> list[Deletion]:
        looked.extend(due.process_id for due in wanted)
        return find(store, wanted)

    monkeypatch.setattr(DeletionStore, "find_all", watched)
    rounds = 0
    while True:
        chances = iter([True] * 20)
        rounds += 1
        try:
            deletion_jobs.remind(now=now + 3 * DAY, has_time=lambda: next(chances, False), run="today")  # noqa: B023
            break
        except deletion_jobs.OutOfTime:
            assert rounds < 10

    assert len(set(looked)) == 40
    assert rounds > 1
    assert len(looked) < 40 + rounds * deletion_items.DUE_PARTS * 2  # what a part had begun with, once more
    looked.clear()
    deletion_jobs.remind(now=now + 4 * DAY, run="tomorrow")
    assert len(looked) == 40


def test_lambdas_attempts_at_one_event_are_one_run() -> None:
    started(given_owner(), 14)

    class Over:
        def get_remaining_time_in_millis(self) -> int:
            return 0

    moments_ago = clock.now() - timedelta(seconds=1)
    started(given_owner(), 3, now=moments_ago)
    with pytest.raises(InvocationFailed, match="OutOfTime"):
        handler.remind({"id": "this event"}, Over())

    places, _ = JobStore().stopped_at("reminders", "this event")
    assert {} in places.values()
    assert JobStore().stopped_at("reminders", "another event") == ({}, 0)


def test_reminders_come_once_each() -> None:
    """events.md §10: reminder job with d=13 -> none; d=11.5 -> reminder 1; next day d=10.5 -> none; d=9.5 -> 2;
    d=4.9 -> 3; then none"""
    caller = given_owner()
    begin = clock.now()
    process = started(caller, 14, now=begin)

    sent = [
        deletion_jobs.remind(now=begin + (14 - days_left) * DAY).done
        for days_left in (13, 11.5, 11.4, 10.5, 9.5, 9.4, 4.9, 3.9, -1)
    ]

    assert sent == [0, 1, 0, 0, 1, 0, 1, 0, 0]
    found = processes.get(caller.address, process.id, now=begin)
    assert found.reminders_sent_at == tuple(begin + days * DAY for days in (2.5, 4.5, 9.1))
    assert messages_of(caller.address)[1:] == [f"GracePeriodReminder{n}Sent" for n in (1, 2, 3)]
    event = carried_on(caller.address, process.id)[0].event().model_dump()
    assert (event["reminder"], event["days_until_deletion"]) == (3, 5)


def test_the_functions_do_nothing_when_they_are_warmed_up_and_the_job_otherwise() -> None:
    caller = given_owner()
    process = started(caller, -1)
    other = given_owner()
    started(other, 4)

    handler.delete_due({}, None)
    handler.remind({}, None)
    assert (_status(caller, process), messages_of(other.address)) == ("Active", ["StartedByOwner"])
    handler.delete_due({"detail-type": "Scheduled Event"}, None)
    handler.remind({"detail-type": "Scheduled Event"}, None)
    assert _status(caller, process) == "Deleting"
    assert messages_of(other.address) == ["StartedByOwner", "GracePeriodReminder3Sent"]


# Confirmations --------------------------------------------------------------------------------------------------------


def test_every_service_that_reacts_to_a_deletion_is_waited_for() -> None:
    """DELETING_SERVICES is what the code says: the services with a consumer of IdentityDeleted."""
    reacting = set()
    for file in FUNCTIONS.glob("*/*consumers.py"):
        module = importlib.import_module(f"functions.{file.parent.name}.{file.stem}")
        for value in vars(module).values():
            if isinstance(value, Consumers) and IdentityDeleted.name in value.reactions:
                reacting.add(file.parent.name)

    assert set(DELETING_SERVICES) == reacting


def test_the_identity_stays_until_all_services_have_confirmed() -> None:
    caller = given_owner()
    process = begun(caller)
    *first, last = DELETING_SERVICES

    for service in first:
        deliver(consumers, confirmation(process, service))
    assert _status(caller, process) == "Deleting"
    deliver(consumers, confirmation(process, last))
    assert _status(caller, process) == "gone"


def test_a_confirmation_counts_once() -> None:
    caller = given_owner()
    process = begun(caller)
    said = confirmation(process, "challenges", "Challenges")

    for _ in range(3):
        deliver(consumers, said)

    assert messages_of(caller.address) == ["StartedByOwner", "DeletionStarted", "DataDeleted Challenges"]
    confirm_all(process)
    log = messages_of(caller.address)
    deliver(consumers, said)
    assert messages_of(caller.address) == log


def test_whoever_does_not_confirm_is_asked_again_and_the_log_says_so() -> None:
    """events.md §10: failed deletion -> ErrorDuringDeletion audit entry; retried next run as long as the identity
    exists"""
    caller = given_owner()
    process = begun(caller)
    deliver(consumers, confirmation(process, DELETING_SERVICES[0]))
    later = clock.now() + timedelta(hours=2)

    assert deletion_jobs.delete_due(now=clock.now(), tokens_valid_for=NO_TOKENS).done == 0
    assert deletion_jobs.delete_due(now=later, tokens_valid_for=NO_TOKENS).done == 1
    assert deletion_jobs.delete_due(now=later, tokens_valid_for=NO_TOKENS).done == 0

    assert messages_of(caller.address)[-1] == "ErrorDuringDeletion"
    missing = ", ".join(DELETING_SERVICES[1:])
    assert audit_log(caller.address)[-1]["additionalData"] == {"errorMessage": f"not confirmed by: {missing}"}
    assert [event.name for event in carried_on(caller.address, process.id)] == ["IdentityDeleted"]


def test_an_end_that_failed_is_logged_and_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """events.md §6.3, step 6: On failure: audit entry `ErrorDuringDeletion`"""
    caller = given_owner()
    process = begun(caller)
    with monkeypatch.context() as broken:
        broken.setattr(type(deletions), "_delete_identity", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            confirm_all(process)
    assert messages_of(caller.address)[-1] == "ErrorDuringDeletion"

    deletion_jobs.delete_due(now=clock.now() + DAY, tokens_valid_for=NO_TOKENS)

    assert _status(caller, process) == "gone"
    assert messages_of(caller.address)[-1] == "DeletionCompleted"


# The end --------------------------------------------------------------------------------------------------------------


def test_nothing_is_left_but_the_log_and_hashes() -> None:
    """events.md §6.3: audit log entries stay (link to the process set to null; they contain only hashes)"""
    caller = given_owner(devices=3)
    users = [device.username for device in DeviceStore().devices_of(caller.address)]
    FeatureFlagsStore().change(caller.address, lambda before: FeatureFlags({"a": True}, clock.now()))
    cancelled = started(caller, 1)
    processes.cancel(
        caller.address,
        cancelled.id,
        lambda owner, found: deletion_process.cancel(owner, found, cancelled.id, caller, now=clock.now()),
    )

    confirm_all(begun(caller))

    assert not [item for item in everything() if names(item, caller.address, caller.device_id, *users)]
    entries = audit_log(caller.address)
    assert [entry["messageKey"] for entry in entries[-2:]] == ["DataDeleted", "DeletionCompleted"]
    assert not [entry for entry in entries if "processId" in entry]
    assert {entry.get("deviceIdHash") for entry in entries} == {hash_of(caller.device_id), None}
    assert all(entry["ttl"] >= clock.epoch_seconds(clock.now() + 730 * DAY) for entry in entries)
    assert "newStatus" not in entries[-1]


def test_the_log_has_an_entry_for_everything_that_was_deleted() -> None:
    """events.md §6.3: 13 `DataDeleted` entries in total (those of services that exist)"""
    caller = given_owner()
    process = begun(caller)

    for service in DELETING_SERVICES:
        deliver(consumers, confirmation(process, service, f"{service} 1", f"{service} 2"))

    deleted = [message for message in messages_of(caller.address) if message.startswith("DataDeleted")]
    assert sorted(deleted) == sorted(
        [*(f"DataDeleted {service} {n}" for service in DELETING_SERVICES for n in (1, 2)), "DataDeleted Identities"]
    )


def test_others_are_not_touched() -> None:
    bystander = given_owner(devices=2)
    started(bystander, 1)
    before = [item for item in everything() if names(item, bystander.address, hash_of(bystander.address))]

    confirm_all(begun(given_owner()))

    assert [item for item in everything() if names(item, bystander.address, hash_of(bystander.address))] == before


@pytest.mark.parametrize("limit", [None, 5])
def test_the_client_may_create_another_identity_instead(limit: int | None) -> None:
    """devices.md §3: the number of *existing* identities of that client"""
    client = given_client("limited", max_identities=limit)
    identity, first = _registered(client)

    confirm_all(begun(Caller(identity.address, first.device.id, "limited")))

    assert ClientStore().count_identities("limited") == 0


def test_an_identity_of_a_deleted_client_is_deleted_all_the_same() -> None:
    """devices.md §3: Deleting a client leaves its identities untouched."""
    identity = given_identity(ClientKey.new().address)  # its client does not exist
    caller = Caller(identity.address, given_device(identity).device.id, "test")

    confirm_all(begun(caller))

    assert not [item for item in everything() if names(item, caller.address, "CLIENT#")]


def _registered(client: Any) -> Any:
    identity = domain.new_identity(
        address=ClientKey.new().address, public_key=b"{}", identity_version=1, client=client, now=clock.now()
    )
    first = domain.new_device(identity, caller=None, password_hash="", communication_language="en", now=clock.now())
    DeviceStore().add_identity(identity, first, client)
    return identity, first


# Crashes --------------------------------------------------------------------------------------------------------------


def _until_it_lives() -> Iterator[int]:
    """0, 1, 2 …: a crash before each call, until there is no call left."""
    yield from range(200)
    raise AssertionError("it never came to an end")


def test_a_crash_between_any_two_calls_only_delays_the_end() -> None:
    """Kill it between any two steps, run again: nothing is left, nothing else is touched."""
    bystander = given_owner()
    for call in _until_it_lives():
        caller = given_owner(devices=2)
        users = [device.username for device in DeviceStore().devices_of(caller.address)]
        process = begun(caller)
        for service in DELETING_SERVICES[:-1]:
            deliver(consumers, confirmation(process, service))
        last = confirmation(process, DELETING_SERVICES[-1], "Something")

        crashed = died(call, lambda said=last: deliver(consumers, said))  # type: ignore[misc]  # a default argument
        for user in users:  # whatever has happened: who asks gets to know that the identity is deleted
            found = UserStore().find_user(user)
            assert found or deletions.deleted_at(user, now=clock.now())
        deliver(consumers, last)

        assert not [item for item in everything() if names(item, caller.address, caller.device_id, *users)]
        assert all(deletions.deleted_at(user, now=clock.now()) for user in users)
        log = messages_of(caller.address)
        assert log[-1] == "DeletionCompleted"
        assert (log.count("DataDeleted Something"), log.count("DataDeleted Identities")) == (1, 1)
        if not crashed:
            break
    assert call > 10
    assert DeviceStore().get_identity(bystander.address).status == "Active"


def test_a_crash_of_the_job_only_delays_the_beginning() -> None:
    for call in _until_it_lives():
        caller = given_owner()
        process = started(caller, 0)
        job = {"now": clock.now(), "tokens_valid_for": NO_TOKENS}

        crashed = died(call, lambda: deletion_jobs.delete_due(**job))  # type: ignore[arg-type]  # noqa: B023
        deletion_jobs.delete_due(**job)  # type: ignore[arg-type]

        assert _status(caller, process) == "Deleting"
        assert messages_of(caller.address) == ["StartedByOwner", "DeletionStarted"]
        confirm_all(process)
        if not crashed:
            return


def test_a_crash_while_asking_again_loses_no_question() -> None:
    later = clock.now() + timedelta(hours=2)
    for call in _until_it_lives():
        caller = given_owner()
        process = begun(caller)

        crashed = died(call, lambda: deletion_jobs.delete_due(now=later, tokens_valid_for=NO_TOKENS))
        deletion_jobs.delete_due(now=later + timedelta(hours=2), tokens_valid_for=NO_TOKENS)

        assert [event.name for event in carried_on(caller.address, process.id)] == ["IdentityDeleted"]
        confirm_all(process)
        if not crashed:
            return


def test_a_crash_while_a_process_is_started_leaves_no_user_behind() -> None:
    """What a request did not finish, the consumer of its event does."""
    for call in _until_it_lives():
        caller = given_owner(devices=3)
        crashed = died(call, lambda: started(caller, 1))  # noqa: B023
        identity = DeviceStore().get_identity(caller.address)
        if identity.status == "ToBeDeleted":
            process = processes.all_of(caller.address, now=clock.now())[0]
            end = process.grace_period_ends_at or clock.now()
            event = IdentityToBeDeleted(
                identity_address=caller.address, deletion_process_id=process.id, grace_period_ends_at=end
            )
            deliver(consumers, event)
        users = [found.user for found in DeviceStore().with_users(DeviceStore().devices_of(caller.address))]
        assert {user.deletion_grace_period_ends_at for user in users} == {identity.deletion_grace_period_ends_at}
        if not crashed:
            return


def test_users_that_no_transaction_could_change_are_brought_in_line() -> None:
    """More devices than one transaction takes, and a request that dies right after it."""
    identity = given_identity(ClientKey.new().address)
    first, *_ = [given_device(identity).device for _ in range(7)]
    caller = Caller(identity.address, first.id, "test")
    store = DeviceStore()

    def ends() -> set[datetime | None]:
        return {
            found.user.deletion_grace_period_ends_at for found in store.with_users(store.devices_of(caller.address))
        }

    with pytest.MonkeyPatch.context() as dying:
        dying.setattr(deletion_process_store, "TRANSACTION_LIMIT", 6)
        dying.setattr(type(processes), "_copy_to_others", lambda *_, **__: None)
        process = started(caller, 1)
        assert len(ends()) == 2
    told = IdentityDeletionCancelled(identity_address=caller.address, deletion_process_id=process.id)
    deliver(consumers, told)  # whichever event comes: what counts is how the identity is now

    assert ends() == {process.grace_period_ends_at}


# The operator's command -----------------------------------------------------------------------------------------------


def test_the_command_deletes_at_once_and_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """operations.md §9: deletion job can be started by hand, reports success or failure"""
    caller = given_owner()
    process = started(caller, 0)

    def services_confirm(_: float) -> None:
        found = _process(caller, process)
        assert found is not None
        assert found.status is DeletionProcessStatus.DELETING
        confirm_all(found)

    monkeypatch.setattr("time.sleep", services_confirm)

    assert backbone("deletion", "run").out == "Identities deleted: 1.\n"
    assert _status(caller, process) == "gone"
    assert backbone("deletion", "run").out == "Identities deleted: 0.\n"


def test_the_command_fails_when_services_do_not_confirm_in_time() -> None:
    caller = given_owner()
    process = started(caller, 0)

    outcome = backbone("deletion", "run", "--timeout", "0.1")

    assert outcome.code == 1
    assert outcome.err.splitlines()[0] == f"{process.id}: still waiting for {', '.join(DELETING_SERVICES)}"


def test_the_command_sends_reminders() -> None:
    started(given_owner(), 4)

    assert backbone("deletion", "remind").out == "Reminders sent: 1.\n"


def test_a_process_comes_back_as_it_was_kept() -> None:
    caller = given_owner()
    process = begun(caller)

    found = _process(caller, process)

    assert found == process
    assert found.deletion_started_at is not None
    assert isinstance(DeviceStore().get_identity(caller.address).tier_id_before_deletion, TierId)
    assert process_key(caller.address, process.id)["sk"] == f"P#{process.id}"
