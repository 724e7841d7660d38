"""All quotas of an identity with what is used of them, for the identity itself and for operators.

Four metrics that limit nobody are counted by those who own what is counted: devices and deletion processes are few, so
they are counted one by one; datawallet modifications are counted on the head of the datawallet.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from backbone import clock
from backbone.addresses import Address
from backbone.dynamodb import Item
from backbone.errors import RecordNotFound
from backbone.quotas import store
from backbone.quotas.domain import Quota, QuotaWithUsage, Usage, usage_of
from backbone.quotas.metrics import Metric
from backbone.quotas.periods import windows_of
from backbone.readmodels import datawallets, identities
from backbone.readmodels.identities import IdentityView


def overview_of(address: Address, *, now: datetime | None = None) -> tuple[QuotaWithUsage, ...]:
    """Individual quotas first, then those of the tier, those that are overruled by individual ones included.

    2 round trips: queries of its partitions of tables `quotas` and `devices` and the head of the datawallet, at once
    (3 RCU with up to a dozen devices and deletion processes), then the tier (1 RCU, unless known).  Raises
    `RecordNotFound` for an identity that does not exist.
    """
    now = now or clock.now()
    with ThreadPoolExecutor(max_workers=3) as together:
        metrics = together.submit(_metrics_of, address)
        devices = together.submit(lambda: list(identities.partition_of(address)))
        head = together.submit(datawallets.table().get, datawallets.head_key(address))
    view = next((IdentityView.of(item) for item in devices.result() if identities.is_identity(item)), None)
    if view is None:
        raise RecordNotFound("Identity")
    items = metrics.result()
    individual = [quota for metric in Metric for quota in store.individual_quotas_in(items.get(metric))]
    usage: dict[Metric, Usage] = {
        **{metric: store.usage_in(item) for metric, item in items.items()},
        Metric.NUMBER_OF_CREATED_DATAWALLET_MODIFICATIONS: datawallets.pushed(head.result()),
        Metric.NUMBER_OF_CREATED_DEVICES: _count(devices.result(), identities.DEVICES, now),
        Metric.NUMBER_OF_STARTED_DELETION_PROCESSES: _count(devices.result(), identities.DELETION_PROCESSES, now),
    }
    quotas: list[Quota] = [*individual, *store.tiers.of(view.tier_id)]
    return tuple(QuotaWithUsage(quota, usage_of(quota, usage.get(quota.metric, {}), now)) for quota in quotas)


def _metrics_of(address: Address) -> dict[Metric, Item]:
    found = store.table().query_all("pk = :pk", {"pk": address})
    return {Metric(item["sk"]): item for item in found}


def _count(items: list[Item], kind: str, now: datetime) -> Usage:
    """How many of a kind were created in each current window."""
    times = [clock.parse(item["createdAt"]) for item in items if item["sk"].startswith(kind)]
    return {
        window.name: sum(window.begin <= created_at <= window.end for created_at in times) for window in windows_of(now)
    }
