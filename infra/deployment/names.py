"""The names that a stack will give to its resources, read from the templates before anything is made."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from infra.build import ROOT

_LIMITS = {
    "AWS::DynamoDB::Table": ("TableName", 255),
    "AWS::S3::Bucket": ("BucketName", 63),
    "AWS::SQS::Queue": ("QueueName", 80),
    "AWS::Serverless::Function": ("FunctionName", 64),
    "AWS::Lambda::Function": ("FunctionName", 64),
    "AWS::Serverless::LayerVersion": ("LayerName", 140),
    "AWS::Logs::LogGroup": ("LogGroupName", 512),
    "AWS::Events::EventBus": ("Name", 256),
    "AWS::Events::Rule": ("Name", 64),
    "AWS::IAM::Role": ("RoleName", 64),
    "AWS::SNS::Topic": ("TopicName", 256),
    "AWS::CloudWatch::Dashboard": ("DashboardName", 255),
    "AWS::ECS::Cluster": ("ClusterName", 255),
}
"""By type of resource: the property that names it, and how long a name may be."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name that a template gives to a resource."""

    kind: str
    value: str
    limit: int


def templates() -> list[Path]:
    """All templates of the system, the outer one first."""
    nested = [*(ROOT / "functions").glob("*/template.yaml"), *(ROOT / "infra").glob("*.yaml")]
    return [ROOT / "template.yaml", *sorted(nested)]


def names(stack: str, values: Mapping[str, str]) -> list[Name]:
    """All names that can be known; `values` are parameters and pseudo parameters of the outer stack."""
    known = {"AWS::StackName": stack, "StackName": stack, **values}
    return [name for file in templates() for name in _names(_parsed(file), known)]


@cache
def _parsed(file: Path) -> dict[str, Any]:
    template: dict[str, Any] = yaml_parse(file.read_text())
    return template


def _names(template: dict[str, Any], known: Mapping[str, str]) -> Iterator[Name]:
    defaults = {name: str(each.get("Default", "")) for name, each in template.get("Parameters", {}).items()}
    for resource in template.get("Resources", {}).values():
        name, limit = _LIMITS.get(resource["Type"], ("", 0))
        value = _text(resource.get("Properties", {}).get(name), defaults | dict(known))
        if value:
            yield Name(resource["Type"], value, limit)


def _text(value: Any, known: Mapping[str, str]) -> str | None:
    """A text, a reference or a substitution by what is known; None if that does not do."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return known.get(name)
        case {"Fn::Sub": str(text)}:
            found = re.sub(r"\$\{([^!}]+)\}", lambda match: known.get(match[1], match[0]), text)
            return None if "${" in found else found
    return None
