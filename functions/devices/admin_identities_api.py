"""Identities, for operators.  Contract: admin-api.md, section 8; their list is in functions/admin (OData)."""

from backbone import clock, quotas
from backbone.addresses import Address
from backbone.errors import RecordNotFound
from backbone.http import Created, NoContent
from backbone.http.admin import AdminApi
from functions.devices import admin_identities, domain
from functions.devices.admin_identities_models import ChangeTierIn, IdentityDetailsOut, RegisterIdentityIn
from functions.devices.models import CreatedIdentityOut
from functions.devices.oauth_clients import ClientDeleted

admin_identities_api = AdminApi("devices", function="AdminDevices")


@admin_identities_api.get("/api/v1/Identities/{address}")
def get_identity(address: Address) -> IdentityDetailsOut:
    """An identity with its devices and its quotas."""
    found = admin_identities.find_identity(address)
    return IdentityDetailsOut.of(found, quotas.overview_of(address))


@admin_identities_api.put("/api/v1/Identities/{address}")
def change_identity_tier(address: Address, body: ChangeTierIn) -> NoContent:
    """Move an identity to another tier.  Its own quotas stay, those of the tier are the new one's at once."""
    admin_identities.change_tier(address, body.tier_id, now=clock.now())
    return NoContent()


@admin_identities_api.post("/api/v1/Identities")
def register_identity(body: RegisterIdentityIn) -> Created[CreatedIdentityOut]:
    """Create an identity in the name of a client.  The checks come in the contract's order (section 8.3)."""
    now = clock.now()
    domain.require_content(clientId=body.client_id)
    wanted = body.read()
    found = wanted.find()
    address = wanted.check(found, now=now)
    if found.client is None:
        raise RecordNotFound("OAuthClient")
    try:
        identity, first = wanted.carry_out(address, found.client, now=now)
    except ClientDeleted:
        raise RecordNotFound("OAuthClient") from None
    return Created(CreatedIdentityOut.of(identity, first))
