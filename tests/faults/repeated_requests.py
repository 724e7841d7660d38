"""What a client finds that sends a request again because it never got the answer."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.faults.operations import Operation, all_operations
from tests.faults.snapshot import snapshot
from tests.faults.world import a_world
from tests.support.api import Answer


@dataclass(frozen=True)
class Repetition:
    """The answers to the first and the second request, and whether the second one has changed what is stored."""

    first: str
    second: str
    changes: bool


def endpoints_that_write() -> Iterator[Operation]:
    """The operations that are requests."""
    for operation in all_operations().values():
        if not operation.name.startswith(("events:", "job:", "stream:", "command:")):
            yield operation


def repeat(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> Repetition:
    """Make a request twice."""
    with a_world(monkeypatch) as world:
        act = operation.prepare(world)
        first = act()
        before = snapshot()
        second = act()
        assert isinstance(first, Answer)
        assert isinstance(second, Answer)
        return Repetition(_short(first), _short(second), snapshot() != before)


def _short(answer: Answer) -> str:
    if answer.status < 400:
        return str(answer.status)
    error = answer.json.get("error")
    code = error["code"].rpartition(".")[2] if isinstance(error, dict) else error
    return f"{answer.status} {code}"
