"""The correlation id of what is being handled, for logs and for the events it raises."""

from contextvars import ContextVar

current_correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")
