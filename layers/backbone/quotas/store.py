"""Where quotas and usage are kept: the only place that knows the keys of table `quotas`.

==================  ===================  ===============================================================================
item                pk, sk
==================  ===================  ===============================================================================
metric of identity  `<address>`,         usage: `total` and a number per current window (`H2024021415`,
                    `<metric>`           `D20240214`, `W20240212`, `M202402`, `Y2024`); individual quotas:
                                         `quota<Period>` = {id, max}
definitions of      `TIER#<TIR…>`, `Q`   `<metric>_<Period>` = {id, max}
a tier
==================  ===================  ===============================================================================

A count adds to `total` and all current windows at once, so nothing is lost and no window has to be rolled over: an
hour's number is simply another attribute than the next hour's.  Numbers of windows that have passed are removed by
the next count.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from backbone.addresses import Address
from backbone.dynamodb import Item, Key, Table, Write, batch_get
from backbone.quotas.domain import Quota, QuotaSource, Usage, applicable, fixed_quotas_of
from backbone.quotas.metrics import Metric
from backbone.quotas.periods import Period, window_named, window_of, windows_of
from backbone.readmodels import identities
from backbone.readmodels.identities import IdentityView
from backbone.settings import settings

TIERS_KNOWN_FOR_SECONDS = 2.0
"""So long a process goes by the definitions of a tier that it has read."""
CLOCKS_DIFFER_BY = timedelta(minutes=1)
"""A window's number is kept for this long after its end, for processes whose clock is behind."""

_QUOTA = "quota"


def table() -> Table:
    """The table of Quotas."""
    return Table(settings().quotas_table)


def metric_key(address: str, metric: Metric) -> Key:
    """What an identity has used of a metric, and its individual quotas for it."""
    return {"pk": address, "sk": metric.value}


def tier_key(tier_id: str) -> Key:
    """The definitions of a tier."""
    return {"pk": f"TIER#{tier_id}", "sk": "Q"}


def individual_quota_attribute(period: Period) -> str:
    """The attribute of an identity's quota for the metric of the item."""
    return f"{_QUOTA}{period}"


def definition_attribute(metric: Metric, period: Period) -> str:
    """The attribute of a tier's definition."""
    return f"{metric}_{period}"


def usage_in(item: Item | None) -> Usage:
    """What an item of a metric has counted."""
    return {name: value for name, value in (item or {}).items() if name == "total" or window_named(name)}


def individual_quotas_in(item: Item | None) -> tuple[Quota, ...]:
    """The individual quotas of an item of a metric, by the length of their periods."""
    if item is None:
        return ()
    metric = Metric(item["sk"])
    found = ((period, item.get(individual_quota_attribute(period))) for period in Period)
    return tuple(
        Quota(each["id"], QuotaSource.INDIVIDUAL, metric, each["max"], period) for period, each in found if each
    )


def definitions_in(item: Item | None) -> tuple[Quota, ...]:
    """The definitions of a tier, by metric and length of period."""
    found = (
        (metric, period, (item or {}).get(definition_attribute(metric, period)))
        for metric in Metric
        for period in Period
    )
    return tuple(
        Quota(each["id"], QuotaSource.TIER, metric, each["max"], period) for metric, period, each in found if each
    )


class TierDefinitions:
    """The quotas of tiers, as this process knows them."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, tuple[Quota, ...]]] = {}
        self._latest: str | None = None

    def forget(self) -> None:
        """Read everything anew."""
        self.__init__()  # type: ignore[misc]  # this is what it means

    def guess(self) -> str | None:
        """A tier that is worth reading along with an identity whose tier is not known yet."""
        latest = self._latest
        return latest if latest is not None and self._lookup(latest) is None else None

    def learn(self, tier_id: str, item: Item | None) -> None:
        """Note what was read."""
        self._known[tier_id] = (monotonic(), definitions_in(item))

    def of(self, tier_id: str) -> tuple[Quota, ...]:
        """No call if they are known or fixed, otherwise 1 consistent read (1 RCU)."""
        fixed = fixed_quotas_of(tier_id)
        if fixed is not None:
            return fixed
        self._latest = tier_id
        known = self._lookup(tier_id)
        if known is None:
            self.learn(tier_id, table().get(tier_key(tier_id)))
            known = self._known[tier_id][1]
        return known

    def _lookup(self, tier_id: str) -> tuple[Quota, ...] | None:
        learned_at, quotas = self._known.get(tier_id, (float("-inf"), ()))
        return quotas if monotonic() - learned_at < TIERS_KNOWN_FOR_SECONDS else None


tiers = TierDefinitions()


@dataclass(frozen=True, slots=True)
class Standing:
    """What an identity has used of some metrics, and the quotas that apply to it.

    `is_counted` is false for identities that do not exist or are being deleted: nothing is kept of them.
    """

    is_counted: bool
    quotas: Mapping[Metric, tuple[Quota, ...]]
    usage: Mapping[Metric, Usage]


def read(address: Address, metrics: Iterable[Metric]) -> Standing:
    """1 batch read (1 RCU for the identity, 1 per metric; every two seconds 1 for the tier), all consistent.

    Another read only for the first identity of a tier that this process meets within two seconds.
    """
    wanted = tuple(metrics)
    is_limited = any(metric.is_enforced for metric in wanted)
    guess = tiers.guess() if is_limited else None
    identity, definitions, *items = batch_get(
        (identities.table(), identities.key(address)),
        (table(), tier_key(guess)) if guess else None,
        *((table(), metric_key(address, metric)) for metric in wanted),
    )
    if guess:
        tiers.learn(guess, definitions)
    if identity is None:
        return Standing(False, {}, {})
    view = IdentityView.of(identity)
    of_tier = tiers.of(view.tier_id) if is_limited else ()
    quotas = {
        metric: applicable(metric, individual_quotas_in(item), of_tier)
        for metric, item in zip(wanted, items, strict=True)
        if metric.is_enforced
    }
    usage = {metric: usage_in(item) for metric, item in zip(wanted, items, strict=True)}
    return Standing(view.status != identities.DELETING, quotas, usage)


def counting(
    address: Address,
    metric: Metric,
    amount: int,
    *,
    now: datetime,
    created_at: datetime,
    within: Iterable[Quota] = (),
    usage: Usage | None = None,
    only_if_known: bool = False,
) -> Write:
    """The part of a transaction that adds `amount` (2 WCU) for something that was created at `created_at`.

    Windows that have passed since are not touched.  Fails if one of the quotas `within` is used up before; none of them
    may have a maximum of 0.  `usage` as read before tells which numbers can go.  `only_if_known` fails for an identity
    of which there is no item any more.
    """
    names = [window.name for window in windows_of(now) if window == window_of(window.period, created_at)]
    expression = "ADD " + ", ".join(f"#{name} :amount" for name in names)
    if passed := _passed(usage or {}, now):
        expression += " REMOVE " + ", ".join(f"#{name}" for name in passed)
    values: dict[str, Any] = {"amount": amount}
    conditions = ["attribute_exists(pk)"] if only_if_known else []
    for quota in within:
        name = window_of(quota.period, now).name
        conditions.append(f"(attribute_not_exists(#{name}) OR #{name} < :max{quota.period})")
        values[f"max{quota.period}"] = quota.max * metric.unit
    condition = " AND ".join(conditions) or None
    return table().updating(metric_key(address, metric), expression, values, condition=condition)


def _passed(usage: Usage, now: datetime) -> list[str]:
    windows = ((name, window_named(name)) for name in usage)
    return sorted(name for name, window in windows if window and window.end + CLOCKS_DIFFER_BY < now)
