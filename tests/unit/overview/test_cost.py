"""What the overview costs, as docs/data-model.md and docs/decisions/overview.md say.  Against DynamoDB Local."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from functions.overview import items, projection
from functions.overview.domain import Field, IdentityOverview, Order, Query
from functions.overview.odata_filter import parse_filter
from functions.overview.search import Search
from functions.overview.store import OverviewStore
from tests.support.builders import LONG_AGO, given_device, given_identity
from tests.support.metering import metered
from tests.unit.overview.scenes import BASIC, PREMIUM, address, given_overview, overview

pytestmark = pytest.mark.local_dynamodb

GET, BATCH, QUERY = "GetItem", "BatchGetItem", "Query"
UPDATE, TRANSACT = "UpdateItem", "TransactWriteItems"


def cost(action: Callable[[], object]) -> tuple[list[str], float, float]:
    with metered() as meter:
        action()
    return meter.calls, meter.read_units, meter.write_units


def test_a_log_in_costs_one_write_and_one_index(local_dynamodb: None) -> None:
    projection.refresh(given_identity(address(1), tier_id=BASIC).address)
    for number in (1, 2):  # the first one moves it away from those that never logged in
        at = LONG_AGO + timedelta(number)

        assert cost(lambda at=at: projection.note_log_in(address(1), at)) == ([UPDATE], 0, 1 + 2)  # type: ignore[misc]
    # One that is known costs a write that fails, which DynamoDB Local does not report.
    assert cost(lambda: projection.note_log_in(address(1), LONG_AGO))[0] == [UPDATE]


def test_a_new_identity_costs_two_looks_and_a_transaction(local_dynamodb: None) -> None:
    given_device(given_identity(address(1), tier_id=BASIC))

    calls, read, write = cost(lambda: projection.refresh(address(1)))

    assert calls == [GET, QUERY, BATCH, TRANSACT, GET, QUERY, BATCH]
    # In a batch, DynamoDB Local does not charge for what is not there: the datawallet, which would be 1 each time.
    assert (read, write) == (2 * (1 + 1 + 1), 4 * 2)


def test_another_device_changes_every_index(local_dynamodb: None) -> None:
    identity = given_identity(address(1), tier_id=BASIC)
    projection.refresh(address(1))
    given_device(identity)

    calls, _, write = cost(lambda: projection.refresh(address(1)))

    assert (calls, write) == ([GET, QUERY, BATCH, TRANSACT], 2)  # and 9 for the indexes


def test_news_that_are_none_cost_a_look(local_dynamodb: None) -> None:
    given_device(given_identity(address(1), tier_id=BASIC))
    projection.refresh(address(1))

    assert cost(lambda: projection.refresh(address(1))) == ([GET, QUERY, BATCH], 3, 0)


@pytest.mark.parametrize("field", [field for field in Field if field is not Field.TIER])
def test_a_page_costs_what_is_on_it_in_every_order(local_dynamodb: None, field: Field) -> None:
    """The units do not depend on how many identities there are: 20 of 30 or of a million."""
    for number in range(30):
        given_overview(number)
    query = Query(order=Order(field, descending=True), top=20, counted=True)

    calls, read, write = cost(lambda: Search(OverviewStore(), query).find())

    entries = 0.5  # some 4 KB, eventually consistent
    if field is Field.LAST_LOGIN_AT:
        assert (calls, read, write) == ([BATCH, QUERY], 1 + entries, 0)
    else:
        assert (calls, read, write) == ([BATCH, QUERY, BATCH], 1 + entries + 20, 0)


def test_the_last_page_is_read_from_the_end(local_dynamodb: None) -> None:
    for number in range(30):
        given_overview(number)
    query = Query(order=Order(Field.LAST_LOGIN_AT), top=10, skip=20, counted=True)

    assert cost(lambda: Search(OverviewStore(), query).find()) == ([BATCH, QUERY], 1 + 0.5, 0)


def test_the_identities_of_a_tier_are_a_page_of_its_index(local_dynamodb: None) -> None:
    for number in range(30):
        given_overview(number, tier_id=PREMIUM if number < 5 else BASIC)
    query = Query(parse_filter(f"tier/Id eq '{PREMIUM}'"), top=10, counted=True)

    assert cost(lambda: Search(OverviewStore(), query).find()) == ([BATCH, QUERY, BATCH], 1 + 0.5 + 5, 0)


def test_few_that_are_new_are_found_without_the_others(local_dynamodb: None) -> None:
    for number in range(60):
        given_overview(number)
    query = Query(parse_filter("createdAt ge 2024-01-02T03:05:04Z"), top=10, counted=True)

    calls, read, _ = cost(lambda: Search(OverviewStore(), query).find())

    assert (calls, read) == ([QUERY, QUERY, BATCH], 0.5 + 0.5 + 1)


def sizes(rows: list[IdentityOverview]) -> tuple[float, float]:
    """Bytes of an entry of an index, and of an item, on average."""
    entries, whole = 0, 0
    for row in rows:
        item = items.identity_item(row, revision=3)
        plain = {"pk", "sk", "kb", *items.ATTRIBUTES.values()} - {"l"}
        entries += sum(len(name) + _size(value) for name, value in item.items() if name in plain and value is not None)
        whole += sum(len(name) + _size(value) for name, value in item.items() if value is not None)
    return entries / len(rows), whole / len(rows)


def _size(value: object) -> int:
    return len(str(value)) if isinstance(value, str) else 2


def test_entries_of_indexes_are_small() -> None:
    """The sizes that docs/decisions/overview.md calculates with, for a DID domain of 17 characters."""
    rows = [overview(number, last_login_at=LONG_AGO, datawallet_version=1) for number in range(10)]

    entry, whole = sizes(rows)

    assert entry < 200
    assert whole < 520
