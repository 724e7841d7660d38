"""Tables compared with the last release: what no deployment could do harmlessly is refused, with the way out."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra import schema
from infra.schema import refusals, tables

NAME = "${StackName}-things"
RELEASED: dict[str, Any] = {
    NAME: {
        "declaredAs": "Table in functions/things/template.yaml",
        "keys": ["pk:S:HASH", "sk:S:RANGE"],
        "localIndexes": {"byIndex": ["pk:S:HASH", "ix:S:RANGE", "ALL"]},
        "globalIndexes": {"byOwner": ["owner:S:HASH", "INCLUDE a b"], "byDate": ["day:S:HASH", "KEYS_ONLY"]},
        "billing": "PAY_PER_REQUEST",
        "timeToLive": "ttl",
        "stream": "NEW_AND_OLD_IMAGES",
    }
}


def after(change: Callable[[dict[str, Any]], Any], *, retired: list[str] | None = None) -> list[str]:
    """What is said about the released tables after a change."""
    wanted = copy.deepcopy(RELEASED)
    change(wanted)
    return list(refusals(RELEASED, wanted, retired or []))


def test_what_would_lose_data_is_refused_with_the_way_out() -> None:
    def rename(wanted: dict[str, Any]) -> None:
        wanted["other"] = wanted.pop(NAME)

    cases: list[tuple[Callable[[dict[str, Any]], Any], str, str]] = [
        (rename, "gone or has another name", "Keep it"),
        (lambda w: w[NAME].update(keys=["pk:S:HASH"]), "its keys", "another name beside it"),
        (lambda w: w[NAME].update(localIndexes={}), "its local indexes", "a global index"),
        (lambda w: w[NAME].update(timeToLive="expires"), "time to live", "Keep it"),
        (lambda w: w[NAME].update(stream="KEYS_ONLY"), "its stream", "Keep it"),
        (lambda w: w[NAME].update(declaredAs="Things in infra/x.yaml"), "fail because the name is taken", "Leave it"),
        (lambda w: w[NAME]["globalIndexes"].update(byOwner=["owner:S:HASH", "ALL"]), "byOwner would change", "Add one"),
        (lambda w: w[NAME]["globalIndexes"].pop("byDate"), "byDate is gone", f"--retire '{NAME}/byDate'"),
    ]
    for change, refusal, way_out in cases:
        found = after(change)
        assert len(found) == 1, found
        assert refusal in found[0]
        assert way_out in found[0]


def test_one_index_at_a_time_may_come_or_go() -> None:
    new = {"byName": ["name:S:HASH", "KEYS_ONLY"]}

    assert after(lambda wanted: wanted[NAME]["globalIndexes"].update(new)) == []
    assert after(lambda wanted: wanted[NAME]["globalIndexes"].pop("byDate"), retired=[f"{NAME}/byDate"]) == []

    def swap(wanted: dict[str, Any]) -> None:
        wanted[NAME]["globalIndexes"].pop("byDate")
        wanted[NAME]["globalIndexes"].update(new)

    assert "one index per update" in "".join(after(swap, retired=[f"{NAME}/byDate"]))


def test_new_tables_and_ways_to_pay_are_free() -> None:
    assert after(lambda wanted: wanted.update(new=wanted[NAME])) == []
    assert after(lambda wanted: wanted[NAME].update(billing="PROVISIONED")) == []


def test_all_tables_are_recorded_wherever_they_are_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "schema.json"
    monkeypatch.setattr(schema, "RELEASED", file)
    schema._record(file, [])

    recorded = json.loads(file.read_text())["tables"]
    assert len(recorded) == 11
    assert all(table["keys"][0] == "pk:S:HASH" for table in recorded.values())
    schema._check()

    table, index = next((name, index) for name, table in recorded.items() for index in table["globalIndexes"])
    recorded[table]["globalIndexes"][index][-1] = "INCLUDE other"
    file.write_text(json.dumps({"retired": [], "tables": recorded}))
    with pytest.raises(SystemExit, match=f"index {index} would change"):
        schema._check()


def test_only_an_index_that_is_there_can_be_retired(tmp_path: Path) -> None:
    table, index = next((name, index) for name, table in tables().items() for index in table["globalIndexes"])

    schema._record(tmp_path / "schema.json", [f"{table}/{index}"])
    with pytest.raises(SystemExit, match="no such index: x/y"):
        schema._record(tmp_path / "schema.json", ["x/y"])
