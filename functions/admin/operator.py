"""The operator's commands for keys of the Admin API: `backbone admin-key …`.  Decision: docs/decisions/admin-api.md.

To rotate: create a key, give it to whoever uses the old one, delete the old one.
"""

from typing import Annotated

import typer

from backbone import clock
from cli.output import AsJson, CommandFailed, say, show
from functions.admin import api_keys
from functions.admin.api_key_store import ApiKeyStore, ChangedMeanwhile
from functions.admin.api_keys import ApiKeyProblem

app = typer.Typer(help="Manages keys of the Admin API.", no_args_is_help=True)
_CHANGED_MEANWHILE = "somebody else changed the keys at the same time; look at the list, and repeat"
_DELAY = "A change takes half a minute to reach all functions."


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Who or what uses the key.")],
    key: Annotated[
        str | None, typer.Option(help="A key you have thought up; for test environments, because it can be guessed.")
    ] = None,
) -> None:
    """Make a key and print it, this once."""
    try:
        typer.echo(api_keys.create(ApiKeyStore(), name, now=clock.now(), key=key))
    except ApiKeyProblem as problem:
        raise CommandFailed(str(problem)) from None
    except ChangedMeanwhile:
        raise CommandFailed(_CHANGED_MEANWHILE) from None
    say(f"Keep it: it cannot be shown again. {_DELAY}")


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """Show ids and names of all keys, oldest first."""
    keys = api_keys.list_keys(ApiKeyStore())
    records = [{"id": key.id, "createdAt": clock.render(key.created_at), "name": key.name} for key in keys]
    show(records, as_json=as_json, empty="There are no keys: nobody can use the Admin API.")


@app.command()
def delete(key_id: Annotated[str, typer.Option("--id", help="The key's id, from the list.")]) -> None:
    """Take a key out of use."""
    try:
        api_keys.delete(ApiKeyStore(), key_id)
    except ApiKeyProblem as problem:
        raise CommandFailed(str(problem)) from None
    except ChangedMeanwhile:
        raise CommandFailed(_CHANGED_MEANWHILE) from None
    say(f"Key {key_id} is deleted. {_DELAY}")
