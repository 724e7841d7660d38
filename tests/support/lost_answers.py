"""Answers of DynamoDB that get lost: the call has been executed, and the SDK repeats it as it would after a broken
connection, the same request to the letter.  Works on every engine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from backbone import dynamodb

WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"})


@dataclass
class LostAnswers:
    """What was written so far, and which answer was lost."""

    lose: Callable[[int], bool]
    meanwhile: Callable[[], object]
    writes: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def _decide(self, operation: Any, attempts: int, **_: Any) -> float | None:
        """The pause before the request is sent again, or None to let the SDK decide."""
        if operation.name not in WRITES or attempts > 1:
            return None
        self.writes.append(operation.name)
        if not self.lose(len(self.writes) - 1):
            return None
        self.lost.append(operation.name)
        self.meanwhile()
        return 0


@contextmanager
def answers_lost(
    lose: Callable[[int], bool] = lambda number: True, *, meanwhile: Callable[[], object] = lambda: None
) -> Iterator[LostAnswers]:
    """Lose the answers of the writes whose numbers (from 0) `lose` names; `meanwhile` happens before the repetition."""
    losses = LostAnswers(lose, meanwhile)
    events = dynamodb.client().meta.events
    events.register_first("needs-retry.dynamodb", losses._decide)
    try:
        yield losses
    finally:
        events.unregister("needs-retry.dynamodb", losses._decide)
