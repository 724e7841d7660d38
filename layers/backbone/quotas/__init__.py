"""Quotas: what identities may use, judged and counted where it is used.  Contract: quotas.md."""

from backbone.quotas.allowance import Allowance
from backbone.quotas.domain import (
    Quota,
    QuotaExhausted,
    QuotaSource,
    QuotaWithUsage,
    counted,
)
from backbone.quotas.metrics import Metric
from backbone.quotas.overview import overview_of
from backbone.quotas.periods import Period

__all__ = [
    "Allowance",
    "Metric",
    "Period",
    "Quota",
    "QuotaExhausted",
    "QuotaSource",
    "QuotaWithUsage",
    "counted",
    "overview_of",
]
