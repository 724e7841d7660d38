"""What the end of an identity costs, exactly as docs/data-model.md says, against DynamoDB Local."""

from collections.abc import Callable

import pytest

from backbone.addresses import Address
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import given_relationship
from tests.support.metering import Meter, metered
from tests.unit.relationships.deletion_scenes import deleted, flags_changed, to_be_deleted
from tests.unit.relationships.scenes import active_caller, fetch, given_template

pytestmark = pytest.mark.local_dynamodb

GET, BATCH, QUERY = "GetItem", "BatchGetItem", "Query"
PUT, UPDATE, DELETE, TRANSACT = "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"


@pytest.fixture
def api(local_dynamodb: None) -> InProcessApi:
    """Relationships on DynamoDB Local."""
    return InProcessApi(["relationships"])


def cost(reaction: Callable[[Address], None], address: Address) -> Meter:
    """What a reaction to an event about this identity costs."""
    with metered() as meter:
        reaction(address)
    return meter


def in_relationships(number: int) -> Address:
    """Somebody with so many, half of them created by himself; and others who have some, too."""
    somebody, other = new_caller().address, new_caller().address
    for n in range(number):
        peer = new_caller().address
        given_relationship(*((somebody, peer) if n % 2 else (peer, somebody)))
        given_relationship(peer, other)
    return somebody


LOOK = [QUERY, QUERY, BATCH]


@pytest.mark.parametrize("number", [2, 6])
def test_news_cost_a_read_and_a_write_per_relationship(api: InProcessApi, number: int) -> None:
    somebody = in_relationships(number)

    first, again = (cost(to_be_deleted, somebody) for _ in range(2))

    assert first.calls == [*LOOK, *[UPDATE] * number, *LOOK]
    assert (first.read_units, first.write_units) == (2 * (1 + number), number)
    assert again.calls == [*LOOK, *LOOK]


def test_feature_flags_cost_a_query_per_template_and_a_write_per_allocator(api: InProcessApi) -> None:
    owner = active_caller()
    for template_id in (given_template(api, owner), given_template(api, owner)):
        for _ in range(3):
            fetch(api, template_id, new_caller())

    meter = cost(flags_changed, owner.address)

    assert meter.calls == [QUERY, QUERY, QUERY, QUERY, QUERY, QUERY, *[UPDATE] * 3, QUERY, *[UPDATE] * 3]
    assert meter.write_units == 6


@pytest.mark.parametrize("number", [2, 6])
def test_leaving_costs_a_transaction_and_an_update_per_relationship(api: InProcessApi, number: int) -> None:
    somebody = in_relationships(number)

    meter = cost(deleted, somebody)

    assert sorted(meter.calls) == sorted(["GetItem", *[QUERY] * 10, *[QUERY, TRANSACT, UPDATE] * number, PUT])
    # Per relationship: the transaction 6 (counted as if the head with its events had 1 KB; it has up to 2), the update
    # of the head 2 and its index 1.  Then the mark.
    assert (meter.read_units, meter.write_units) == (number + 2, 9 * number + 1)
