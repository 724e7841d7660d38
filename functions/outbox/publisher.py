"""From the tables' streams to the event bus.  How events travel: docs/events.md.

A stream record is done when the bus has taken all its events.  Records of one shard come in order and a failed one is
reported by its sequence number: everything from it on is delivered again, nothing before it, for almost as long as the
stream remembers.  So what would fail for ever must not be reported: a record that cannot be read, or an event that the
bus will never take, is put aside as a dead letter (`backbone.stream_letters`), and the shard goes on.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from backbone import clock, metrics, stream_letters
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
_NEVER = {
    "MalformedDetail",
    "InvalidArgument",
    "ValidationException",
    "ValidationError",
    "RequestEntityTooLargeException",
}
"""Refusals that no repetition changes: of one entry, or of a whole call (too large)."""
_UNREADABLE = "Unreadable"

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Pending:
    """An event on its way, as the bus takes it, and the record it came with."""

    record: Record = field(repr=False)
    envelope: EventEnvelope
    entry: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, record: Record, envelope: EventEnvelope) -> Self:
        entry = {
            "Source": SOURCE,
            "DetailType": envelope.name,
            "Detail": json.dumps(envelope.to_dict(), separators=(",", ":"), ensure_ascii=False),
            "EventBusName": settings().event_bus,
            "Time": envelope.time,
        }
        return cls(record, envelope, entry)

    @property
    def sequence_number(self) -> str:
        return str(self.record["dynamodb"]["SequenceNumber"])

    @property
    def size(self) -> int:
        """What the bus counts, in bytes."""
        return sum(len(self.entry[name].encode()) for name in ("Source", "DetailType", "Detail")) + _TIME_BYTES


@lru_cache(maxsize=1)
def client() -> Any:
    """The process's EventBridge client."""
    return boto3.client("events", config=Config(retries={"mode": "standard", "max_attempts": 4}, tcp_keepalive=True))


@entry_point
def publish_stream(event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
    """Publish the events of a batch of stream records; answers which record to go on from."""
    function_arn = str(getattr(lambda_context, "invoked_function_arn", ""))
    pending = [each for record in event.get("Records", []) for each in _events_of(record, function_arn)]
    for batch in _batches(pending):
        failed = _publish(batch, function_arn)
        if failed is not None:
            return {"batchItemFailures": [{"itemIdentifier": failed}]}
    return {"batchItemFailures": []}


def _events_of(record: Record, function_arn: str) -> list[_Pending]:
    try:
        return [_Pending.of(record, envelope) for envelope in _read(record)]
    except Exception:  # reading asks nobody, so it fails in the same way for ever
        _put_aside(record, function_arn, _UNREADABLE)
        return []


def _read(record: Record) -> list[EventEnvelope]:
    images = [record["dynamodb"].get(name) for name in ("OldImage", "NewImage")]
    before, after = (decode(_only_events(image)) if image is not None else None for image in images)
    changed_at = record["dynamodb"].get("ApproximateCreationDateTime")
    at = clock.to_milliseconds(datetime.fromtimestamp(changed_at, UTC)) if changed_at else clock.now()
    return new_events(before, after, at=at)


def _only_events(image: dict[str, Any]) -> dict[str, Any]:
    # Payloads arrive as base64 text in stream records; nothing but the events is decoded.
    return {name: value for name, value in image.items() if name in (ATTRIBUTE, FAREWELL)}


def _put_aside(record: Record, function_arn: str, condition: str) -> None:
    stream_letters.keep(record, function_arn=function_arn, condition=condition, now=clock.now())
    metrics.change_put_aside()
    unreadable = condition == _UNREADABLE
    logger.error("change put aside as a dead letter", event_id=411327, reason=condition, exc_info=unreadable)


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


def _publish(batch: list[_Pending], function_arn: str) -> str | None:
    """The number of the first record whose event was refused for the time being; None if all are dealt with."""
    published: list[EventEnvelope] = []
    failed: str | None = None
    for pending, refusal in _put(batch):
        name = pending.envelope.name
        if refusal is None:
            published.append(pending.envelope)
            correlation_id = pending.envelope.correlation_id
            logger.info("event published", event_id=585231, event_name=name, correlation_id=correlation_id)
        elif refusal in _NEVER:
            _put_aside(pending.record, function_arn, refusal)
        else:
            metrics.event_refused(name)
            logger.error("event refused by the bus", event_id=411326, event_name=name, reason=refusal)
            failed = pending.sequence_number
            break
    now = clock.now()
    metrics.events_published((now - envelope.time).total_seconds() * 1000 for envelope in published)
    return failed


def _put(batch: list[_Pending]) -> Iterator[tuple[_Pending, str | None]]:
    """Each event with the reason why the bus has not taken it, if it has not."""
    try:
        answers = client().put_events(Entries=[pending.entry for pending in batch])["Entries"]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in _NEVER:
            raise
        if len(batch) == 1:
            yield batch[0], code
        else:  # together they are too large, or one of them is
            for pending in batch:
                yield from _put([pending])
        return
    for pending, answer in zip(batch, answers, strict=True):
        yield pending, None if "EventId" in answer else str(answer.get("ErrorCode"))
