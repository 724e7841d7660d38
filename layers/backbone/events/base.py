"""What a domain event is, and how it rides on an item.

An event is a value: a name, a stable id and a documented payload.  The domain raises it; the store puts it on the item
it writes (attribute `events`, replaced at every write), so that state and event commit together.  The table's stream
brings it to the outbox function, which puts it on the bus.  The id makes every consumer able to drop repeats.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from backbone import clock
from backbone.correlation import current_correlation_id

ATTRIBUTE = "events"
FAREWELL = "onRemoval"
"""The attribute of an item with the event that is raised when the item goes."""
EVENTS: dict[str, type["DomainEvent"]] = {}
"""Every event of the system by name."""


class DomainEvent(BaseModel):
    """Base of all events.  The class name is the event's name on the bus (`detail-type`)."""

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,  # which end up in a log
    )
    name: ClassVar[str]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.name = cls.__name__
        EVENTS[cls.name] = cls

    @property
    def event_id(self) -> str:
        """1 to 128 characters, the same whenever the same thing is told again."""
        raise TypeError(f"{type(self).__name__} has no event id")


@dataclass(frozen=True, slots=True)
class EventEnvelope:
    """An event on its way: `id` for dropping repeats, `time` of the cause, `correlation_id` of the request."""

    id: str
    name: str
    time: datetime
    correlation_id: str
    payload: dict[str, Any]

    @classmethod
    def of(cls, event: DomainEvent, time: datetime) -> Self:
        """Wrap an event raised at `time` by the request that is being handled."""
        payload = event.model_dump(mode="json", by_alias=True)
        return cls(event.event_id, event.name, time, current_correlation_id.get(), payload)

    def to_dict(self) -> dict[str, Any]:
        """The form on items and on the bus."""
        return {
            "id": self.id,
            "name": self.name,
            "time": clock.render(self.time),
            "correlationId": self.correlation_id,
            "payload": self.payload,
        }

    @classmethod
    def from_dict(cls, form: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(form["id"], form["name"], clock.parse(form["time"]), form["correlationId"], form["payload"])

    def event(self) -> DomainEvent:
        """The typed event.  Raises `KeyError` for a name this version does not know."""
        return EVENTS[self.name].model_validate(self.payload)


def carried(events: Iterable[DomainEvent], time: datetime) -> str | None:
    """The value of an item's attribute `events`: JSON, because streams can be filtered by a text but not by a list.

    None, so no attribute, when there are no events.
    """
    forms = [EventEnvelope.of(event, time).to_dict() for event in events]
    return json.dumps(forms, separators=(",", ":"), ensure_ascii=False) if forms else None


def farewell(event: DomainEvent) -> str:
    """The value of an item's attribute `onRemoval`: the event that its end raises, whether it is deleted or expires.

    JSON `[name, id, payload]`, compact, because it is stored for as long as the item is.
    """
    form = [event.name, event.event_id, event.model_dump(mode="json", by_alias=True)]
    return json.dumps(form, separators=(",", ":"), ensure_ascii=False)


def farewell_of(item: dict[str, Any] | None, time: datetime) -> list[EventEnvelope]:
    """The event that the end of an item raises at `time`; none if the item says nothing."""
    if item is None or FAREWELL not in item:
        return []
    name, event_id, payload = json.loads(item[FAREWELL])
    return [EventEnvelope(event_id, name, time, current_correlation_id.get(), payload)]


def carried_by(item: dict[str, Any] | None) -> list[EventEnvelope]:
    """The events that an item carries; none if there is no item."""
    return [EventEnvelope.from_dict(form) for form in json.loads((item or {}).get(ATTRIBUTE, "[]"))]
