"""Every operation, with the answer of every single write lost once: it ends as if nothing had happened."""

import pytest

from tests.faults.disturbance import Result, run
from tests.faults.operations import all_operations

OPERATIONS = all_operations()


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_ends_the_same_whichever_answer_gets_lost(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    operation = OPERATIONS[name]
    undisturbed = run(operation, monkeypatch)
    assert undisturbed.differences(run(operation, monkeypatch)) == [], "it is not the same twice even undisturbed"
    assert undisturbed.writes, "nothing is written"

    differences: dict[str, list[str]] = {}
    for number, write in enumerate(undisturbed.writes):
        disturbed: Result = run(operation, monkeypatch, lose=lambda each, lost=number: each == lost)
        if found := undisturbed.differences(disturbed):
            differences[f"{number}. {write}"] = found
    if found := undisturbed.differences(run(operation, monkeypatch, lose=lambda each: True)):
        differences["every one"] = found

    assert differences == {}
