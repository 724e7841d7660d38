"""What goes over the wire for operators."""

from enum import unique
from typing import Self

from backbone.addresses import Address
from backbone.http import Int32, NamedEnum, RequestModel, ResponseModel
from backbone.ids import QuotaId, TierId, TierQuotaDefinitionId
from backbone.quotas import Metric, Period, Quota
from backbone.readmodels.tiers import TierView


class AnyTierId(TierId):
    """A tier's id as an operator types it: one that cannot be is not found (quotas.md, section 6.2)."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Whatever it is."""
        return cls(text)


class AnyDefinitionId(TierQuotaDefinitionId):
    """The same for the definition of a tier's quota."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Whatever it is."""
        return cls(text)


class AnyQuotaId(QuotaId):
    """The id of an individual quota; whether it can be one is asked after the identity."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Whatever it is."""
        return cls(text)


class AnyAddress(Address):
    """An address as an operator types it: one that cannot be is not found."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Whatever it is."""
        return cls(text)


@unique
class PeriodName(NamedEnum):
    """A period as it is sent."""

    Hour = 0
    Day = 1
    Week = 2
    Month = 3
    Year = 4
    Total = 5

    @property
    def period(self) -> Period:
        """What it means."""
        return Period(self.name)


class NewQuota(RequestModel):
    """The body of both POSTs."""

    metric_key: str
    max: Int32
    period: PeriodName


class MetricOut(ResponseModel):
    """What can be limited."""

    key: str
    display_name: str

    @classmethod
    def of(cls, metric: Metric) -> "MetricOut":
        """The wire form."""
        return cls(key=metric, display_name=metric.display_name)


class QuotaDefinitionOut(ResponseModel):
    """A quota without its usage."""

    id: str
    metric: MetricOut
    max: int
    period: str

    @classmethod
    def of(cls, quota: Quota) -> "QuotaDefinitionOut":
        """The wire form."""
        return cls(id=quota.id, metric=MetricOut.of(quota.metric), max=quota.max, period=quota.period)


class TierOut(ResponseModel):
    """A tier and the quotas of everybody in it."""

    id: str
    name: str
    quotas: list[QuotaDefinitionOut]

    @classmethod
    def of(cls, tier: TierView, quotas: tuple[Quota, ...]) -> "TierOut":
        """The wire form."""
        return cls(id=tier.id, name=tier.name, quotas=[QuotaDefinitionOut.of(quota) for quota in quotas])
