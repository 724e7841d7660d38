"""The operator's commands for tokens.  Contract: tokens.md, sections 3.6 and 3.7.

    python -m functions.tokens.operator list ADDRESS          the tokens of an identity, oldest first
    python -m functions.tokens.operator reset-access-failed-count --id TOK…      unlocks a token

The table comes from `BACKBONE_TOKENS_TABLE`, credentials from AWS's usual chain.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime

from pydantic_core import PydanticCustomError

from backbone import clock
from backbone.errors import BackboneError
from backbone.ids import TokenId
from functions.tokens.domain import MAX_FAILED_ATTEMPTS, Token
from functions.tokens.store import TokenStore


def describe(token: Token, *, now: datetime) -> str:
    """One line about a token."""
    facts = [token.id, clock.render(token.created_at), "expired" if token.expires_at < now else "expires"]
    facts.append(clock.render(token.expires_at))
    if token.is_empty:
        facts.append("empty")
    if token.for_identity is not None:
        facts.append(f"for {token.for_identity}")
    if token.password is not None:
        facts.append(f"{token.access_failed_count} of {MAX_FAILED_ATTEMPTS} wrong passwords")
    return "  ".join([*facts, *(["locked"] if token.is_locked else [])])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m functions.tokens.operator", description="Looks after tokens.")
    commands = parser.add_subparsers(required=True, dest="command")
    commands.add_parser("list", help="the tokens of an identity").add_argument("address")
    reset = commands.add_parser("reset-access-failed-count", help="unlock a token")
    reset.add_argument("--id", required=True)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it did what it was told, 1 with a message otherwise."""
    options = _parser().parse_args(arguments)
    store = TokenStore()
    if options.command == "list":
        now = clock.now()
        sys.stdout.writelines(f"{describe(found.token, now=now)}\n" for found in store.created_by(options.address))
        return 0
    try:
        store.reset_access_failed_count(TokenId.parse(options.id))
    except (BackboneError, PydanticCustomError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stdout.write(f"Token '{options.id}' is unlocked.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
