"""Whatever way a query takes through the indexes, it finds what the same query finds in a plain list."""

from collections import Counter
from datetime import timedelta

import pytest

from backbone.dynamodb import Table
from backbone.settings import settings as backbone_settings
from functions.overview import items, search, store
from functions.overview.domain import EVERYTHING, Condition, Field, IdentityOverview, Order, Query, QueryRefused
from functions.overview.odata_filter import parse_filter
from functions.overview.search import Found, Search
from functions.overview.store import Budget, OverviewStore
from tests.support.builders import LONG_AGO
from tests.unit.overview.oracle import meets, ordered
from tests.unit.overview.scenes import BASIC, PREMIUM, RARE, address, overview

pytestmark = pytest.mark.slow

ORDERS = [Order(field, descending) for field in Field if field is not Field.TIER for descending in (False, True)]
DAY = timedelta(days=1)


def identities() -> list[IdentityOverview]:
    """Different enough, with many of the same value and some without."""
    return [
        overview(
            number,
            tier_id=RARE if number == 7 else PREMIUM if number % 3 == 0 else BASIC,
            client_id="app" if number % 4 else "app\x02 v2~é",
            created_at=LONG_AGO + (number // 5) * DAY,
            number_of_devices=1 + number % 3,
            last_login_at=LONG_AGO + number * DAY if number % 5 else None,
            datawallet_version=number % 3 or None,
        )
        for number in range(40)
    ]


EVERYBODY = identities()


def given_identities(rows: list[IdentityOverview]) -> None:
    table = Table(backbone_settings().overview_table)
    for row in rows:
        table.put(items.identity_item(row, revision=1))
    counted: list[tuple[Field | None, str | None]] = [(None, None) for _ in rows]
    counted += [(Field.TIER, row.tier_id) for row in rows]
    counted += [(Field.CREATED_WITH_CLIENT, row.client_id) for row in rows]
    for (field, value), number in Counter(counted).items():
        table.put({**items.counter_key(field, value), "n": number})


@pytest.fixture(params=["sorted in memory", "along an index"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Small numbers in place of large ones, so that the ways of large overviews are taken."""
    for name in ("MAX_SORTED", "PREFERABLY_SORTED", "PREFERABLY_COMPLETED"):
        monkeypatch.setattr(search, name, 1000 if request.param == "sorted in memory" else 4)
    monkeypatch.setattr(store, "_READ_ALONG_BELOW", 3)
    monkeypatch.setattr(store, "_SMALLEST_LIMIT", 2)
    return str(request.param)


def find(query: Query) -> Found:
    return Search(OverviewStore(), query).find()


FILTERS = [
    "",
    "contains(address,'a')",
    f"contains(address,'{address(3)}')",
    f"contains(address,'{address(3)[:-18]}')",
    f"startswith(address,'{address(3)[:-18]}')",
    "startswith(address,'did:e:local')",
    f"address eq '{address(3)}'",
    "address eq 'did:e:elsewhere:dids:x'",
    f"tier/Id eq '{PREMIUM}'",
    f"(tier/Id eq '{RARE}' or tier/Id eq '{PREMIUM}')",
    f"tier/Id ne '{BASIC}'",
    f"tier/id eq '{RARE}' and tier/id eq '{BASIC}'",
    "createdWithClient eq 'app'",
    "(createdWithClient eq 'app' or createdWithClient eq 'nobody')",
    "contains(createdWithClient,'é')",
    "numberOfDevices ne 2",
    "numberOfDevices gt 2.5 and numberOfDevices lt 1000000000",
    "numberOfDevices le 2 and numberOfDevices ge 2",
    "createdAt ge 2024-01-04 and createdAt lt 2024-01-07",
    "createdAt gt 2024-01-02T03:04:05.6780001Z",
    "createdAt eq 2024-01-02T03:04:05.678Z",
    "lastLoginAt ge 2024-01-20",
    "lastLoginAt lt 2024-01-20",
    "lastLoginAt ne 2024-01-03T03:04:05.678Z",
    "lastLoginAt eq null",
    "lastLoginAt ne null",
    "not (lastLoginAt gt 2024-01-20) or numberOfDevices eq 3",
    "datawalletVersion eq null",
    "datawalletVersion ne 1",
    "datawalletVersion in (1, 2)",
    "datawalletVersion lt 2",
    "identityVersion eq 1",
    "not (identityVersion eq 1)",
    "createdAt eq null",
    "createdAt gt null",
    f"createdWithClient gt '{'x' * 3000}'",
    f"createdWithClient eq '{'é' * 100}'",
    f"createdWithClient eq '{'x' * 3000}' or numberOfDevices eq 1",
    f"contains(address,':dids:{'a' * 3000}')",
    f"contains(address,'{'x' * 3000}')",
    f"address eq '{'x' * 3000}'",
    "tier/id eq ''",
    f"contains(address,'1') and (tier/Id eq '{PREMIUM}' or tier/Id eq '{BASIC}') and createdAt ge 2024-01-01",
    f"tier/Id eq '{PREMIUM}' and createdWithClient eq 'app' and lastLoginAt ge 2024-01-10 and numberOfDevices gt 0",
    "(numberOfDevices eq 1 or createdAt lt 2024-01-04) and createdWithClient eq 'app'",
]


def condition_of(text: str) -> Condition:
    return parse_filter(text) if text else EVERYTHING


@pytest.mark.local_dynamodb
def test_every_filter_finds_what_it_should(local_dynamodb: None, way: str) -> None:
    """admin-api.md §10: comparing a null column with `eq/gt/…` never matches (except `ne`)"""
    given_identities(EVERYBODY)

    for text in FILTERS:
        query = Query(condition_of(text), top=100, counted=True)
        expected = ordered((row for row in EVERYBODY if meets(row, query.condition)), query.order)
        found = find(query)

        assert (found.rows, found.count) == (expected, len(expected)), text
        assert Search(OverviewStore(), query).count() == len(expected), text


def check_pages(text: str, order: Order, skips: tuple[int, ...]) -> None:
    condition = condition_of(text)
    expected = ordered((row for row in EVERYBODY if meets(row, condition)), order)
    for skip in skips:
        try:
            found = find(Query(condition, order, top=3, skip=skip, counted=True))
        except QueryRefused:
            # Only a condition on the last log-in that many meet, in another order than its own or that of addresses.
            assert "lastLoginAt" in text
            assert order.field not in (Field.ADDRESS, Field.LAST_LOGIN_AT)
            assert sum(row.last_login_at is not None for row in EVERYBODY) > search.MAX_SORTED
        else:
            assert (found.count, found.rows) == (len(expected), expected[skip : skip + 3]), (text, order, skip)


def test_every_order_shows_them_in_order(engine: str, way: str) -> None:
    """admin-api.md §10: `$orderBy` fields `address`, `createdWithClient`, `numberOfDevices`, `createdAt`, …"""
    given_identities(EVERYBODY)

    for order in ORDERS:
        check_pages("", order, (0, 1, 5, 38, 100))


def test_no_query_reads_more_than_it_may(moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    given_identities(EVERYBODY)
    monkeypatch.setattr(Budget, "__init__", lambda self: setattr(self, "left", 30))

    with pytest.raises(QueryRefused, match="too many"):
        find(Query(parse_filter("contains(address,'nowhere')"), top=5))
    assert len(find(Query(top=25)).rows) == 25


@pytest.mark.slow
@pytest.mark.local_dynamodb
def test_filters_go_with_orders(local_dynamodb: None, way: str) -> None:
    given_identities(EVERYBODY)

    for number, order in enumerate(ORDERS):
        for text in FILTERS[number % 3 :: 3]:
            check_pages(text, order, (0, 1, 38))
