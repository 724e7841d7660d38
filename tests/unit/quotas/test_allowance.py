"""Judging and counting, on the engines: conditions, windows, errors."""

from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.dynamodb import Table, TransactionFailed, Write
from backbone.ids import QUEUED_FOR_DELETION_TIER, TierId
from backbone.quotas import Allowance, Metric, Period, QuotaExhausted
from backbone.quotas import store as quotas
from backbone.settings import settings
from tests.support.api import new_caller
from tests.support.builders import TIER, given_identity, given_individual_quota, given_tier_quota, usage_of

pytestmark = pytest.mark.usefixtures("engine")
TOKENS, FILES, STORAGE = Metric.NUMBER_OF_TOKENS, Metric.NUMBER_OF_FILES, Metric.USED_FILE_STORAGE_SPACE
CHALLENGES = Metric.NUMBER_OF_CREATED_CHALLENGES
NOW = datetime(2024, 2, 14, 15, 42, 10, tzinfo=UTC)
MIB = 1_048_576


def given_caller(tier_id: str | None = None, status: str = "Active") -> Caller:
    caller = new_caller()
    given_identity(caller.address, status, tier_id=TierId(tier_id or TIER))
    return caller


def something(name: str, *, new: bool = True) -> Write:
    condition = "attribute_not_exists(pk)" if new else "attribute_exists(pk)"
    return Table(settings().tokens_table).putting({"pk": name, "sk": "T"}, condition=condition)


def exists(name: str) -> bool:
    return Table(settings().tokens_table).get({"pk": name, "sk": "T"}) is not None


def spend(
    caller: Caller | None,
    name: str = "thing",
    *,
    metrics: tuple[Metric, ...] = (TOKENS,),
    now: datetime = NOW,
    amounts: dict[Metric, int] | None = None,
    created_at: datetime | None = None,
) -> None:
    with Allowance.begin(caller, metrics, now=now) as allowance:
        allowance.spend([something(name)], now=now, amounts=amounts, created_at=created_at)


def test_what_is_written_is_counted_in_every_window() -> None:
    caller = given_caller()

    spend(caller)

    assert exists("thing")
    assert usage_of(caller.address, TOKENS) == {
        "total": 1,
        "H2024021415": 1,
        "D20240214": 1,
        "W20240212": 1,
        "M202402": 1,
        "Y2024": 1,
    }


def test_windows_that_have_passed_are_removed_by_the_next_count_and_not_before_all_clocks_agree() -> None:
    caller = given_caller()
    spend(caller, "one")
    spend(caller, "two", now=NOW.replace(hour=16, minute=0, second=30))

    assert usage_of(caller.address, TOKENS)["H2024021415"] == 1

    spend(caller, "three", now=NOW.replace(day=19, hour=0))

    assert usage_of(caller.address, TOKENS) == {
        "total": 3,
        "H2024021900": 1,
        "D20240219": 1,
        "W20240219": 1,
        "M202402": 3,
        "Y2024": 3,
    }


def test_a_quota_lets_exactly_as_many_through_and_is_new_in_the_next_window() -> None:
    """quotas.md, Checklist: tier quota `NumberOfTokens` max 1 per Day: first POST 201, … second POST 429 with
    `isExhaustedUntil` = end of the UTC day"""
    caller = given_caller()
    given_tier_quota(TOKENS, 2, Period.DAY)
    spend(caller, "one")
    spend(caller, "two")

    with pytest.raises(QuotaExhausted) as refusal:
        spend(caller, "three")

    assert refusal.value.data == [{"metricKey": "NumberOfTokens", "isExhaustedUntil": "2024-02-14T23:59:59.999Z"}]
    assert not exists("three")
    assert usage_of(caller.address, TOKENS)["total"] == 2
    spend(caller, "four", now=NOW + timedelta(days=1))


def test_the_latest_end_of_all_exhausted_quotas_counts() -> None:
    """quotas.md, Checklist: exhausted hour and exhausted day quota -> date is the end of the day"""
    caller = given_caller()
    given_tier_quota(TOKENS, 1, Period.HOUR)
    given_tier_quota(TOKENS, 1, Period.DAY)
    spend(caller, "one")

    with pytest.raises(QuotaExhausted) as refusal:
        spend(caller, "two")

    assert refusal.value.data[0]["isExhaustedUntil"] == "2024-02-14T23:59:59.999Z"


def test_only_the_exhausted_metrics_are_named() -> None:
    """http-common.md §8: `data` = array … for the exhausted metrics only"""
    caller = given_caller()
    given_tier_quota(FILES, 100)
    given_tier_quota(STORAGE, 1)
    spend(caller, "one", metrics=(FILES, STORAGE), amounts={STORAGE: MIB})

    with pytest.raises(QuotaExhausted) as refusal:
        spend(caller, "two", metrics=(FILES, STORAGE), amounts={STORAGE: MIB})

    assert refusal.value.data == [
        {"metricKey": "UsedFileStorageSpace", "isExhaustedUntil": "9999-12-31T23:59:59.9999999"}
    ]
    assert usage_of(caller.address, FILES)["total"] == 1


def test_the_size_of_the_request_itself_is_never_considered() -> None:
    """quotas.md §4: max 1 (MiB), one upload of 1 048 575 bytes → usage 0 → not exhausted; a second upload of 5 MiB is
    accepted, afterwards usage 5 >= 1 → exhausted."""
    caller = given_caller()
    given_tier_quota(STORAGE, 1)

    spend(caller, "one", metrics=(STORAGE,), amounts={STORAGE: MIB - 1})
    spend(caller, "two", metrics=(STORAGE,), amounts={STORAGE: 5 * MIB})

    with pytest.raises(QuotaExhausted):
        spend(caller, "three", metrics=(STORAGE,), amounts={STORAGE: 1})


def test_who_was_overtaken_since_it_read_is_refused_by_the_condition() -> None:
    caller = given_caller()
    given_tier_quota(TOKENS, 1, Period.HOUR)
    with Allowance.begin(caller, (TOKENS,), now=NOW) as slow:
        slow.check()
        spend(caller, "fast")

        with pytest.raises(QuotaExhausted) as refusal:
            slow.spend([something("slow")], now=NOW)

    assert refusal.value.data == [{"metricKey": "NumberOfTokens", "isExhaustedUntil": "2024-02-14T15:59:59.999Z"}]
    assert not exists("slow")


def test_a_failed_write_counts_nothing_and_says_which_it_was() -> None:
    caller = given_caller()
    spend(caller, "thing")

    with Allowance.begin(caller, (TOKENS,), now=NOW) as allowance, pytest.raises(TransactionFailed) as lost:
        allowance.spend([something("other"), something("thing")], now=NOW)

    assert set(lost.value.failed) == {1}
    assert usage_of(caller.address, TOKENS)["total"] == 1


def test_an_exhausted_quota_is_told_before_a_failed_write() -> None:
    caller = given_caller()
    given_tier_quota(TOKENS, 1)
    with Allowance.begin(caller, (TOKENS,), now=NOW) as slow:
        slow.check()
        spend(caller, "thing")

        with pytest.raises(QuotaExhausted):
            slow.spend([something("thing")], now=NOW)


def test_anonymous_callers_are_neither_limited_nor_counted() -> None:
    """quotas.md §5: Anonymous callers are never limited."""
    spend(None, "thing")

    with pytest.raises(TransactionFailed) as lost:
        spend(None, "thing")

    assert set(lost.value.failed) == {0}


def test_nothing_is_kept_of_identities_that_are_gone_or_going() -> None:
    gone, going = new_caller(), given_caller(status="Deleting")
    spend(gone, "one")
    spend(going, "two")

    assert exists("one")
    assert exists("two")
    assert usage_of(gone.address, TOKENS) == {}
    assert usage_of(going.address, TOKENS) == {}


def test_queued_for_deletion_is_exhausted_until_the_end_of_time() -> None:
    """quotas.md §7: While there, every enforced metric is exhausted until the maximum instant"""
    caller = given_caller(QUEUED_FOR_DELETION_TIER, status="ToBeDeleted")

    for metric in Metric:
        if metric.is_enforced:
            with pytest.raises(QuotaExhausted) as refusal:
                spend(caller, metrics=(metric,))
            assert refusal.value.data == [
                {"metricKey": metric.value, "isExhaustedUntil": "9999-12-31T23:59:59.9999999"}
            ]


def test_an_individual_quota_overrides_the_tier_queued_for_deletion() -> None:
    """quotas.md §7: If the identity has *individual* quotas for a metric, those override the tier quota"""
    caller = given_caller(QUEUED_FOR_DELETION_TIER, status="ToBeDeleted")
    given_individual_quota(caller.address, TOKENS, 1)

    spend(caller, "one")

    with pytest.raises(QuotaExhausted):
        spend(caller, "two")


def test_metrics_that_limit_nobody_are_only_counted() -> None:
    """quotas.md §2: The last four can be configured and are reported, but no request is ever blocked by them."""
    caller = given_caller(QUEUED_FOR_DELETION_TIER, status="ToBeDeleted")
    given_individual_quota(caller.address, CHALLENGES, 0)

    spend(caller, metrics=(CHALLENGES,))

    assert usage_of(caller.address, CHALLENGES)["total"] == 1


def test_what_was_created_before_counts_in_the_windows_it_was_created_in() -> None:
    """quotas.md, Surprise 6: counts relationships by their creation time, not by acceptance time"""
    caller = given_caller()
    relationships = (Metric.NUMBER_OF_RELATIONSHIPS,)
    given_tier_quota(relationships[0], 1, Period.DAY)
    yesterday = NOW - timedelta(days=1)

    spend(caller, "one", metrics=relationships, created_at=yesterday)
    spend(caller, "two", metrics=relationships, created_at=yesterday)
    spend(caller, "three", metrics=relationships)

    assert usage_of(caller.address, relationships[0]) == {
        "total": 3,
        "H2024021415": 1,
        "D20240214": 1,
        "W20240212": 3,
        "M202402": 3,
        "Y2024": 3,
    }
    with pytest.raises(QuotaExhausted):
        spend(caller, "four", metrics=relationships, created_at=yesterday)


def test_definitions_of_a_tier_are_known_for_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    caller = given_caller()
    spend(caller, "one")
    learned_at = monotonic()
    given_tier_quota(TOKENS, 1)
    quotas.tiers.learn(
        "TIRbasic000000000000", None
    )  # as if the quota had been made just after the definitions were read

    spend(caller, "two")
    monkeypatch.setattr(quotas, "monotonic", lambda: learned_at + quotas.TIERS_KNOWN_FOR_SECONDS + 1)

    with pytest.raises(QuotaExhausted):
        spend(caller, "three")


def test_the_clock_of_a_request_is_that_of_its_writing() -> None:
    """An hour that ends between the check and the write has ended."""
    caller = given_caller()
    given_tier_quota(TOKENS, 1, Period.HOUR)
    spend(caller, "one", now=NOW.replace(minute=59, second=59))

    with Allowance.begin(caller, (TOKENS,), now=NOW.replace(minute=59, second=59, microsecond=999_000)) as allowance:
        with pytest.raises(QuotaExhausted):
            allowance.check()
        allowance.spend([something("two")], now=NOW.replace(hour=16, minute=0, second=0))

    assert usage_of(caller.address, TOKENS)["H2024021416"] == 1


def test_time_is_that_of_the_clock_when_nobody_limits() -> None:
    with Allowance.unlimited() as allowance:
        allowance.check()
        allowance.spend([something("thing")], now=clock.now())

    assert exists("thing")
