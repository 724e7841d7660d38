"""Whatever a stranger with a key sends: OData's 400 or an answer, never a 500."""

import json
from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.overview.domain import Field, Query, QueryRefused
from functions.overview.odata_filter import ODataError, parse_filter
from functions.overview.odata_options import parse_options
from functions.overview.search import Search
from functions.overview.store import OverviewStore
from tests.support.api import InProcessApi
from tests.unit.overview.oracle import meets
from tests.unit.overview.scenes import given_overview, overview

pytestmark = pytest.mark.slow

FAST = settings(deadline=None, max_examples=300)
ON_A_TABLE = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
WORDS = st.sampled_from(
    [str(field) for field in Field]
    + ["and", "or", "not", "in", "eq", "ne", "gt", "ge", "lt", "le", "contains", "startswith", "null", "true"]
    + ["(", ")", ",", "'", "''", "'a'", "'did:e:localhost:dids:'", "1", "-1", "2.5", "1e5", "99999999999999999999"]
    + ["2024-01-01", "2024-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "0001-01-01", "$it/address", "\x00", "é"]
)
OPTIONS = st.sampled_from(["$filter", "$orderby", "$top", "$skip", "$select", "$expand", "$skiptoken", "$count", "x"])
LITERALS = {
    "text": st.text(max_size=5).map(lambda text: "'" + text.replace("'", "''") + "'"),
    "number": st.integers(-(10**6), 10**7).map(str) | st.sampled_from(["1.5", "-0.5", "999999", "1000000"]),
    "instant": st.datetimes().map(lambda instant: instant.isoformat() + "Z") | st.dates().map(str),
}


def clauses() -> st.SearchStrategy[str]:
    """Well-formed comparisons of any field with any value."""
    fields = st.sampled_from([field for field in Field if field is not Field.TIER])
    operators = st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"])

    def clause(field: Field) -> st.SearchStrategy[str]:
        literals = LITERALS[field.kind] | st.just("null")
        return st.tuples(st.just(str(field)), operators, literals).map(" ".join)

    return fields.flatmap(clause)


FILTERS = st.recursive(
    clauses(),
    lambda inner: st.one_of(
        inner.map(lambda text: f"not ({text})"),
        st.tuples(inner, st.sampled_from([" and ", " or "]), inner).map(lambda three: f"({''.join(three)})"),
    ),
    max_leaves=6,
)


@given(text=st.text() | st.lists(WORDS, max_size=30).map(" ".join) | st.lists(WORDS, max_size=30).map("".join))
@FAST
def test_no_text_breaks_the_parser(text: str) -> None:
    with suppress(ODataError):
        parse_filter(text)


@given(options=st.dictionaries(OPTIONS | st.text(max_size=5), st.lists(st.text(max_size=20), min_size=1, max_size=2)))
@FAST
def test_no_option_breaks_the_parser(options: dict[str, list[str]]) -> None:
    with suppress(ODataError):
        parse_options(options)


@pytest.mark.slow
@pytest.mark.local_dynamodb
@given(text=FILTERS, descending=st.booleans(), field=st.sampled_from([f for f in Field if f is not Field.TIER]))
@ON_A_TABLE
def test_every_well_formed_filter_is_answered(
    dynamodb_local_endpoint: str, local_dynamodb: None, text: str, descending: bool, field: Field
) -> None:
    row = overview(1)
    if not Search(OverviewStore(), Query()).find().rows:
        given_overview(1)
    order = f"{field} {'desc' if descending else 'asc'}"

    with suppress(ODataError, QueryRefused):
        query = parse_options({"$filter": [text], "$orderby": [order], "$top": ["5"], "$count": ["true"]})
        found = Search(OverviewStore(), query).find()
        assert (found.rows, found.count) == (([row], 1) if meets(row, query.condition) else ([], 0))


@pytest.mark.parametrize("token", ["YQ", "AWE", "fw", "AA", "7KW_YQ", "8J-YgGE", "MDAwMDAwAWZm", "Zg" * 500])
def test_any_position_may_be_gone_on_from(admin: InProcessApi, token: str) -> None:
    given_overview(1)
    for order in ("address", "createdAt desc", "numberOfDevices"):
        answer = admin.get("/odata/Identities", query={"$skiptoken": token, "$orderby": order})

        assert answer.status in (200, 400), answer.body


def test_a_query_string_of_any_bytes_is_answered(admin: InProcessApi) -> None:
    for query in ("%", "%zz", "$filter=%ff%fe", "$filter=" + quote("'" * 999), "&&==", "$top=%00", "$filter=%ED%A0%80"):
        answer = admin.get("/odata/Identities", query=query)

        assert answer.status in (200, 400), answer.body
        assert json.loads(answer.body)
