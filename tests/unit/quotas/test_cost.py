"""What quotas cost, exactly as docs/data-model.md says.  Against DynamoDB Local, which reports capacity units."""

import pytest

from backbone import clock
from backbone.ids import TokenId
from backbone.quotas import Metric, Period
from backbone.quotas import store as quotas
from functions.quotas.store import Adjustment, QuotaStore
from tests.support.api import InProcessApi
from tests.support.builders import TIER, given_individual_quota, given_tier, given_tier_quota, usage_of
from tests.support.metering import Meter, metered
from tests.unit.quotas.scenes import EXHAUSTED, QUOTAS, active_caller, create_token

pytestmark = [pytest.mark.local_dynamodb, pytest.mark.usefixtures("local_dynamodb")]
GET, BATCH, QUERY = "GetItem", "BatchGetItem", "Query"
UPDATE, TRANSACT, DELETE = "UpdateItem", "TransactWriteItems", "BatchWriteItem"
TOKENS = Metric.NUMBER_OF_TOKENS


@pytest.fixture
def api(local_dynamodb: None) -> InProcessApi:
    """What is counted and listed here."""
    return InProcessApi(["tokens", "quotas"])


def cost(meter: Meter) -> tuple[list[str], float, float]:
    """Calls, read and write units."""
    return sorted(meter.calls), meter.read_units, meter.write_units


def test_a_request_that_counts_takes_two_trips_with_and_without_quotas(api: InProcessApi) -> None:
    caller = active_caller()
    given_tier_quota(TOKENS, 100)
    create_token(api, caller)
    for _ in range(2):
        with metered() as meter:
            create_token(api, caller)

        assert cost(meter) == ([BATCH, TRANSACT], 2, 2 + 2)
        assert meter.trips == 2
        given_individual_quota(caller.address, TOKENS, 100, Period.DAY)
        quotas.tiers.of(TIER)


def test_definitions_that_have_to_be_read_again_are_read_along(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = active_caller()
    given_tier_quota(TOKENS, 100)
    create_token(api, caller)
    monkeypatch.setattr(quotas, "TIERS_KNOWN_FOR_SECONDS", 0.05)
    clock_later = quotas.monotonic() + 60  # type: ignore[attr-defined]  # as the module sees it
    monkeypatch.setattr(quotas, "monotonic", lambda: clock_later)

    with metered() as meter:
        create_token(api, caller)

    assert cost(meter) == ([BATCH, TRANSACT], 3, 2 + 2)


def test_the_first_identity_of_a_tier_takes_one_trip_more(api: InProcessApi) -> None:
    caller = active_caller()
    given_tier_quota(TOKENS, 100)

    with metered() as meter:
        create_token(api, caller)

    assert (meter.calls, meter.trips) == ([BATCH, GET, TRANSACT], 3)


def test_a_refusal_costs_the_reading_only(api: InProcessApi) -> None:
    caller = active_caller()
    given_tier_quota(TOKENS, 1)
    create_token(api, caller)

    with metered() as meter:
        assert create_token(api, caller).error == EXHAUSTED

    assert cost(meter) == ([BATCH], 2, 0)


def test_the_list_reads_three_things_at_once_and_then_the_tier(api: InProcessApi) -> None:
    caller = active_caller()
    given_tier_quota(TOKENS, 1)
    create_token(api, caller)
    quotas.tiers.forget()

    with metered() as meter:
        api.get(QUOTAS, caller=caller)

    assert (sorted(meter.calls[:3]), meter.calls[3:]) == ([GET, QUERY, QUERY], [GET])
    assert meter.read_units == 4


def test_operators_pay_for_one_item() -> None:
    given_tier()
    admin, caller = InProcessApi(["quotas"], admin=True), active_caller()
    quota = {"metricKey": TOKENS, "max": 1, "period": "Day"}
    for path in (f"/api/v1/Tiers/{TIER}/Quotas", f"/api/v1/Identities/{caller.address}/Quotas"):
        with metered() as meter:
            created = admin.post(path, quota).result
        assert cost(meter) == ([GET, TRANSACT], 1, 4)
        with metered() as meter:
            assert admin.delete(f"{path}/{created['id']}").status == 204
        assert meter.write_units == 1
        assert meter.read_units == 2
        assert meter.calls[-1] == UPDATE


def test_what_goes_costs_a_mark_and_the_count() -> None:
    caller, now = active_caller(), clock.now()
    gone = [Adjustment(caller.address, TOKENS, -1, now)]
    quotas.table().put({**quotas.metric_key(caller.address, TOKENS), "total": 1})

    with metered() as meter:
        QuotaStore().adjust(TokenId.new(), gone, now=now)

    assert cost(meter) == (["GetItem", TRANSACT], 1, 4)
    assert usage_of(caller.address, TOKENS)["total"] == 0


def test_an_identity_is_forgotten_with_two_calls() -> None:
    caller = active_caller()
    for metric in Metric:
        given_individual_quota(caller.address, metric, 1)

    with metered() as meter:
        QuotaStore().forget_identity(caller.address)

    assert meter.calls == [QUERY, DELETE]
