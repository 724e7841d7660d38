"""What operators do with OAuth clients, over HTTP or at the command line.  Contract: admin-api.md, section 5."""

from dataclasses import dataclass
from datetime import datetime

from backbone.errors import InvalidPropertyValue
from functions.devices import oauth_clients, passwords
from functions.devices.admin_tiers import find_tier, tiers
from functions.devices.client_store import ClientStore
from functions.devices.domain import require_content
from functions.devices.errors import ClientIdAlreadyExists, DefaultTierDoesNotExist
from functions.devices.oauth_clients import MAX_CLIENT_ID_LENGTH, Client, ClientWithCount
from functions.devices.tiers import Tier

clients = ClientStore()


@dataclass(frozen=True, slots=True)
class NewClient:
    """What an operator wants.  The tier is named or its id given; what is None or empty is made up."""

    default_tier: str
    client_id: str | None = None
    display_name: str | None = None
    client_secret: str | None = None
    max_identities: int | None = None


@dataclass(frozen=True, slots=True)
class ClientWithSecret:
    """A client and its secret, which nobody can tell afterwards."""

    client: Client
    secret: str


def create_client(new: NewClient, *, now: datetime) -> ClientWithSecret:
    """Raises `InvalidPropertyValue`, `ClientIdAlreadyExists` or `DefaultTierDoesNotExist`, in this order."""
    require_content(defaultTier=new.default_tier)
    if new.client_id and len(new.client_id) > MAX_CLIENT_ID_LENGTH:
        raise InvalidPropertyValue(f"'clientId' must not have more than {MAX_CLIENT_ID_LENGTH} characters.")
    client_id = new.client_id or oauth_clients.new_client_id()
    if new.client_id and clients.get(client_id):
        raise ClientIdAlreadyExists
    tier = find_tier(new.default_tier, now=now)
    if tier is None:
        raise DefaultTierDoesNotExist
    secret = new.client_secret or oauth_clients.new_secret()
    client = Client(
        client_id=client_id,
        secret_hash=passwords.hash_secret(secret),
        display_name=new.display_name or client_id,
        default_tier=tier.id,
        max_identities=new.max_identities,
        identities=0,
        created_at=now,
    )
    clients.add(client)
    return ClientWithSecret(client, secret)


def change_secret(client_id: str, new_secret: str | None) -> ClientWithSecret:
    """An empty secret stands for one that is made up.  Raises `RecordNotFound`."""
    secret = new_secret or oauth_clients.new_secret()
    return ClientWithSecret(clients.set_secret(client_id, passwords.hash_secret(secret)), secret)


def list_clients() -> list[tuple[ClientWithCount, Tier]]:
    """All clients with their default tiers."""
    found = clients.all()
    by_id = {tier.id: tier for tier in tiers.all()}  # afterwards: no client has a tier that is newer than these
    return [(each, by_id[each.client.default_tier]) for each in found if each.client.default_tier in by_id]
