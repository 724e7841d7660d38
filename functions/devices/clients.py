"""The operator's command for OAuth clients.

    python -m functions.devices.clients create --client-id ID --client-secret SECRET --default-tier Basic
                                               [--display-name NAME] [--max-identities N]

The table comes from `BACKBONE_DEVICES_TABLE`, credentials from AWS's usual chain.  The command may be repeated: a
client that exists with the same secret is left as it is.
"""

import argparse
import sys
from collections.abc import Sequence

from backbone import clock
from functions.devices import passwords
from functions.devices.client_store import ClientStore
from functions.devices.oauth_clients import MAX_CLIENT_ID_LENGTH, Client, fixed_tiers


class CannotCreate(Exception):
    """The command cannot do what it was told; its text says why."""


def create_client(
    store: ClientStore,
    *,
    client_id: str,
    client_secret: str,
    default_tier: str,
    display_name: str | None = None,
    max_identities: int | None = None,
) -> bool:
    """Create a client, and the fixed tiers where they are missing.

    `default_tier` is a name or an id.  Returns whether the client is new.  Raises `CannotCreate` for an unknown tier,
    an impossible id, an empty secret, or a client of this id with another secret.
    """
    if not 0 < len(client_id) <= MAX_CLIENT_ID_LENGTH:
        raise CannotCreate(f"A client id has 1 to {MAX_CLIENT_ID_LENGTH} characters.")
    if not client_secret:
        raise CannotCreate("The client secret must not be empty.")
    now = clock.now()
    for tier in fixed_tiers():
        if store.find_tier(tier.name) is None:
            store.add_tier(tier, now=now)  # False: somebody else has just created it
    tier_id = store.find_tier(default_tier)
    if tier_id is None:
        raise CannotCreate(f"There is no tier '{default_tier}'.")
    client = Client(
        client_id=client_id,
        secret_hash=passwords.hash_secret(client_secret),
        display_name=display_name or client_id,
        default_tier=tier_id,
        max_identities=max_identities,
        identities=0,
        created_at=now,
    )
    if store.add(client):
        return True
    existing = store.get(client_id)
    if existing is None or not passwords.matches(client_secret, existing.secret_hash):
        raise CannotCreate(f"The client '{client_id}' exists with another secret.")
    return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m functions.devices.clients", description="Manages OAuth clients.")
    create = parser.add_subparsers(required=True).add_parser("create", help="create a client unless it exists")
    create.add_argument("--client-id", required=True)
    create.add_argument("--client-secret", required=True)
    create.add_argument("--default-tier", required=True, help="name or id")
    create.add_argument("--display-name", help="the client id unless given")
    create.add_argument("--max-identities", type=int, help="unlimited unless given")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when the client exists as wanted, 1 with a message otherwise."""
    options = vars(_parser().parse_args(arguments))
    try:
        is_new = create_client(ClientStore(), **options)
    except CannotCreate as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    outcome = "created" if is_new else "exists already and was left as it is"
    sys.stdout.write(f"Client '{options['client_id']}' {outcome}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
