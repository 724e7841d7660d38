"""What queries of the overview of identities cost, however many there are: the table in docs/decisions/overview.md.

    python -m tests.bench.overview

Measured against DynamoDB Local with 20,000 and 40,000 identities.  Beyond the limits that are constants, what a query
reads is a fixed number of entries and a share of all, so that two measurements tell the units for any number.
"""

import sys
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from moto import mock_aws

from backbone import dynamodb
from backbone.settings import settings
from functions.overview import items
from functions.overview.domain import EVERYTHING, Field, IdentityOverview, Order, Query
from functions.overview.odata_filter import parse_filter
from functions.overview.search import Search
from functions.overview.store import OverviewStore
from tests.support.builders import LONG_AGO
from tests.support.engine import dynamodb_local, prepare_environment
from tests.support.metering import metered
from tests.unit.overview.scenes import BASIC, PREMIUM, RARE, address, overview

SIZES = (1_000, 20_000, 40_000)
EXTRAPOLATED = (100_000, 1_000_000)
FEW = 50
ORDER, NEWEST, LAST_SEEN = Order(), Order(Field.CREATED_AT, True), Order(Field.LAST_LOGIN_AT, True)

Ask = Callable[[int], Query]


def identities(number: int) -> Iterator[IdentityOverview]:
    """Half of them in each of two tiers, all but 50; one in ten never logged in, one in five has a second device."""
    for each in range(number):
        yield overview(
            each,
            tier_id=RARE if each < FEW else PREMIUM if each % 2 else BASIC,
            last_login_at=LONG_AGO + timedelta(minutes=each) if each % 10 else None,
            number_of_devices=1 if each % 5 else 2,
            datawallet_version=1,
        )


def _page(text: str, order: Order, skip: Callable[[int], int] = lambda _: 0) -> Ask:
    condition = parse_filter(text) if text else EVERYTHING
    return lambda number: Query(condition, order, top=25, skip=skip(number), counted=True)


def _instant(minutes: int) -> str:
    return (LONG_AGO + timedelta(minutes=minutes)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


QUERIES: dict[str, Ask] = {
    "first page, by address": _page("", ORDER),
    "first page, by any other property": _page("", NEWEST),
    "first page, by last log-in": _page("", LAST_SEEN),
    "last page": _page("", ORDER, lambda number: number - 25),
    "page in the middle, by address": _page("", ORDER, lambda number: number // 2),
    "tier of half of them, by address": _page(f"tier/Id eq '{PREMIUM}'", ORDER),
    "tier of half of them, by creation": _page(f"tier/Id eq '{PREMIUM}'", NEWEST),
    "tier of 50, by creation": _page(f"tier/Id eq '{RARE}'", NEWEST),
    "tier of 50, by last log-in": _page(f"tier/Id eq '{RARE}'", LAST_SEEN),
    "a whole address": _page(f"contains(address,'{address(7)}')", ORDER),
    "a part of an address": _page("contains(address,'abc')", ORDER),
    "created lately (50), by address": lambda number: Query(
        parse_filter(f"createdAt ge {(LONG_AGO + timedelta(seconds=number - FEW)).isoformat()[:19]}Z"),
        ORDER,
        top=25,
        counted=True,
    ),
    "created since long ago (all), by address": _page("createdAt ge 2024-01-01", ORDER),
    "created since long ago (all), by creation": _page("createdAt ge 2024-01-01", NEWEST),
    "logged in lately (50), by creation": lambda number: Query(
        parse_filter(f"lastLoginAt ge {_instant(number - FEW * 10 // 9)}"), NEWEST, top=25, counted=True
    ),
    "logged in since long ago (90 %), by address": _page("lastLoginAt ge 2024-01-01", ORDER),
    "more than one device (20 %), by creation": _page("numberOfDevices gt 1", NEWEST),
    "all clauses of the Admin UI, none selective": _page(
        f"contains(address,'a') and (tier/Id eq '{PREMIUM}' or tier/Id eq '{BASIC}') and createdWithClient eq 'test'"
        " and numberOfDevices ge 1 and datawalletVersion eq 1 and identityVersion eq 1 and createdAt ge 2024-01-01",
        ORDER,
    ),
    "everything at once (10,000 rows)": lambda _: Query(),
}


def measured(number: int) -> dict[str, float]:
    """Read units of each query."""
    costs = {}
    for name, ask in QUERIES.items():
        with metered() as meter:
            Search(OverviewStore(), ask(number)).find()
        costs[name] = meter.read_units
    return costs


def fill(number: int) -> None:
    """Write them, without the transactions that would take minutes."""
    table = settings().overview_table
    rows = list(identities(number))
    puts = [{"PutRequest": {"Item": dynamodb.encode(items.identity_item(row, revision=1))}} for row in rows]
    groups = [items.counter_key(), items.counter_key(Field.CREATED_WITH_CLIENT, "test")]
    tiers = {tier: sum(row.tier_id == tier for row in rows) for tier in (BASIC, PREMIUM, RARE)}
    counted = [{**key, "n": number} for key in groups]
    counted += [{**items.counter_key(Field.TIER, tier), "n": of_tier} for tier, of_tier in tiers.items()]
    puts += [{"PutRequest": {"Item": dynamodb.encode(item)}} for item in counted]
    for begin in range(0, len(puts), dynamodb.BATCH_WRITE_LIMIT):
        dynamodb.client().batch_write_item(RequestItems={table: puts[begin : begin + dynamodb.BATCH_WRITE_LIMIT]})


def report(costs: dict[int, dict[str, float]]) -> Iterator[str]:
    """Lines of a table: measured for 1,000 and 20,000, calculated for more."""
    small, medium, large = SIZES
    headings = [f"{number:,}" for number in (small, medium, *EXTRAPOLATED)]
    yield f"| query for 25 of them and the number of all | {' | '.join(headings)} |"
    yield "|---" * (len(headings) + 1) + "|"
    for name in QUERIES:
        per_identity = (costs[large][name] - costs[medium][name]) / (large - medium)
        beyond = [costs[medium][name] + per_identity * (number - medium) for number in EXTRAPOLATED]
        shown = [costs[small][name], costs[medium][name], *beyond]
        yield f"| {name} | {' | '.join(f'{value:,.0f}' for value in shown)} |"


def main() -> int:
    """Measure and print."""
    costs = {}
    with dynamodb_local() as endpoint:
        for number in SIZES:
            with mock_aws(), pytest.MonkeyPatch.context() as patch:
                prepare_environment(patch, endpoint=endpoint)
                fill(number)
                costs[number] = measured(number)
    sys.stdout.write("\n".join(report(costs)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
