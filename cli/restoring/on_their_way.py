"""Events that were on their way at the point in time: raised just before it, and perhaps not yet seen by consumers.

They are sent once more when everything is there again.  Consumers that had seen them know their ids, because what they
remember was restored with everything else, and drop them; the others do now what they were about to do.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from backbone.events import EventEnvelope
from cli.output import CommandFailed, progress
from cli.restoring import plan as plans
from cli.restoring.copying import EVENTS
from functions.outbox import publisher

REMEMBERED_FOR = timedelta(days=29)
"""Consumers remember ids for 30 days; afterwards they could not tell a repeat."""


def send(at: datetime, now: datetime) -> int:
    """Put them on the bus and forget them; how many there were.  Raises `CommandFailed`."""
    keys = plans.kept(EVENTS)
    if now - at > REMEMBERED_FOR:
        return 0
    sent = 0
    with progress("sending events that were on their way", total=len(keys)) as advance:
        for key in keys:
            envelopes = _envelopes(key)
            while batch := list(islice(envelopes, publisher.PUT_EVENTS_LIMIT)):
                _put(batch)
                sent += len(batch)
            advance(1)
    return sent


def _envelopes(key: str) -> Iterator[EventEnvelope]:
    forms: list[dict[str, Any]] = json.loads(plans.read(key) or b"[]")
    return map(EventEnvelope.from_dict, forms)


def _put(batch: list[EventEnvelope]) -> None:
    answers = publisher.client().put_events(Entries=[publisher.entry(envelope) for envelope in batch])["Entries"]
    refused = [answer["ErrorCode"] for answer in answers if "EventId" not in answer]
    if refused:
        raise CommandFailed(f"the bus has refused events ({refused[0]}); run the same command again")
