"""Streams, outbox and bus in one small loop: brings the events on items to the consumers that want them.

Reads the tables' real streams (DynamoDB Local has them) and asks the outbox's own rule which events are new.
The deployed way of an event is tested on the emulator; this one lets whole flows run in this process.
"""

import importlib
import os
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


class EventPump:
    """Reads each stream from its beginning, once."""

    def __init__(self) -> None:
        endpoint = client().meta.endpoint_url
        self._streams: Any = boto3.client("dynamodbstreams", endpoint_url=endpoint)
        self._names = [_stream(service) for service in PRODUCERS]
        self._last: dict[str, str] = {}
        modules = [importlib.import_module(f"functions.{file.parent.name}.{file.stem}") for file in CONSUMERS]
        found = [value for module in modules for value in vars(module).values() if isinstance(value, Consumers)]
        self._consumers = list({id(consumers): consumers for consumers in found}.values())

    def deliver(self) -> int:
        """Deliver everything new, and what that raises in turn; how many events there were."""
        count = 0
        while fresh := self._read():
            for event in sorted(fresh, key=lambda event: event.time):
                count += 1
                for consumers in self._consumers:
                    if event.name in consumers.reactions:
                        consumers.handle(event)
        return count

    def _read(self) -> list[EventEnvelope]:
        events: list[EventEnvelope] = []
        for stream in self._names:
            for shard in self._streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]:
                for record in self._records(stream, shard["ShardId"]):
                    images = (record["dynamodb"].get(name) for name in ("OldImage", "NewImage"))
                    before, after = (decode(image) if image else None for image in images)
                    events += new_events(before, after, at=clock.now())
        return events

    def _records(self, stream: str, shard: str) -> list[Any]:
        # A fresh iterator each time: DynamoDB Local forgets those it handed out before.
        last = self._last.get(shard)
        position = {"SequenceNumber": last, "ShardIteratorType": "AFTER_SEQUENCE_NUMBER"}
        begin = position if last else {"ShardIteratorType": "TRIM_HORIZON"}
        iterator = self._streams.get_shard_iterator(StreamArn=stream, ShardId=shard, **begin)["ShardIterator"]
        records: list[Any] = self._streams.get_records(ShardIterator=iterator)["Records"]
        if records:
            self._last[shard] = records[-1]["dynamodb"]["SequenceNumber"]
        return records


def _stream(service: str) -> str:
    table = client().describe_table(TableName=os.environ[f"BACKBONE_{service.upper()}_TABLE"])["Table"]
    return str(table["LatestStreamArn"])
