"""What is true of quotas, whoever asks.  Contract: quotas.md, sections 1, 4 and 7.

Usage is known exactly and at once, because whoever creates something counts it in the same transaction; nothing is
recomputed later.  How that differs from the reference: docs/decisions/quotas.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from backbone.errors import BackboneError
from backbone.ids import QUEUED_FOR_DELETION_TIER
from backbone.quotas.metrics import Metric
from backbone.quotas.periods import Period, Window, window_of, windows_of


class QuotaSource(StrEnum):
    """Who a quota was made for; one for the identity itself beats those of its tier."""

    INDIVIDUAL = "Individual"
    TIER = "Tier"


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of a metric is allowed in every window of a period.

    `id` is that of the individual quota (`QUO…`) or of the tier's definition (`TQD…`).
    """

    id: str
    source: QuotaSource
    metric: Metric
    max: int
    period: Period


Usage = Mapping[str, int]
"""How much of a metric was counted, by the name of the window; a missing one is 0."""


@dataclass(frozen=True, slots=True)
class QuotaWithUsage:
    """A quota and how much of it is used in the current window."""

    quota: Quota
    usage: int


class QuotaExhausted(BackboneError):
    """429: at least one metric of the request is used up; `exhausted` has the last window to wait for of each."""

    def __init__(self, exhausted: Mapping[Metric, Window]) -> None:
        data = [
            {"metricKey": metric.value, "isExhaustedUntil": window.rendered_end} for metric, window in exhausted.items()
        ]
        names = ", ".join(exhausted)
        super().__init__(
            "error.platform.quotaExhausted", f"You have exhausted your quota of: {names}.", status=429, data=data
        )


def applicable(metric: Metric, individual: Iterable[Quota], tier: Iterable[Quota]) -> tuple[Quota, ...]:
    """The quotas that are judged: one individual quota switches off all of the tier's for its metric (Surprise 4)."""
    own = tuple(quota for quota in individual if quota.metric is metric)
    return own or tuple(quota for quota in tier if quota.metric is metric)


def usage_of(quota: Quota, usage: Usage, now: datetime) -> int:
    """How much of a quota is used, in its own unit, whole ones only (section 2); what is over cannot be negative."""
    return max(0, usage.get(window_of(quota.period, now).name, 0)) // quota.metric.unit


def counted(usage: Usage, amount: int, now: datetime) -> dict[str, int]:
    """The usage after `amount` more at `now`, without the windows that have passed.

    For whoever keeps a usage on an item that he replaces as a whole; all others add to it (`store.counting`).
    """
    return {window.name: usage.get(window.name, 0) + amount for window in windows_of(now)}


def exhausted_until(quotas: Iterable[Quota], usage: Usage, now: datetime) -> Window | None:
    """The last of the windows that must pass before there is more (section 4, 3); None if there is some left."""
    used_up = (window_of(quota.period, now) for quota in quotas if usage_of(quota, usage, now) >= quota.max)
    return max(used_up, key=lambda window: window.end, default=None)


_QUEUED_FOR_DELETION = tuple(
    Quota(f"TQD{number:017d}", QuotaSource.TIER, metric, 0, Period.TOTAL)
    for number, metric in enumerate(
        (
            metric
            for metric in Metric
            if metric
            not in (Metric.NUMBER_OF_CREATED_DATAWALLET_MODIFICATIONS, Metric.NUMBER_OF_STARTED_DELETION_PROCESSES)
        ),
        start=1,
    )
)


def fixed_quotas_of(tier_id: str) -> tuple[Quota, ...] | None:
    """The quotas of the tier that cannot be edited (section 7); None for all other tiers."""
    return _QUEUED_FOR_DELETION if tier_id == QUEUED_FOR_DELETION_TIER else None
