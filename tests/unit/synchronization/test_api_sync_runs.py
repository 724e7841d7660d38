"""Sync runs over HTTP.  Contract: synchronization.md, sections 3 and 11."""

from datetime import timedelta
from typing import Any

import pytest

from backbone import clock
from backbone.ids import ExternalEventId, SyncRunId
from functions.synchronization import domain
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import given_identity
from tests.unit.synchronization.steps import (
    SYNC_RUNS,
    VERSION_1,
    earlier,
    errors,
    events_of,
    finalize,
    finalize_upgrade,
    given_caller,
    given_event,
    given_owner,
    given_run,
    given_upgrade,
    listed,
    modification,
    other_device_of,
    push,
    start,
    successes,
    sync,
)

SYNC_RUN = "error.platform.validation.syncRun"
INVALID = (400, "error.platform.validation.invalidPropertyValue")
UNPARSABLE = (400, "error.platform.inputCannotBeParsed")
NOT_FOUND = (404, "error.platform.recordNotFound")
NO_NEWS = {"status": "NoNewEvents", "syncRun": None}
UPGRADE = "DatawalletVersionUpgrade"


def test_without_events_there_is_no_run(api: InProcessApi) -> None:
    """synchronization.md §11: POST /SyncRuns `{}` without events -> 200 status NoNewEvents, syncRun null."""
    answer = api.post(SYNC_RUNS, {}, caller=given_owner(api), headers=VERSION_1)

    assert (answer.status, answer.result) == (200, NO_NEWS)


def test_dotnet_clients_start_a_run_by_numbers(api: InProcessApi) -> None:
    """synchronization.md §11: POST /SyncRuns `{"Type":1,"Duration":30}` -> 201 with type DatawalletVersionUpgrade and
    expiresAt = createdAt + 30 s."""
    caller = given_caller()

    answer = api.post(SYNC_RUNS, {"Type": 1, "Duration": 30}, caller=caller, headers=VERSION_1)

    run = answer.result["syncRun"]
    assert (answer.status, answer.result["status"], run["type"]) == (201, "Created", UPGRADE)
    assert clock.parse(run["expiresAt"]) - clock.parse(run["createdAt"]) == timedelta(seconds=30)
    assert (run["index"], run["eventCount"]) == (0, 0)
    assert (run["createdBy"], run["createdByDevice"]) == (caller.address, caller.device_id)
    assert set(run) == {
        *("id", "type", "expiresAt", "index", "createdAt", "createdBy", "createdByDevice", "eventCount"),
    }


@pytest.mark.parametrize(("members", "seconds"), [({}, 10), ({"duration": None}, 10), ({"duration": 0}, 0)])
def test_a_run_lasts_ten_seconds_unless_told_otherwise(
    api: InProcessApi, members: dict[str, Any], seconds: int
) -> None:
    """synchronization.md §11: POST /SyncRuns without duration -> expiresAt = createdAt + 10 s."""
    run = given_run(api, given_caller(), UPGRADE, **members)

    assert clock.parse(run["expiresAt"]) - clock.parse(run["createdAt"]) == timedelta(seconds=seconds)


def test_only_an_upgrade_starts_without_datawallet(api: InProcessApi) -> None:
    """synchronization.md §11: POST /SyncRuns ExternalEventSync without datawallet -> 404; DatawalletVersionUpgrade
    without datawallet -> 201."""
    caller = given_caller()

    assert start(api, caller).error == NOT_FOUND
    assert start(api, caller, UPGRADE).status == 201


@pytest.mark.parametrize("type", ["ExternalEventSync", UPGRADE])
def test_an_old_client_starts_no_run(api: InProcessApi, type: str) -> None:
    """synchronization.md §11: POST /SyncRuns with header lower than datawallet version -> 400
    …insufficientSupportedDatawalletVersion."""
    caller = given_owner(api)

    answer = api.post(SYNC_RUNS, {"type": type}, caller=caller)

    assert answer.error == (400, "error.platform.validation.datawallet.insufficientSupportedDatawalletVersion")


@pytest.mark.parametrize("type", ["ExternalEventSync", UPGRADE])
@pytest.mark.parametrize("status", ["ToBeDeleted", "Deleting"])
def test_an_identity_to_be_deleted_starts_no_run(api: InProcessApi, type: str, status: str) -> None:
    """synchronization.md §11: POST /SyncRuns while identity is ToBeDeleted -> 400
    …cannotStartSyncRunWhileIdentityIsToBeDeleted (both types)."""
    caller = given_owner(api)
    given_identity(caller.address, status)

    assert start(api, caller, type).error == (400, f"{SYNC_RUN}.cannotStartSyncRunWhileIdentityIsToBeDeleted")


def test_an_unknown_identity_starts_no_run(api: InProcessApi) -> None:
    """synchronization.md §3.3 step 2: unknown -> 404 error.platform.recordNotFound"""
    assert start(api, new_caller(), UPGRADE).error == NOT_FOUND


@pytest.mark.parametrize("type", ["ExternalEventSync", UPGRADE])
def test_only_one_run_at_a_time(api: InProcessApi, type: str) -> None:
    """synchronization.md §11: POST /SyncRuns while a run is active (also own device) -> 400
    …cannotStartSyncRunWhenAnotherSyncRunIsRunning."""
    caller = given_owner(api)
    given_run(api, caller, UPGRADE)

    for device in (caller, other_device_of(caller)):
        assert start(api, device, type).error == (400, f"{SYNC_RUN}.cannotStartSyncRunWhenAnotherSyncRunIsRunning")


def test_an_expired_run_is_cancelled_by_the_next(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """synchronization.md §11: POST /SyncRuns after expiry -> 201; old run finalized; its events have syncErrorCount 1
    and
    belong to the new run."""
    caller = given_owner(api)
    given_event(caller.address, 1)
    given_event(caller.address, 2)
    with earlier(monkeypatch, 60):
        old = given_run(api, caller)

    new = given_run(api, other_device_of(caller))

    assert (new["index"], new["eventCount"]) == (old["index"] + 1, 2)
    assert finalize(api, caller, old["id"]).error == (400, f"{SYNC_RUN}.syncRunAlreadyFinalized")
    assert api.get(f"{SYNC_RUNS}/{old['id']}", caller=caller).result == old
    assert events_of(api, caller, new["id"]).error[0] == 400
    finished = finalize(api, caller, new["id"])
    assert finished.error == (400, f"{SYNC_RUN}.cannotFinalizeSyncRunStartedByAnotherDevice")


def test_a_cancelled_event_counts_an_error(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """synchronization.md §11: (…) its events have syncErrorCount 1 and belong to the new run."""
    caller = given_owner(api)
    given_event(caller.address)
    with earlier(monkeypatch, 60):
        given_run(api, caller)

    run = given_run(api, caller)

    assert [event["syncErrorCount"] for event in events_of(api, caller, run["id"]).result] == [1]


def test_three_abandoned_runs_lose_an_event(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """synchronization.md §10.2: Cancellation counts as a sync error for each event: three abandoned runs lose the
    events
    for good"""
    caller = given_owner(api)
    given_event(caller.address)
    for age in (90, 60, 30):
        with earlier(monkeypatch, age):
            given_run(api, caller)

    answer = start(api, caller)

    assert (answer.status, answer.result) == (200, NO_NEWS)
    assert push(api, caller, -1, modification()).status == 201  # the abandoned run is closed all the same


def test_an_upgrade_cancels_an_expired_sync(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """synchronization.md §3.3 step 6: Not finalized but expired -> cancel it"""
    caller = given_owner(api)
    given_event(caller.address)
    with earlier(monkeypatch, 60):
        given_run(api, caller)
    upgrade = given_run(api, caller, UPGRADE)

    listed_events = events_of(api, caller, upgrade["id"]).result
    finalize_upgrade(api, caller, upgrade["id"], 1)

    assert (upgrade["eventCount"], listed_events) == (0, [])
    assert [event["syncErrorCount"] for event in sync(api, caller)] == [1]


def test_an_event_that_failed_three_times_is_dead(api: InProcessApi) -> None:
    """synchronization.md §11: event with syncErrorCount 3 is not part of a new run."""
    caller = given_owner(api)
    given_event(caller.address)
    counts = []
    for _ in range(3):
        run = given_run(api, caller)
        events = events_of(api, caller, run["id"]).result
        counts += [event["syncErrorCount"] for event in events]
        finalize(api, caller, run["id"], errors(events))

    assert counts == [0, 1, 2]
    assert start(api, caller).result == NO_NEWS


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'{"type":7}', b'{"type":"x"}', b'{"duration":65536}'])
def test_a_malformed_start_cannot_be_parsed(api: InProcessApi, body: bytes) -> None:
    """synchronization.md §3.3: Body (must be a JSON object, `{}` allowed); undefined integer for `type` -> 500 in the
    reference"""
    headers = {**VERSION_1, "content-type": "application/json"}

    answer = api.request("POST", SYNC_RUNS, body=body, headers=headers, caller=given_owner(api))

    assert answer.error == UNPARSABLE


def test_a_run_is_read_by_its_identity_only(api: InProcessApi) -> None:
    """synchronization.md §11: GET /SyncRuns/{id} of another identity -> 404; id `abc` -> 400 invalidPropertyValue."""
    caller = given_caller()
    run = given_run(api, caller, UPGRADE)
    path = f"{SYNC_RUNS}/{run['id']}"

    assert api.get(path, caller=other_device_of(caller)).result == run
    assert api.get(path, caller=new_caller()).error == NOT_FOUND
    assert api.get(f"{SYNC_RUNS}/abc", caller=caller).error == INVALID
    finalize_upgrade(api, caller, run["id"], 1)
    assert api.get(path, caller=other_device_of(caller)).result == run


def test_events_are_for_the_device_that_started_the_run(api: InProcessApi) -> None:
    """synchronization.md §11: GET …/ExternalEvents by other device -> 400
    …cannotReadExternalEventsOfASyncRunStartedByAnotherDevice; after finalize -> 400 …syncRunAlreadyFinalized (also for
    another device)."""
    caller = given_owner(api)
    given_event(caller.address)
    run = given_run(api, caller)
    foreign = events_of(api, other_device_of(caller), run["id"])
    finalize(api, caller, run["id"])

    assert foreign.error == (400, f"{SYNC_RUN}.cannotReadExternalEventsOfASyncRunStartedByAnotherDevice")
    for device in (caller, other_device_of(caller)):
        assert events_of(api, device, run["id"]).error == (400, f"{SYNC_RUN}.syncRunAlreadyFinalized")


def test_events_of_an_expired_run_can_still_be_read(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """synchronization.md §3.2: List events (creator device): Expired: ok"""
    caller = given_owner(api)
    given_event(caller.address)
    with earlier(monkeypatch, 60):
        run = given_run(api, caller)

    assert len(events_of(api, caller, run["id"]).result) == 1


def test_events_come_in_the_order_of_their_indices(api: InProcessApi) -> None:
    """synchronization.md §11: events come ascending by index; payload keys camelCase."""
    caller = given_owner(api)
    for number in range(12):
        given_event(caller.address, number)
    run = given_run(api, caller)

    events = events_of(api, caller, run["id"]).result

    assert run["eventCount"] == 12
    assert [event["index"] for event in events] == list(range(12))
    assert [event["payload"] for event in events] == [{"relationshipId": f"REL{n:017d}"} for n in range(12)]
    assert set(events[0]) == {"id", "type", "index", "createdAt", "syncErrorCount", "payload"}
    assert events[0]["type"] == "RelationshipReactivationRequested"
    assert ExternalEventId.is_valid(events[0]["id"])
    assert len(events[0]["id"]) == 20


@pytest.mark.parametrize("created_during_the_run", [0, 5])
def test_events_are_paged(api: InProcessApi, created_during_the_run: int) -> None:
    """synchronization.md §0.1: Paging (both list endpoints)"""
    caller = given_owner(api)
    for number in range(5):
        given_event(caller.address, number)
    run = given_run(api, caller)
    for number in range(created_during_the_run):
        given_event(caller.address, number)

    pages = [events_of(api, caller, run["id"], PageSize=2, PageNumber=number) for number in (1, 2, 3, 4)]

    assert [[event["index"] for event in page.result] for page in pages] == [[0, 1], [2, 3], [4], []]
    assert pages[0].json["pagination"] == {"pageNumber": 1, "pageSize": 2, "totalPages": 3, "totalRecords": 5}
    assert pages[2].json["pagination"] == {"pageNumber": 3, "pageSize": 2, "totalPages": 3, "totalRecords": 5}
    assert "pagination" not in events_of(api, caller, run["id"], PageSize=5).json
    assert events_of(api, caller, run["id"], PageSize=201).error[1].endswith("invalidPageSize")


def test_the_page_size_is_checked_before_the_id(api: InProcessApi) -> None:
    """synchronization.md §3.6: Order: page size 400 -> id syntax 400 -> 404"""
    caller = given_caller()

    assert events_of(api, caller, "abc", PageSize=201).error[1].endswith("invalidPageSize")
    assert events_of(api, caller, "abc").error == INVALID
    assert events_of(api, caller, "SYR1").error == NOT_FOUND


def test_a_refresh_revives_an_expired_run(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """synchronization.md §11: PUT …/RefreshExpirationTime on expired run -> 200, expiresAt = now + 10 s; other device
    ->
    400; finalized -> 400."""
    caller = given_caller()
    with earlier(monkeypatch, 60):
        run = given_run(api, caller, UPGRADE, duration=30)
    path = f"{SYNC_RUNS}/{run['id']}/RefreshExpirationTime"
    foreign = api.put(path, caller=other_device_of(caller))

    before, answer, after = clock.now(), api.put(path, caller=caller), clock.now()

    expires_at = clock.parse(answer.result["expiresAt"])
    assert before + timedelta(seconds=10) <= expires_at <= after + timedelta(seconds=10)
    assert api.get(f"{SYNC_RUNS}/{run['id']}", caller=caller).result["expiresAt"] == answer.result["expiresAt"]
    assert foreign.error == (400, f"{SYNC_RUN}.cannotRefreshExpirationTimeOfSyncRunStartedByAnotherDevice")
    assert start(api, caller, UPGRADE).error[0] == 400
    finalize_upgrade(api, caller, run["id"], 1)
    assert api.put(path, caller=caller).error == (400, f"{SYNC_RUN}.syncRunAlreadyFinalized")
    assert api.put(path, caller=other_device_of(caller)).error == foreign.error


def test_a_refresh_needs_a_run(api: InProcessApi) -> None:
    """synchronization.md §3.5: Order: id syntax 400 -> not found/other identity 404"""
    caller = given_caller()
    run = given_run(api, given_caller(), UPGRADE)

    for id, expected in (("abc", INVALID), (SyncRunId.new(), NOT_FOUND), (run["id"], NOT_FOUND)):
        assert api.put(f"{SYNC_RUNS}/{id}/RefreshExpirationTime", caller=caller).error == expected


def test_each_type_has_its_own_end(api: InProcessApi) -> None:
    """synchronization.md §11: PUT …/FinalizeExternalEventSync of an upgrade run (or reverse) -> 400
    …unexpectedSyncRunType."""
    caller = given_owner(api)
    given_event(caller.address)
    run = given_run(api, caller)
    wrong_for_sync = finalize_upgrade(api, other_device_of(caller), run["id"], 1)
    finalize(api, caller, run["id"])
    upgrade = given_run(api, caller, UPGRADE)

    assert wrong_for_sync.error == (400, f"{SYNC_RUN}.unexpectedSyncRunType")
    assert finalize(api, caller, upgrade["id"]).error == wrong_for_sync.error


@pytest.mark.parametrize("type", ["ExternalEventSync", UPGRADE])
def test_a_run_is_ended_once_by_its_device(api: InProcessApi, type: str) -> None:
    """synchronization.md §11: finalize by other device -> 400 …cannotFinalizeSyncRunStartedByAnotherDevice; twice ->
    400
    …syncRunAlreadyFinalized."""
    caller = given_owner(api)
    given_event(caller.address)
    run = given_run(api, caller, type)

    def end(device: Any) -> Any:
        return finalize_upgrade(api, device, run["id"], 1) if type == UPGRADE else finalize(api, device, run["id"])

    foreign, first, second = end(other_device_of(caller)), end(caller), end(caller)

    assert foreign.error == (400, f"{SYNC_RUN}.cannotFinalizeSyncRunStartedByAnotherDevice")
    assert first.status == 200
    assert second.error == (400, f"{SYNC_RUN}.syncRunAlreadyFinalized")
    assert end(other_device_of(caller)).error == foreign.error


def test_an_expired_run_can_still_be_finalized(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """synchronization.md §8.2: finalization after expiry must still work unless another device cancelled the run"""
    caller = given_owner(api)
    given_event(caller.address)
    with earlier(monkeypatch, 60):
        run = given_run(api, caller)

    assert finalize(api, caller, run["id"]).status == 200


def test_an_unknown_run_cannot_be_finalized(api: InProcessApi) -> None:
    """synchronization.md §3.7: validation -> run not found 404"""
    caller = given_owner(api)

    assert finalize(api, caller, "abc").error == INVALID
    assert finalize(api, caller, "SYR1").error == NOT_FOUND
    assert finalize_upgrade(api, caller, "SYR1", 1).error == NOT_FOUND
    assert finalize(api, caller, given_run(api, given_owner(api), UPGRADE)["id"]).error == NOT_FOUND


def test_successful_events_are_done(api: InProcessApi) -> None:
    """synchronization.md §3.7: Success = the event stays assigned to the run and is thereby done."""
    caller = given_owner(api)
    given_event(caller.address)
    run = given_run(api, caller)
    events = events_of(api, caller, run["id"]).result

    answer = finalize(api, caller, run["id"], [{"externalEventId": events[0]["id"], "errorCode": ""}])

    assert answer.result["newUnsyncedExternalEventsExist"] is False
    assert start(api, caller).result == NO_NEWS


def test_failed_events_come_again(api: InProcessApi) -> None:
    """synchronization.md §11: finalize with errors for all events -> newUnsyncedExternalEventsExist false, events
    appear
    again in the next run with syncErrorCount 1."""
    caller = given_owner(api)
    given_event(caller.address, 1)
    given_event(caller.address, 2)
    run = given_run(api, caller)
    events = events_of(api, caller, run["id"]).result

    answer = finalize(api, caller, run["id"], errors(events))

    again = given_run(api, caller)
    assert answer.result["newUnsyncedExternalEventsExist"] is False
    assert again["eventCount"] == 2
    assert events_of(api, caller, again["id"]).result == [{**event, "syncErrorCount": 1} for event in events]


def test_events_without_result_come_again(api: InProcessApi) -> None:
    """synchronization.md §11: finalize with empty results -> events return with syncErrorCount 1."""
    caller = given_owner(api)
    given_event(caller.address)
    run = given_run(api, caller)

    finalize(api, caller, run["id"], [{"externalEventId": ExternalEventId.new()}])

    assert [event["syncErrorCount"] for event in sync(api, caller)] == [1]


def test_the_first_result_of_an_event_counts(api: InProcessApi) -> None:
    """synchronization.md §3.7: For each event assigned to the run look up the first result with its id"""
    caller = given_owner(api)
    given_event(caller.address)
    run = given_run(api, caller)
    events = events_of(api, caller, run["id"]).result

    finalize(api, caller, run["id"], [*successes(events), *errors(events)])

    assert start(api, caller).result == NO_NEWS


def test_an_event_created_during_the_run_is_new(api: InProcessApi) -> None:
    """synchronization.md §11: event created during the run -> newUnsyncedExternalEventsExist true."""
    caller = given_owner(api)
    given_event(caller.address, 1)
    run = given_run(api, caller)
    given_event(caller.address, 2)
    events = events_of(api, caller, run["id"]).result

    answer = finalize(api, caller, run["id"], successes(events))

    assert [event["index"] for event in events] == [0]
    assert answer.result["newUnsyncedExternalEventsExist"] is True
    assert [event["index"] for event in sync(api, caller)] == [1]


def test_finalization_appends_modifications(api: InProcessApi) -> None:
    """synchronization.md §11: finalize with modifications -> appended with consecutive indices; response
    newDatawalletModificationIndex = highest index."""
    caller = given_owner(api, modification(0))
    given_event(caller.address)
    run = given_run(api, caller)

    answer = finalize(api, caller, run["id"], (), [modification(1), modification(2)])

    assert answer.result["newDatawalletModificationIndex"] == 2
    assert [item["index"] for item in answer.result["datawalletModifications"]] == [1, 2]
    assert [set(item) for item in answer.result["datawalletModifications"]] == [{"id", "index", "createdAt"}] * 2
    assert [item["index"] for item in listed(api, caller).result] == [0, 1, 2]


def test_finalization_needs_no_modifications(api: InProcessApi) -> None:
    """synchronization.md §11: finalize without modifications on an empty datawallet -> newDatawalletModificationIndex
    null, datawalletModifications []."""
    caller = given_owner(api)
    given_event(caller.address)
    run = given_run(api, caller)

    answer = api.put(f"{SYNC_RUNS}/{run['id']}/FinalizeExternalEventSync", {}, caller=caller)

    assert answer.result == {
        "newDatawalletModificationIndex": None,
        "datawalletModifications": [],
        "newUnsyncedExternalEventsExist": False,
    }


def test_finalization_without_modifications_tells_the_highest_index(api: InProcessApi) -> None:
    """synchronization.md §3.7: highest index of the datawallet after the call (also when nothing was appended)"""
    caller = given_owner(api, modification(0), modification(1))
    given_event(caller.address)

    answer = finalize(api, caller, given_run(api, caller)["id"])

    assert answer.result["newDatawalletModificationIndex"] == 1


def test_a_long_error_code_is_refused(api: InProcessApi) -> None:
    """synchronization.md §11: errorCode of 101 chars -> 400 MaximumLengthValidator."""
    caller = given_owner(api)
    given_event(caller.address)
    run = given_run(api, caller)
    events = events_of(api, caller, run["id"]).result

    assert finalize(api, caller, run["id"], errors(events, "x" * 101)).error == (400, "MaximumLengthValidator")
    assert finalize(api, caller, run["id"], errors(events, "x" * 100)).status == 200


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"externalEventResults": [{"externalEventId": "abc"}]}, INVALID),
        ({"externalEventResults": [{"externalEventId": "SYI" + "x" * 18}]}, INVALID),
        ({"externalEventResults": [{"externalEventId": None}]}, UNPARSABLE),
        ({"externalEventResults": [{}]}, UNPARSABLE),
        ({"externalEventResults": None}, UNPARSABLE),
        ({"datawalletModifications": None}, UNPARSABLE),
        ({"datawalletModifications": [modification(collection="x" * 51)]}, INVALID),
    ],
)
def test_a_malformed_finalization_leaves_the_run_open(
    api: InProcessApi, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    """synchronization.md §3.7: Order: parsing -> validation -> run not found"""
    caller = given_owner(api)
    given_event(caller.address)
    run = given_run(api, caller)

    answer = api.put(f"{SYNC_RUNS}/{run['id']}/FinalizeExternalEventSync", body, caller=caller)

    assert answer.error == expected
    assert finalize(api, caller, run["id"]).status == 200


def test_a_modification_ahead_of_the_datawallet_leaves_the_run_open(api: InProcessApi) -> None:
    """synchronization.md §3.7: item version too high 400
    error.platform.datawallet.datawalletVersionOfModificationTooHigh"""
    caller = given_owner(api)
    given_event(caller.address)
    run = given_run(api, caller)

    answer = finalize(api, caller, run["id"], (), [modification(datawalletVersion=2)])

    assert answer.error == (400, "error.platform.datawallet.datawalletVersionOfModificationTooHigh")
    assert len(events_of(api, caller, run["id"]).result) == 1


def test_versions_only_rise(api: InProcessApi) -> None:
    """synchronization.md §11: FinalizeDatawalletVersionUpgrade with version 0 -> 400 invalidPropertyValue; lower than
    current -> 400 error.platform.datawallet.cannotDowngrade and run still open."""
    caller = given_owner(api)
    given_upgrade(api, caller, 2)
    run = api.post(SYNC_RUNS, {"type": UPGRADE}, caller=caller, headers={"X-Supported-Datawallet-Version": "3"}).result[
        "syncRun"
    ]
    path = f"{SYNC_RUNS}/{run['id']}/FinalizeDatawalletVersionUpgrade"

    assert finalize_upgrade(api, caller, run["id"], 0).error == INVALID
    assert api.put(path, {}, caller=caller).error == INVALID
    assert api.put(path, {"newDatawalletVersion": None}, caller=caller).error == UNPARSABLE
    assert finalize_upgrade(api, caller, run["id"], 1).error == (400, "error.platform.datawallet.cannotDowngrade")
    assert finalize_upgrade(api, caller, run["id"], 2).status == 200
    assert api.get("/api/v2/Datawallet", caller=caller).result == {"version": 2}


def test_an_upgrade_appends_modifications_of_the_new_version(api: InProcessApi) -> None:
    """synchronization.md §3.8: datawalletModifications: each `datawalletVersion` <= `newDatawalletVersion`"""
    caller = given_owner(api, modification(0))
    run = given_run(api, caller, UPGRADE)
    too_high = finalize_upgrade(api, caller, run["id"], 2, [modification(1, datawalletVersion=3)])

    answer = finalize_upgrade(api, caller, run["id"], 2, [modification(1, datawalletVersion=2)])

    assert too_high.error == (400, "error.platform.datawallet.datawalletVersionOfModificationTooHigh")
    assert set(answer.result) == {"newDatawalletModificationIndex", "datawalletModifications"}
    assert answer.result["newDatawalletModificationIndex"] == 1


def test_an_upgrade_of_nothing_tells_no_index(api: InProcessApi) -> None:
    """synchronization.md §3.8: {"newDatawalletModificationIndex": <int|null>, "datawalletModifications":[…]}"""
    caller = given_caller()
    run = given_run(api, caller, UPGRADE)

    answer = finalize_upgrade(api, caller, run["id"], 1)

    assert answer.result == {"newDatawalletModificationIndex": None, "datawalletModifications": []}


def test_runs_are_numbered(api: InProcessApi) -> None:
    """synchronization.md §3.1: index: per identity: highest existing run index + 1, first 0"""
    caller = given_caller()
    indices = []
    for version in (1, 2, 3):
        run = api.post(
            SYNC_RUNS, {"type": UPGRADE}, caller=caller, headers={"X-Supported-Datawallet-Version": "9"}
        ).result["syncRun"]
        finalize_upgrade(api, caller, run["id"], version)
        indices.append(run["index"])

    assert indices == [0, 1, 2]


@pytest.mark.parametrize("page_size", [1, 50])
def test_an_upgrade_takes_no_events(api: InProcessApi, page_size: int) -> None:
    """synchronization.md §3.3: A DatawalletVersionUpgrade run holds no events; §3.6: A `DatawalletVersionUpgrade` run
    answers with an empty array."""
    caller = given_owner(api)
    for number in range(4):
        given_event(caller.address, number)
    run = given_run(api, caller, UPGRADE)
    during = events_of(api, caller, run["id"], PageSize=page_size).result
    finalize_upgrade(api, caller, run["id"], 1)

    assert (run["eventCount"], during) == (0, [])
    assert [event["syncErrorCount"] for event in sync(api, caller)] == [0] * 4


@pytest.mark.parametrize(("days", "status"), [(31, 404), (29, 200)])
def test_housekeeping_removes_finalized_runs(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch, days: int, status: int
) -> None:
    """synchronization.md §11: housekeeping deletes finalized runs after 30 days with their events, keeps failed
    ones."""
    caller = given_owner(api)
    given_event(caller.address, 1)
    given_event(caller.address, 2)
    run = given_run(api, caller)
    events = events_of(api, caller, run["id"]).result
    finalize(api, caller, run["id"], successes(events[:1]))

    with monkeypatch.context() as patch:  # as if everything had happened so many days ago
        patch.setattr(domain, "KEPT_AFTER_FINALIZATION", domain.KEPT_AFTER_FINALIZATION - timedelta(days=days))
        assert api.get(f"{SYNC_RUNS}/{run['id']}", caller=caller).status == status

    assert [event["id"] for event in sync(api, caller)] == [events[1]["id"]]
