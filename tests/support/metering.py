"""Counts what AWS would bill: calls and consumed capacity units, exactly."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from backbone import dynamodb

_REPORTING = {"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "TransactWriteItems"}
_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}


@dataclass
class Meter:
    """What a piece of code has cost so far."""

    calls: list[str] = field(default_factory=list)
    read_units: float = 0
    write_units: float = 0

    def _ask(self, params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any] | None:
        if model.name not in _REPORTING:
            return None
        return {**params, "ReturnConsumedCapacity": "TOTAL"}

    def _note(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        self.calls.append(model.name)
        consumed = parsed.get("ConsumedCapacity") or []
        for entry in consumed if isinstance(consumed, list) else [consumed]:
            if model.name in _WRITES:
                self.write_units += entry["CapacityUnits"]
            else:
                self.read_units += entry["CapacityUnits"]


@contextmanager
def metered() -> Iterator[Meter]:
    """Meter every DynamoDB call inside the block.  Capacity units need DynamoDB Local; moto reports none."""
    meter = Meter()
    events = dynamodb.client().meta.events
    events.register("provide-client-params.dynamodb", meter._ask)
    events.register("after-call.dynamodb", meter._note)
    try:
        yield meter
    finally:
        events.unregister("provide-client-params.dynamodb", meter._ask)
        events.unregister("after-call.dynamodb", meter._note)
