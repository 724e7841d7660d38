"""From the tables' streams to the event bus.  How events travel: docs/events.md.

A stream record is done when the bus has taken all its events.  Records of one shard come in order and a failed one is
reported by its sequence number: everything from it on is delivered again, nothing before it.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Self

import boto3
from botocore.config import Config

from backbone import clock, metrics
from backbone.dynamodb import decode
from backbone.events import EventEnvelope
from backbone.events.base import ATTRIBUTE, FAREWELL
from backbone.invocations import entry_point
from backbone.observability import logger
from backbone.settings import settings
from functions.outbox.domain import new_events

PUT_EVENTS_LIMIT = 10
"""The most events the bus takes in one call."""
PUT_EVENTS_BYTES = 256_000
"""The most bytes in one call; today's limit is 1 MB, where larger calls have arrived."""
_TIME_BYTES = 14
SOURCE = "backbone"


@lru_cache(maxsize=1)
def client() -> Any:
    """The process's EventBridge client."""
    return boto3.client("events", config=Config(retries={"mode": "standard", "max_attempts": 4}, tcp_keepalive=True))


@entry_point
def publish_stream(event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
    """Publish the events of a batch of stream records; answers which record to go on from."""
    pending = [
        _Pending.of(record["dynamodb"]["SequenceNumber"], envelope)
        for record in event.get("Records", [])
        for envelope in _events_of(record)
    ]
    for batch in _batches(pending):
        failed = _publish(batch)
        if failed is not None:
            return {"batchItemFailures": [{"itemIdentifier": failed}]}
    return {"batchItemFailures": []}


def _events_of(record: dict[str, Any]) -> list[EventEnvelope]:
    images = [record["dynamodb"].get(name) for name in ("OldImage", "NewImage")]
    before, after = (decode(_only_events(image)) if image is not None else None for image in images)
    changed_at = record["dynamodb"].get("ApproximateCreationDateTime")
    at = clock.to_milliseconds(datetime.fromtimestamp(changed_at, UTC)) if changed_at else clock.now()
    return new_events(before, after, at=at)


def _only_events(image: dict[str, Any]) -> dict[str, Any]:
    # Payloads arrive as base64 text in stream records; nothing but the events is decoded.
    return {name: value for name, value in image.items() if name in (ATTRIBUTE, FAREWELL)}


@dataclass(frozen=True, slots=True)
class _Pending:
    """An event on its way, as the bus takes it, and the record it came with."""

    sequence_number: str
    envelope: EventEnvelope
    entry: dict[str, Any]

    @classmethod
    def of(cls, sequence_number: str, envelope: EventEnvelope) -> Self:
        entry = {
            "Source": SOURCE,
            "DetailType": envelope.name,
            "Detail": json.dumps(envelope.to_dict(), separators=(",", ":"), ensure_ascii=False),
            "EventBusName": settings().event_bus,
            "Time": envelope.time,
        }
        return cls(sequence_number, envelope, entry)

    @property
    def size(self) -> int:
        """What the bus counts, in bytes."""
        return sum(len(self.entry[name].encode()) for name in ("Source", "DetailType", "Detail")) + _TIME_BYTES


def _batches(pending: Iterable[_Pending]) -> Iterator[list[_Pending]]:
    batch: list[_Pending] = []
    for each in pending:
        is_full = len(batch) == PUT_EVENTS_LIMIT
        if batch and (is_full or sum(known.size for known in batch) + each.size > PUT_EVENTS_BYTES):
            yield batch
            batch = []
        batch.append(each)
    if batch:
        yield batch


def _publish(batch: list[_Pending]) -> str | None:
    answers = client().put_events(Entries=[each.entry for each in batch])["Entries"]
    for each, answer in zip(batch, answers, strict=True):
        envelope = each.envelope
        if "EventId" not in answer:
            metrics.event_refused(envelope.name)
            reason = answer.get("ErrorCode")
            logger.error("event refused by the bus", event_id=411326, event_name=envelope.name, reason=reason)
            return each.sequence_number
        logger.info(
            "event published", event_id=585231, event_name=envelope.name, correlation_id=envelope.correlation_id
        )
    now = clock.now()
    metrics.events_published((now - each.envelope.time).total_seconds() * 1000 for each in batch)
    return None
