"""What each access pattern costs: the numbers of docs/data-model.md, measured with DynamoDB Local."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from backbone.caller import Caller
from tests.support.api import InProcessApi
from tests.support.builders import given_relationship
from tests.support.metering import Meter, metered
from tests.unit.synchronization.steps import (
    SYNC_RUNS,
    errors,
    events_of,
    finalize,
    finalize_upgrade,
    given_caller,
    given_event,
    given_owner,
    given_run,
    listed,
    message_to,
    modification,
    push,
    start,
    successes,
    tell,
)

pytestmark = pytest.mark.local_dynamodb

KILOBYTE = "QUJD" * 170
"""A payload of half a kilobyte, so that the item has less than one."""
FULL_HISTORY = 40
ABSENT = 0
"""What reading an absent item costs: 1 RCU on AWS, nothing in DynamoDB Local.  And the meter leaves out what a
transaction writes to `byIndex`."""


@pytest.fixture
def api(local_dynamodb: None) -> InProcessApi:
    return InProcessApi(["synchronization"])


def mod(number: int) -> dict[str, object]:
    return modification(number, encryptedPayload=KILOBYTE)


@pytest.fixture
def owner(api: InProcessApi) -> Caller:
    """Somebody with a history: nothing may cost more because more is stored."""
    return given_owner(api, *(mod(number) for number in range(FULL_HISTORY)))


@contextmanager
def costs(calls: list[str], *, trips: int, rcu: float, wcu: float) -> Iterator[Meter]:
    """The block makes these calls and consumes these units."""
    with metered() as meter:
        yield meter
    assert (meter.calls, meter.trips, meter.read_units, meter.write_units) == (calls, trips, rcu, wcu)


def known(api: InProcessApi, owner: Caller) -> int:
    return len(listed(api, owner).result) - 1


def test_a_start_without_news(api: InProcessApi, owner: Caller) -> None:
    with costs(["BatchGetItem"], trips=1, rcu=2, wcu=0):
        assert start(api, owner).status == 200


def test_a_list_without_news(api: InProcessApi, owner: Caller) -> None:
    index = known(api, owner)

    with costs(["GetItem"], trips=1, rcu=1, wcu=0):
        assert listed(api, owner, localIndex=index).result == []


def test_a_datawallet(api: InProcessApi, owner: Caller) -> None:
    with costs(["GetItem"], trips=1, rcu=1, wcu=0):
        api.get("/api/v2/Datawallet", caller=owner)


def test_a_list_of_two_new_modifications(api: InProcessApi, owner: Caller) -> None:
    index = known(api, owner)
    push(api, owner, index, mod(101), mod(102))

    with costs(["GetItem", "Query"], trips=2, rcu=2, wcu=0):
        assert len(listed(api, owner, localIndex=index).result) == 2


def test_a_list_of_several_pages_costs_twice_its_size(api: InProcessApi) -> None:
    owner = given_owner(api, *(mod(number) for number in range(60)))

    with costs(["GetItem", "Query", "Query", "PutItem"], trips=4, rcu=1 + 10 + 2, wcu=1):
        assert len(listed(api, owner).result) == 50
    with costs(["BatchGetItem", "Query"], trips=2, rcu=2 + 2, wcu=0):
        assert len(listed(api, owner, pageNumber=2).result) == 10


@pytest.mark.parametrize(("count", "wcu"), [(1, 4), (3, 8)])
def test_a_push_of_new_groups(api: InProcessApi, owner: Caller, count: int, wcu: float) -> None:
    index = known(api, owner)

    with costs(["GetItem", "TransactWriteItems"], trips=2, rcu=1, wcu=wcu):
        assert push(api, owner, index, *(mod(100 + number) for number in range(count))).status == 201


def test_a_push_that_replaces(api: InProcessApi, owner: Caller) -> None:
    index = known(api, owner)

    with costs(["GetItem", "TransactWriteItems"], trips=2, rcu=1, wcu=4):
        assert push(api, owner, index, mod(0)).status == 201


def test_a_start_with_news(api: InProcessApi, owner: Caller) -> None:
    given_event(owner.address)

    with costs(["BatchGetItem", "PutItem"], trips=2, rcu=2, wcu=1):
        assert start(api, owner).status == 201


def test_the_events_of_a_run(api: InProcessApi, owner: Caller) -> None:
    for number in range(5):
        given_event(owner.address, number)
    run = given_run(api, owner)

    with costs(["Query"], trips=1, rcu=1, wcu=0):
        assert len(events_of(api, owner, run["id"]).result) == 5


def test_the_events_of_a_long_run(api: InProcessApi, owner: Caller) -> None:
    for number in range(5):
        given_event(owner.address, number)
    run = given_run(api, owner)

    with costs(["Query", "Query"], trips=2, rcu=2, wcu=0):
        assert len(events_of(api, owner, run["id"], PageSize=2).result) == 2


@pytest.mark.parametrize(("events", "wcu"), [(1, 6), (2, 8)])
def test_a_finalization(api: InProcessApi, owner: Caller, events: int, wcu: float) -> None:
    for number in range(events):
        given_event(owner.address, number)
    run = given_run(api, owner)
    results = successes(events_of(api, owner, run["id"]).result)

    with costs(["Query", "TransactWriteItems"], trips=2, rcu=1, wcu=wcu):
        assert finalize(api, owner, run["id"], results).status == 200


def test_a_finalization_with_a_failure_and_a_modification(api: InProcessApi, owner: Caller) -> None:
    given_event(owner.address)
    run = given_run(api, owner)
    results = errors(events_of(api, owner, run["id"]).result)

    with costs(["Query", "TransactWriteItems"], trips=2, rcu=1, wcu=8):
        assert finalize(api, owner, run["id"], results, [mod(100)]).status == 200


def test_the_first_upgrade(api: InProcessApi) -> None:
    caller = given_caller()

    with costs(["BatchGetItem", "PutItem"], trips=2, rcu=1 + ABSENT, wcu=1):
        run = start(api, caller, "DatawalletVersionUpgrade").result["syncRun"]
    with costs(["GetItem", "TransactWriteItems"], trips=2, rcu=1, wcu=4):
        finalize_upgrade(api, caller, run["id"], 1)


def test_a_run_and_its_refresh(api: InProcessApi, owner: Caller) -> None:
    run = given_run(api, owner, "DatawalletVersionUpgrade")

    with costs(["BatchGetItem"], trips=1, rcu=1 + ABSENT, wcu=0):
        api.get(f"{SYNC_RUNS}/{run['id']}", caller=owner)
    with costs(["GetItem", "PutItem"], trips=2, rcu=1, wcu=1):
        api.put(f"{SYNC_RUNS}/{run['id']}/RefreshExpirationTime", caller=owner)


def test_an_external_event(api: InProcessApi, owner: Caller) -> None:
    with costs(["GetItem", "TransactWriteItems"], trips=2, rcu=1, wcu=6):
        given_event(owner.address)


@pytest.mark.parametrize(("status", "wcu"), [("Active", 6), ("Pending", 8)])
def test_the_event_of_a_message(api: InProcessApi, owner: Caller, status: str, wcu: float) -> None:
    relationship = given_relationship(given_caller().address, owner.address, status).id

    with costs(["BatchGetItem", "TransactWriteItems"], trips=2, rcu=2, wcu=wcu):
        tell(message_to((owner.address, relationship)))


def test_a_large_push(api: InProcessApi) -> None:
    """250 modifications: the head with its log, three parts with a check of the head each, the head without it."""
    owner = given_owner(api)

    with metered() as meter:
        assert push(api, owner, -1, *(modification(number) for number in range(250))).status == 201

    assert meter.calls == ["GetItem", "PutItem", *["TransactWriteItems"] * 3, "PutItem"]
    assert meter.write_units == pytest.approx(250 * 2 + 3 * 2 + 2)
