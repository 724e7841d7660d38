"""What the deletion of an identity costs, against DynamoDB Local.  docs/data-model.md, messages."""

import pytest

from tests.support.api import InProcessApi
from tests.unit.messages.deletion_scenes import Circle, left, orphaned, relationships_are_left
from tests.unit.messages.test_cost import cost_of

pytestmark = pytest.mark.local_dynamodb

BATCH, QUERY, GET, TRANSACT, UPDATE = "BatchGetItem", "Query", "GetItem", "TransactWriteItems", "UpdateItem"
PAIR = "DeleteItem"
"""The scene removes it, as Relationships does."""
RETIRING = [GET, GET, UPDATE] * 2


@pytest.fixture
def circle(local_dynamodb: None) -> Circle:
    return Circle(InProcessApi(["messages"]))


@pytest.mark.parametrize("number", [1, 3])
def test_a_deleted_sender(circle: Circle, number: int) -> None:
    """data-model.md, messages: deletion of an identity: a sender 2 trips, 2 RCU + 6 WCU per message"""
    for _ in range(number):
        circle.sent()

    cost = cost_of(lambda: left(circle.s, circle.r1, circle.to_r1))

    assert cost.calls == [PAIR, UPDATE, UPDATE, QUERY, QUERY, *[BATCH, TRANSACT] * number, *RETIRING]
    assert (cost.read_units, cost.write_units) == (4.5 + 2 * number, 5 + 6 * number)


@pytest.mark.parametrize("number", [1, 3])
def test_a_deleted_recipient(circle: Circle, number: int) -> None:
    """data-model.md, messages: deletion of an identity: a recipient 3 trips, 3 RCU + 6 WCU per message"""
    for _ in range(number):
        circle.sent()

    cost = cost_of(lambda: left(circle.r1, circle.s, circle.to_r1))

    assert cost.calls == [PAIR, UPDATE, UPDATE, QUERY, QUERY, *[BATCH, GET, TRANSACT] * number, *RETIRING]
    assert (cost.read_units, cost.write_units) == (4.5 + 3 * number, 5 + 6 * number)


def test_the_end_costs_a_query(circle: Circle) -> None:
    """data-model.md, messages: deletion of an identity: at the end 2 gets, 1 query, 1 put"""
    circle.sent()
    left(circle.r1, circle.s, circle.to_r1)

    cost = cost_of(lambda: relationships_are_left(circle.r1))

    assert cost.calls == ["PutItem", GET, GET, QUERY, "PutItem"]  # the first put is the mark of Relationships


def test_removing_an_orphan(circle: Circle) -> None:
    """data-model.md, messages: MessageOrphaned: 1 query, 1 WCU per record"""
    message_id = circle.sent()

    cost = cost_of(lambda: orphaned(message_id))

    assert cost.calls == [QUERY, "DeleteItem"]
