"""Counts, limits and tiers stay right whatever comes between two calls of an operation.

Every operation is run with every other one squeezed in just before its second, third, … call to DynamoDB; after each
run the table must hold together.  Against DynamoDB Local, where this takes milliseconds.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest

from backbone import clock, dynamodb
from backbone.addresses import Address
from backbone.errors import BackboneError
from backbone.ids import TierId
from backbone.readmodels import identities
from backbone.readmodels import tiers as tiers_readmodel
from functions.devices import admin_identities, audit_log, domain
from functions.devices.client_store import ClientStore, directory_key
from functions.devices.deletion_process import DeletionProcess
from functions.devices.domain import Identity
from functions.devices.items import identity_key, identity_of
from functions.devices.oauth_clients import Client, ClientDeleted
from functions.devices.store import DeviceStore
from functions.devices.tier_store import TierStore
from tests.support.builders import given_client, given_tier
from tests.support.keys import ClientKey
from tests.unit.devices.deletions import deletions

pytestmark = [pytest.mark.local_dynamodb, pytest.mark.slow]
MOST_CALLS = 8
clients, tiers, devices = ClientStore(), TierStore(), DeviceStore()
numbers = itertools.count()


@pytest.fixture(autouse=True)
def _tables(local_dynamodb: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "_ITERATIONS", 1)


@dataclass(frozen=True)
class World:
    """A client with an identity and one that is being deleted; `basic` is the default tier."""

    client: Client
    basic: TierId
    gold: TierId
    addresses: list[Address]
    deletion: DeletionProcess

    @classmethod
    def new(cls, max_identities: int | None) -> "World":
        number = next(numbers)
        basic, gold = (TierId(f"TIR{name}{number:013}") for name in ("basi", "gold"))
        for tier_id in (basic, gold):
            given_tier(tier_id, tier_id)
        client = given_client(f"client{number}", max_identities=max_identities, default_tier=basic)
        addresses = [_registered(client) for _ in range(2)]
        process = admin_identities.start_deletion(addresses[1], now=clock.now())
        found = deletions.find(addresses[1], process.id)
        assert found is not None
        assert deletions.begin(found, now=clock.now() + timedelta(milliseconds=1))
        return cls(client, basic, gold, addresses, found.process)

    @property
    def address(self) -> Address:
        """The identity that is not being deleted."""
        return self.addresses[0]

    def identities(self) -> list[Identity]:
        """Those that exist."""
        found = dynamodb.batch_get(*((identities.table(), identity_key(address)) for address in self.addresses))
        return [identity_of(item) for item in found if item]


def _registered(client: Client) -> Address:
    address = ClientKey.new().address
    identity = domain.new_identity(
        address=address, public_key=b"{}", identity_version=1, client=client, now=clock.now()
    )
    first = domain.new_device(identity, caller=None, password_hash="hash", communication_language="en", now=clock.now())
    devices.add_identity(identity, first, client)
    return address


def register(world: World) -> None:
    client = clients.get(world.client.client_id)
    if client:
        client.check_limit()
        world.addresses.append(_registered(client))


def limit_to_what_there_is(world: World) -> None:
    clients.update(world.client.client_id, world.basic, clients.count_identities(world.client.client_id))


def limit_to_one_more(world: World) -> None:
    clients.update(world.client.client_id, world.basic, clients.count_identities(world.client.client_id) + 1)


def remove_limit(world: World) -> None:
    clients.update(world.client.client_id, world.basic, None)


def give_another_tier(world: World) -> None:
    clients.update(world.client.client_id, world.gold, None)


def delete_client(world: World) -> None:
    clients.delete(world.client.client_id)


def create_client_again(world: World) -> None:
    clients.add(world.client)


def delete_basic(world: World) -> None:
    tiers.delete(world.basic)


def delete_gold(world: World) -> None:
    tiers.delete(world.gold)


def assign_gold(world: World) -> None:
    admin_identities.change_tier(world.address, world.gold, now=clock.now())


def queue_for_deletion(world: World) -> None:
    admin_identities.start_deletion(world.address, now=clock.now())


def end_identity(world: World) -> None:
    deletions.finish(world.deletion, now=clock.now())


OPERATIONS = (
    register,
    limit_to_what_there_is,
    limit_to_one_more,
    remove_limit,
    give_another_tier,
    delete_client,
    create_client_again,
    delete_basic,
    delete_gold,
    assign_gold,
    queue_for_deletion,
    end_identity,
)
ABOUT_LIMITS = (register, limit_to_what_there_is, limit_to_one_more, remove_limit, delete_client, end_identity)
Operation = Callable[[World], None]


def _tried(operation: Operation, world: World) -> None:
    with suppress(BackboneError, ClientDeleted):
        operation(world)


@contextmanager
def _squeezed_in(action: Callable[[], None], before_call: int) -> Iterator[list[int]]:
    """Run `action` just before this call to DynamoDB; yields a list that is not empty once that has happened."""
    calls, done = itertools.count(), []
    events = dynamodb.client().meta.events

    def meddle(**_: object) -> None:
        if not done and next(calls) == before_call:
            done.append(before_call)
            action()

    events.register("before-call.dynamodb", meddle)
    try:
        yield done
    finally:
        events.unregister("before-call.dynamodb", meddle)


@pytest.mark.parametrize(
    ("operation", "max_identities"),
    [*((operation, None) for operation in OPERATIONS), *((operation, 3) for operation in ABOUT_LIMITS)],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
def test_nothing_that_comes_in_between_leaves_wrong_counts_or_lost_tiers(
    operation: Operation, max_identities: int | None
) -> None:
    """admin-api.md §5.5, §6: a limit is never exceeded, numberOfIdentities is exact, no identity and no client is in a
    tier that does not exist"""
    for other in OPERATIONS if max_identities is None else ABOUT_LIMITS:
        for call in range(1, MOST_CALLS):
            world = World.new(max_identities)
            with _squeezed_in(lambda: _tried(other, world), call) as done:  # noqa: B023  # used before the next turn
                _tried(operation, world)
            _check(world, f"{operation.__name__} with {other.__name__} before call {call}")
            if not done:
                break


def _check(world: World, case: str) -> None:
    there = world.identities()
    client = clients.get(world.client.client_id)

    assert clients.count_identities(world.client.client_id) == len(there), case
    assert (client is not None) == (_table().get(directory_key(world.client.client_id)) is not None), case
    assert client is None or not client.without_parts, case
    if client and client.max_identities is not None:
        assert len(there) <= client.max_identities, case
    having = Counter(identity.tier_id for identity in there)
    returning = Counter(identity.tier_id_before_deletion for identity in there)
    for tier_id in (world.basic, world.gold):
        parts = list(_table().query_all("pk = :pk", {"pk": f"TIER#{tier_id}"}))
        item = _table().get(tiers_readmodel.key(tier_id))
        if item is None:
            assert having[tier_id] == returning[tier_id] == 0, case
            assert client is None or client.default_tier != tier_id, case
            assert parts == [], case
            continue
        assert tiers.count_identities(tier_id) == having[tier_id], case
        assert sum(part["queued"] for part in parts) == returning[tier_id], case
        assert item["clients"] == (1 if client and client.default_tier == tier_id else 0), case


def _table() -> dynamodb.Table:
    return tiers_readmodel.table()
