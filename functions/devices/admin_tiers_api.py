"""Tiers, for operators.  Contract: admin-api.md, section 6; what belongs to their quotas is in functions/quotas."""

from backbone import clock
from backbone.http import Created, NoContent
from backbone.http.admin import AdminApi
from backbone.ids import TierId
from functions.devices import admin_tiers
from functions.devices.admin_tiers_models import CreatedTierOut, CreateTierIn, TierInListOut

admin_tiers_api = AdminApi("devices", function="AdminDevices")


@admin_tiers_api.get("/api/v1/Tiers")
def list_tiers() -> list[TierInListOut]:
    """All tiers, that for identities that are going to be deleted included."""
    return [TierInListOut.of(found) for found in admin_tiers.list_tiers(now=clock.now())]


@admin_tiers_api.post("/api/v1/Tiers")
def create_tier(body: CreateTierIn) -> Created[CreatedTierOut]:
    """Create a tier without quotas."""
    return Created(CreatedTierOut.of(admin_tiers.create_tier(body.name, now=clock.now())))


@admin_tiers_api.delete("/api/v1/Tiers/{id}")
def delete_tier(id: TierId) -> NoContent:
    """Delete a tier that no client gives and no identity has, or gets back by cancelling its deletion."""
    admin_tiers.delete_tier(id)
    return NoContent()
