"""A Backbone that fails between any two calls, and two people who try again: nothing is lost, nothing comes twice."""

import random
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from enmeshed import (
    Account,
    Backbone,
    EnmeshedError,
    MemoryStorage,
    NetworkError,
    TooManyRequestsError,
    UnavailableError,
)
from tests.people import new_secret
from tests.unit.sdk.fake_backbone import BASE_URL, CLIENT_ID, CLIENT_SECRET, FakeBackbone
from tests.unit.sdk.flows import GREETING, REQUEST, hello

FAULTS_PERCENT = 20
TRIES = 200
MESSAGES = 4


class Unreliable(httpx.BaseTransport):
    """The way to a Backbone: requests, or their answers, get lost, or 429, 500 and 503 come instead."""

    def __init__(self, backbone: FakeBackbone, seed: int) -> None:
        self._backbone = backbone
        self._random = random.Random(seed)
        self.is_reliable = False
        self.faults = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        if self.is_reliable or self._random.randrange(100) >= FAULTS_PERCENT:
            return self._backbone.handle(request)
        self.faults += 1
        arrives, fault = self._random.random() < 0.5, self._random.choice(["429", "500", "503", "reset", "timeout"])
        if arrives and fault != "429":
            self._backbone.handle(request)
        if fault == "reset":
            raise httpx.RemoteProtocolError("reset")
        if fault == "timeout":
            raise httpx.ReadTimeout("timeout")
        return httpx.Response(int(fault))


class World:
    """A Backbone, and accounts for which time passes when they wait."""

    def __init__(self, seed: int) -> None:
        self.backbone = FakeBackbone()
        self.backbone.deliveries = TRIES  # a real one gives up after 3 sync runs that were lost on the way
        self.transport = Unreliable(self.backbone, seed)
        self.client = Backbone(BASE_URL, CLIENT_ID, CLIENT_SECRET, transport=self.transport)

    def account(self) -> Account:
        storage = MemoryStorage()
        made: list[Account] = []
        self.until(lambda: made.append(self._open(storage)), lambda: bool(made))
        return made[0]

    def _open(self, storage: MemoryStorage) -> Account:
        return Account.open(storage, self.client, create=True, sleep=lambda _: self.backbone.expire_runs())

    def until(self, act: Callable[[], object], is_done: Callable[[], bool]) -> None:
        """Do something again until it is done."""
        for _ in range(TRIES):
            if is_done():
                return
            try:
                act()
            except (NetworkError, UnavailableError, TooManyRequestsError):
                self.backbone.expire_runs()
            except EnmeshedError as error:
                if "AlreadyExists" not in error.code:  # an earlier try has arrived
                    raise
        raise AssertionError("never done")


@pytest.mark.parametrize("seed", range(12))
def test_two_people_write_to_each_other_over_a_bad_line(seed: int) -> None:
    world = World(seed)
    alice, bob = world.account(), world.account()
    world.until(lambda: alice.templates.create(GREETING), lambda: bool(alice.templates.all()))
    reference = alice.templates.all()[0].reference
    world.until(lambda: bob.templates.load(reference), lambda: bool(bob.templates.all()))
    template = bob.templates.all()[0]
    requested = lambda: world.backbone.has_relationship_of(bob.address)  # noqa: E731
    world.until(lambda: bob.relationships.request(template, REQUEST), requested)
    world.until(alice.sync, lambda: bool(alice.relationships.all()))

    def status(account: Account) -> list[str]:
        return [one.status for one in account.relationships.all()]

    world.until(lambda: accept(alice), lambda: status(alice) == ["Active"])
    world.until(bob.sync, lambda: status(bob) == ["Active"])
    for number in range(MESSAGES):
        world.until(lambda number=number: send(bob, alice, number), lambda number=number: was_sent(bob, number))  # type: ignore[misc]
    told: list[str] = []
    world.until(
        lambda: told.extend(one.content["value"] for one in alice.sync().messages),
        lambda: len(alice.messages.all()) == MESSAGES and len(set(told)) == MESSAGES,
    )
    assert Counter(one.content["value"] for one in alice.messages.all()) == dict.fromkeys(map(str, range(MESSAGES)), 1)
    assert world.transport.faults > 0
    world.transport.is_reliable = True
    for account in (alice, bob):
        account.sync()
        other = Account.onboard(MemoryStorage(), world.client, new_secret(account))
        for collection in ("Relationships", "Messages", "Templates", "Secrets"):
            assert by_id(other, collection) == by_id(account, collection)


def by_id(account: Account, collection: str) -> dict[str, object]:
    return {one["id"]: one for one in account.objects.all(collection)}


def accept(alice: Account) -> None:
    alice.sync()
    [relationship] = alice.relationships.all()
    if relationship.status == "Pending":
        alice.relationships.accept(relationship)


def send(bob: Account, alice: Account, number: int) -> None:
    """What a careful program does: find out first what became of the last try."""
    bob.sync()
    if not was_sent(bob, number):
        bob.messages.send(alice.address, hello(str(number)))


def was_sent(account: Account, number: int) -> bool:
    return any(one.content == hello(str(number)) for one in account.messages.all())
