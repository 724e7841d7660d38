"""One operation in a fresh world, with some answers lost; and what came of it."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults.operations import Operation
from tests.faults.snapshot import plain, snapshot
from tests.faults.world import World, a_world
from tests.support.api import Answer
from tests.support.command import Outcome
from tests.support.lost_answers import answers_lost


@dataclass(frozen=True)
class Result:
    """How an operation ended, what is stored then, and which writes it made."""

    outcome: Any
    stored: Counter[str]
    pushed: list[str]
    writes: list[str]

    def differences(self, other: "Result") -> list[str]:
        """What is not the same in the other one, each in a line."""
        found = [f"outcome: {self.outcome} -> {other.outcome}"] if self.outcome != other.outcome else []
        found += [f"missing: {text}" for text in (self.stored - other.stored).elements()]
        found += [f"surplus: {text}" for text in (other.stored - self.stored).elements()]
        return found + ([f"pushed: {self.pushed} -> {other.pushed}"] if self.pushed != other.pushed else [])


def run(
    operation: Operation,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str | None = None,
    lose: Callable[[int], bool] = lambda number: False,
) -> Result:
    """Prepare it undisturbed, then do it while the answers of the writes that `lose` names get lost."""
    with a_world(monkeypatch, endpoint) as world:
        act = operation.prepare(world)
        with answers_lost(lose) as losses:
            outcome = act()
        return result_of(world, outcome, losses.writes)


def result_of(world: World, outcome: object, writes: list[str]) -> Result:
    """What has come of it, at the end of a world."""
    pushed = sorted(plain(json.dumps(each.message, sort_keys=True)) for each in world.provider.pushed)
    return Result(_seen(outcome), snapshot(), pushed, writes)


def _seen(outcome: Any) -> Any:
    """What somebody sees of an outcome."""
    if isinstance(outcome, Answer):
        if outcome.is_base64 or not outcome.body.startswith(("{", "[")):
            return outcome.status, plain(outcome.body)
        return outcome.status, plain(outcome.json)
    if isinstance(outcome, Outcome):
        return outcome.code, plain(outcome.out), plain(outcome.err)
    return plain(outcome) if isinstance(outcome, (str, int, list, dict, tuple, bool)) else None
