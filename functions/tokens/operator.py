"""The operator's commands for tokens: `backbone token …`.  Contract: tokens.md, sections 3.6 and 3.7."""

from datetime import datetime
from typing import Annotated, Any

import typer

from backbone import clock
from backbone.addresses import Address
from backbone.ids import TokenId
from cli.output import AsJson, say, show
from functions.tokens.domain import MAX_FAILED_ATTEMPTS, Token
from functions.tokens.store import TokenStore

app = typer.Typer(help="Looks after tokens.", no_args_is_help=True)


@app.command("list")
def list_tokens(
    address: Annotated[Address, typer.Argument(parser=Address.parse, metavar="ADDRESS", help="Of whom.")],
    as_json: AsJson = False,
) -> None:
    """Show the tokens an identity has created, oldest first."""
    now = clock.now()
    found = TokenStore().created_by(address, now=now).items
    show([describe(each.token, now=now) for each in found], as_json=as_json, empty="It has created no tokens.")


@app.command("reset-access-failed-count")
def reset_access_failed_count(
    token_id: Annotated[TokenId, typer.Option("--id", parser=TokenId.parse, metavar="TOK…", help="The token.")],
) -> None:
    """Unlock a token that was locked by wrong passwords."""
    TokenStore().reset_access_failed_count(token_id, now=clock.now())
    say(f"Token {token_id} is unlocked.")


def describe(token: Token, *, now: datetime) -> dict[str, Any]:
    """What an operator sees of a token."""
    return {
        "id": token.id,
        "createdAt": clock.render(token.created_at),
        "expiresAt": clock.render(token.expires_at),
        "isExpired": token.expires_at < now,
        "isEmpty": token.is_empty,
        "forIdentity": token.for_identity,
        "wrongPasswords": None if token.password is None else f"{token.access_failed_count} of {MAX_FAILED_ATTEMPTS}",
        "isLocked": token.is_locked,
    }
