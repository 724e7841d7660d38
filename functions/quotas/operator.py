"""The operator's commands for quotas: `backbone quota …`.  Contract: admin-api.md, sections 6 and 7."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from backbone.addresses import Address
from backbone.errors import RecordNotFound
from backbone.ids import Id, QuotaId, TierQuotaDefinitionId
from backbone.quotas import Metric, Period, Quota, QuotaSource
from backbone.quotas.overview import overview_of
from backbone.readmodels import identities, tiers
from cli.output import AsJson, say, show
from functions.quotas import domain
from functions.quotas.store import QuotaStore

app = typer.Typer(help="Manages how much identities may do.", no_args_is_help=True)

Target = Annotated[str, typer.Argument(metavar="TIER|ADDRESS", help="A tier (name or id) or an identity.")]


@dataclass(frozen=True, slots=True)
class _Limited:
    """A tier or an identity, whichever the operator has named."""

    name: str
    source: QuotaSource
    new_id: Callable[[], Id]
    add: Callable[[Quota], None]
    remove: Callable[[str], None]
    quotas: Callable[[], list[dict[str, Any]]]


@app.command("list")
def list_quotas(target: Target, as_json: AsJson = False) -> None:
    """Show the quotas of a tier, or those that count for an identity, with what is used of them."""
    show(_limited(target).quotas(), as_json=as_json, empty="There are no quotas.")


@app.command("set")
def set_quota(
    target: Target,
    metric: Annotated[Metric, typer.Option(help="What is counted.", case_sensitive=False)],
    period: Annotated[Period, typer.Option(help="How long it counts.", case_sensitive=False)],
    maximum: Annotated[int, typer.Option("--max", help="How much is allowed.")],
    as_json: AsJson = False,
) -> None:
    """Limit a tier or an identity; a quota there is for this metric and period is replaced."""
    limited = _limited(target)
    domain.check_editable(limited.name)
    quota = domain.new_quota(limited.source, limited.new_id(), metric_key=metric.value, max=maximum, period=period)
    for existing in limited.quotas():
        same = (existing["source"], existing["metric"], existing["period"])
        if same == (limited.source.value, metric.value, period.value):
            limited.remove(existing["id"])
    limited.add(quota)
    show(_describe(quota), as_json=as_json)


@app.command()
def delete(target: Target, quota_id: Annotated[str, typer.Option("--id", help="From the list.")]) -> None:
    """Limit them no more."""
    limited = _limited(target)
    domain.check_editable(limited.name)
    limited.remove(quota_id)
    say(f"Quota {quota_id} is deleted.")


def _limited(target: str) -> _Limited:
    """Raises `RecordNotFound`."""
    store = QuotaStore()
    if target.startswith("did:"):
        if not Address.is_valid(target) or identities.table().get(identities.key(target)) is None:
            raise RecordNotFound("Identity")
        owner = Address(target)
        return _Limited(
            name=owner,
            source=QuotaSource.INDIVIDUAL,
            new_id=QuotaId.new,
            add=lambda quota: store.grant(owner, quota),
            remove=lambda quota_id: store.withdraw(owner, quota_id),
            quotas=lambda: [{**_describe(each.quota), "usage": each.usage} for each in overview_of(owner)],
        )
    tier = next((tier for tier in tiers.all_tiers() if target in (tier.id, tier.name)), None)
    if tier is None:
        raise RecordNotFound("Tier")
    return _Limited(
        name=tier.id,
        source=QuotaSource.TIER,
        new_id=TierQuotaDefinitionId.new,
        add=lambda quota: store.define(tier.id, quota),
        remove=lambda quota_id: store.remove_definition(tier.id, quota_id),
        quotas=lambda: [_describe(quota) for quota in store.quotas_of_tier(tier.id)],
    )


def _describe(quota: Quota) -> dict[str, Any]:
    return {
        "id": quota.id,
        "source": quota.source.value,
        "metric": quota.metric.value,
        "period": quota.period.value,
        "max": quota.max,
    }
