"""What is true of OAuth clients and of the tiers they give to identities.  Contract: devices.md, section 3."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from backbone.ids import TierId
from functions.devices.errors import ClientReachedIdentitiesLimit
from functions.devices.passwords import VerifiedSecrets

MAX_CLIENT_ID_LENGTH = 100
BASIC = "Basic"
QUEUED_FOR_DELETION = "Queued for Deletion"
QUEUED_FOR_DELETION_ID = TierId("TIR00000000000000001")


@dataclass(frozen=True, slots=True)
class Tier:
    """A class of identities, which decides on their quotas."""

    id: TierId
    name: str


@dataclass(frozen=True, slots=True)
class Client:
    """A program that may create identities and log in.  `max_identities` None: without limit."""

    client_id: str
    secret_hash: str
    display_name: str
    default_tier: TierId
    max_identities: int | None
    identities: int
    created_at: datetime

    def check_limit(self) -> None:
        """Raises `ClientReachedIdentitiesLimit`."""
        if self.max_identities is not None and self.identities >= self.max_identities:
            raise ClientReachedIdentitiesLimit


_verified_secrets = VerifiedSecrets()


def authentic(client: Client | None, secret: str) -> Client | None:
    """The client, if `secret` is its secret.  An unknown client (None) takes as long as a wrong secret."""
    return client if _verified_secrets.matches(secret, client.secret_hash if client else None) else None


def fixed_tiers(new_id: Callable[[], TierId] = TierId.new) -> tuple[Tier, ...]:
    """The tiers every Backbone has."""
    return Tier(new_id(), BASIC), Tier(QUEUED_FOR_DELETION_ID, QUEUED_FOR_DELETION)
