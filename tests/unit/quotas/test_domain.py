"""Which quotas apply and when they are exhausted.  Contract: quotas.md, sections 2, 4 and 7."""

from datetime import UTC, datetime

import pytest

from backbone.ids import QUEUED_FOR_DELETION_TIER
from backbone.quotas import Metric, Period, Quota, QuotaExhausted, QuotaSource
from backbone.quotas.domain import applicable, exhausted_until, fixed_quotas_of, usage_of
from backbone.quotas.periods import window_of

SUNDAY_NOON = datetime(2023, 1, 15, 12, tzinfo=UTC)
MESSAGES, STORAGE = Metric.NUMBER_OF_SENT_MESSAGES, Metric.USED_FILE_STORAGE_SPACE


def quota(max: int, period: Period, *, metric: Metric = MESSAGES, source: QuotaSource = QuotaSource.TIER) -> Quota:
    return Quota(f"TQD{max}{period}", source, metric, max, period)


def used(now: datetime, **numbers: int) -> dict[str, int]:
    return {window_of(Period(period.capitalize()), now).name: number for period, number in numbers.items()}


def until(quotas: list[Quota], usage: dict[str, int], now: datetime) -> str | None:
    window = exhausted_until(quotas, usage, now)
    return window.rendered_end if window else None


def test_metrics_are_those_of_the_contract_in_its_order() -> None:
    """quotas.md, Checklist: `GET /api/v1/Metrics` -> 10 entries with the keys and display names of section 2"""
    assert [(metric.value, metric.display_name) for metric in Metric] == [
        ("NumberOfSentMessages", "Number of Sent Messages"),
        ("NumberOfRelationships", "Number of Relationships"),
        ("NumberOfRelationshipTemplates", "Number of Relationship Templates"),
        ("NumberOfFiles", "Number of Files"),
        ("NumberOfTokens", "Number of Tokens"),
        ("UsedFileStorageSpace", "File Storage Capacity (in Megabytes)"),
        ("NumberOfStartedDeletionProcesses", "Number of Started Deletion Processes"),
        ("NumberOfCreatedChallenges", "Number of Created Challenges"),
        ("NumberOfCreatedDatawalletModifications", "Number of Created Datawallet Modifications"),
        ("NumberOfCreatedDevices", "Number of Created Devices"),
    ]


def test_four_metrics_limit_nobody() -> None:
    """quotas.md, Surprise 3: Four of ten metrics are never enforced."""
    assert [metric for metric in Metric if not metric.is_enforced] == [
        Metric.NUMBER_OF_STARTED_DELETION_PROCESSES,
        Metric.NUMBER_OF_CREATED_CHALLENGES,
        Metric.NUMBER_OF_CREATED_DATAWALLET_MODIFICATIONS,
        Metric.NUMBER_OF_CREATED_DEVICES,
    ]


class TestTheWorkedExample:
    """quotas.md §4: tier quotas for NumberOfSentMessages: 1 per Hour, 2 per Day. Sunday 2023-01-15T12:00:00Z."""

    TIER = [quota(1, Period.HOUR), quota(2, Period.DAY)]  # noqa: RUF012

    def test_the_first_message_exhausts_the_hour(self) -> None:
        usage = used(SUNDAY_NOON, hour=1, day=1)

        assert until(self.TIER, usage, SUNDAY_NOON) == "2023-01-15T12:59:59.999Z"

    def test_an_hour_later_there_is_one_more(self) -> None:
        usage = used(SUNDAY_NOON, hour=1, day=1)

        assert until(self.TIER, usage, SUNDAY_NOON.replace(hour=13, minute=5)) is None

    def test_the_second_message_exhausts_the_day(self) -> None:
        """quotas.md, Checklist: exhausted hour and exhausted day quota -> date is the end of the day"""
        now = SUNDAY_NOON.replace(hour=13, minute=5)

        assert until(self.TIER, used(now, hour=1, day=2), now) == "2023-01-15T23:59:59.999Z"

    def test_an_individual_quota_switches_off_those_of_the_tier(self) -> None:
        """quotas.md §4, 2: all tier quotas of that metric are ignored, whatever their period"""
        individual = [quota(100, Period.MONTH, source=QuotaSource.INDIVIDUAL)]
        quotas = applicable(MESSAGES, individual, self.TIER)

        assert list(quotas) == individual
        assert until(list(quotas), used(SUNDAY_NOON, hour=1, day=2, month=2), SUNDAY_NOON) is None


def test_an_individual_quota_leaves_other_metrics_to_the_tier() -> None:
    own = [quota(5, Period.DAY, source=QuotaSource.INDIVIDUAL)]
    of_tier = [quota(1, Period.DAY, metric=Metric.NUMBER_OF_TOKENS)]

    assert applicable(Metric.NUMBER_OF_TOKENS, own, of_tier) == tuple(of_tier)
    assert applicable(Metric.NUMBER_OF_FILES, own, of_tier) == ()


def test_nothing_is_exhausted_without_quotas() -> None:
    """quotas.md §4: With no applicable quota the status is stored as unexhausted."""
    assert until([], {"total": 1_000_000}, SUNDAY_NOON) is None


def test_max_0_is_exhausted_by_nothing() -> None:
    """quotas.md, Checklist: max 0 -> always exhausted, without counting"""
    assert until([quota(0, Period.DAY)], {}, SUNDAY_NOON) == "2023-01-15T23:59:59.999Z"


@pytest.mark.parametrize(("usage", "is_exhausted"), [(1, False), (2, True), (3, True)])
def test_max_is_the_number_of_allowed_items(usage: int, is_exhausted: bool) -> None:
    """quotas.md, Surprise 9: A usage equal to `max` already blocks"""
    assert (until([quota(2, Period.TOTAL)], {"total": usage}, SUNDAY_NOON) is not None) == is_exhausted


@pytest.mark.parametrize(("size", "usage"), [(1_048_575, 0), (1_048_576, 1), (1_048_575 + 5 * 1_048_576, 5)])
def test_storage_is_measured_in_whole_mib(size: int, usage: int) -> None:
    """quotas.md, Checklist: 1 048 575 bytes count as 0 MiB, 1 048 576 as 1"""
    storage = quota(1, Period.TOTAL, metric=STORAGE)

    assert usage_of(storage, {"total": size}, SUNDAY_NOON) == usage
    assert (until([storage], {"total": size}, SUNDAY_NOON) is not None) == (usage >= 1)


def test_what_was_never_counted_does_not_make_room_for_more() -> None:
    assert usage_of(quota(1, Period.TOTAL), {"total": -3}, SUNDAY_NOON) == 0


def test_the_tier_of_identities_queued_for_deletion_has_eight_definitions() -> None:
    """quotas.md, Checklist: seeding creates `TIR00000000000000001` with 8 zero/Total definitions …; repeated start adds
    nothing"""
    quotas = fixed_quotas_of(QUEUED_FOR_DELETION_TIER)

    assert quotas is not None
    assert {(each.max, each.period) for each in quotas} == {(0, Period.TOTAL)}
    assert [each.metric for each in quotas] == [
        metric
        for metric in Metric
        if metric
        not in (Metric.NUMBER_OF_CREATED_DATAWALLET_MODIFICATIONS, Metric.NUMBER_OF_STARTED_DELETION_PROCESSES)
    ]
    assert len({each.id for each in quotas}) == 8
    assert all(each.id.startswith("TQD") and len(each.id) == 20 for each in quotas)
    assert fixed_quotas_of("TIRx") is None


def test_the_refusal_names_each_exhausted_metric_and_its_end() -> None:
    """quotas.md §5: `9999-12-31T23:59:59.9999999` (without `Z`)"""
    now = datetime(2024, 2, 14, 15, 42, 10, tzinfo=UTC)

    refusal = QuotaExhausted(
        {Metric.NUMBER_OF_FILES: window_of(Period.DAY, now), STORAGE: window_of(Period.TOTAL, now)}
    )

    assert (refusal.status, refusal.code) == (429, "error.platform.quotaExhausted")
    assert refusal.data == [
        {"metricKey": "NumberOfFiles", "isExhaustedUntil": "2024-02-14T23:59:59.999Z"},
        {"metricKey": "UsedFileStorageSpace", "isExhaustedUntil": "9999-12-31T23:59:59.9999999"},
    ]
