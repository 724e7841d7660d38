"""Which events a change of an item raised.

An item keeps the events of its last write; a later write that raises none may leave them standing.  So an event is new
when the image after the change has it and the image before has not.  What an item says of its own end (`onRemoval`) is
raised when it goes.
"""

from datetime import datetime
from typing import Any

from backbone.events import EventEnvelope, carried_by, farewell_of


def new_events(before: dict[str, Any] | None, after: dict[str, Any] | None, *, at: datetime) -> list[EventEnvelope]:
    """The events that came with this change, in the order raised; `at` is when an item that goes has gone."""
    if after is None:
        return farewell_of(before, at)
    known = {event.id for event in carried_by(before)}
    return [event for event in carried_by(after) if event.id not in known]
