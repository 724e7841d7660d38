"""Streams, outbox and bus in one small loop: brings the events on items to the consumers that want them.

Reads the tables' real streams (DynamoDB Local has them) and asks the outbox's own rule which events are new.
The deployed way of an event is tested on the emulator; this one lets whole flows run in this process.
"""

import importlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import boto3

from backbone import clock
from backbone.consumers import Consumers
from backbone.dynamodb import client, decode
from backbone.events import EventEnvelope
from functions.outbox.domain import new_events

PRODUCERS = (
    "announcements",
    "challenges",
    "devices",
    "relationships",
    "messages",
    "synchronization",
    "tokens",
    "files",
    "quotas",
    "push",
)
CONSUMERS = tuple(sorted((Path(__file__).parents[2] / "functions").glob("*/*consumers.py")))


def all_consumers() -> list[Consumers]:
    """The reactions of all services."""
    modules = [importlib.import_module(f"functions.{file.parent.name}.{file.stem}") for file in CONSUMERS]
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Consumers)]
    return list({id(consumers): consumers for consumers in found}.values())


class StreamReader:
    """Reads the stream of a service's table from its beginning, once."""

    def __init__(self, service: str) -> None:
        endpoint = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB")  # none in moto
        self._streams: Any = _client(endpoint)
        self._name = _stream(service)
        self._last: dict[str, str] = {}

    def records(self) -> list[Any]:
        """Those that are new."""
        shards = self._streams.describe_stream(StreamArn=self._name)["StreamDescription"]["Shards"]
        return [record for shard in shards for record in self._records(shard["ShardId"])]

    def _records(self, shard: str) -> list[Any]:
        # A fresh iterator each time: DynamoDB Local forgets those it handed out before.
        last = self._last.get(shard)
        position = {"SequenceNumber": last, "ShardIteratorType": "AFTER_SEQUENCE_NUMBER"}
        begin = position if last else {"ShardIteratorType": "TRIM_HORIZON"}
        iterator = self._streams.get_shard_iterator(StreamArn=self._name, ShardId=shard, **begin)["ShardIterator"]
        records: list[Any] = self._streams.get_records(ShardIterator=iterator)["Records"]
        if records:
            self._last[shard] = records[-1]["dynamodb"]["SequenceNumber"]
        return records


class EventPump:
    """Delivers what is new in all streams to whoever consumes it."""

    def __init__(self) -> None:
        self._readers = [StreamReader(service) for service in PRODUCERS]
        self._consumers = all_consumers()

    def deliver(self) -> int:
        """Deliver everything new, and what that raises in turn; how many events there were."""
        count = 0
        while fresh := self._read():
            for event in sorted(fresh, key=lambda event: event.time):
                count += 1
                for consumers in self._consumers:
                    if event.name in consumers.reactions:
                        self.hand_over(consumers, event)
        return count

    def hand_over(self, consumers: Consumers, event: EventEnvelope) -> None:
        """Bring an event to a service, as its queue does."""
        consumers.handle(event)

    def _read(self) -> list[EventEnvelope]:
        events: list[EventEnvelope] = []
        for reader in self._readers:
            for record in reader.records():
                images = (record["dynamodb"].get(name) for name in ("OldImage", "NewImage"))
                before, after = (decode(image) if image else None for image in images)
                events += new_events(before, after, at=clock.now())
        return events


@lru_cache(maxsize=2)
def _client(endpoint: str | None) -> Any:
    return boto3.client("dynamodbstreams", endpoint_url=endpoint)


def _stream(service: str) -> str:
    table = client().describe_table(TableName=os.environ[f"BACKBONE_{service.upper()}_TABLE"])["Table"]
    return str(table["LatestStreamArn"])
