"""Quotas for operators.  Contract: admin-api.md, sections 6 and 7; quotas.md, section 6.2.

Ids that cannot be are not found, as in the reference; only that of an individual quota has a form that is asked for.
"""

from backbone.addresses import Address
from backbone.errors import RecordNotFound
from backbone.http import Created, NoContent
from backbone.http.admin import AdminApi
from backbone.ids import LENGTH, QuotaId, TierQuotaDefinitionId
from backbone.quotas import Metric, QuotaSource
from backbone.readmodels import identities, tiers
from backbone.readmodels.tiers import TierView
from functions.quotas import domain
from functions.quotas.admin_models import (
    AnyAddress,
    AnyDefinitionId,
    AnyQuotaId,
    AnyTierId,
    MetricOut,
    NewQuota,
    QuotaDefinitionOut,
    TierOut,
)
from functions.quotas.store import QuotaStore

admin_api = AdminApi("quotas", function="AdminQuotas")
store = QuotaStore()


@admin_api.get("/api/v1/Metrics")
def list_metrics() -> list[MetricOut]:
    """Everything that can be counted; four of them limit nobody."""
    return [MetricOut.of(metric) for metric in Metric]


@admin_api.get("/api/v1/Tiers/{id}")
def get_tier(id: AnyTierId) -> TierOut:
    """A tier and its quotas."""
    tier = _tier(id)
    return TierOut.of(tier, store.quotas_of_tier(tier.id))


@admin_api.post("/api/v1/Tiers/{id}/Quotas")
def create_tier_quota(id: AnyTierId, new: NewQuota) -> Created[QuotaDefinitionOut]:
    """Limit everybody in the tier who has no quota of his own for the metric."""
    tier = _tier(id)
    domain.metric_of(new.metric_key)
    domain.check_editable(tier.id)
    quota = domain.new_quota(
        QuotaSource.TIER,
        TierQuotaDefinitionId.new(),
        metric_key=new.metric_key,
        max=new.max,
        period=new.period.period,
    )
    store.define(tier.id, quota)
    return Created(QuotaDefinitionOut.of(quota))


@admin_api.delete("/api/v1/Tiers/{id}/Quotas/{definition_id}")
def delete_tier_quota(id: AnyTierId, definition_id: AnyDefinitionId) -> NoContent:
    """Limit them no more."""
    tier = _tier(id)
    domain.check_editable(tier.id)
    store.remove_definition(tier.id, definition_id)
    return NoContent()


@admin_api.post("/api/v1/Identities/{address}/Quotas")
def create_individual_quota(address: AnyAddress, new: NewQuota) -> Created[QuotaDefinitionOut]:
    """Limit one identity; its tier's quotas for the metric are ignored from then on."""
    owner = _identity(address)
    quota = domain.new_quota(
        QuotaSource.INDIVIDUAL, QuotaId.new(), metric_key=new.metric_key, max=new.max, period=new.period.period
    )
    store.grant(owner, quota)
    return Created(QuotaDefinitionOut.of(quota))


@admin_api.delete("/api/v1/Identities/{address}/Quotas/{quota_id}")
def delete_individual_quota(address: AnyAddress, quota_id: AnyQuotaId) -> NoContent:
    """Limit it no more; the tier's quotas count again, at once."""
    owner = _identity(address)
    if not (QuotaId.is_valid(quota_id) and len(quota_id) == LENGTH):
        raise domain.InvalidQuotaId
    store.withdraw(owner, quota_id)
    return NoContent()


def _tier(tier_id: AnyTierId) -> TierView:
    tier = tiers.find(tier_id)
    if tier is None:
        raise RecordNotFound("Tier")
    return tier


def _identity(address: AnyAddress) -> Address:
    """1 consistent read (1 RCU)."""
    if not Address.is_valid(address) or identities.table().get(identities.key(address)) is None:
        raise RecordNotFound("Identity")
    return Address(address)
