"""What template.yaml deploys, read from the templates: functions, queues, tables, APIs.

Alarms, the dashboard and the operator's `backbone status` are made from it, so that a new function or queue is watched
from its first day.  Functions and queues are named after the stack (`backbone-tokens`), tables by CloudFormation.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent
_PREFIXES = ("${AWS::StackName}-", "${StackName}-")
DEAD_LETTERS = "DeadLetters"


class InventoryError(Exception):
    """A template does not keep to the conventions; the message says where."""


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function; `id` is its logical name without `Function`, `name` the part after the stack's name.

    `sources` are the kinds of events that start it: DynamoDB, SQS, Schedule, CloudFormation (a custom resource); none
    for functions behind an API.  `handler` is its entry point, `code` the folder below functions/ that it is made of.
    """

    id: str
    name: str
    timeout_seconds: int
    sources: frozenset[str]
    handler: str
    code: str


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of events, or (`is_dead_letters`) of what could not be handled."""

    id: str
    name: str
    is_dead_letters: bool


@dataclass(frozen=True, slots=True)
class Inventory:
    """All there is to watch.  `tables` are logical names in infra/storage.yaml."""

    functions: tuple[Function, ...]
    queues: tuple[Queue, ...]
    tables: tuple[str, ...]


@lru_cache(maxsize=1)
def inventory() -> Inventory:
    """Read the templates.  Raises `InventoryError`."""
    main, events, storage = (_template(name) for name in ("template.yaml", "infra/events.yaml", "infra/storage.yaml"))
    default_timeout = main["Globals"]["Function"]["Timeout"]
    custom = {
        resource["Properties"]["ServiceToken"]["Fn::GetAtt"][0]
        for resource in main["Resources"].values()
        if resource["Type"].startswith("Custom::")
    }
    functions = tuple(
        Function(
            id=logical_id.removesuffix("Function"),
            name=_own_name(logical_id, properties.get("FunctionName")),
            timeout_seconds=properties.get("Timeout", default_timeout),
            sources=frozenset(
                [source["Type"] for source in properties.get("Events", {}).values()]
                + (["CloudFormation"] if logical_id in custom else [])
            ),
            handler=properties["Handler"],
            code=Path(properties["CodeUri"]).stem,
        )
        for logical_id, properties in _of_type(main, "AWS::Serverless::Function")
    )
    queues = tuple(
        Queue(
            id=logical_id.removesuffix("Queue"),
            name=_own_name(logical_id, properties.get("QueueName")),
            is_dead_letters=logical_id.endswith(DEAD_LETTERS),
        )
        for template in (main, events)
        for logical_id, properties in _of_type(template, "AWS::SQS::Queue")
    )
    tables = tuple(logical_id for logical_id, _ in _of_type(storage, "AWS::DynamoDB::Table"))
    return Inventory(functions, queues, tables)


def _template(name: str) -> dict[str, Any]:
    template: dict[str, Any] = yaml_parse((ROOT / name).read_text(encoding="utf-8"))
    return template


def _of_type(template: dict[str, Any], kind: str) -> list[tuple[str, dict[str, Any]]]:
    resources = template["Resources"].items()
    return [(name, resource.get("Properties", {})) for name, resource in resources if resource["Type"] == kind]


def _own_name(logical_id: str, name: Any) -> str:
    text = str((name or {}).get("Fn::Sub", "")) if isinstance(name, dict) else ""
    for prefix in _PREFIXES:
        if text.startswith(prefix):
            return text.removeprefix(prefix)
    raise InventoryError(f'{logical_id} has to be named after the stack, like `!Sub "${{AWS::StackName}}-tokens"`')
