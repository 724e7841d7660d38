"""Whatever is deployed is watched, and for every alarm the runbook says what to do."""

import json
import re

import pytest

from infra import alarms, dashboard
from infra.alarms import KINDS, STACK, rendered
from infra.build import ROOT
from infra.inventory import (
    Function,
    Inventory,
    InventoryError,
    Queue,
    Table,
    _own_name,
    inventory,
    services,
    template_of,
)

RUNBOOK = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
HEADINGS = set(re.findall(r"^### (.+)$", RUNBOOK, re.MULTILINE))
ALARMS = {
    name: alarm
    for stack in (alarms.shared_template(), *map(alarms.template, services()))
    for name, alarm in stack["Resources"].items()
}


def test_the_generated_templates_are_fresh() -> None:
    assert [file.name for file, text in rendered().items() if file.read_text(encoding="utf-8") != text] == []


def test_what_everybody_gets_is_free() -> None:
    assert len(alarms.shared_template()["Resources"]) <= alarms.FREE_ALARMS


def test_every_kind_of_alarm_has_its_entry_in_the_runbook_and_every_entry_its_alarms() -> None:
    assert {kind.heading for kind in KINDS} == HEADINGS
    described = {re.search(r"'(.+)'", alarm["Properties"]["AlarmDescription"])[1] for alarm in ALARMS.values()}  # type: ignore[index]
    assert described | {alarms.UPLOADS_ARE_DOWN.heading, alarms.REQUESTS_ARE_REFUSED.heading} == HEADINGS


def test_every_alarm_outside_of_the_generated_ones_is_in_the_runbook() -> None:
    for file in (ROOT / "infra").glob("*.yaml"):
        if file == STACK:
            continue
        names = re.findall(
            r"^  (\w+):\n    Type: AWS::CloudWatch::Alarm", file.read_text(encoding="utf-8"), re.MULTILINE
        )
        assert [name for name in names if f"`{name}`" not in RUNBOOK] == []


@pytest.mark.parametrize("function", inventory().functions, ids=lambda function: function.id)
def test_every_function_is_watched_and_shown(function: Function) -> None:
    assert f"{function.id}FunctionFails" in ALARMS
    assert f"${{StackName}}-{function.name}" in _dashboard() or "CloudFormation" in function.sources
    if "DynamoDB" in function.sources:
        assert f"{function.id}FunctionBehind" in ALARMS
    if "Schedule" in function.sources:
        assert f"{function.id}FunctionMissing" in ALARMS


@pytest.mark.parametrize("queue", inventory().queues, ids=lambda queue: queue.name)
def test_every_queue_is_watched_and_shown(queue: Queue) -> None:
    assert (f"{queue.id}Waiting" if queue.is_dead_letters else f"{queue.id}Wait") in ALARMS
    assert f"${{StackName}}-{queue.name}" in _dashboard()


def test_every_service_nests_its_alarms_and_gives_them_its_table() -> None:
    for service in services():
        nested = template_of(service)["Resources"]["Alarms"]["Properties"]
        wanted = {"StackName": {"Ref": "StackName"}, "AlarmTopic": {"Ref": "AlarmTopic"}}
        wanted |= {"Table": {"Ref": "Table"}} if inventory().of(service).tables else {}
        assert (service, nested) == (service, {"TemplateURL": alarms.NAME, "Parameters": wanted})


@pytest.mark.parametrize("table", inventory().tables, ids=lambda table: table.service)
def test_every_table_and_every_index_is_watched_and_shown(table: Table) -> None:
    watched = [
        alarm["Properties"].get("Dimensions", []) for alarm in alarms.template(table.service)["Resources"].values()
    ]
    for index in (None, *table.indexes):
        name = {"Name": "TableName", "Value": {"Ref": "Table"}}
        dimensions = [name, *([{"Name": "GlobalSecondaryIndexName", "Value": index}] if index else [])]
        assert watched.count(dimensions) == len(("reads", "writes"))
    assert f"${{StackName}}-{table.service}${{{table.id}TableSuffix}}" in _dashboard()


def test_the_dashboard_is_json_and_fits_the_page() -> None:
    widgets = json.loads(_dashboard())["widgets"]

    assert all(widget["x"] + widget["width"] <= 24 for widget in widgets)
    assert len({(widget["x"], widget["y"]) for widget in widgets}) == len(widgets)
    assert all(len(widget["properties"]["metrics"]) <= 500 for widget in widgets)


def test_alarms_wake_somebody_and_say_when_it_is_over() -> None:
    for alarm in ALARMS.values():
        assert alarm["Properties"]["AlarmActions"] == alarm["Properties"]["OKActions"] == [{"Ref": "AlarmTopic"}]


def test_requests_that_are_told_to_wait_are_not_slow() -> None:
    slow = {name for name in ALARMS if name.endswith("FunctionSlow")}

    assert "MessagesFunctionSlow" in slow
    assert "SseFunctionSlow" not in slow


@pytest.mark.parametrize("name", [None, "tokens", {"Fn::Sub": "tokens"}, {"Ref": "X"}])
def test_what_is_not_named_after_the_stack_is_told(name: object) -> None:
    with pytest.raises(InventoryError, match=r"(TokensQueue|X) has to be named after the stack"):
        _own_name("TokensQueue", name, {"Resources": {"X": {"Properties": {"FunctionName": "tokens"}}}})


def test_a_function_with_everything_has_every_alarm() -> None:
    everything = Function("All", "all", "all", "functions.all.handler.http", 30, frozenset({"DynamoDB", "Schedule"}))

    found = alarms.alarms(Inventory((everything,), (), ()))

    assert {"AllFunctionFails", "AllFunctionMissing", "AllFunctionBehind"} <= set(found)
    assert found["AllFunctionMissing"]["Properties"]["TreatMissingData"] == "breaching"


def _dashboard() -> str:
    body: str = dashboard.template(inventory())["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    return body
