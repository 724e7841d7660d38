"""Consumers: plain functions that react to domain events.

A service lists its reactions with `@consumers.on(EventType)`; failures, logging and the correlation id belong here.
Events are delivered at least once and in no order, so a reaction is idempotent by `envelope.id`.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from backbone import metrics, traces
from backbone.correlation import current_correlation_id
from backbone.events import DomainEvent, EventEnvelope
from backbone.invocations import InvocationFailed
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
        """React to one event.  Raises `KeyError` for an event nobody here consumes, so that it is not lost."""
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


@dataclass(frozen=True, slots=True)
class EventHandler:
    """The Lambda entry point behind the service's rule on the bus: one event per invocation.

    An event that cannot be handled fails the invocation.  Lambda repeats it twice, then the event waits to be handed
    over again (functions/redelivery).
    """

    consumers: Consumers

    def __call__(self, event: Mapping[str, Any], lambda_context: Any) -> None:
        """React to what the bus delivers; anything else does nothing."""
        if "detail" not in event:
            return
        try:
            self.consumers.handle(EventEnvelope.from_dict(event["detail"]))
        except Exception as error:
            logger.exception("event failed", event_id=702822)
            raise InvocationFailed(type(error).__name__) from None
