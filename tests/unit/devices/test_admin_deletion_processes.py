"""Deletion processes over the Admin API.  Contract: admin-api.md, sections 9 and 19."""

import time
from datetime import timedelta

import pytest

from backbone import clock
from functions.devices import admin_identities, audit_log
from functions.devices.deletion_process import DELETING_SERVICES
from tests.support.api import InProcessApi
from tests.support.keys import ClientKey
from tests.unit.devices.deletions import begun, confirm_all, deletions, given_owner, processes, started
from tests.unit.devices.journeys import let_time_pass

pytestmark = pytest.mark.slow
INVALID_PROPERTY_VALUE = (400, "error.platform.validation.invalidPropertyValue")
NOT_FOUND = (404, "error.platform.recordNotFound")
OWN = "/api/v2/Identities/Self/DeletionProcesses"
UNKNOWN = ClientKey.new().address


@pytest.fixture(autouse=True)
def _fast(admin: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "_ITERATIONS", 1)
    audit_log.hash_of.cache_clear()


def path_of(address: str) -> str:
    """The processes of an identity."""
    return f"/api/v1/Identities/{address}/DeletionProcesses"


def test_processes_are_listed_newest_first(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §19: deletion processes newest first; §9: `approvedAt` (= `createdAt`), `approvedByDevice` (=
    `createdByDevice`)"""
    caller = given_owner()
    first = started(caller, 14, now=clock.now() - timedelta(minutes=1))
    cancelled = api.put(f"{OWN}/{first.id}/Cancel", caller=caller).result
    second = api.post(OWN, caller=caller).result

    answer = admin.get(path_of(caller.address))

    assert (answer.status, answer.json) == (200, {"result": [second, cancelled]})
    assert second == {
        "id": second["id"],
        "status": "Active",
        "createdAt": second["createdAt"],
        "createdByDevice": caller.device_id,
        "approvedAt": second["createdAt"],
        "approvedByDevice": caller.device_id,
        "gracePeriodEndsAt": second["gracePeriodEndsAt"],
        "gracePeriodReminder1SentAt": None,
        "gracePeriodReminder2SentAt": None,
        "gracePeriodReminder3SentAt": None,
    }
    assert (cancelled["status"], cancelled["gracePeriodEndsAt"]) == ("Cancelled", None)


def test_an_identity_that_stays_has_no_processes(admin: InProcessApi) -> None:
    """admin-api.md §9: array, newest first"""
    assert admin.get(path_of(given_owner().address)).json == {"result": []}


def test_one_process_comes_with_its_own_log(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §9: the same object plus `auditLog` (array, ascending `createdAt`)"""
    caller = given_owner()
    first = started(caller, 14, now=clock.now() - timedelta(minutes=1))
    cancelled = api.put(f"{OWN}/{first.id}/Cancel", caller=caller).result
    second = api.post(OWN, caller=caller).result

    found = admin.get(f"{path_of(caller.address)}/{first.id}").result

    log = found.pop("auditLog")
    assert found == cancelled
    assert [entry["messageKey"] for entry in log] == ["StartedByOwner", "CancelledByOwner"]
    assert admin.get(f"{path_of(caller.address)}/{second['id']}").result["auditLog"][0]["newStatus"] == "Active"


def test_an_entry_of_the_log_has_empty_texts_for_no_status(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §17.10: `oldStatus`/`newStatus` are `""`, not null; §9: `additionalData` object (`{}` if none)"""
    caller = given_owner()
    process = api.post(OWN, caller=caller).result

    (entry,) = admin.get(f"{path_of(caller.address)}/AuditLogs").result

    assert entry["id"].startswith("IDA")
    assert entry == {
        "id": entry["id"],
        "createdAt": process["createdAt"],
        "oldStatus": "",
        "newStatus": "Active",
        "additionalData": {},
        "messageKey": "StartedByOwner",
    }


def test_the_log_tells_the_whole_story_in_order(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §9: messageKey | oldStatus → newStatus | additionalData; §19: audit logs of deleted identity
    readable"""
    caller = given_owner()
    now = clock.now()
    process = started(caller, 13, now=now - timedelta(days=12))
    for days_ago, number in ((11, 1), (9, 2), (4, 3)):
        found = deletions.find(caller.address, process.id)
        assert found is not None
        assert deletions.remind(found.process, number, now=now - timedelta(days=days_ago))
    api.put(f"{OWN}/{process.id}/Cancel", caller=caller)
    deleted = begun(caller)
    time.sleep(0.002)  # the deletion begins a millisecond later
    confirm_all(deleted)

    log = admin.get(f"{path_of(caller.address)}/AuditLogs").result

    told = [(entry["messageKey"], entry["oldStatus"], entry["newStatus"]) for entry in log]
    assert told == [
        ("StartedByOwner", "", "Active"),
        ("GracePeriodReminder1Sent", "Active", "Active"),
        ("GracePeriodReminder2Sent", "Active", "Active"),
        ("GracePeriodReminder3Sent", "Active", "Active"),
        ("CancelledByOwner", "Active", "Cancelled"),
        ("StartedByOwner", "", "Active"),
        ("DeletionStarted", "Active", "Deleting"),
        *[("DataDeleted", "Deleting", "Deleting")] * (len(DELETING_SERVICES) + 1),
        ("DeletionCompleted", "Deleting", ""),
    ]
    aggregates = {entry["additionalData"].get("aggregateType") for entry in log if entry["newStatus"] == "Deleting"}
    assert aggregates - {None} == {"Identities", *(service.capitalize() for service in DELETING_SERVICES)}
    assert admin.get(path_of(caller.address)).error == NOT_FOUND
    assert admin.get(f"/api/v1/Identities/{caller.address}").error == NOT_FOUND
    assert admin.get(f"{path_of(caller.address)}/{deleted.id}").error == NOT_FOUND


def test_a_halt_of_the_deletion_is_in_the_log(admin: InProcessApi) -> None:
    """admin-api.md §9: ErrorDuringDeletion | Deleting → Deleting | `errorMessage`"""
    caller = given_owner()
    process = begun(caller)
    assert deletions.ask_again(process, now=clock.now() + timedelta(hours=2))

    last = admin.get(f"{path_of(caller.address)}/{process.id}").result["auditLog"][-1]

    assert (last["messageKey"], last["oldStatus"], last["newStatus"]) == ("ErrorDuringDeletion", "Deleting", "Deleting")
    assert last["additionalData"]["errorMessage"].startswith("not confirmed by: ")


def test_the_log_of_a_deleted_identity_is_kept_for_its_time_only(
    admin: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """admin-api.md §15.3: deletion audit entries older than `AuditLogRetentionPeriodInDays` (default 731) **and**
    belonging to an already deleted identity"""
    gone, here = given_owner(), given_owner()
    confirm_all(begun(gone))
    started(here, 10_000)

    let_time_pass(monkeypatch, timedelta(days=732))

    assert admin.get(f"{path_of(gone.address)}/AuditLogs").json == {"result": []}
    assert len(admin.get(f"{path_of(here.address)}/AuditLogs").result) == 1


@pytest.mark.parametrize("path", ["", "/AuditLogs", "/IDPaaaaaaaaaaaaaaaaa"])
def test_a_malformed_address_is_refused(admin: InProcessApi, path: str) -> None:
    """admin-api.md §9: malformed 400 `error.platform.validation.invalidPropertyValue`; malformed address 400"""
    assert admin.get(path_of("nonsense") + path).error == INVALID_PROPERTY_VALUE


def test_what_is_unknown_is_not_found_but_has_an_empty_log(admin: InProcessApi) -> None:
    """admin-api.md §19: of unknown address → 200 `[]`; §9: unknown identity 404; either unknown 404"""
    caller, other = given_owner(), given_owner()
    process = started(other)

    assert admin.get(path_of(UNKNOWN)).error == NOT_FOUND
    assert admin.get(f"{path_of(UNKNOWN)}/{process.id}").error == NOT_FOUND
    assert admin.get(f"{path_of(caller.address)}/{process.id}").error == NOT_FOUND
    assert admin.get(f"{path_of(caller.address)}/IDP").error == NOT_FOUND
    assert admin.get(f"{path_of(caller.address)}/nonsense").error == INVALID_PROPERTY_VALUE
    assert admin.get(f"{path_of(UNKNOWN)}/AuditLogs").json == {"result": []}
    assert processes.all_of(caller.address, now=clock.now()) == []


def test_an_operator_starts_a_deletion_in_the_name_of_the_oldest_device(admin: InProcessApi) -> None:
    """For the command line; admin-api.md §8.4: no start … of deletion processes by an operator (over HTTP)"""
    caller = given_owner(devices=2)

    process = admin_identities.start_deletion(caller.address, now=clock.now())

    (listed,) = admin.get(path_of(caller.address)).result
    assert (listed["id"], listed["status"]) == (process.id, "Active")
    assert listed["gracePeriodEndsAt"] == listed["createdAt"]
    devices = admin.get(f"/api/v1/Identities/{caller.address}").result["devices"]
    assert listed["createdByDevice"] == devices[0]["id"]
