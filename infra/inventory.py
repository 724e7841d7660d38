"""What is deployed, read from the services' templates: functions, queues, tables.

Alarms, the dashboard, the route tables and the operator's `backbone status` are made from it, so that a new function or
queue is known everywhere from its first day.  Everything is named after the stack: `backbone-tokens-consumer`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent
MAIN = ROOT / "template.yaml"
TEMPLATE = "template.yaml"
DEAD_LETTERS = "DeadLetters"
MAPPING = "AWS::Lambda::EventSourceMapping"
_PREFIXES = ("${AWS::StackName}-", "${StackName}-")

Template = dict[str, Any]


class InventoryError(Exception):
    """A template does not keep to the conventions; the message says where."""


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function; `id` is its logical name without `Function`, `name` the part after the stack's name.

    `sources` are the kinds of events that start it: DynamoDB, SQS, EventBridgeRule, Schedule, CloudFormation (a custom
    resource); none for functions behind an API.
    """

    id: str
    name: str
    service: str
    handler: str
    timeout_seconds: int
    sources: frozenset[str]


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of events, or (`is_dead_letters`) of what could not be handled; `service` is None if all share it."""

    id: str
    name: str
    service: str | None
    is_dead_letters: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A service's table and the names of its global indexes; `has_stream` says whether somebody follows its changes."""

    service: str
    indexes: tuple[str, ...]
    has_stream: bool

    @property
    def id(self) -> str:
        """Its name in diagrams and widgets."""
        return self.service.capitalize()


@dataclass(frozen=True, slots=True)
class Inventory:
    """All there is to watch."""

    functions: tuple[Function, ...]
    queues: tuple[Queue, ...]
    tables: tuple[Table, ...]

    def of(self, service: str) -> "Inventory":
        """The part that belongs to one service."""
        return Inventory(
            tuple(one for one in self.functions if one.service == service),
            tuple(one for one in self.queues if one.service == service),
            tuple(one for one in self.tables if one.service == service),
        )


def services() -> list[str]:
    """The names of all services: the folders that have a template."""
    return sorted(file.parent.name for file in (ROOT / "functions").glob(f"*/{TEMPLATE}"))


@lru_cache(maxsize=32)
def template(file: Path) -> Template:
    """A template as its author wrote it."""
    parsed: Template = yaml_parse(file.read_text(encoding="utf-8"))
    return parsed


def template_of(service: str) -> Template:
    """The template of a service."""
    return template(ROOT / "functions" / service / TEMPLATE)


@lru_cache(maxsize=1)
def inventory() -> Inventory:
    """Read the templates.  Raises `InventoryError`."""
    templates = {service: template_of(service) for service in services()}
    streamed = {
        _own_name(logical_id, properties["FunctionName"], templates[service])
        for service, one in templates.items()
        for logical_id, properties in of_type(one, MAPPING)
    }
    return Inventory(
        tuple(found for service, one in templates.items() for found in _functions(service, one, streamed)),
        (
            *(found for service, one in templates.items() for found in _queues(service, one)),
            *_queues(None, template(MAIN)),
        ),
        tuple(found for service, one in templates.items() for found in _tables(service, one)),
    )


def of_type(within: Template, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """The logical names and properties of all resources of a type."""
    resources = within["Resources"].items()
    return [(name, resource.get("Properties", {})) for name, resource in resources if resource["Type"] == kind]


def _functions(service: str, within: Template, streamed: set[str]) -> Iterator[Function]:
    custom = {
        resource["Properties"]["ServiceToken"]["Fn::GetAtt"][0]
        for resource in within["Resources"].values()
        if resource["Type"].startswith("Custom::")
    }
    for logical_id, properties in of_type(within, "AWS::Serverless::Function"):
        name = _own_name(logical_id, properties.get("FunctionName"), within)
        sources = {source["Type"] for source in properties.get("Events", {}).values()}
        sources |= {"CloudFormation"} if logical_id in custom else set()
        sources |= {"DynamoDB"} if name in streamed else set()
        yield Function(
            id=logical_id.removesuffix("Function"),
            name=name,
            service=service,
            handler=properties["Handler"],
            timeout_seconds=properties.get("Timeout", within["Globals"]["Function"]["Timeout"]),
            sources=frozenset(sources),
        )


def _queues(service: str | None, within: Template) -> Iterator[Queue]:
    for logical_id, properties in of_type(within, "AWS::SQS::Queue"):
        yield Queue(
            id=logical_id.removesuffix("Queue"),
            name=_own_name(logical_id, properties.get("QueueName"), within),
            service=service,
            is_dead_letters=logical_id == DEAD_LETTERS,
        )


def _tables(service: str, within: Template) -> Iterator[Table]:
    for logical_id, properties in of_type(within, "AWS::DynamoDB::Table"):
        if properties.get("TableName") != {"Fn::Sub": f"${{StackName}}-{service}${{TableSuffix}}"}:
            raise InventoryError(
                f'{logical_id} of {service} has to be named "${{StackName}}-{service}${{TableSuffix}}"'
            )
        indexes = tuple(index["IndexName"] for index in properties.get("GlobalSecondaryIndexes", ()))
        yield Table(service, indexes, has_stream="StreamSpecification" in properties)


def _own_name(logical_id: str, name: Any, within: Template) -> str:
    if isinstance(name, dict) and "Ref" in name:
        return _own_name(name["Ref"], within["Resources"][name["Ref"]]["Properties"]["FunctionName"], within)
    text = str((name or {}).get("Fn::Sub", "")) if isinstance(name, dict) else ""
    for prefix in _PREFIXES:
        if text.startswith(prefix):
            return text.removeprefix(prefix)
    raise InventoryError(f'{logical_id} has to be named after the stack, like `!Sub "${{StackName}}-tokens"`')
