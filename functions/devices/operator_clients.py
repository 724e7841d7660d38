"""The operator's commands for OAuth clients: `backbone client …`.  Contract: admin-api.md, sections 5 and 13."""

from typing import Annotated, Any

import typer

from backbone import clock
from backbone.errors import BackboneError
from cli.output import AsJson, CommandFailed, say, show
from functions.devices import passwords
from functions.devices.admin_clients import NewClient, change_secret, create_client
from functions.devices.client_store import ClientStore
from functions.devices.errors import ClientIdAlreadyExists
from functions.devices.oauth_clients import Client, ClientWithCount

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
    """Create a client.

    May be repeated: a client that exists with the same secret is left as it is.
    """
    client, secret = create_unless_there(
        NewClient(default_tier, client_id, display_name, client_secret, max_identities)
    )
    record = describe(ClientWithCount(client, client.identities))
    made_up = secret if not client_secret else None
    show({**record, "clientSecret": made_up} if made_up else record, as_json=as_json)
    if secret is None:
        say(f"Client '{client.client_id}' exists already and was left as it is.")
    elif made_up:
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
def give_another_secret(
    client_id: Annotated[str, typer.Argument(metavar="CLIENT_ID", help="Which.")],
    client_secret: Annotated[
        str | None, typer.Option("--client-secret", "--clientSecret", help="Made up unless given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a client another secret; the old one is of no use any more after five minutes at most."""
    show({"clientId": client_id, "clientSecret": change_secret(client_id, client_secret).secret}, as_json=as_json)


def create_unless_there(new: NewClient) -> tuple[Client, str | None]:
    """The client, and its secret if it is new.  Raises `CommandFailed` if one of this id has another secret."""
    try:
        created = create_client(new, now=clock.now())
    except ClientIdAlreadyExists:
        existing = ClientStore().get(new.client_id or "")
        if existing is None or not passwords.matches(new.client_secret or "", existing.secret_hash):
            raise CommandFailed(f"the client '{new.client_id}' exists with another secret") from None
        return existing, None
    return created.client, created.secret


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
