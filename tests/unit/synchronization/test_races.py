"""Many at once, against DynamoDB Local: exactly one wins, and the others get the contract's refusal."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from functions.synchronization.store import SyncStore
from tests.support.api import Answer, InProcessApi
from tests.unit.synchronization.steps import (
    earlier,
    events_of,
    finalize,
    given_event,
    given_owner,
    given_run,
    listed,
    modification,
    other_device_of,
    push,
    start,
    successes,
    sync,
)

pytestmark = pytest.mark.local_dynamodb

DATAWALLET = "error.platform.validation.datawallet"
SYNC_RUN = "error.platform.validation.syncRun"
ANOTHER_IS_RUNNING = (400, f"{SYNC_RUN}.cannotStartSyncRunWhenAnotherSyncRunIsRunning")
NOT_UP_TO_DATE = (400, f"{DATAWALLET}.datawalletNotUpToDate")
NOT_DURING_A_RUN = (400, f"{DATAWALLET}.cannotPushDatawalletModificationsDuringActiveSyncRun")
ALREADY_FINALIZED = (400, f"{SYNC_RUN}.syncRunAlreadyFinalized")


@pytest.fixture
def api(local_dynamodb: None) -> InProcessApi:
    return InProcessApi(["synchronization"])


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """All of these at the same time."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


def outcome(answer: Answer) -> Any:
    """The status of a success, or status and code of a refusal."""
    return answer.status if answer.status < 300 else answer.error


def test_of_ten_parallel_starts_one_wins(api: InProcessApi) -> None:
    """synchronization.md §11: ten parallel starts -> exactly one Created, others 400 or NoNewEvents."""
    caller = given_owner(api)
    given_event(caller.address)

    answers = at_once(*[lambda: start(api, other_device_of(caller))] * 10)

    assert Counter(map(outcome, answers)) == {201: 1, ANOTHER_IS_RUNNING: 9}


def test_of_two_parallel_upgrades_one_wins(api: InProcessApi) -> None:
    """synchronization.md §7: two parallel starts: one Created, the other 400
    cannotStartSyncRunWhenAnotherSyncRunIsRunning"""
    caller = given_owner(api)

    answers = at_once(*[lambda: start(api, caller, "DatawalletVersionUpgrade")] * 4)

    assert Counter(map(outcome, answers)) == {201: 1, ANOTHER_IS_RUNNING: 3}


def test_of_parallel_pushes_one_wins(api: InProcessApi) -> None:
    """synchronization.md §11: two parallel pushes with the same localIndex -> exactly one 201."""
    caller = given_owner(api, modification(0))

    answers = at_once(*[lambda: push(api, other_device_of(caller), 0, modification(1), modification(2))] * 6)

    assert Counter(map(outcome, answers)) == {201: 1, NOT_UP_TO_DATE: 5}
    assert [item["index"] for item in listed(api, caller).result] == [0, 1, 2]


def test_of_parallel_first_pushes_all_win_one_after_another(api: InProcessApi) -> None:
    """synchronization.md §2.3: `localIndex`: ignored when the datawallet has no modification at all"""
    caller = given_owner(api)

    answers = at_once(*[lambda: push(api, caller, 0, modification(1))] * 4)

    assert Counter(map(outcome, answers))[201] == 2  # one finds the datawallet empty, one has guessed index 0
    assert [item["index"] for item in listed(api, caller).result] == [1]


@pytest.mark.parametrize("attempt", range(3))
def test_a_push_does_not_slip_into_a_run(api: InProcessApi, attempt: int) -> None:
    """synchronization.md §7: push vs. start: make push conditional on "no non-finalized run" in the same transaction"""
    caller = given_owner(api, modification(0))
    given_event(caller.address)

    pushed, started = at_once(lambda: push(api, caller, 0, modification(1)), lambda: start(api, caller))

    assert outcome(started) == 201
    assert outcome(pushed) in (201, NOT_DURING_A_RUN)
    known = len(listed(api, caller).result)
    assert known == (2 if pushed.status == 201 else 1)
    finished = finalize(api, caller, started.result["syncRun"]["id"], (), [modification(9)])
    assert finished.result["newDatawalletModificationIndex"] == known


def test_of_parallel_finalizations_one_wins(api: InProcessApi) -> None:
    """synchronization.md §7: two parallel finalizations of one run: loser -> 400 syncRunAlreadyFinalized"""
    caller = given_owner(api, modification(0))
    given_event(caller.address)
    run = given_run(api, caller)
    results = successes(events_of(api, caller, run["id"]).result)

    answers = at_once(*[lambda: finalize(api, caller, run["id"], results, [modification(1)])] * 4)

    assert Counter(map(outcome, answers)) == {200: 1, ALREADY_FINALIZED: 3}
    assert [item["index"] for item in listed(api, caller).result] == [0, 1]
    assert sync(api, caller) == []


def test_parallel_events_get_indices_without_gaps(api: InProcessApi) -> None:
    """synchronization.md §7: event creation: atomic per-owner counter or conditional write"""
    caller = given_owner(api)

    at_once(*[lambda: given_event(caller.address)] * 20)

    run = given_run(api, caller)
    assert run["eventCount"] == 20
    assert [event["index"] for event in events_of(api, caller, run["id"]).result] == list(range(20))


def test_an_expired_run_is_cancelled_once(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """synchronization.md §7: cancel by two parallel starters: cancel exactly once"""
    caller = given_owner(api)
    given_event(caller.address)
    with earlier(monkeypatch, 60):
        given_run(api, caller)

    answers = at_once(*[lambda: start(api, caller)] * 4)

    assert Counter(map(outcome, answers)) == {201: 1, ANOTHER_IS_RUNNING: 3}
    run = next(answer.result["syncRun"] for answer in answers if answer.status == 201)
    assert [event["syncErrorCount"] for event in events_of(api, caller, run["id"]).result] == [1]


def test_cancellation_and_finalization_exclude_each_other(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """synchronization.md §8.2: finalization after expiry must still work unless another device cancelled the run"""
    caller = given_owner(api)
    given_event(caller.address)
    with earlier(monkeypatch, 60):
        run = given_run(api, caller)
    results = successes(events_of(api, caller, run["id"]).result)

    finished, started = at_once(lambda: finalize(api, caller, run["id"], results), lambda: start(api, caller))

    assert (outcome(finished), outcome(started)) in [(200, 200), (ALREADY_FINALIZED, 201)]


def test_events_created_around_a_start_are_counted_once(api: InProcessApi) -> None:
    """synchronization.md §7: start while events are being created: events created after the selection wait for the next
    run"""
    caller = given_owner(api)
    given_event(caller.address)

    started, *_ = at_once(lambda: start(api, caller), *[lambda: given_event(caller.address)] * 5)

    run = started.result["syncRun"]
    events = events_of(api, caller, run["id"]).result
    finished = finalize(api, caller, run["id"], successes(events))
    rest = sync(api, caller)
    assert len(events) == run["eventCount"]
    assert finished.result["newUnsyncedExternalEventsExist"] is bool(rest)
    assert [event["index"] for event in events + rest] == list(range(6))


def test_several_finish_one_log_together(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads a head with a log finishes it, all at the same time."""
    caller = given_owner(api)
    with monkeypatch.context() as patch:
        patch.setattr(SyncStore, "_finish", lambda self, head: None)
        push(api, caller, -1, *(modification(number) for number in range(150)))

    answers = at_once(*[lambda: listed(api, caller, PageSize=200)] * 4)

    assert [[item["index"] for item in answer.result] for answer in answers] == [list(range(150))] * 4
