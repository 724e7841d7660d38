"""The operator's commands for tiers: `backbone tier …`.  Contract: admin-api.md, sections 6 and 13."""

from typing import Annotated

import typer

from backbone import clock
from backbone.errors import RecordNotFound
from cli.output import AsJson, say, show
from functions.devices.tier_store import TierStore
from functions.devices.tiers import new_tier

app = typer.Typer(help="Manages tiers, which decide on the quotas of identities.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Option(help="3 to 30 characters, unique.")],
    as_json: AsJson = False,
) -> None:
    """Create a tier."""
    tier = new_tier(name)
    TierStore().add(tier, now=clock.now())
    show({"id": tier.id, "name": tier.name}, as_json=as_json)


@app.command("list")
def list_tiers(as_json: AsJson = False) -> None:
    """Show all tiers, by name."""
    store = TierStore()
    found = sorted(store.all(), key=lambda tier: tier.name)
    records = [
        {"id": tier.id, "name": tier.name, "numberOfIdentities": store.count_identities(tier.id)} for tier in found
    ]
    show(records, as_json=as_json, empty="There are no tiers; the first client brings two.")


@app.command()
def delete(tier: Annotated[str, typer.Argument(metavar="TIER", help="Name or id.")]) -> None:
    """Delete a tier that nobody uses."""
    store = TierStore()
    found = store.find(tier)
    if found is None:
        raise RecordNotFound("Tier")
    store.delete(found.id)
    say(f"Tier {found.id} '{found.name}' is deleted.")
