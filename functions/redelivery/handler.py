"""Lambda entry point of Redelivery."""

from typing import Any

from backbone.invocations import entry_point
from functions.redelivery import redelivery

_ENOUGH_MS = 20_000


@entry_point
def redeliver(event: dict[str, Any], lambda_context: Any) -> None:
    """The run every few minutes; any event but the empty one starts it."""
    if event:
        redelivery.redeliver(has_time=lambda: lambda_context.get_remaining_time_in_millis() > _ENOUGH_MS)
