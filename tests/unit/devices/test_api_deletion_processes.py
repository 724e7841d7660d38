"""Deletion processes over HTTP.  Contract: devices.md, sections 7.3, 8 and 16 (Deletion processes)."""

from datetime import timedelta
from typing import Any

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.errors import RecordNotFound
from backbone.ids import DeviceId, IdentityDeletionProcessId
from backbone.readmodels import identities
from backbone.settings import settings
from functions.devices import deletion_process_store
from functions.devices.items import identity_key
from functions.devices.user_store import UserStore
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import TIER, given_device, given_identity
from tests.support.keys import ClientKey
from tests.unit.devices.deletions import begun, confirm_all, events_of, given_owner, messages_of, processes
from tests.unit.devices.journeys import let_time_pass, log_in, outcome

pytestmark = pytest.mark.slow

PROCESSES = "/api/v2/Identities/Self/DeletionProcesses"
IS_DELETED = "/api/v2/Identities/IsDeleted"
INPUT_CANNOT_BE_PARSED = (400, "error.platform.inputCannotBeParsed")
INVALID_PROPERTY_VALUE = (400, "error.platform.validation.invalidPropertyValue")
INVALID_ID = (400, "error.platform.validation.invalidId")
NOT_FOUND = (404, "error.platform.recordNotFound")
ONLY_ONE = (400, "error.platform.validation.device.onlyOneActiveDeletionProcessAllowed")
NOT_IN_REQUIRED_STATUS = (400, "error.platform.validation.device.deletionProcessIsNotInRequiredStatus")
EXPIRED = (400, "error.platform.validation.device.gracePeriodHasAlreadyExpired")


@pytest.fixture
def caller(api: InProcessApi) -> Caller:
    """An identity with one device."""
    return given_owner()


def _username(caller: Caller) -> str:
    item = identities.table().get({"pk": f"ID#{caller.address}", "sk": f"D#{caller.device_id}"}) or {}
    return str(item["username"])


def _start(api: InProcessApi, caller: Caller, days: Any = ...) -> dict[str, Any]:
    body = ... if days is ... else {"lengthOfGracePeriodInDays": days}
    result: dict[str, Any] = api.post(PROCESSES, body, caller=caller).result
    return result


@pytest.mark.parametrize(
    "body", [..., {}, None, {"lengthOfGracePeriodInDays": None}, {"lengthofgraceperiodindays": 14}]
)
def test_a_process_starts_with_a_grace_period_of_14_days(api: InProcessApi, caller: Caller, body: Any) -> None:
    """devices.md §16: POST with empty body, `{}` or null -> 201, status Active, gracePeriodEndsAt = now + 14 days,
    approvedAt = createdAt"""
    answer = api.post(PROCESSES, body, caller=caller)

    assert answer.status == 201
    process = answer.result
    created_at = clock.parse(process["createdAt"])
    assert process == {
        "id": process["id"],
        "status": "Active",
        "createdAt": process["createdAt"],
        "createdByDevice": caller.device_id,
        "approvedAt": process["createdAt"],
        "approvedByDevice": caller.device_id,
        "gracePeriodEndsAt": clock.render(created_at + timedelta(days=14)),
        "gracePeriodReminder1SentAt": None,
        "gracePeriodReminder2SentAt": None,
        "gracePeriodReminder3SentAt": None,
    }
    assert process["id"].startswith("IDP")


@pytest.mark.parametrize("days", [0, 0.5, -3, "7", 1e2])
def test_a_request_may_ask_for_another_length(api: InProcessApi, caller: Caller, days: Any) -> None:
    """devices.md §8: Fractions allowed, no validation (0 and negative accepted)"""
    process = _start(api, caller, days)

    end = clock.parse(process["createdAt"]) + timedelta(days=float(days))
    assert process["gracePeriodEndsAt"] == clock.render(end)


@pytest.mark.parametrize("days", ["soon", True, [], {}, "1e99999"])
def test_a_length_is_a_number(api: InProcessApi, caller: Caller, days: Any) -> None:
    answer = api.post(PROCESSES, {"lengthOfGracePeriodInDays": days}, caller=caller)

    assert answer.error == INPUT_CANNOT_BE_PARSED
    assert api.get(PROCESSES, caller=caller).result == []


@pytest.mark.parametrize("days", [1e300, -1e300, 10**400])
def test_an_absurd_length_is_refused(api: InProcessApi, caller: Caller, days: Any) -> None:
    """devices.md §8: absurd values overflow to 500 (400 here)"""
    assert api.post(PROCESSES, {"lengthOfGracePeriodInDays": days}, caller=caller).status == 400
    assert api.get(PROCESSES, caller=caller).result == []


def test_the_configured_length_counts(api: InProcessApi, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """devices.md §8: Absent/null -> configured length."""
    monkeypatch.setenv("BACKBONE_DELETION_GRACE_PERIOD_DAYS", "2.5")
    settings.cache_clear()

    process = _start(api, caller)

    assert clock.parse(process["gracePeriodEndsAt"]) - clock.parse(process["createdAt"]) == timedelta(days=2.5)


def test_a_second_process_is_refused(api: InProcessApi, caller: Caller) -> None:
    """devices.md §16: Second POST -> 400 onlyOneActiveDeletionProcessAllowed"""
    _start(api, caller)

    assert api.post(PROCESSES, caller=caller).error == ONLY_ONE
    assert len(api.get(PROCESSES, caller=caller).result) == 1


def test_nobody_starts_while_the_deletion_is_under_way(api: InProcessApi, caller: Caller) -> None:
    """devices.md §8: an Active or Deleting process exists"""
    begun(caller)

    assert api.post(PROCESSES, caller=caller).error == ONLY_ONE


def test_starting_queues_the_identity_for_deletion_and_tells_it(api: InProcessApi, caller: Caller) -> None:
    """devices.md §8: identity: tierId := `TIR00000000000000001`, status ToBeDeleted, deletionGracePeriodEndsAt set"""
    process = _start(api, caller)

    identity = api.get("/api/v2/Identities/Self", caller=caller).result
    assert identity["status"] == "ToBeDeleted"
    assert identity["tierId"] == "TIR00000000000000001"
    assert identity["deletionGracePeriodEndsAt"] == process["gracePeriodEndsAt"]
    assert events_of(caller.address, process["id"]) == [
        "TierOfIdentityChanged",
        "IdentityToBeDeleted",
        "IdentityDeletionProcessStatusChanged",
    ]
    assert messages_of(caller.address) == ["StartedByOwner"]


def test_the_identity_keeps_working_until_the_end_of_the_grace_period(
    api: InProcessApi, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """devices.md §16: Identity whose grace period is over -> 400 `invalid_grant`; identity within grace period ->
    200"""
    username = _username(caller)
    _start(api, caller, 1)

    assert outcome(log_in(api, username)) == (200, "")
    let_time_pass(monkeypatch, timedelta(days=1))
    assert outcome(log_in(api, username)) == (400, "invalid_grant")


def test_every_device_is_locked_out(api: InProcessApi, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """devices.md §2.3, row 9; also those that no single transaction could change"""
    identity = given_identity(ClientKey.new().address)
    users = [given_device(identity).user for _ in range(9)]
    monkeypatch.setattr(deletion_process_store, "TRANSACTION_LIMIT", 6)
    _start(api, Caller(identity.address, users[0].device_id, "test"), 0)

    found = [UserStore().find_user(user.username) for user in users]

    assert all(user is not None and user.is_past_grace_period(clock.now()) for user in found)


def test_cancelling_keeps_the_identity(api: InProcessApi, caller: Caller) -> None:
    """devices.md §16: Cancel -> 200, status `Cancelled`, gracePeriodEndsAt null; identity Active again, tier restored;
    cancel again -> 400 deletionProcessIsNotInRequiredStatus"""
    process = _start(api, caller)

    answer = api.put(f"{PROCESSES}/{process['id']}/Cancel", {"anything": 1}, caller=caller)

    assert answer.status == 200
    assert answer.result == {**process, "status": "Cancelled", "gracePeriodEndsAt": None}
    identity = api.get("/api/v2/Identities/Self", caller=caller).result
    assert (identity["status"], identity["tierId"], identity["deletionGracePeriodEndsAt"]) == ("Active", TIER, None)
    assert events_of(caller.address, process["id"]) == [
        "TierOfIdentityChanged",
        "IdentityDeletionCancelled",
        "IdentityDeletionProcessStatusChanged",
    ]
    assert messages_of(caller.address) == ["StartedByOwner", "CancelledByOwner"]
    assert "tierIdBeforeDeletion" not in (identities.table().get(identity_key(caller.address)) or {})
    assert api.put(f"{PROCESSES}/{process['id']}/Cancel", caller=caller).error == NOT_IN_REQUIRED_STATUS


def test_whoever_has_cancelled_may_start_again(api: InProcessApi, caller: Caller) -> None:
    first = _start(api, caller)
    api.put(f"{PROCESSES}/{first['id']}/Cancel", caller=caller)

    second = _start(api, caller)

    listed = api.get(PROCESSES, caller=caller).result
    assert [(process["id"], process["status"]) for process in listed] == [
        (second["id"], "Active"),
        (first["id"], "Cancelled"),
    ]
    assert api.get(f"{PROCESSES}/{first['id']}", caller=caller).result["status"] == "Cancelled"
    assert api.get(f"{PROCESSES}/{second['id']}", caller=caller).result == second


def test_a_cancelled_process_is_forgotten_after_30_days(api: InProcessApi, caller: Caller) -> None:
    """devices.md §8: removal of cancelled processes: 30 days after cancellation"""
    process = _start(api, caller)
    api.put(f"{PROCESSES}/{process['id']}/Cancel", caller=caller)
    before, after = clock.now() + timedelta(days=29), clock.now() + timedelta(days=30)

    assert [found.id for found in processes.all_of(caller.address, now=before)] == [process["id"]]
    assert processes.all_of(caller.address, now=after) == []
    with pytest.raises(RecordNotFound):
        processes.get(caller.address, process["id"], now=after)


@pytest.mark.parametrize("days", [0, -1])
def test_nobody_cancels_after_the_grace_period(api: InProcessApi, caller: Caller, days: float) -> None:
    """devices.md §16: Cancel after the grace period -> 400 gracePeriodHasAlreadyExpired"""
    process = _start(api, caller, days)

    assert api.put(f"{PROCESSES}/{process['id']}/Cancel", caller=caller).error == EXPIRED


def test_a_process_that_is_deleting_cannot_be_cancelled(api: InProcessApi, caller: Caller) -> None:
    """devices.md §8: status not Active 400 deletionProcessIsNotInRequiredStatus"""
    process = begun(caller)

    assert api.put(f"{PROCESSES}/{process.id}/Cancel", caller=caller).error == NOT_IN_REQUIRED_STATUS
    assert api.get(f"{PROCESSES}/{process.id}", caller=caller).result["status"] == "Deleting"


def test_processes_of_others_do_not_exist(api: InProcessApi, caller: Caller) -> None:
    """devices.md §16: Cancel/GET of a foreign or unknown process -> 404"""
    foreign = _start(api, caller)["id"]
    stranger = given_owner()

    for id in (foreign, IdentityDeletionProcessId.new()):
        assert api.get(f"{PROCESSES}/{id}", caller=stranger).error == NOT_FOUND
        assert api.put(f"{PROCESSES}/{id}/Cancel", caller=stranger).error == NOT_FOUND


def test_ids_are_checked(api: InProcessApi, caller: Caller) -> None:
    """devices.md §8: bad id 400 invalidPropertyValue; id shorter than 20 characters 400 invalidId"""
    for bad in ("DVC00000000000000000", "IDP000000000000000000", "IDP_"):
        assert api.get(f"{PROCESSES}/{bad}", caller=caller).error == INVALID_PROPERTY_VALUE
        assert api.put(f"{PROCESSES}/{bad}/Cancel", caller=caller).error == INVALID_PROPERTY_VALUE
    assert api.get(f"{PROCESSES}/IDPshort", caller=caller).error == NOT_FOUND
    assert api.put(f"{PROCESSES}/IDPshort/Cancel", caller=caller).error == INVALID_ID


def test_an_identity_that_is_gone_has_no_processes(api: InProcessApi) -> None:
    """devices.md §8: identity gone 404"""
    nobody, id = new_caller(), IdentityDeletionProcessId.new()

    assert api.post(PROCESSES, caller=nobody).error == NOT_FOUND
    assert api.get(PROCESSES, caller=nobody).error == NOT_FOUND
    assert api.get(f"{PROCESSES}/{id}", caller=nobody).error == NOT_FOUND
    assert api.put(f"{PROCESSES}/{id}/Cancel", caller=nobody).error == NOT_FOUND
    # The identity comes before the id.
    assert api.put(f"{PROCESSES}/IDPshort/Cancel", caller=nobody).error == NOT_FOUND


def test_a_device_of_another_identity_neither_starts_nor_cancels(api: InProcessApi, caller: Caller) -> None:
    """devices.md §8: device not of this identity 404 `error.platform.recordNotFound`"""
    impostor = Caller(caller.address, DeviceId.new(), "test")

    assert api.post(PROCESSES, caller=impostor).error == NOT_FOUND
    process = _start(api, caller)
    assert api.put(f"{PROCESSES}/{process['id']}/Cancel", caller=impostor).error == NOT_FOUND
    # An active process comes before the device.
    assert api.post(PROCESSES, caller=impostor).error == ONLY_ONE


@pytest.mark.parametrize(("method", "path"), [
    ("POST", PROCESSES), ("GET", PROCESSES), ("GET", f"{PROCESSES}/IDP1"), ("PUT", f"{PROCESSES}/IDP1/Cancel"),
])  # fmt: skip
def test_anonymous_callers_are_refused(api: InProcessApi, method: str, path: str) -> None:
    assert api.request(method, path).status == 401


def test_an_identity_whose_grace_period_is_over_counts_as_deleted_at_once(api: InProcessApi, caller: Caller) -> None:
    """devices.md §16: Start with 0 days, then IsDeleted -> true, deletionDate string equal to gracePeriodEndsAt"""
    username = _username(caller)

    process = _start(api, caller, 0)

    answer = api.get(IS_DELETED, query={"username": username})
    assert answer.result == {"isDeleted": True, "deletionDate": process["gracePeriodEndsAt"]}


def test_an_identity_in_its_grace_period_is_not_deleted(api: InProcessApi, caller: Caller) -> None:
    """devices.md §16: IsDeleted without token for an active or to-be-deleted (running grace period) identity ->
    false/null"""
    username = _username(caller)

    before = api.get(IS_DELETED, query={"username": username}).result
    _start(api, caller)
    after = api.get(IS_DELETED, query={"username": username}).result

    assert before == after == {"isDeleted": False, "deletionDate": None}


def test_a_deleted_identity_is_remembered_by_its_usernames(
    api: InProcessApi, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """devices.md §16: after the deletion job -> true with another date; events.md §10: IsDeleted for a username of the
    deleted identity -> true after completion"""
    username = _username(caller)
    process = begun(caller)
    let_time_pass(monkeypatch, timedelta(hours=1))
    confirm_all(process)

    result = api.get(IS_DELETED, query={"username": username}).result

    assert result == {"isDeleted": True, "deletionDate": clock.render(clock.now())}
    assert api.get(IS_DELETED, query={"username": username.lower().replace("usr", "USR")}).result["isDeleted"] is False
    let_time_pass(monkeypatch, timedelta(days=731))
    assert api.get(IS_DELETED, query={"username": username}).result == {"isDeleted": False, "deletionDate": None}


def test_a_deleted_identity_is_gone(api: InProcessApi, caller: Caller) -> None:
    """devices.md §2.3, row 9: identity/device already deleted -> `invalid_grant`"""
    username = _username(caller)
    confirm_all(begun(caller))

    assert outcome(log_in(api, username)) == (400, "invalid_grant")
    assert api.get("/api/v2/Identities/Self", caller=caller).error == NOT_FOUND
    assert api.get("/api/v2/Devices/Self", caller=caller).error == NOT_FOUND
    assert api.get(PROCESSES, caller=caller).error == NOT_FOUND


def test_sync_runs_are_refused_while_the_identity_is_to_be_deleted(api: InProcessApi, caller: Caller) -> None:
    """events.md §5: start deletion: sync runs refused"""
    process = _start(api, caller)
    body = {"type": "ExternalEventSync"}
    headers = {"X-Supported-Datawallet-Version": "1"}

    refused = api.post("/api/v2/SyncRuns", body, caller=caller, headers=headers)
    api.put(f"{PROCESSES}/{process['id']}/Cancel", caller=caller)

    code = "error.platform.validation.syncRun.cannotStartSyncRunWhileIdentityIsToBeDeleted"
    assert refused.error == (400, code)
    assert api.post("/api/v2/SyncRuns", body, caller=caller, headers=headers).error == NOT_FOUND  # no datawallet yet
