"""Sees every write to DynamoDB: notes the events that are committed, and kills the process, as it were, on demand."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from backbone import dynamodb

_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"}


class Killed(Exception):
    """The process ended here."""


@dataclass
class Witness:
    """What was written so far; for one thread."""

    kill_before: int | None = None
    writes: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    _pending: list[dict[str, Any]] = field(default_factory=list)

    def told(self, name: str) -> list[dict[str, Any]]:
        """The payloads of the events of this name, each once, in the order written."""
        return list({event["id"]: event["payload"] for event in self.events if event["name"] == name}.values())

    def _look(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name in _WRITES:
            self.writes += 1
            if self.writes == self.kill_before:
                raise Killed
            self._pending = list(_events(params))

    def _note(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name in _WRITES:
            if "Error" not in parsed:
                self.events += self._pending
            self._pending = []


def _events(value: Any) -> Iterator[dict[str, Any]]:
    """Events in the items and update values of a request, wherever they stand."""
    if isinstance(value, list):
        for element in value:
            yield from _events(element)
    elif isinstance(value, dict):
        for name, member in value.items():
            if name in ("events", ":events") and isinstance(member, dict):
                yield from json.loads(member["S"])
            else:
                yield from _events(member)


@contextmanager
def witnessed(kill_before: int | None = None) -> Iterator[Witness]:
    """Watch what is written inside the block; `Killed` is raised instead of the n-th write."""
    witness = Witness(kill_before)
    events = dynamodb.client().meta.events
    events.register("provide-client-params.dynamodb", witness._look)
    events.register("after-call.dynamodb", witness._note)
    try:
        yield witness
    finally:
        events.unregister("provide-client-params.dynamodb", witness._look)
        events.unregister("after-call.dynamodb", witness._note)
