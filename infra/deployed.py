"""What `template.yaml` deploys, resource by resource: nested stacks opened, SAM expanded, references resolved.

    for resource in resources(ROOT):
        resource.type, resource.path, resource.properties

References become the names and ARNs they will have (`arn:aws:dynamodb:eu-central-1:123456789012:table/backbone-files`),
as far as they can be known; what only AWS knows, such as the id of an API, stays readable (`<ConsumerApi/Api>`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from infra.build import ROOT
from infra.package import FILES, properties_of
from infra.sam import Expander

STACK = "backbone"
REGION = "eu-central-1"
ACCOUNT = "123456789012"
_PSEUDO = {
    "AWS::StackName": STACK,
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NoValue": None,
}
_NESTED = "AWS::CloudFormation::Stack"
_NAMES = ("TableName", "QueueName", "FunctionName", "BucketName", "LogGroupName", "TopicName", "Name", "RoleName")
"""Properties that give a resource its name."""
_ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:{at}:table/{name}",
    "AWS::SQS::Queue": "sqs:{at}:{name}",
    "AWS::Lambda::Function": "lambda:{at}:function:{name}",
    "AWS::Events::EventBus": "events:{at}:event-bus/{name}",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::Logs::LogGroup": "logs:{at}:log-group:{name}:*",
    "AWS::SNS::Topic": "sns:{at}:{name}",
}
_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")

Template = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource; `path` is its logical name behind those of the stacks around it (`Messages/Table`)."""

    path: str
    type: str
    name: str
    properties: Mapping[str, Any]

    @property
    def arn(self) -> str:
        """Its ARN; its path in angle brackets where only AWS knows it."""
        pattern = _ARNS.get(self.type)
        return (
            f"arn:aws:{pattern.format(at=f'{REGION}:{ACCOUNT}', name=self.name)}" if pattern else f"<{self.path}.Arn>"
        )


def resources(
    root: Path = ROOT, parameters: Mapping[str, str] | None = None, *, main: str = "template.yaml"
) -> list[Resource]:
    """Everything that the template in the folder `root` deploys with these parameters and otherwise its defaults."""
    return list(_Stack(root / main, {"DidDomainName": "backbone.example.org", **(parameters or {})}, "").opened())


def rights_of(role: Resource) -> Iterator[tuple[str, str]]:
    """Each action with each resource that the statements of a role's own policies allow."""
    for policy in role.properties.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            for action in _listed(statement["Action"]):
                yield from ((action, resource) for resource in _listed(statement["Resource"]))


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


class _Stack:
    """One template with its parameters."""

    def __init__(self, file: Path, parameters: Mapping[str, Any], path: str) -> None:
        self._file = file
        self._path = path
        template: Template = yaml_parse(file.read_text(encoding="utf-8"))
        for kind, properties in properties_of(template):
            if kind in FILES and FILES[kind] in properties:
                properties[FILES[kind]] = {"Bucket": "packages", "Key": Path(properties[FILES[kind]]).name}
        self._template: Template = Expander(REGION)(template)
        defaults = {
            name: str(one["Default"]) for name, one in self._template.get("Parameters", {}).items() if "Default" in one
        }
        self._parameters = {**defaults, **{name: value for name, value in parameters.items() if value is not None}}
        self._nested: dict[str, _Stack] = {}

    def opened(self) -> Iterator[Resource]:
        for logical_id, resource in self._template["Resources"].items():
            if not self._holds(resource.get("Condition")):
                continue
            if resource["Type"] == _NESTED:
                yield from self._stack(logical_id).opened()
            else:
                yield self._resource(logical_id)

    def output(self, name: str) -> Any:
        return self._value(self._template["Outputs"][name]["Value"])

    def _stack(self, logical_id: str) -> "_Stack":
        if logical_id not in self._nested:
            properties = self._template["Resources"][logical_id]["Properties"]
            location = properties["TemplateURL"]
            parameters = self._value(properties.get("Parameters", {}))
            self._nested[logical_id] = _Stack(self._file.parent / location, parameters, f"{self._path}{logical_id}/")
        return self._nested[logical_id]

    def _resource(self, logical_id: str) -> Resource:
        resource = self._template["Resources"][logical_id]
        properties = resource.get("Properties", {})
        found = next((self._value(properties[name]) for name in _NAMES if name in properties), None)
        path = f"{self._path}{logical_id}"
        own_name = found if isinstance(found, str) else _generated_name(resource["Type"], logical_id, path)
        kept = {name: value for name, one in properties.items() if (value := self._value(one)) is not None}
        return Resource(path, resource["Type"], own_name, kept)

    def _holds(self, condition: str | None) -> bool:
        return condition is None or bool(self._value(self._template["Conditions"][condition]))

    def _value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [one for item in value if (one := self._value(item)) is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, argument),) = value.items()
            if key in ("Ref", "Condition") or key.startswith("Fn::"):
                return self._intrinsic(key, argument)
        return {key: one for key, item in value.items() if (one := self._value(item)) is not None}

    def _intrinsic(self, key: str, argument: Any) -> Any:
        match key:
            case "Ref":
                return self._ref(argument)
            case "Fn::GetAtt":
                parts = argument.split(".", 1) if isinstance(argument, str) else argument
                return self._attribute(parts[0], parts[1])
            case "Fn::Sub":
                return self._sub(argument)
            case "Fn::If":
                return self._value(argument[1] if self._holds(argument[0]) else argument[2])
            case "Condition":
                return self._holds(argument)
            case "Fn::Equals":
                return str(self._value(argument[0])) == str(self._value(argument[1]))
            case "Fn::Not":
                return not self._value(argument[0])
            case "Fn::And":
                return all(self._value(one) for one in argument)
            case "Fn::Or":
                return any(self._value(one) for one in argument)
            case "Fn::Join":
                return str(argument[0]).join(map(str, self._value(argument[1])))
            case "Fn::Select":
                return self._select(argument)
            case _:
                return f"<{key}>"

    def _select(self, argument: Any) -> Any:
        among = self._value(argument[1])
        return among[int(argument[0])] if isinstance(among, list) else f"<{among}[{argument[0]}]>"

    def _ref(self, name: str) -> Any:
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self._parameters:
            return self._parameters[name]
        return self._resource(name).name if name in self._template["Resources"] else f"<{name}>"

    def _attribute(self, logical_id: str, attribute: str) -> Any:
        if attribute.startswith("Outputs."):
            return self._stack(logical_id).output(attribute.removeprefix("Outputs."))
        resource = self._resource(logical_id)
        match attribute:
            case "Arn":
                return resource.arn
            case "StreamArn":
                return f"{resource.arn}/stream/*"
            case "Value" if resource.type == "AWS::SSM::Parameter":
                return resource.properties["Value"]
            case _:
                return f"<{resource.path}.{attribute}>"

    def _sub(self, argument: Any) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument

        def put_in(match: re.Match[str]) -> str:
            name = match[1]
            if name in variables:
                return str(self._value(variables[name]))
            return str(self._attribute(*name.split(".", 1)) if "." in name else self._ref(name))

        return _VARIABLE.sub(put_in, text)


def _generated_name(kind: str, logical_id: str, path: str) -> str:
    """What a resource without a name is called here; tables of old commits as they are called today."""
    is_table = kind == "AWS::DynamoDB::Table"
    return f"{STACK}-{logical_id.removesuffix('Table').lower()}" if is_table else f"<{path}>"
