"""Many at once, against a real engine: exactly as many get through as the quota says, and every count is right."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle, islice
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbone import clock
from backbone.caller import Caller
from backbone.dynamodb import Table
from backbone.errors import BackboneError
from backbone.ids import DeviceId, TierQuotaDefinitionId, TokenId
from backbone.quotas import Allowance, Metric, Period, Quota, QuotaSource
from backbone.quotas import store as quotas
from backbone.quotas.periods import window_of
from backbone.settings import settings as backbone_settings
from functions.quotas.store import Adjustment, QuotaStore
from tests.support.api import InProcessApi
from tests.support.builders import TIER, given_individual_quota, given_tier, given_tier_quota, usage_of
from tests.unit.quotas.scenes import active_caller, create_token, upload

pytestmark = [pytest.mark.slow, pytest.mark.local_dynamodb, pytest.mark.usefixtures("local_dynamodb")]
TOKENS, FILES, STORAGE = Metric.NUMBER_OF_TOKENS, Metric.NUMBER_OF_FILES, Metric.USED_FILE_STORAGE_SPACE
AT_ONCE = 50
MIB = 1_048_576
JUST_BEFORE = datetime(2030, 2, 14, 15, 59, 59, 990_000, tzinfo=UTC)


def at_once(attempts: list[Callable[[], Any]]) -> Counter[Any]:
    """Run them in as many threads, starting together; results, with the last part of the code of an error."""
    barrier = Barrier(len(attempts))

    def run(attempt: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return attempt()
        except BackboneError as error:
            return error.code.rpartition(".")[2]

    with ThreadPoolExecutor(len(attempts)) as pool:
        return Counter(pool.map(run, attempts))


def status_of_creation(api: InProcessApi, caller: Caller) -> int:
    """Create a token."""
    return create_token(api, caller).status


def put(caller: Caller, now: datetime, metric: Metric = TOKENS) -> str:
    """Store something that counts."""
    write = Table(backbone_settings().tokens_table).putting({"pk": TokenId.new(), "sk": "T"})
    with Allowance.begin(caller, (metric,), now=now) as allowance:
        allowance.spend([write], now=now)
    return "ok"


@pytest.mark.parametrize("give", [given_tier_quota, None])
def test_fifty_requests_against_a_quota_of_ten_let_exactly_ten_through(give: Any) -> None:
    """Stricter than the reference, which judges by what was counted some time before (docs/decisions/quotas.md)."""
    api, caller = InProcessApi(["tokens"]), active_caller()
    if give:
        given_tier_quota(TOKENS, 10, Period.YEAR)
    else:
        given_individual_quota(caller.address, TOKENS, 10, Period.YEAR)

    statuses = at_once([partial(status_of_creation, api, caller)] * AT_ONCE)

    assert statuses == {201: 10, 429: 40}
    assert usage_of(caller.address, TOKENS)["total"] == 10


def test_two_devices_share_a_quota() -> None:
    api, caller = InProcessApi(["tokens"]), active_caller()
    other = replace(caller, device_id=DeviceId.new())
    given_tier_quota(TOKENS, 7, Period.YEAR)

    devices = islice(cycle((caller, other)), 20)
    statuses = at_once([partial(status_of_creation, api, device) for device in devices])

    assert statuses == {201: 7, 429: 13}


def test_identities_do_not_wait_for_each_other() -> None:
    api, callers = InProcessApi(["tokens"]), [active_caller() for _ in range(20)]
    given_tier_quota(TOKENS, 1, Period.YEAR)

    statuses = at_once([partial(status_of_creation, api, each) for each in callers])

    assert statuses == {201: 20}


def test_uploads_are_limited_by_what_is_stored_not_by_what_is_on_its_way() -> None:
    """Five of 256 KiB make one MiB and a bit; the fifth still sees less than one."""
    api, caller = InProcessApi(["files"]), active_caller()
    given_tier_quota(STORAGE, 1)

    statuses = at_once([lambda: upload(api, caller, bytes(256 * 1024 - 1)).status] * 12)

    assert statuses == {201: 5, 429: 7}
    assert usage_of(caller.address, STORAGE)["total"] == 5 * (256 * 1024 - 1)
    assert usage_of(caller.address, FILES)["total"] == 5


def test_the_end_of_an_hour_while_many_create_loses_and_grants_nothing() -> None:
    caller = active_caller()
    given_tier_quota(TOKENS, 10, Period.HOUR)
    instants = [JUST_BEFORE + timedelta(milliseconds=number) for number in range(20)]

    outcomes = at_once([partial(put, caller, now) for now in instants * 2])

    usage = usage_of(caller.address, TOKENS)
    assert outcomes == {"ok": 20, "quotaExhausted": 20}
    assert (usage["H2030021415"], usage["H2030021416"], usage["D20300214"]) == (10, 10, 20)


def test_room_that_is_made_meanwhile_is_given_away_once() -> None:
    caller, now = active_caller(), clock.now()
    given_tier_quota(TOKENS, 10)
    at_once([lambda: put(caller, now)] * 10)
    gone = [Adjustment(caller.address, TOKENS, -1, now)]

    removals = [partial(QuotaStore().adjust, f"TOK{number}", gone, now=now) for number in (1, 2, 3, 1, 2)]
    at_once([*removals, *[lambda: put(caller, now)] * 20])
    at_once([lambda: put(caller, now)] * 20)

    assert usage_of(caller.address, TOKENS)["total"] == 10


def test_the_same_quota_is_defined_once() -> None:
    given_tier()
    caller, store = active_caller(), QuotaStore()

    def quota(source: QuotaSource) -> Quota:
        return Quota(TierQuotaDefinitionId.new(), source, TOKENS, 1, Period.DAY)

    for define in (
        lambda: store.define(TIER, quota(QuotaSource.TIER)),
        lambda: store.grant(caller.address, quota(QuotaSource.INDIVIDUAL)),
    ):
        assert at_once([define] * 8) == {None: 1, "duplicateQuota": 7}


STEPS = st.lists(
    st.tuples(st.sampled_from(["create", "remove", "wait"]), st.integers(0, 40 * 24 * 60)), min_size=1, max_size=25
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_comes_and_goes_the_counts_are_those_of_what_exists(steps: list[tuple[str, int]]) -> None:
    """quotas.md §2: Counting uses `createdAt >= from and createdAt <= to` on what physically exists"""
    caller, now, existing, number = active_caller(), datetime(2030, 1, 30, 22, 30, tzinfo=UTC), [], 0
    for action, minutes in steps:
        if action == "create":
            put(caller, now)
            existing.append(now)
        elif action == "remove" and existing:
            created_at = existing.pop(minutes % len(existing))
            number += 1
            one_less = [Adjustment(caller.address, TOKENS, -1, created_at)]
            QuotaStore().adjust(f"{caller.address}/{number}", one_less, now=now)
        elif action == "wait":
            now += timedelta(minutes=minutes)
        usage = usage_of(caller.address, TOKENS)
        for period in Period:
            window = window_of(period, now)
            there = sum(window.begin <= each <= window.end for each in existing)
            assert usage.get(window.name, 0) == there, (period, quotas.usage_in(usage))
