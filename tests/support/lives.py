"""Whole lives in one process: every service on moto, with streams, outbox, consumers, and time that passes.

What a write tells reaches every consumer that wants it (`Lives.settle`), as often as a test likes; what has lived out
its TTL goes when time passes, and its going is told, too.  Queues are skipped.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from moto.dynamodb.models import dynamodb_backends

from backbone import access_tokens, clock, dynamodb
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.consumers import Consumers
from backbone.dynamodb import Item, Table, decode
from backbone.events import EventEnvelope
from backbone.readmodels import identities, relationships
from backbone.settings import settings
from functions.devices import deletion_jobs
from functions.outbox.domain import new_events
from functions.overview import changes
from functions.relationships import consumers as relationship_consumers
from tests.support import api as in_process
from tests.support.api import InProcessApi
from tests.support.engine import MOTO_ACCOUNT, REGION
from tests.support.keys import ClientKey
from tests.support.pump import CONSUMERS
from tests.support.schema import SERVICES
from tests.unit.devices.journeys import caller_of, register

CONTENT = "AQID"


def no_interference(envelope: EventEnvelope, deliver: Callable[[], None]) -> None:
    """Each event is handled once and nothing goes wrong."""
    deliver()


@dataclass
class Lives:
    """`told` are all events so far; whoever wants to disturb deliveries says how in `interfere`."""

    api: InProcessApi
    monkeypatch: pytest.MonkeyPatch
    told: list[EventEnvelope] = field(default_factory=list)
    interfere: Callable[[EventEnvelope, Callable[[], None]], None] = no_interference
    _passed: timedelta = timedelta()

    def __post_init__(self) -> None:
        real_now = clock.now
        self.monkeypatch.setattr(clock, "now", lambda: real_now() + self._passed)
        # Tokens are verified by the real clock.
        self.monkeypatch.setattr(
            in_process, "token_of", lambda caller: access_tokens.issue(caller, user_id="", username="", now=real_now())
        )
        # An index of moto never lags behind its table.
        self.monkeypatch.setattr(relationship_consumers, "INDEX_LAG", timedelta())
        modules = [importlib.import_module(f"functions.{file.parent.name}.{file.stem}") for file in CONSUMERS]
        found = [value for module in modules for value in vars(module).values() if isinstance(value, Consumers)]
        self._consumers = list({id(each): each for each in found}.values())

    # --- events ------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Deliver what is told until nothing new is."""
        while fresh := list(self._fresh()):
            for envelope in sorted(fresh, key=lambda one: one.time):
                self.told.append(envelope)
                self.deliver(envelope)

    def collect(self) -> list[EventEnvelope]:
        """What is told and not delivered yet, for the test to deliver."""
        return sorted(self._fresh(), key=lambda one: one.time)

    def deliver(self, envelope: EventEnvelope) -> None:
        """Hand an event to everybody who wants it."""
        for consumers in self._consumers:
            if envelope.name in consumers.reactions:
                self.interfere(envelope, lambda to=consumers: to.handle(envelope))  # type: ignore[misc]

    def deliver_again(self, events: list[EventEnvelope]) -> None:
        """The queue repeats events, and all that follows."""
        for envelope in events:
            self.deliver(envelope)
        self.settle()

    def _fresh(self) -> Iterator[EventEnvelope]:
        for service in SERVICES:
            records = self._records(service)
            if service == "devices":
                assert changes.follow({"Records": records}, None) == {"batchItemFailures": []}
            for record in records:
                images = (record["dynamodb"].get(name) for name in ("OldImage", "NewImage"))
                before, after = (decode(image) if image else None for image in images)
                yield from new_events(before, after, at=clock.now())

    def _records(self, service: str) -> list[dict[str, Any]]:
        shard = dynamodb_backends[MOTO_ACCOUNT][REGION].tables[_table(service).name].stream_shard
        if shard is None:
            return []
        records = [record.to_json() for record in shard.items]
        shard.items.clear()  # moto copies a table, stream included, for every transaction
        return records

    # --- time --------------------------------------------------------------------------------------------------------

    def pass_time(self, **delta: float) -> None:
        """Time passes; what is over by then is not removed yet."""
        self._passed += timedelta(**delta)

    def remove_expired(self) -> None:
        """TTL removes what is over, and what follows from that happens."""
        now = clock.epoch_seconds(clock.now())
        for service, item in self.everything():
            if item.get("ttl", now + 1) <= now:
                _table(service).delete({name: item[name] for name in ("pk", "sk") if name in item})
        self.settle()

    # --- what there is -----------------------------------------------------------------------------------------------

    def everything(self) -> Iterator[tuple[str, Item]]:
        """Every item of every table."""
        for service in SERVICES:
            for item in dynamodb.client().scan(TableName=_table(service).name)["Items"]:
                yield service, decode(item)

    def traces(self, *texts: str) -> list[tuple[str, Item]]:
        """The items in which one of these stands, wherever."""
        return [(service, item) for service, item in self.everything() if any(text in repr(item) for text in texts)]

    def relationship_of(self, one: "Person", other: "Person") -> str:
        """The id of the youngest relationship of two."""
        pair = relationships.table().get(relationships.pair_key(one.address, other.address))
        assert pair is not None
        return str(pair["relationshipId"])

    # --- what people do ----------------------------------------------------------------------------------------------

    def person(self, key: ClientKey | None = None) -> "Person":
        """Somebody registers; with the key of somebody deleted, again."""
        key = key or ClientKey.new()
        created = register(self.api, key)
        assert created.status == 201, created.body
        self.settle()
        return Person(self, key, caller_of(created))

    def delete(self, *people: "Person") -> None:
        """Their deletion processes begin and come to their end."""
        for person in people:
            if person.status == "Active":
                person.start_deletion()
        self.run_deletion_job()

    def run_deletion_job(self, now: datetime | None = None) -> None:
        """What the daily job begins, and all that follows."""
        outcome = deletion_jobs.delete_due(now=now or clock.now(), tokens_valid_for=timedelta())
        outcome.check()
        self.settle()


@dataclass(frozen=True)
class Person:
    """An identity with one device."""

    lives: Lives
    key: ClientKey
    caller: Caller

    @property
    def address(self) -> Address:
        return self.caller.address

    @property
    def status(self) -> str | None:
        """Of the identity; None once it is gone."""
        item = identities.table().get(identities.key(self.address))
        return str(item["status"]) if item else None

    def call(self, method: str, path: str, body: Any = ..., **options: Any) -> Any:
        """A request that succeeds; its result, if it has one."""
        answer = self.lives.api.request(method, f"/api/v2{path}", json_body=body, caller=self.caller, **options)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.body}"
        return answer.result if answer.body else None

    def refusal(self, method: str, path: str, body: Any = ..., **options: Any) -> str:
        """The last part of the code of a request that is refused."""
        answer = self.lives.api.request(method, f"/api/v2{path}", json_body=body, caller=self.caller, **options)
        return str(answer.error[1].rpartition(".")[2])

    def template(self, **members: Any) -> str:
        """The id of a new template."""
        return str(self.call("POST", "/RelationshipTemplates", {"content": CONTENT, **members})["id"])

    def ask(self, other: "Person", template_id: str | None = None) -> str:
        """The id of a new relationship, pending."""
        body = {"relationshipTemplateId": template_id or other.template(), "creationContent": CONTENT}
        relationship_id = str(self.call("POST", "/Relationships", body)["id"])
        self.lives.settle()
        return relationship_id

    def relate(self, other: "Person") -> str:
        """The id of a new relationship, active."""
        relationship_id = self.ask(other)
        other.act(relationship_id, "Accept")
        return relationship_id

    def act(self, relationship_id: str, action: str, *, settle: bool = True) -> Any:
        """Change a relationship."""
        body: Any = {} if action in ("Accept", "Reject", "Revoke") else ...
        result = self.call("PUT", f"/Relationships/{relationship_id}/{action}", body)
        if settle:
            self.lives.settle()
        return result

    def send(self, *others: "Person") -> str:
        """The id of a new message."""
        message_id = str(self.call("POST", "/Messages", message_to(*others))["id"])
        self.lives.settle()
        return message_id

    def inbox(self) -> list[str]:
        """The ids of the messages he sees; they are received by that."""
        return [message["id"] for message in self.call("GET", "/Messages")]

    def start_deletion(self, days: float = 0) -> Any:
        """A deletion process, due at once."""
        process = self.call("POST", "/Identities/Self/DeletionProcesses", {"lengthOfGracePeriodInDays": days})
        self.lives.settle()
        return process


def message_to(*others: Person) -> dict[str, Any]:
    """The body of a POST of a message."""
    recipients = [{"address": other.address, "encryptedKey": "A" * 200} for other in others]
    return {"recipients": recipients, "body": CONTENT, "attachments": []}


def _table(service: str) -> Table:
    return Table(getattr(settings(), f"{service}_table"))
