"""The world in which endpoints are measured: tables in DynamoDB Local, two related identities, their datawallets."""

import json
import os
import uuid
from dataclasses import dataclass

from backbone import access_tokens, clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.ids import DeviceId
from backbone.observability import logger
from enmeshed import Account
from enmeshed.http import Credentials
from functions.devices.admin_clients import NewClient, create_client
from tests.people import Identity
from tests.support.api import InProcessApi
from tests.support.api import token_of as issue_token
from tests.support.engine import create_tables, environment, forget_environment, new_token_key
from tests.support.pump import EventPump
from tests.support.transport import InProcessTransport

BASE_URL = "http://localhost"
CLIENT = ("test", "test")


@dataclass
class World:
    """Alice and Bob, related, with two devices on Alice's side."""

    api: InProcessApi
    transport: InProcessTransport
    pump: EventPump
    alice: Identity
    bob: Identity

    def new_identity(self) -> Identity:
        """Somebody else."""
        return Identity.create(BASE_URL, *CLIENT, transport=self.transport)

    def related(self) -> Identity:
        """Somebody else with an active relationship to Alice."""
        other = self.new_identity()
        relate(self.alice.device, other.device, self.pump)
        return other


def token_of(device: Account) -> str:
    """A valid token of a device."""
    return issue_token(Caller(Address(device.address), DeviceId(device.device_id), CLIENT[0]))


def credentials_of(device: Account) -> Credentials:
    """The log-in of a device."""
    assert device.connection.credentials is not None
    return device.connection.credentials


def relate(templator: Account, requestor: Account, pump: EventPump) -> str:
    """An active relationship; its id."""
    template = templator.templates.create({"purpose": "bench"})
    requestor.relationships.request(requestor.templates.load(template.reference.truncated), {"from": "bench"})
    pump.deliver()
    (request,) = templator.sync().relationships
    templator.relationships.accept(request.id)
    pump.deliver()
    requestor.sync()
    return request.id


def use_token_keys() -> None:
    """Keys without SSM: what a warm function remembers."""
    private, public = new_token_key("bench")
    access_tokens.keep_keys(private=json.dumps({"keys": [private]}), public=json.dumps({"keys": [public]}))


def build_world(endpoint: str) -> World:
    """Everything that requests need to be typical."""
    run = uuid.uuid4().hex[:8]
    os.environ.update(environment(run), AWS_ENDPOINT_URL_DYNAMODB=endpoint)
    logger.setLevel("ERROR")
    forget_environment()
    use_token_keys()
    create_tables(run, with_streams=True)
    create_client(NewClient("Basic", client_id=CLIENT[0], client_secret=CLIENT[1]), now=clock.now())
    api = InProcessApi()
    transport, pump = InProcessTransport(api), EventPump()
    alice, bob = (Identity.create(BASE_URL, *CLIENT, transport=transport) for _ in range(2))
    world = World(api, transport, pump, alice, bob)
    relate(alice.device, bob.device, pump)
    alice.add_device()
    return world
