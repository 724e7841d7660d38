"""What `template.yaml` deploys, as sorted lines that can be compared: before a change and after it.

    python -m infra.facts                    all facts of this tree
    python -m infra.facts --since REVISION   what is different from another commit: `-` is gone, `+` is new

A fact is one thing that somebody relies on: what a function may do, what starts it, which table has which keys, where a
route leads.  How templates are cut, and what their parts are called inside, is none.
"""

import argparse
import difflib
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from infra.build import ROOT
from infra.deployed import Resource, resources, rights_of

_EVERYTHING = {
    "AlarmTopicArn": "arn:aws:sns:eu-central-1:123456789012:alarms",
    "CloudWatchDashboard": "true",
    "DomainName": "backbone.example.org",
    "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/1",
    "AdminDomainName": "admin.example.org",
    "AdminCertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/2",
}
"""Parameters with which nothing is left out."""


def facts(root: Path = ROOT) -> list[str]:
    """The facts of the tree in `root`."""
    deployed = resources(root, _EVERYTHING)
    roles = {resource.path.rsplit("/", 1)[-1]: resource for resource in deployed if resource.type == "AWS::IAM::Role"}
    found: set[str] = set()
    for resource in deployed:
        found.update(_facts_of(resource, deployed, roles))
    return sorted(found)


def _facts_of(resource: Resource, deployed: list[Resource], roles: dict[str, Resource]) -> Iterator[str]:
    properties = resource.properties
    match resource.type:
        case "AWS::Lambda::Function":
            yield from _of_function(resource, roles)
        case "AWS::Lambda::EventSourceMapping":
            function = str(properties["FunctionName"]).rsplit(":", 1)[-1]
            rest = _rest(properties, "FunctionName", "EventSourceArn")
            yield f"mapping {_function_name(function, deployed)} <- {properties['EventSourceArn']} {rest}"
        case "AWS::Events::Rule":
            for kind in properties.get("EventPattern", {}).get("detail-type", []):
                yield from (f"event {kind} -> {target['Arn']}" for target in properties["Targets"])
            if "ScheduleExpression" in properties:
                targets = [target["Arn"] for target in properties["Targets"]]
                yield f"schedule {properties['ScheduleExpression']} -> {targets}"
        case "AWS::SQS::Queue":
            yield f"queue {resource.name} {_rest(properties, 'QueueName')}"
        case "AWS::DynamoDB::Table":
            yield f"table {resource.name} {_rest(properties, 'TableName')}"
        case "AWS::S3::Bucket":
            yield f"bucket {_rest(properties, 'BucketName')}"
        case "AWS::ApiGatewayV2::Route":
            api = "admin" if "Admin" in str(properties["ApiId"]) else "consumer"
            yield f"route {api} {properties['RouteKey']} -> {_integration(properties['Target'], deployed)}"
        case "AWS::CloudWatch::Alarm":
            dimensions = [f"{one['Name']}={one['Value']}" for one in properties.get("Dimensions", [])]
            yield f"alarm {properties['MetricName']} {dimensions} {_rest(properties, 'MetricName', 'Dimensions')}"


def _of_function(function: Resource, roles: dict[str, Resource]) -> Iterator[str]:
    properties = function.properties
    name = function.name
    kept = ("Handler", "MemorySize", "Timeout", "Runtime", "Architectures", "TracingConfig")
    yield f"function {name} {_rest({key: properties[key] for key in kept if key in properties})}"
    role = roles[str(properties["Role"]).removesuffix(".Arn>").removesuffix(">").rsplit("/", 1)[-1].lstrip("<")]
    yield from (f"right {name} {action} {resource}" for action, resource in rights_of(role))
    yield from (f"right {name} as in {managed}" for managed in role.properties.get("ManagedPolicyArns", []))


def _function_name(reference: str, deployed: list[Resource]) -> str:
    path = reference.strip("<>")
    return next((one.name for one in deployed if one.path == path), reference)


def _integration(target: str, deployed: list[Resource]) -> str:
    path = target.removeprefix("integrations/").strip("<>")
    integration = next(one for one in deployed if one.path == path)
    return str(integration.properties["IntegrationUri"]).rsplit(":", 1)[-1]


def _rest(properties: Any, *but: str) -> str:
    return json.dumps({key: value for key, value in properties.items() if key not in but}, sort_keys=True)


def facts_of(revision: str) -> list[str]:
    """The facts of another commit."""
    content = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(content)) as archive:
            archive.extractall(folder, filter="data")
        return facts(Path(folder))


def differences(before: list[str], after: list[str]) -> list[str]:
    """The lines that only one of them has, marked by `-` or `+`."""
    return [line for line in difflib.ndiff(before, after) if line.startswith(("-", "+"))]


def main() -> None:
    """Print facts, or what is different."""
    parser = argparse.ArgumentParser(prog="python -m infra.facts", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--since", metavar="REVISION", help="print only what is different from this commit")
    since = parser.parse_args().since
    now = facts()
    print("\n".join(differences(facts_of(since), now) if since else now))


if __name__ == "__main__":
    main()
