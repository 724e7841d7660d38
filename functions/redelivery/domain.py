"""What becomes of an event that a consumer could not handle in three attempts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_REDELIVERIES = 24
"""With a run every ten minutes an event is tried for four hours, 75 times in all."""
REDELIVERIES = "redeliveries"
"""The member of a delivered event that counts them; consumers look at `detail` alone."""


class Unreadable(Exception):
    """A message is not what Lambda or EventBridge put aside."""


@dataclass(frozen=True, slots=True)
class FailedEvent:
    """An event as the bus delivered it, and the function (name or ARN) that it is for."""

    function: str
    event: Mapping[str, Any]

    @property
    def redeliveries(self) -> int:
        """How often it has been handed over again."""
        return int(self.event.get(REDELIVERIES, 0))

    @property
    def is_given_up(self) -> bool:
        """Whether it has been tried often enough."""
        return self.redeliveries >= MOST_REDELIVERIES

    def next(self) -> dict[str, Any]:
        """The event for its next delivery."""
        return {**self.event, REDELIVERIES: self.redeliveries + 1}


def read(body: str, target: str | None) -> FailedEvent:
    """The event in a message of the queue.  Raises `Unreadable`.

    Lambda wraps an event that failed and names the function; EventBridge, which could not reach the function, leaves
    the event as it is and names `target` beside it.
    """
    try:
        content = json.loads(body)
        if "requestPayload" in content:
            return FailedEvent(str(content["requestContext"]["functionArn"]), dict(content["requestPayload"]))
        if target and "detail" in content:
            return FailedEvent(target, content)
    except (ValueError, KeyError, TypeError):
        pass
    raise Unreadable
