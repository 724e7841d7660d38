"""What goes over the wire."""

from collections.abc import Iterable

from backbone.http import ResponseModel
from backbone.quotas import Metric, QuotaWithUsage


class QuotaOut(ResponseModel):
    """A quota of the caller and how much of it is used."""

    source: str
    metric_key: str
    max: int
    usage: int
    period: str

    @classmethod
    def of(cls, found: QuotaWithUsage) -> "QuotaOut":
        """The wire form."""
        quota = found.quota
        return cls(source=quota.source, metric_key=quota.metric, max=quota.max, usage=found.usage, period=quota.period)


class QuotaGroupOut(ResponseModel):
    """All quotas for one metric, those that are overruled included."""

    metric_key: str
    quotas: list[QuotaOut]

    @classmethod
    def all_of(cls, found: Iterable[QuotaWithUsage]) -> list["QuotaGroupOut"]:
        """A group per metric, in the order in which the metrics come first."""
        groups: dict[Metric, list[QuotaOut]] = {}
        for each in found:
            groups.setdefault(each.quota.metric, []).append(QuotaOut.of(each))
        return [cls(metric_key=metric, quotas=quotas) for metric, quotas in groups.items()]
