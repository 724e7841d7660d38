"""What requests cost, exactly as docs/data-model.md says.  Against DynamoDB Local, which reports capacity units.

Units of transactions are counted without what they change in the indexes: 2 WCU more for a new relationship.
"""

import base64
from collections.abc import Callable

import pytest

from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.metering import metered
from tests.unit.relationships.scenes import (
    CONTENT,
    RELATIONSHIPS,
    TEMPLATES,
    Two,
    active_caller,
    create,
    fetch,
    given_template,
    in_the_future,
    two,
)

pytestmark = pytest.mark.local_dynamodb

GET, BATCH, QUERY = "GetItem", "BatchGetItem", "Query"
PUT, UPDATE, DELETE, TRANSACT = "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"
THREE_KB = base64.b64encode(bytes(2900)).decode()


@pytest.fixture
def api(local_dynamodb: None) -> InProcessApi:
    """Relationships on DynamoDB Local."""
    return InProcessApi(["relationships"])


def cost(request: Callable[[], Answer], status: int = 200) -> tuple[list[str], float, float]:
    """The calls, and the read and write units, of a request."""
    with metered() as meter:
        answer = request()
    assert answer.status == status, answer.body
    return meter.calls, meter.read_units, meter.write_units


@pytest.mark.parametrize(("content", "units"), [(CONTENT, 1), (THREE_KB, 4)])
def test_a_template_costs_one_write_and_its_index(api: InProcessApi, content: str, units: int) -> None:
    members = {"content": content, "expiresAt": in_the_future(days=1)}
    personal = {**members, "forIdentity": new_caller().address}

    assert cost(lambda: api.post(TEMPLATES, members, caller=new_caller()), 201) == ([PUT], 0, units + 1)
    assert cost(lambda: api.post(TEMPLATES, personal, caller=new_caller()), 201) == ([PUT], 0, units + 2)


def test_fetching_a_template_costs_one_read_and_the_first_time_a_write(api: InProcessApi) -> None:
    template_id, guest = given_template(api, new_caller()), new_caller()

    # DynamoDB Local does not charge for the allocation that is not there; AWS does.
    assert cost(lambda: fetch(api, template_id, guest)) == ([BATCH, PUT], 1, 1 + 2)
    assert cost(lambda: fetch(api, template_id, guest)) == ([BATCH], 2, 0)


def test_limited_templates_cost_a_transaction_per_guest_whatever_their_size(api: InProcessApi) -> None:
    template_id = given_template(api, new_caller(), content=THREE_KB, maxNumberOfAllocations=3)

    for _ in range(2):
        assert cost(lambda: fetch(api, template_id, new_caller())) == ([BATCH, TRANSACT], 1, 4)
    # Only a failed condition tells that one slot is left, or none.
    assert cost(lambda: fetch(api, template_id, new_caller()))[0] == [BATCH, TRANSACT, TRANSACT]
    assert cost(lambda: fetch(api, template_id, new_caller()), 400)[0] == [BATCH, TRANSACT]


def test_the_only_slot_is_found_at_once(api: InProcessApi) -> None:
    template_id = given_template(api, new_caller(), maxNumberOfAllocations=1)

    assert cost(lambda: fetch(api, template_id, new_caller())) == ([BATCH, TRANSACT], 1, 4)
    assert cost(lambda: fetch(api, template_id, new_caller()), 400)[0] == [BATCH, TRANSACT]


def test_a_list_of_templates_costs_two_units_each(api: InProcessApi) -> None:
    owner, guest = new_caller(), new_caller()
    ids = [given_template(api, owner) for _ in range(51)]
    for id in ids[:2]:
        fetch(api, id, guest)

    assert cost(lambda: api.get(TEMPLATES, query={"ids": ids[:2]}, caller=guest)) == ([BATCH], 4, 0)
    assert cost(lambda: api.get(TEMPLATES, query={"ids": ids}, caller=guest))[0] == [BATCH] * 2


def test_deleting_a_template_costs_what_was_done_with_it(api: InProcessApi) -> None:
    owner = active_caller()
    unused, used = given_template(api, owner), given_template(api, owner)
    fetch(api, used, new_caller())
    create(api, used, active_caller())

    mark_and_remove = [BATCH, UPDATE, QUERY, DELETE]
    assert cost(lambda: api.delete(f"{TEMPLATES}/{unused}", caller=owner), 204)[0] == mark_and_remove
    calls, _, units = cost(lambda: api.delete(f"{TEMPLATES}/{used}", caller=owner), 204)
    assert sorted(calls) == sorted([*mark_and_remove, DELETE, DELETE, UPDATE])
    assert units == 5 + 3 + 2  # the template and two allocations leave the index, allocations the one of creators, too


def test_asking_whether_a_relationship_is_possible_costs_one_read(api: InProcessApi) -> None:
    here = two(api, "Active")

    query = {"peer": here.to.address}
    assert cost(lambda: api.get(f"{RELATIONSHIPS}/CanCreate", query=query, caller=here.from_)) == ([BATCH], 2, 0)


@pytest.mark.parametrize(("content", "more"), [(CONTENT, 0), (THREE_KB, 4)])
def test_a_relationship_costs_two_trips_when_the_template_was_fetched(
    api: InProcessApi, content: str, more: int
) -> None:
    template_id = given_template(api, active_caller(), expiresAt=in_the_future(days=1))
    first, next_ = active_caller(), active_caller()
    for caller in (first, next_):
        fetch(api, template_id, caller)

    # The first one frees the template from housekeeping.
    first_one = cost(lambda: create(api, template_id, first, creationContent=content), 201)
    next_one = cost(lambda: create(api, template_id, next_, creationContent=content), 201)
    refused = cost(lambda: create(api, template_id, next_, creationContent=content), 400)

    assert first_one == ([BATCH, TRANSACT], 2, 14 + more)
    assert next_one == ([BATCH, TRANSACT], 2, 12 + more)
    assert refused[:2] == ([BATCH, TRANSACT], 2)


def test_a_relationship_with_a_template_never_fetched_costs_two_trips_more(api: InProcessApi) -> None:
    template_id, caller = given_template(api, active_caller()), active_caller()

    created = cost(lambda: create(api, template_id, caller), 201)

    assert created == ([BATCH, PUT, BATCH, TRANSACT], 3, 3 + 12)


def test_an_answer_costs_two_trips(api: InProcessApi) -> None:
    small, large = two(api), two(api)
    content = {"creationResponseContent": THREE_KB}

    assert cost(lambda: small.act("Accept", small.to)) == ([QUERY, TRANSACT], 1, 6)
    assert cost(lambda: large.act("Accept", large.to, content)) == ([QUERY, TRANSACT], 1, 6 + 4)


def large_relationship(api: InProcessApi) -> Two:
    """An active one with 3 KB of content from either side."""
    from_, to = active_caller(), active_caller()
    id = create(api, given_template(api, to), from_, creationContent=THREE_KB).result["id"]
    here = Two(api, from_, to, id)
    here.act("Accept", to, {"creationResponseContent": THREE_KB})
    return here


def test_later_changes_cost_the_same_whatever_is_stored(api: InProcessApi) -> None:
    here = large_relationship(api)

    assert cost(lambda: here.act("Terminate", here.to)) == ([QUERY, TRANSACT], 2, 6)
    for _ in range(3):
        assert cost(lambda: here.act("Reactivate", here.to)) == ([QUERY, TRANSACT], 2, 4)
        assert cost(lambda: here.act("Reactivate/Revoke", here.to)) == ([QUERY, TRANSACT], 2, 4)
    assert cost(lambda: here.act("Decompose", here.to)) == ([QUERY, TRANSACT], 2, 6)


def test_the_second_decomposition_marks_every_entry_for_removal(api: InProcessApi) -> None:
    here = two(api, "DeletionProposed")

    assert cost(lambda: here.act("Decompose", here.to)) == ([QUERY, TRANSACT], 1, 6 + 2 * 3)


def test_reading_costs_one_trip(api: InProcessApi) -> None:
    small, large = two(api, "Active"), large_relationship(api)

    assert cost(lambda: small.get(small.to)) == ([QUERY], 1, 0)
    assert cost(lambda: large.get(large.to)) == ([QUERY], 2, 0)
    assert cost(lambda: api.get(f"{RELATIONSHIPS}/RELx", caller=new_caller()), 404) == ([QUERY], 0, 0)


def test_a_list_costs_a_unit_for_every_relationship_and_every_entry(api: InProcessApi) -> None:
    here = two(api, "Active")

    listed = cost(lambda: api.get(RELATIONSHIPS, query={"ids": [here.id, "RELx"]}, caller=here.to))

    assert listed == ([BATCH, BATCH], 1 + 2, 0)


def test_strangers_cost_a_read(api: InProcessApi) -> None:
    here = two(api, "Active")

    assert cost(lambda: here.act("Terminate", new_caller()), 404) == ([QUERY], 1, 0)
