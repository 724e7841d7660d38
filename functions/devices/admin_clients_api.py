"""OAuth clients, for operators.  Contract: admin-api.md, section 5."""

from backbone import clock
from backbone.http import Created, NoContent
from backbone.http.admin import AdminApi
from functions.devices import admin_clients
from functions.devices.admin_clients_models import (
    ChangeSecretIn,
    ClientInListOut,
    ClientOut,
    ClientWithSecretOut,
    CreateClientIn,
    UpdateClientIn,
    UpdatedClientOut,
)

admin_clients_api = AdminApi("devices", function="AdminDevices")
clients = admin_clients.clients


@admin_clients_api.get("/api/v1/Clients")
def list_clients() -> list[ClientInListOut]:
    """All clients, in the order of their ids."""
    return [ClientInListOut.of(found, tier) for found, tier in admin_clients.list_clients()]


@admin_clients_api.get("/api/v1/Clients/{id}")
def get_client(id: str) -> ClientOut:
    """A client and how many identities were created with it."""
    return ClientOut.of(clients.get_with_count(id))


@admin_clients_api.post("/api/v1/Clients")
def create_client(body: CreateClientIn) -> Created[ClientWithSecretOut]:
    """Create a client.  The answer is the only one to show its secret, should it be made up."""
    return Created(ClientWithSecretOut.of(admin_clients.create_client(body.read(), now=clock.now())))


@admin_clients_api.patch("/api/v1/Clients/{id}/ChangeSecret")
def change_client_secret(id: str, body: ChangeSecretIn) -> ClientWithSecretOut:
    """Give a client another secret; the old one is of no use any more."""
    return ClientWithSecretOut.of(admin_clients.change_secret(id, body.new_secret))


@admin_clients_api.put("/api/v1/Clients/{id}")
def update_client(id: str, body: UpdateClientIn) -> UpdatedClientOut:
    """Replace default tier and limit.  Identities that exist keep their tier."""
    return UpdatedClientOut.of(clients.update(id, body.default_tier, body.max_identities))


@admin_clients_api.delete("/api/v1/Clients/{id}")
def delete_client(id: str) -> NoContent:
    """Delete a client: nobody logs in with it any more.  Its identities stay and may log in with others."""
    clients.delete(id)
    return NoContent()
