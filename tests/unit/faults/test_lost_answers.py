"""Every operation, with the answers of its writes lost: it ends as if nothing had happened."""

import operator
import random
from functools import partial

import pytest

from tests.faults.disturbance import Result, run
from tests.faults.operations import all_operations

OPERATIONS = all_operations()


MOST_WRITES = 6
"""Of operations that write more often, so many writes are chosen; `make faults` comes by all of them in time."""


def _chosen(writes: int) -> list[int]:
    return sorted(random.Random(writes).sample(range(writes), min(writes, MOST_WRITES)))


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_ends_the_same_whichever_answer_gets_lost(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = OPERATIONS[name]
    undisturbed = run(tried, monkeypatch)
    assert undisturbed.differences(run(tried, monkeypatch)) == [], "it is not the same twice even undisturbed"
    assert undisturbed.writes, "nothing is written"

    differences: dict[str, list[str]] = {}
    for number in _chosen(len(undisturbed.writes)):
        disturbed: Result = run(tried, monkeypatch, lose=partial(operator.eq, number))
        if found := undisturbed.differences(disturbed):
            differences[f"{number}. {undisturbed.writes[number]}"] = found
    if found := undisturbed.differences(run(tried, monkeypatch, lose=lambda each: True)):
        differences["every one"] = found

    assert differences == {}
