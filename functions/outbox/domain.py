"""Which events a change of an item raised.

An item keeps the events of its last write; a later write that raises none may leave them standing.  So an event is new
when the image after the change has it and the image before has not.
"""

from typing import Any

from backbone.events import EventEnvelope, carried_by


def new_events(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[EventEnvelope]:
    """The events that came with this change, in the order raised.  A removed item raises none."""
    known = {event.id for event in carried_by(before)}
    return [event for event in carried_by(after) if event.id not in known]
