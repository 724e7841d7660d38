"""OAuth clients over the wire, for operators."""

from backbone.http import Int32, RequestModel, ResponseModel, Timestamp
from functions.devices.admin_clients import ClientWithSecret, NewClient
from functions.devices.oauth_clients import Client, ClientWithCount
from functions.devices.tiers import Tier


class CreateClientIn(RequestModel):
    """Body of POST /Clients.  The tier may be named; what is missing, null or empty is made up."""

    default_tier: str
    client_id: str | None = None
    display_name: str | None = None
    client_secret: str | None = None
    max_identities: Int32 | None = None

    def read(self) -> NewClient:
        """The domain's form."""
        return NewClient(
            default_tier=self.default_tier,
            client_id=self.client_id,
            display_name=self.display_name,
            client_secret=self.client_secret,
            max_identities=self.max_identities,
        )


class ChangeSecretIn(RequestModel):
    """Body of PATCH /Clients/{id}/ChangeSecret; empty: make one up."""

    new_secret: str


class UpdateClientIn(RequestModel):
    """Body of PUT /Clients/{id}: all that can be changed.  Without maximum: no limit."""

    default_tier: str
    max_identities: Int32 | None = None


class TierReferenceOut(ResponseModel):
    """A tier inside another object."""

    id: str
    name: str


class ClientInListOut(ResponseModel):
    """A client in the list: the only answer with its tier as an object."""

    client_id: str
    display_name: str
    default_tier: TierReferenceOut
    created_at: Timestamp
    max_identities: int | None
    number_of_identities: int

    @classmethod
    def of(cls, found: ClientWithCount, tier: Tier) -> "ClientInListOut":
        """The wire form."""
        client = found.client
        return cls(
            client_id=client.client_id,
            display_name=client.display_name,
            default_tier=TierReferenceOut(id=tier.id, name=tier.name),
            created_at=client.created_at,
            max_identities=client.max_identities,
            number_of_identities=found.identities,
        )


class ClientOut(ResponseModel):
    """Answer to GET /Clients/{id}."""

    client_id: str
    display_name: str
    default_tier: str
    created_at: Timestamp
    number_of_identities: int
    max_identities: int | None

    @classmethod
    def of(cls, found: ClientWithCount) -> "ClientOut":
        """The wire form."""
        client = found.client
        return cls(
            client_id=client.client_id,
            display_name=client.display_name,
            default_tier=client.default_tier,
            created_at=client.created_at,
            number_of_identities=found.identities,
            max_identities=client.max_identities,
        )


class ClientWithSecretOut(ResponseModel):
    """A client that has got a secret; nobody sees it again."""

    client_id: str
    display_name: str
    client_secret: str
    default_tier: str
    created_at: Timestamp
    max_identities: int | None

    @classmethod
    def of(cls, made: ClientWithSecret) -> "ClientWithSecretOut":
        """The wire form."""
        client = made.client
        return cls(
            client_id=client.client_id,
            display_name=client.display_name,
            client_secret=made.secret,
            default_tier=client.default_tier,
            created_at=client.created_at,
            max_identities=client.max_identities,
        )


class UpdatedClientOut(ResponseModel):
    """Answer to PUT /Clients/{id}."""

    client_id: str
    display_name: str
    default_tier: str
    created_at: Timestamp
    max_identities: int | None

    @classmethod
    def of(cls, client: Client) -> "UpdatedClientOut":
        """The wire form."""
        return cls(
            client_id=client.client_id,
            display_name=client.display_name,
            default_tier=client.default_tier,
            created_at=client.created_at,
            max_identities=client.max_identities,
        )
