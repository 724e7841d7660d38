"""What may be set as a quota.  Contract: quotas.md, section 6.2; admin-api.md, section 7.

Which quotas apply and when they are exhausted is what everybody needs to know who counts: `backbone.quotas`.
"""

from backbone.errors import BackboneError
from backbone.ids import QUEUED_FOR_DELETION_TIER, Id
from backbone.quotas import Metric, Period, Quota, QuotaSource


class UnsupportedMetricKey(BackboneError):
    """400: nothing by this name is counted."""

    def __init__(self, key: str) -> None:
        super().__init__("error.platform.quotas.unsupportedMetricKey", f"The metric key '{key}' is not supported.")


class InvalidValueForMaxLimitInQuota(BackboneError):
    """400: less than nothing."""

    def __init__(self) -> None:
        super().__init__(
            "error.platform.quotas.invalidValueForMaxLimitInQuota", "The max of a quota must not be less than 0."
        )


class DuplicateQuota(BackboneError):
    """400: there is one for this metric and period."""

    def __init__(self) -> None:
        super().__init__(
            "error.platform.quotas.duplicateQuota", "There is already a quota for this metric with the same period."
        )


class QuotasOfQueuedForDeletionTierAreFixed(BackboneError):
    """400: whoever is going to be deleted may create nothing, whatever operators want."""

    def __init__(self) -> None:
        super().__init__(
            "error.platform.quotas.cannotCreateOrDeleteQuotaOnQueuedForDeletionTier",
            "The quotas of the tier of identities that are queued for deletion cannot be changed.",
        )


class InvalidQuotaId(BackboneError):
    """400: not `QUO` and 17 letters and digits."""

    def __init__(self) -> None:
        super().__init__("error.platform.validation.invalidId", "The ID of the quota is not valid.")


def new_quota(source: QuotaSource, quota_id: Id, *, metric_key: str, max: int, period: Period) -> Quota:
    """Raises `UnsupportedMetricKey` or `InvalidValueForMaxLimitInQuota`; 0 is allowed and blocks."""
    metric = metric_of(metric_key)
    if max < 0:
        raise InvalidValueForMaxLimitInQuota
    return Quota(quota_id, source, metric, max, period)


def metric_of(key: str) -> Metric:
    """Raises `UnsupportedMetricKey`."""
    try:
        return Metric(key)
    except ValueError:
        raise UnsupportedMetricKey(key) from None


def check_editable(tier_id: str) -> None:
    """Raises `QuotasOfQueuedForDeletionTierAreFixed`."""
    if tier_id == QUEUED_FOR_DELETION_TIER:
        raise QuotasOfQueuedForDeletionTierAreFixed
