"""The operator's commands for OAuth clients: `backbone client …`.  Contract: admin-api.md, sections 5 and 13."""

from typing import Annotated, Any

import typer

from backbone import clock
from backbone.errors import BackboneError
from cli.output import AsJson, CommandFailed, say, show
from functions.devices import passwords
from functions.devices.client_store import ClientStore
from functions.devices.errors import ClientIdAlreadyExists
from functions.devices.oauth_clients import (
    MAX_CLIENT_ID_LENGTH,
    Client,
    ClientWithCount,
    new_client_id,
    new_secret,
)
from functions.devices.tier_store import TierStore

app = typer.Typer(help="Manages OAuth clients: programs that may create identities and log in.", no_args_is_help=True)

ClientIds = Annotated[list[str], typer.Argument(metavar="CLIENT_ID…", help="Which.")]


@app.command()
def create(
    default_tier: Annotated[
        str, typer.Option("--default-tier", "--defaultTier", help="Of its identities: name or id.")
    ],
    client_id: Annotated[str | None, typer.Option("--client-id", "--clientId", help="Made up unless given.")] = None,
    client_secret: Annotated[
        str | None, typer.Option("--client-secret", "--clientSecret", help="Made up unless given.")
    ] = None,
    display_name: Annotated[
        str | None, typer.Option("--display-name", "--displayName", help="The client id unless given.")
    ] = None,
    max_identities: Annotated[
        int | None, typer.Option("--max-identities", "--maxIdentities", min=0, help="Unlimited unless given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a client, and the fixed tiers where they are missing.

    May be repeated: a client that exists with the same secret is left as it is.
    """
    secret = new_secret() if client_secret is None else client_secret
    client, is_new = create_client(
        client_id=new_client_id() if client_id is None else client_id,
        client_secret=secret,
        default_tier=default_tier,
        display_name=display_name,
        max_identities=max_identities,
    )
    record = describe(ClientWithCount(client, client.identities))
    show({**record, "clientSecret": secret} if client_secret is None else record, as_json=as_json)
    if not is_new:
        say(f"Client '{client.client_id}' exists already and was left as it is.")
    elif client_secret is None:
        say("Keep the secret: it cannot be shown again.")


@app.command("list")
def list_clients(as_json: AsJson = False) -> None:
    """Show all clients."""
    show([describe(found) for found in ClientStore().all()], as_json=as_json, empty="There are no clients.")


@app.command()
def delete(client_ids: ClientIds) -> None:
    """Delete clients: nobody can log in with them any more; their identities stay."""
    store, failed = ClientStore(), 0
    for client_id in client_ids:
        try:
            store.delete(client_id)
        except BackboneError as refusal:
            failed += 1
            say(f"Client '{client_id}': {refusal.message}")
        else:
            say(f"Client '{client_id}' is deleted.")
    if failed:
        raise CommandFailed(f"{failed} of {len(client_ids)} clients could not be deleted")


@app.command("change-secret")
def change_secret(
    client_id: Annotated[str, typer.Argument(metavar="CLIENT_ID", help="Which.")],
    client_secret: Annotated[
        str | None, typer.Option("--client-secret", "--clientSecret", help="Made up unless given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a client another secret; the old one is of no use any more after five minutes at most."""
    secret = client_secret or new_secret()
    ClientStore().set_secret(client_id, passwords.hash_secret(secret))
    show({"clientId": client_id, "clientSecret": secret}, as_json=as_json)


def create_client(
    *,
    client_id: str,
    client_secret: str,
    default_tier: str,
    display_name: str | None = None,
    max_identities: int | None = None,
) -> tuple[Client, bool]:
    """The client, and whether it is new.

    `default_tier` is a name or an id.  Raises `CommandFailed` for an unknown tier, an impossible id, an empty secret,
    or a client of this id with another secret.
    """
    if not 0 < len(client_id) <= MAX_CLIENT_ID_LENGTH:
        raise CommandFailed(f"a client id has 1 to {MAX_CLIENT_ID_LENGTH} characters")
    if not client_secret:
        raise CommandFailed("the client secret must not be empty")
    store, tiers, now = ClientStore(), TierStore(), clock.now()
    tiers.set_up(now=now)
    tier = tiers.find(default_tier)
    if tier is None:
        raise CommandFailed(f"there is no tier '{default_tier}'")
    client = Client(
        client_id=client_id,
        secret_hash=passwords.hash_secret(client_secret),
        display_name=display_name or client_id,
        default_tier=tier.id,
        max_identities=max_identities,
        identities=0,
        created_at=now,
    )
    try:
        store.add(client)
    except ClientIdAlreadyExists:
        existing = store.get(client_id)
        if existing is None or not passwords.matches(client_secret, existing.secret_hash):
            raise CommandFailed(f"the client '{client_id}' exists with another secret") from None
        return existing, False
    return client, True


def describe(found: ClientWithCount) -> dict[str, Any]:
    """What an operator sees of a client; never its secret."""
    client = found.client
    return {
        "clientId": client.client_id,
        "displayName": client.display_name,
        "defaultTier": client.default_tier,
        "createdAt": clock.render(client.created_at),
        "numberOfIdentities": found.identities,
        "maxIdentities": client.max_identities,
    }
