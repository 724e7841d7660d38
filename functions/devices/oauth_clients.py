"""What is true of OAuth clients.  Contract: devices.md, section 3; admin-api.md, section 5."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from backbone.ids import LENGTH, TierId, random_text
from functions.devices.errors import ClientReachedIdentitiesLimit
from functions.devices.passwords import VerifiedSecrets

MAX_CLIENT_ID_LENGTH = 100
SEEN_FOR = timedelta(seconds=5)
SECRET_LENGTH = 30
_PREFIX = "CLT"


@dataclass(frozen=True, slots=True)
class Client:
    """A program that may create identities and log in.  `max_identities` None: without limit.

    `identities` is the number of those it has created as long as it has a limit.  `without_parts`: without limit, and
    yet counted as one, because somebody is about to set a limit (see `ClientStore`).
    """

    client_id: str
    secret_hash: str
    display_name: str
    default_tier: TierId
    max_identities: int | None
    identities: int
    created_at: datetime
    without_parts: bool = False

    @property
    def counts_as_one(self) -> bool:
        """Whether every registration changes the same number."""
        return self.max_identities is not None or self.without_parts

    def check_limit(self) -> None:
        """Raises `ClientReachedIdentitiesLimit`."""
        if self.max_identities is not None and self.identities >= self.max_identities:
            raise ClientReachedIdentitiesLimit


@dataclass(frozen=True, slots=True)
class ClientWithCount:
    """A client, and how many identities there are that were created with it."""

    client: Client
    identities: int


class ClientDeleted(Exception):
    """The client was deleted while somebody registered with it."""


_verified_secrets = VerifiedSecrets()
_seen: dict[str, tuple[datetime, Client]] = {}


def seen(client_id: str, secret: str, *, now: datetime) -> Client | None:
    """The client, if this process has met it with this secret within five seconds.

    All log-ins with one client would read one item otherwise, which takes 3,000 reads a second.  So a deleted client
    and a former secret are good for five seconds more; a new secret is good at once.
    """
    at, client = _seen.get(client_id, (None, None))
    if at is None or client is None or now - at > SEEN_FOR:
        return None
    return client if _verified_secrets.knows(secret, client.secret_hash) else None


def authentic(client: Client | None, secret: str) -> Client | None:
    """The client, if `secret` is its secret.  An unknown client (None) takes as long as a wrong secret."""
    return client if _verified_secrets.matches(secret, client.secret_hash if client else None) else None


def met(client: Client, *, now: datetime) -> None:
    """The client has just been read and has proved its secret: it is `seen` from now on."""
    if len(_seen) >= VerifiedSecrets.CAPACITY:
        _seen.clear()
    _seen[client.client_id] = (now, client)


def forget() -> None:
    """Know no client any more (tests, and nothing else, cannot wait so long)."""
    _seen.clear()


def new_client_id() -> str:
    """An id for a client that the operator has not named."""
    return _PREFIX + random_text(LENGTH - len(_PREFIX))


def new_secret() -> str:
    """A secret that nobody guesses."""
    return random_text(SECRET_LENGTH)
