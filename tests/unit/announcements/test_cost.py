"""What docs/data-model.md says of the cost, measured on DynamoDB Local."""

import pytest

from backbone import clock
from functions.announcements.store import AnnouncementStore
from tests.support.api import new_caller
from tests.support.builders import given_announcement
from tests.support.metering import metered

pytestmark = pytest.mark.local_dynamodb
store = AnnouncementStore()


@pytest.mark.parametrize(("recipients", "units"), [(0, 4), (3, 10)])
def test_creating_is_one_transaction(local_dynamodb: None, recipients: int, units: int) -> None:
    addresses = [new_caller().address for _ in range(recipients)]
    with metered() as meter:
        given_announcement(*addresses)

    assert meter.calls == ["TransactWriteItems"]
    assert meter.write_units == units


def test_listing_what_is_for_everybody_is_one_round_trip(local_dynamodb: None) -> None:
    given_announcement()
    given_announcement(new_caller().address)
    with metered() as meter:
        store.visible_to(new_caller().address, now=clock.now())

    assert meter.calls == ["Query", "Query"]
    assert meter.trips == 1
    assert meter.read_units == 1  # the engine counts an empty query as nothing, AWS bills 1


def test_listing_what_is_addressed_takes_a_second_one(local_dynamodb: None) -> None:
    alice = new_caller().address
    given_announcement()
    given_announcement(alice)
    with metered() as meter:
        store.visible_to(alice, now=clock.now())

    assert sorted(meter.calls) == ["BatchGetItem", "Query", "Query"]
    assert meter.trips <= 2
    assert meter.read_units == 3


def test_listing_does_not_cost_more_when_others_have_more(local_dynamodb: None) -> None:
    alice, bob = new_caller().address, new_caller().address
    for _ in range(30):
        given_announcement(bob)
    with metered() as meter:
        store.visible_to(alice, now=clock.now())

    assert meter.read_units <= 2


def test_operators_read_one_with_one_call(local_dynamodb: None) -> None:
    announcement = given_announcement()
    with metered() as meter:
        store.get(announcement.id, now=clock.now())

    assert meter.calls == ["BatchGetItem"]
    assert meter.read_units <= 2  # the engine counts an absent item as nothing, AWS bills 1


def test_operators_list_all_with_one_query(local_dynamodb: None) -> None:
    for _ in range(3):
        given_announcement(new_caller().address)
    with metered() as meter:
        assert len(store.all(now=clock.now())) == 3

    assert (meter.calls, meter.read_units) == (["Query"], 1)


@pytest.mark.parametrize(("recipients", "units"), [(0, 2), (3, 8)])
def test_deleting_is_one_transaction(local_dynamodb: None, recipients: int, units: int) -> None:
    announcement = given_announcement(*(new_caller().address for _ in range(recipients)))
    with metered() as meter:
        store.delete(announcement)

    assert (meter.calls, meter.write_units) == (["TransactWriteItems"], units)
