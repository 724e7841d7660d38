"""What deletion costs, exactly as docs/data-model.md says.  Against DynamoDB Local, which reports capacity units."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from backbone import clock
from functions.devices import audit_log, deletion_jobs
from functions.devices.configuration import NotificationText, Translation
from functions.devices.consumers import consumers
from functions.devices.deletion_process import DELETING_SERVICES
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import given_relationship
from tests.support.metering import metered
from tests.unit.devices.deletions import begun, confirmation, deletions, deliver, given_owner, started

pytestmark = pytest.mark.local_dynamodb

GET, BATCH, QUERY, PUT = "GetItem", "BatchGetItem", "Query", "PutItem"
UPDATE, TRANSACT, DELETE = "UpdateItem", "TransactWriteItems", "DeleteItem"
PROCESSES = "/api/v2/Identities/Self/DeletionProcesses"
FLAGS = "/api/v2/Identities/Self/FeatureFlags"


@pytest.fixture
def api(local_dynamodb: None, monkeypatch: pytest.MonkeyPatch) -> InProcessApi:
    """The API on DynamoDB Local, warm."""
    monkeypatch.setattr(audit_log, "_ITERATIONS", 1)
    api = InProcessApi()
    api.get("/api/v2/Identities/Self", caller=given_owner())
    return api


def _cost(action: Callable[[], Any]) -> tuple[list[str], float, float]:
    with metered() as meter:
        action()
    return meter.calls, meter.read_units, meter.write_units


@pytest.mark.parametrize("devices", [1, 3])
def test_starting_and_cancelling_cost_a_transaction(api: InProcessApi, devices: int) -> None:
    caller = given_owner(devices)

    start = _cost(lambda: api.post(PROCESSES, caller=caller))
    listed = _cost(lambda: api.get(PROCESSES, caller=caller))
    id = api.get(PROCESSES, caller=caller).result[0]["id"]
    one = _cost(lambda: api.get(f"{PROCESSES}/{id}", caller=caller))
    cancel = _cost(lambda: api.put(f"{PROCESSES}/{id}/Cancel", caller=caller))

    # Without the index: the process is in it while it is active (1 WCU more on AWS).
    assert start == ([QUERY, TRANSACT, QUERY], 2, 12 + 2 * devices)
    assert listed == ([QUERY], 1, 0)
    assert one == ([GET], 1, 0)
    assert cancel == ([QUERY, GET, TRANSACT, QUERY], 3, 12 + 2 * devices)


def test_a_refused_start_costs_a_read(api: InProcessApi) -> None:
    caller = given_owner()
    started(caller, 1)

    assert _cost(lambda: api.post(PROCESSES, caller=caller)) == ([QUERY], 1, 0)


def test_jobs_read_only_what_is_due(api: InProcessApi) -> None:
    """A scheduled function works from an index, never a scan of live data: 16 queries when there is nothing to do."""
    for _ in range(5):
        started(given_owner(), 100)
    now = clock.now()

    remind = _cost(lambda: deletion_jobs.remind(now=now))
    delete = _cost(lambda: deletion_jobs.delete_due(now=now, tokens_valid_for=timedelta(0)))

    # DynamoDB Local does not charge for finding nothing; AWS does (0.5 RCU a query).
    assert remind == delete == ([BATCH, *[QUERY] * 16], 0, 0)


def test_each_due_process_costs_a_read_and_a_transaction(api: InProcessApi) -> None:
    started(given_owner(), 4)
    started(given_owner(), 0)
    now = clock.now()

    remind = _cost(lambda: deletion_jobs.remind(now=now))
    delete = _cost(lambda: deletion_jobs.delete_due(now=now, tokens_valid_for=timedelta(0)))

    assert (sorted(remind[0]), remind[1:]) == (sorted([*[QUERY] * 16, BATCH, BATCH, TRANSACT]), (2.5, 4))
    assert (sorted(delete[0]), delete[1:]) == (sorted([*[QUERY] * 16, BATCH, BATCH, TRANSACT]), (2.5, 6))


def test_jobs_look_at_many_processes_at_once(api: InProcessApi) -> None:
    """With a call for each, a quarter of an hour is enough for 110,000."""
    now = clock.now()
    for _ in range(60):
        started(given_owner(), 14, now=now)

    calls, *_ = _cost(lambda: deletion_jobs.remind(now=now + timedelta(days=1.5)))

    assert calls.count(BATCH) <= 1 + 16


@pytest.mark.parametrize("devices", [1, 3])
def test_confirmations_and_the_end(api: InProcessApi, devices: int) -> None:
    process = begun(given_owner(devices))
    *first, last = DELETING_SERVICES
    said = [_cost(lambda each=each: deliver(consumers, confirmation(process, each, "One"))) for each in first]  # type: ignore[misc]

    end = _cost(lambda: deliver(consumers, confirmation(process, last, "One")))

    assert said == [([BATCH, TRANSACT, GET], 3, 4)] * len(first)
    entries = 2 + len(DELETING_SERVICES)  # StartedByOwner, DeletionStarted, one per service
    confirming, device = [BATCH, TRANSACT, GET], [PUT, TRANSACT]
    others = [UPDATE, QUERY, DELETE, QUERY, QUERY, *[UPDATE] * entries, BATCH, GET, TRANSACT]
    assert sorted(end[0]) == sorted([*confirming, *device * devices, *others])


def test_a_deleted_username_costs_one_more_read(api: InProcessApi) -> None:
    username = "USR" + "a" * 17

    is_deleted = _cost(lambda: api.get("/api/v2/Identities/IsDeleted", query={"username": username}))

    assert is_deleted[0] == [GET, GET]
    assert deletions.deleted_at(username, now=clock.now()) is None  # type: ignore[arg-type]  # a text will do


def test_feature_flags_cost_two_trips_to_set_and_one_to_read(api: InProcessApi) -> None:
    caller, peer, stranger = given_owner(), new_caller(), new_caller()
    given_relationship(caller.address, peer.address)
    path = f"/api/v2/Identities/{caller.address}/FeatureFlags"

    first = _cost(lambda: api.request("PATCH", FLAGS, json_body={"a": True}, caller=caller))
    again = _cost(lambda: api.request("PATCH", FLAGS, json_body={"b": True}, caller=caller))
    own = _cost(lambda: api.get(path, caller=caller))
    peers = _cost(lambda: api.get(path, caller=peer))
    refused = _cost(lambda: api.get(path, caller=stranger))

    assert first == ([BATCH, TRANSACT], 1, 4)
    assert again == ([BATCH, TRANSACT], 2, 4)
    assert own == ([GET], 1, 0)
    assert peers == ([BATCH], 2, 0)
    assert refused[0] == [BATCH, QUERY]


def test_a_notification_costs_a_read_per_recipient_and_a_write(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller, peers = given_owner(), [new_caller().address for _ in range(3)]
    for peer in peers:
        given_relationship(caller.address, peer)
    text = NotificationText(Code="TestCode", Translations={"en": Translation(Title="A title", Body="A body")})
    monkeypatch.setattr("functions.devices.notifications_api.notification_texts", lambda: {"TestCode": text})

    sent = _cost(lambda: api.post("/api/v2/Notifications", {"recipients": peers, "code": "TestCode"}, caller=caller))

    assert sent == ([BATCH, PUT], 3, 1)
