"""A small world in which every operation can be tried: tables, bucket, keys, and people who know each other."""

import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any
from unittest import mock

import pytest
from moto import mock_aws
from nacl.signing import SigningKey

from backbone import clock
from backbone.caller import Caller
from backbone.correlation import current_correlation_id
from backbone.ids import TierId
from cli import target
from functions.devices import audit_log, notifications_api
from functions.devices.configuration import NotificationText
from functions.devices.domain import DeviceAndUser, Identity
from functions.overview import changes
from functions.relationships import consumers as relationships_consumers
from functions.relationships.relationship import Relationship
from tests.support.api import ADMIN_SERVICES, InProcessApi
from tests.support.builders import given_client, given_device, given_identity, given_relationship
from tests.support.engine import forget_environment, prepare_environment
from tests.support.keys import ClientKey
from tests.support.pump import EventPump, StreamReader
from tests.unit.push.provider import Provider, provided

NOTIFICATION = NotificationText.model_validate(
    {"Code": "TestCode", "Translations": {"en": {"Title": "title", "Body": "body"}}}
)
GOLD = TierId("TIRgold0000000000000")
_APIS: list[InProcessApi] = []
"""Made once: they know routes only, no tables."""


def _apis() -> list[InProcessApi]:
    if not _APIS:
        _APIS.extend((InProcessApi(), InProcessApi(ADMIN_SERVICES, admin=True)))
    return _APIS


@dataclass(frozen=True)
class Person:
    """An identity with its first device."""

    key: ClientKey
    identity: Identity
    caller: Caller
    first: DeviceAndUser

    @property
    def address(self) -> str:
        """The identity's address, the same in every world."""
        return self.caller.address

    @property
    def username(self) -> str:
        """The log-in of the first device."""
        return self.first.user.username


@dataclass
class World:
    """One set of tables, and who is in it."""

    provider: Provider
    patch: Callable[[object, str, object], None]
    api: InProcessApi = field(default_factory=lambda: _apis()[0])
    admin: InProcessApi = field(default_factory=lambda: _apis()[1])
    people: dict[str, Person] = field(default_factory=dict)
    _unhandled: list[Any] = field(default_factory=list)

    @cached_property
    def pump(self) -> EventPump:
        """Delivers events."""
        return EventPump()

    @cached_property
    def _devices(self) -> StreamReader:
        return StreamReader("devices")

    def person(self, name: str, **changes: Any) -> Person:
        """Somebody, who is made when he is asked for first."""
        if name not in self.people:
            key = self.new_key(name)
            identity = given_identity(key.address, public_key=key.public_key_json, **changes)
            first = given_device(identity)
            self.people[name] = Person(key, identity, Caller(key.address, first.device.id, "test"), first)
        return self.people[name]

    @staticmethod
    def new_key(name: str) -> ClientKey:
        """The key of somebody, the same in every world."""
        return ClientKey(SigningKey(name.encode().ljust(32)))

    @property
    def alice(self) -> Person:
        """The one who acts."""
        return self.person("alice")

    @property
    def bob(self) -> Person:
        """The other one."""
        return self.person("bob")

    def related(self, status: str = "Active") -> Relationship:
        """Alice's relationship to Bob, who has made the template."""
        return self.related_to(self.bob, status)

    def related_to(self, person: Person, status: str = "Active") -> Relationship:
        """Alice's relationship to somebody."""
        return given_relationship(self.alice.caller.address, person.caller.address, status, created_at=clock.now())

    def challenge_of(self, person: Person) -> dict[str, str]:
        """A fresh challenge, signed."""
        return person.key.sign(self.api.post("/api/v2/Challenges", {}).result)

    def follow_overview(self) -> Any:
        """Hand what is new in the stream of Devices to the overview; again what was not handled to the end."""
        self._unhandled += self._devices.records()
        records = [
            {**record, "dynamodb": {"SequenceNumber": str(number), **record["dynamodb"]}}
            for number, record in enumerate(self._unhandled)
        ]
        answer = changes.follow({"Records": records}, None)
        self._unhandled = []
        return answer

    def made(self, path: str, body: Any, person: Person | None = None) -> Any:
        """What a POST that must succeed gives."""
        return self.api.post(path, body, caller=person.caller if person else None).result


Act = Callable[[], Any]
"""A step; an answer of an API, how a command ended, or something else to compare."""


def _draw_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn at random is the same in every world; times are not."""
    source = random.Random(1)  # nothing is protected by it
    random.seed(1)
    monkeypatch.setattr(secrets, "choice", source.choice)
    monkeypatch.setattr(secrets, "token_urlsafe", lambda length=32: source.randbytes(length).hex())


@contextmanager
def a_world(monkeypatch: pytest.MonkeyPatch, endpoint: str | None = None) -> Iterator[World]:
    """A fresh one, with the client and the tier `test` and `Basic`; in moto without an endpoint of DynamoDB Local."""
    with mock_aws():
        prepare_environment(monkeypatch, endpoint=endpoint, with_streams=True)
        monkeypatch.setattr(audit_log, "_ITERATIONS", 1)
        _draw_the_same(monkeypatch)
        current_correlation_id.set("")
        monkeypatch.setattr(notifications_api, "notification_texts", lambda: {NOTIFICATION.code: NOTIFICATION})
        monkeypatch.setattr(relationships_consumers, "INDEX_LAG", timedelta(0))
        # Commands go on with the client that is disturbed.
        monkeypatch.setattr(target, "dynamodb", mock.Mock())
        given_client()
        with provided() as provider:
            yield World(provider, monkeypatch.setattr)
    forget_environment()
