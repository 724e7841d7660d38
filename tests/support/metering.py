"""Counts what AWS would bill: calls and consumed capacity units, exactly."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from backbone import dynamodb

_REPORTING = {"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem"}
_WRITES = {"PutItem", "UpdateItem", "DeleteItem"}


@dataclass
class Meter:
    """What a piece of code has cost so far.

    Every call takes `latency_seconds` longer, so that calls made at the same time overlap however busy the machine is.
    """

    latency_seconds: float = 0
    calls: list[str] = field(default_factory=list)
    read_units: float = 0
    write_units: float = 0
    _spans: list[tuple[float, float]] = field(default_factory=list)

    @property
    def trips(self) -> int:
        """Sequential round trips: calls that overlap in time count once."""
        trips, end = 0, -1.0
        for began, ended in sorted(self._spans):
            if began >= end:
                trips += 1
            end = max(end, ended)
        return trips

    def _ask(self, params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any] | None:
        if model.name == "TransactWriteItems":
            self.write_units += _transaction_units(params["TransactItems"])
            return None
        if model.name not in _REPORTING:
            return None
        return {**params, "ReturnConsumedCapacity": "TOTAL"}

    def _start(self, context: dict[str, Any], **_: Any) -> None:
        context["began"] = time.perf_counter()
        time.sleep(self.latency_seconds)

    def _note(self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        self.calls.append(model.name)
        self._spans.append((context["began"], time.perf_counter()))
        consumed = parsed.get("ConsumedCapacity") or []
        for entry in consumed if isinstance(consumed, list) else [consumed]:
            if model.name in _WRITES:
                self.write_units += entry["CapacityUnits"]
            else:
                self.read_units += entry["CapacityUnits"]


def _transaction_units(writes: list[dict[str, Any]]) -> int:
    """What AWS bills for a transaction: 2 WCU per item and KB, checks included, index entries not.

    Counted here because DynamoDB Local reports the units of a single item, however many there are.  Items that are not
    put are taken for at most 1 KB.
    """
    puts = [_size(write["Put"]["Item"]) if "Put" in write else 1 for write in writes]
    return sum(2 * -(-size // 1024) for size in puts)


def _size(item: dict[str, Any]) -> int:
    """DynamoDB's size of an item, near enough: names and values in bytes."""
    values = {name: next(iter(value.values())) for name, value in item.items()}
    return sum(len(name) + len(value if isinstance(value, bytes) else str(value)) for name, value in values.items())


@contextmanager
def metered(latency_seconds: float = 0) -> Iterator[Meter]:
    """Meter every DynamoDB call inside the block.  Capacity units need DynamoDB Local; moto reports none."""
    meter = Meter(latency_seconds)
    events = dynamodb.client().meta.events
    events.register("provide-client-params.dynamodb", meter._ask)
    events.register("before-call.dynamodb", meter._start)
    events.register("after-call.dynamodb", meter._note)
    try:
        yield meter
    finally:
        events.unregister("provide-client-params.dynamodb", meter._ask)
        events.unregister("before-call.dynamodb", meter._start)
        events.unregister("after-call.dynamodb", meter._note)
