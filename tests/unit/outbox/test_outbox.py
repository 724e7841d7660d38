"""The outbox: events leave with the change that raised them.  How events travel: docs/events.md."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from backbone import payloads, stream_letters
from backbone.addresses import Address
from backbone.correlation import current_correlation_id
from backbone.dynamodb import encode
from backbone.events import carried, farewell
from backbone.events.relationships import RelationshipTemplateCreated
from backbone.ids import RelationshipTemplateId
from backbone.invocations import InvocationFailed
from functions.outbox import publisher
from functions.outbox.domain import new_events
from functions.outbox.handler import stream
from tests.support.engine import BUCKET

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
TEMPLATE = RelationshipTemplateId("RLT00000000000000009")
CREATOR = Address.of_public_key(b"creator", "localhost")


def event_of(number: int) -> str:
    current_correlation_id.set("correlation")
    template_id = RelationshipTemplateId(f"RLT{number:017d}")
    carried_event = carried([RelationshipTemplateCreated(template_id=template_id, created_by=CREATOR)], NOW)
    assert carried_event is not None
    return carried_event


def id_of(number: int) -> str:
    return f"RLT{number:017d}/Created"


def record(number: int, before: str | None, after: str | None) -> dict[str, Any]:
    images = {"OldImage": before, "NewImage": after}
    return {
        "eventName": "MODIFY",
        "dynamodb": {
            "SequenceNumber": str(number),
            **{name: encode({"pk": "X", "events": events}) for name, events in images.items() if events is not None},
        },
    }


class Bus:
    """Takes what the outbox publishes; refuses the events named."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.refused: set[str] = set()
        self.reason = "ThrottlingException"
        self.too_large: set[str] = set()

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  # boto3's name
        answers = []
        if any(json.loads(entry["Detail"])["id"] in self.too_large for entry in Entries):
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "Total size"}}, "PutEvents")
        for entry in Entries:
            if json.loads(entry["Detail"])["id"] in self.refused:
                answers.append({"ErrorCode": self.reason})
            else:
                self.taken.append(entry)
                answers.append({"EventId": "1"})
        return {"Entries": answers}


@pytest.fixture
def bus(moto: None, monkeypatch: pytest.MonkeyPatch) -> Bus:
    bus = Bus()
    monkeypatch.setattr(publisher, "client", lambda: bus)
    return bus


def test_an_event_is_new_only_with_the_change_that_brought_it() -> None:
    first, second = event_of(1), event_of(2)

    assert [event.id for event in new_events(None, {"events": first}, at=NOW)] == [id_of(1)]
    assert new_events({"events": first}, {"events": first, "status": "other"}, at=NOW) == []
    assert [event.id for event in new_events({"events": first}, {"events": second}, at=NOW)] == [id_of(2)]
    assert new_events({"events": first}, None, at=NOW) == []
    assert new_events(None, {}, at=NOW) == []


def test_an_item_that_goes_raises_what_it_says_of_its_end_and_nothing_else() -> None:
    last_words = farewell(RelationshipTemplateCreated(template_id=TEMPLATE, created_by=CREATOR))
    item = {"events": event_of(1), "onRemoval": last_words}

    (event,) = new_events(item, None, at=NOW)

    assert (event.id, event.name, event.time) == (f"{TEMPLATE}/Created", "RelationshipTemplateCreated", NOW)
    assert event.payload == {"templateId": TEMPLATE, "createdBy": CREATOR}
    assert new_events(item, item, at=NOW) == []
    assert [event.id for event in new_events(None, item, at=NOW)] == [id_of(1)]


def test_events_reach_the_bus_with_name_id_time_and_correlation(bus: Bus) -> None:
    answer = stream({"Records": [record(1, None, event_of(1))]}, None)

    (entry,) = bus.taken
    assert answer == {"batchItemFailures": []}
    assert (entry["DetailType"], entry["EventBusName"], entry["Time"]) == (
        "RelationshipTemplateCreated",
        "backbone",
        NOW,
    )
    assert json.loads(entry["Detail"]) == {
        "id": "RLT00000000000000001/Created",
        "name": "RelationshipTemplateCreated",
        "time": "2026-01-02T03:04:05.678Z",
        "correlationId": "correlation",
        "payload": {"templateId": "RLT00000000000000001", "createdBy": CREATOR},
    }


def test_the_bus_itself_takes_the_entries(moto: None) -> None:
    """No fake here: the real call against moto's EventBridge, 25 events in calls of ten."""
    publisher.client.cache_clear()
    boto3.client("events").create_event_bus(Name="backbone")

    answer = stream({"Records": [record(number, None, event_of(number)) for number in range(25)]}, None)

    publisher.client.cache_clear()
    assert answer == {"batchItemFailures": []}


def test_the_end_of_an_item_is_published_with_the_time_of_its_record(bus: Bus) -> None:
    last_words = farewell(RelationshipTemplateCreated(template_id=TEMPLATE, created_by=CREATOR))
    old = encode({"pk": "X", "onRemoval": last_words, "content": b"not decoded"})
    removal = {
        "eventName": "REMOVE",
        "dynamodb": {"SequenceNumber": "1", "OldImage": old, "ApproximateCreationDateTime": NOW.timestamp()},
    }

    assert stream({"Records": [removal]}, None) == {"batchItemFailures": []}

    (entry,) = bus.taken
    assert (entry["DetailType"], entry["Time"]) == ("RelationshipTemplateCreated", NOW)


def test_a_refused_event_sends_back_its_record_and_everything_after_it(bus: Bus) -> None:
    bus.refused = {id_of(3)}

    answer = stream({"Records": [record(number, None, event_of(number)) for number in range(1, 6)]}, None)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "3"}]}


def put_aside() -> list[dict[str, Any]]:
    """The records in letters."""
    letters = payloads.client().list_objects_v2(Bucket=BUCKET, Prefix=stream_letters.PREFIX).get("Contents", [])
    bodies = [payloads.client().get_object(Bucket=BUCKET, Key=letter["Key"])["Body"].read() for letter in letters]
    return [record for body in bodies for record in stream_letters.records_of(json.loads(body)) or []]


@pytest.mark.parametrize(
    "unreadable", ["no json", '[{"id": "x"}]', '[{"id":"x","name":"N","time":"t","correlationId":"c","payload":{}}]']
)
def test_a_record_that_cannot_be_read_becomes_a_dead_letter_and_the_shard_goes_on(bus: Bus, unreadable: str) -> None:
    broken = record(2, None, unreadable)

    answer = stream({"Records": [record(1, None, event_of(1)), broken, record(3, None, event_of(3))]}, None)

    assert answer == {"batchItemFailures": []}
    assert [json.loads(entry["Detail"])["id"] for entry in bus.taken] == [id_of(1), id_of(3)]
    assert put_aside() == [broken]


def test_what_the_bus_will_never_take_becomes_a_dead_letter(bus: Bus) -> None:
    bus.refused, bus.reason = {id_of(2)}, "MalformedDetail"
    records = [record(number, None, event_of(number)) for number in range(1, 4)]

    assert stream({"Records": records}, None) == {"batchItemFailures": []}

    assert [json.loads(entry["Detail"])["id"] for entry in bus.taken] == [id_of(1), id_of(3)]
    assert put_aside() == [records[1]]


def test_one_event_too_large_does_not_keep_back_those_beside_it(bus: Bus) -> None:
    bus.too_large = {id_of(2)}
    records = [record(number, None, event_of(number)) for number in range(1, 4)]

    assert stream({"Records": records}, None) == {"batchItemFailures": []}

    assert [json.loads(entry["Detail"])["id"] for entry in bus.taken] == [id_of(1), id_of(3)]
    assert put_aside() == [records[1]]


def test_a_letter_that_cannot_be_kept_fails_the_batch(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")

    monkeypatch.setattr(stream_letters, "keep", fail)

    with pytest.raises(InvocationFailed):
        stream({"Records": [record(2, None, "no json")]}, None)


def test_large_events_go_in_calls_that_the_bus_takes(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Announcements have up to 100 KiB; a call takes 256 KB, or 1 MB where AWS allows it."""
    calls: list[list[int]] = []
    put_events = bus.put_events

    def watched(Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  # boto3's name
        calls.append([len(entry["Detail"].encode()) for entry in Entries])
        return put_events(Entries)

    monkeypatch.setattr(bus, "put_events", watched)
    current_correlation_id.set("ä" * 60_000)
    large = [carried([RelationshipTemplateCreated(template_id=TEMPLATE, created_by=CREATOR)], NOW)] * 5

    answer = stream({"Records": [record(number, None, each) for number, each in enumerate(large)]}, None)

    assert answer == {"batchItemFailures": []}
    assert [len(sizes) for sizes in calls] == [2, 2, 1]
    assert max(map(sum, calls)) < 256_000


def test_an_empty_batch_publishes_nothing(bus: Bus) -> None:
    assert stream({}, None) == {"batchItemFailures": []}
    assert bus.taken == []
