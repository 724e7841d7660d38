"""Domain events: what services tell each other.  Contract: events.md; how they travel: docs/events.md."""

from backbone.events.base import EVENTS, DomainEvent, EventEnvelope, carried, carried_by, farewell, farewell_of

__all__ = ["EVENTS", "DomainEvent", "EventEnvelope", "carried", "carried_by", "farewell", "farewell_of"]
