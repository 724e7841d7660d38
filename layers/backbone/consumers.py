"""Consumers: plain functions that react to domain events.

A service lists its reactions with `@consumers.on(EventType)`; batching, partial failures, logging and the correlation
id belong here.  The queue delivers at least once and in no order, so a reaction is idempotent by `envelope.id`.
"""

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from backbone import metrics, traces
from backbone.correlation import current_correlation_id
from backbone.events import DomainEvent, EventEnvelope
from backbone.invocations import entry_point
from backbone.observability import logger

EventT = TypeVar("EventT", bound=DomainEvent)
Reaction = Callable[[Any, EventEnvelope], None]


class Consumers:
    """The reactions of one service, by event name."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.reactions: dict[str, Reaction] = {}

    def on(
        self, event_type: type[EventT]
    ) -> Callable[[Callable[[EventT, EventEnvelope], None]], Callable[[EventT, EventEnvelope], None]]:
        """Register a reaction to one type of event."""

        def register(reaction: Callable[[EventT, EventEnvelope], None]) -> Callable[[EventT, EventEnvelope], None]:
            self.reactions[event_type.name] = reaction
            return reaction

        return register

    def handle(self, envelope: EventEnvelope) -> None:
        """React to one event.  Raises `KeyError` for an event nobody here consumes, so that it reaches the DLQ."""
        current_correlation_id.set(envelope.correlation_id)
        began = time.perf_counter()
        try:
            self.reactions[envelope.name](envelope.event(), envelope)
        except Exception:
            metrics.event_failed(envelope.name)
            traces.record(envelope.name, time.perf_counter() - began, status=500)
            raise
        seconds = time.perf_counter() - began
        logger.info(
            "event handled",
            event_id=630215,
            event_name=envelope.name,
            duration_ms=round(seconds * 1000, 1),
            correlation_id=envelope.correlation_id,
        )
        metrics.event_handled(envelope.name, seconds * 1000)
        traces.record(envelope.name, seconds)


def queue_handler(consumers: Consumers) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """The Lambda entry point behind the service's queue; failed events go back to it one by one.

    The queue keeps no order, but within a batch causes come first: events are handled in the order of their times.
    """
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    def react(record: SQSRecord) -> None:
        try:
            consumers.handle(EventEnvelope.from_dict(json.loads(record.body)["detail"]))
        except Exception:
            logger.exception("event failed", event_id=702822, message_id=record.message_id)
            raise

    @entry_point
    def handle(event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
        if not event.get("Records"):
            return {"batchItemFailures": []}
        ordered = {**event, "Records": sorted(event["Records"], key=_time_of)}
        failures: Any = process_partial_response(event=ordered, record_handler=react, processor=processor)
        return dict(failures)

    return handle


def _time_of(record: dict[str, Any]) -> str:
    """When the event of a record was raised; an unreadable record comes first and fails on its own."""
    try:
        return str(json.loads(record["body"])["detail"]["time"])
    except (ValueError, KeyError, TypeError):
        return ""
