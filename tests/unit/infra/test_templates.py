"""The services' templates: what they have in common, and that they agree with each other and with the code."""

import importlib
import json
from typing import Any

from backbone.consumers import EventHandler
from infra import rights
from infra.build import ROOT
from infra.deployed import STACK, resources
from infra.inventory import MAIN, MAPPING, Function, inventory, of_type, services, template, template_of

SERVICES = {service: template_of(service) for service in services()}
APPLICATIONS = dict(of_type(template(MAIN), "AWS::Serverless::Application"))
TABLE = "AWS::DynamoDB::Table"
FAILED_EVENTS = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${StackName}-failed-events"
HANDED_DOWN: dict[str, Any] = {
    "StackName": {"Ref": "AWS::StackName"},
    "Settings": {"Fn::GetAtt": ["Settings", "Value"]},
    "PublicTokenKeys": {"Fn::GetAtt": ["Keys", "Outputs.PublicTokenKeys"]},
    "AlarmTopic": {
        "Fn::If": ["HasAllAlarms", {"Fn::If": ["HasAlarmEmail", {"Ref": "AlarmTopic"}, {"Ref": "AlarmTopicArn"}]}, ""]
    },
    "EventBus": {"Ref": "Bus"},
}
KEYS_AND_INDEXES = (
    *("TableName", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"),
    # The overview is a copy that nobody follows and that is rebuilt instead of expiring.
    *("StreamSpecification", "TimeToLiveSpecification"),
)


def test_every_service_with_an_entry_point_has_a_template_and_is_deployed() -> None:
    folders = {file.parent.name for file in (ROOT / "functions").glob("*/handler.py")}

    assert set(SERVICES) == folders
    assert {one["Location"] for one in APPLICATIONS.values()} == {f"functions/{name}/template.yaml" for name in folders}


def test_every_service_gets_exactly_the_parameters_it_asks_for() -> None:
    for logical_id, application in APPLICATIONS.items():
        parameters = application["Parameters"]
        assert (logical_id, set(parameters)) == (
            logical_id,
            set(template(ROOT / application["Location"])["Parameters"]),
        )
        known = {**HANDED_DOWN, "TableSuffix": {"Ref": f"{logical_id}TableSuffix"}}
        wrong = [name for name, value in parameters.items() if value != known.get(name, {"Ref": name})]
        assert (logical_id, wrong) == (logical_id, [])


def test_every_entry_point_exists() -> None:
    for function in inventory().functions:
        assert callable(_entry_point(function)), function.handler


def _entry_point(function: Function) -> Any:
    module, _, name = function.handler.rpartition(".")
    return getattr(importlib.import_module(module), name)


def test_every_consumer_gets_the_events_it_reacts_to_and_no_others() -> None:
    """docs/events.md; what a rule forwards is what the code asks for."""
    rules = {
        resource.properties["Targets"][0]["Arn"].rsplit(":", 1)[-1].removeprefix(f"{STACK}-"): set(
            resource.properties["EventPattern"]["detail-type"]
        )
        for resource in resources()
        if resource.type == "AWS::Events::Rule" and "EventPattern" in resource.properties
    }
    wanted = {
        function.name: set(entry_point.consumers.reactions)
        for function in inventory().functions
        if isinstance(entry_point := _entry_point(function), EventHandler)
    }

    assert rules == wanted


def test_what_a_consumer_cannot_handle_is_handed_over_again() -> None:
    """operations.md §12: A failed internal event is retried and finally kept in a dead-letter store"""
    failed_events = {"Fn::Sub": FAILED_EVENTS}
    for service, one in SERVICES.items():
        for logical_id, properties in of_type(one, "AWS::Serverless::Function"):
            events = [event for event in properties.get("Events", {}).values() if event["Type"] == "EventBridgeRule"]
            if events:
                configured = properties["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"]
                undelivered = [event["Properties"]["DeadLetterConfig"]["Arn"] for event in events]
                assert (service, logical_id, configured, *undelivered) == (
                    service,
                    logical_id,
                    failed_events,
                    failed_events,
                )


def test_functions_of_all_services_run_under_the_same_conditions() -> None:
    common = {service: json.dumps(_globals(service), sort_keys=True) for service in SERVICES}

    assert [service for service, one in common.items() if one != common["gateway"]] == []


def _globals(service: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(SERVICES[service]["Globals"]["Function"]))
    if service != "keys":  # where they come from
        assert found["Environment"]["Variables"].pop("BACKBONE_PUBLIC_TOKEN_KEYS") == {"Ref": "PublicTokenKeys"}
    return found


def test_tables_and_streams_of_all_services_are_treated_alike() -> None:
    """What differs is keys, indexes, and which changes a reader wants."""
    assert len(_settings_of(TABLE, but=KEYS_AND_INDEXES)) == 1
    assert len(_settings_of(MAPPING, but=("FunctionName", "FilterCriteria"))) == 1


def _settings_of(kind: str, *, but: tuple[str, ...]) -> set[str]:
    found = [properties for one in SERVICES.values() for _, properties in of_type(one, kind)]
    kept = ({name: value for name, value in properties.items() if name not in but} for properties in found)
    return {json.dumps(properties, sort_keys=True) for properties in kept}


def test_what_carries_data_outlives_its_stack() -> None:
    carrying = [
        resource
        for one in (template(MAIN), *SERVICES.values())
        for resource in one["Resources"].values()
        if resource["Type"] in (TABLE, "AWS::S3::Bucket")
    ]

    assert len(carrying) == len(inventory().tables) + 1
    assert {one["DeletionPolicy"] for one in carrying} == {"RetainExceptOnCreate"}
    assert {one["UpdateReplacePolicy"] for one in carrying} == {"Retain"}


def test_every_function_is_confined_to_its_stack() -> None:
    roles = [one for one in resources() if one.type == "AWS::IAM::Role"]

    assert len(roles) == len(inventory().functions)
    assert {one.properties["PermissionsBoundary"] for one in roles} == {"<Boundary>"}


def test_the_page_of_rights_is_fresh() -> None:
    assert rights.PAGE.read_text(encoding="utf-8") == rights.page()
