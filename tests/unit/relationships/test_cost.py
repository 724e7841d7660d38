"""What requests cost, exactly as docs/data-model.md says.  Against DynamoDB Local, which reports capacity units.

Units of transactions are counted without what they change in the indexes: 2 WCU more for a new relationship.
"""

import base64
from collections.abc import Callable
from functools import partial

import pytest

from backbone.quotas import store as quotas_store
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import TIER
from tests.support.metering import Meter, metered
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
def api(local_dynamodb: None, monkeypatch: pytest.MonkeyPatch) -> InProcessApi:
    """Relationships on DynamoDB Local; the quotas of the tier are known already."""
    monkeypatch.setattr(quotas_store, "TIERS_KNOWN_FOR_SECONDS", 3600)
    quotas_store.tiers.learn(TIER, None)
    return InProcessApi(["relationships"])


def cost(request: Callable[[], Answer], status: int = 200) -> tuple[list[str], float, float]:
    """The calls, and the read and write units, of a request."""
    meter = metered_request(request, status)
    return meter.calls, meter.read_units, meter.write_units


def metered_request(request: Callable[[], Answer], status: int, *, latency_seconds: float = 0) -> Meter:
    """What a request costs."""
    with metered(latency_seconds) as meter:
        answer = request()
    assert answer.status == status, answer.body
    return meter


def limited_cost(request: Callable[[], Answer], status: int = 200) -> tuple[list[str], float, float]:
    """The same of a request with quotas, whose reading goes on beside the request's own: two round trips together.

    DynamoDB Local does not charge for usage that was never counted; AWS does.
    """
    meter = metered_request(request, status, latency_seconds=0.05)
    assert meter.calls[-1] == TRANSACT
    assert meter.trips <= len(meter.calls) - 1
    return sorted(meter.calls), meter.read_units, meter.write_units


@pytest.mark.parametrize(("content", "units"), [(CONTENT, 1), (THREE_KB, 4)])
def test_a_template_costs_one_read_of_quotas_and_one_transaction_with_its_count(
    api: InProcessApi, content: str, units: int
) -> None:
    members, owner = {"content": content, "expiresAt": in_the_future(days=1)}, active_caller()
    personal = {**members, "forIdentity": new_caller().address}
    given_template(api, owner)  # the tier is known, and there is a count

    for template in (members, personal):
        expected = ([BATCH, TRANSACT], 2, 2 * units + 2)
        assert cost(partial(api.post, TEMPLATES, template, caller=owner), 201) == expected


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
    first_one = limited_cost(lambda: create(api, template_id, first, creationContent=content), 201)
    next_one = limited_cost(lambda: create(api, template_id, next_, creationContent=content), 201)
    refused = limited_cost(lambda: create(api, template_id, next_, creationContent=content), 400)

    assert first_one == ([BATCH, BATCH, TRANSACT], 2 + 1, 16 + more)
    assert next_one == ([BATCH, BATCH, TRANSACT], 2 + 1, 14 + more)
    assert refused[:2] == ([BATCH, BATCH, TRANSACT], 2 + 2)


def test_a_relationship_with_a_template_never_fetched_costs_two_trips_more(api: InProcessApi) -> None:
    template_id, caller = given_template(api, active_caller()), active_caller()

    created = limited_cost(lambda: create(api, template_id, caller), 201)

    assert created == ([BATCH, BATCH, BATCH, PUT, TRANSACT], 3 + 1, 3 + 14)


def test_an_acceptance_costs_two_trips(api: InProcessApi) -> None:
    small, large = two(api), two(api)
    content = {"creationResponseContent": THREE_KB}

    assert limited_cost(lambda: small.act("Accept", small.to)) == ([BATCH, QUERY, TRANSACT], 1 + 2, 8)
    assert limited_cost(lambda: large.act("Accept", large.to, content)) == ([BATCH, QUERY, TRANSACT], 1 + 2, 8 + 4)


def test_a_refusal_counts_for_who_asked(api: InProcessApi) -> None:
    rejected, revoked = two(api), two(api)

    assert cost(lambda: rejected.act("Reject", rejected.to)) == ([QUERY, TRANSACT], 1, 8)
    assert cost(lambda: revoked.act("Revoke", revoked.from_)) == ([QUERY, TRANSACT], 1, 8)


def test_giving_up_what_was_refused_counts_for_the_other_one(api: InProcessApi) -> None:
    here = two(api, "Rejected")

    assert cost(lambda: here.act("Decompose", here.to)) == ([QUERY, TRANSACT], 1, 10)


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
    assert cost(lambda: here.act("Decompose", here.to)) == ([QUERY, TRANSACT], 2, 8)


def test_the_second_decomposition_marks_every_entry_for_removal(api: InProcessApi) -> None:
    here = two(api, "DeletionProposed")

    assert cost(lambda: here.act("Decompose", here.to)) == ([QUERY, TRANSACT], 1, 8 + 2 * 3)


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
