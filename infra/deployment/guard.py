"""What a deployment may not do unless it is told to: replace or remove what cannot be made again.

That is what holds data or events, and what clients reach the system by. CloudFormation's own guard for the time of the
update, the stack policies, is made from the same list (`infra.deployment.protection`).
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from infra.deployment.aws import STACK_TYPE, Resource, resources
from infra.deployment.change_set import Change

PROTECTED = {
    "AWS::DynamoDB::Table": "table",
    "AWS::DynamoDB::GlobalTable": "table",
    "AWS::S3::Bucket": "bucket",
    "AWS::ApiGatewayV2::Api": "API",
    "AWS::ApiGatewayV2::DomainName": "custom domain",
    "AWS::ApiGatewayV2::ApiMapping": "mapping of a custom domain",
    "AWS::ApiGateway::DomainName": "custom domain",
    "AWS::ApiGateway::BasePathMapping": "mapping of a custom domain",
    "AWS::CloudFront::Distribution": "distribution",
    "AWS::SQS::Queue": "queue",
    "AWS::Events::EventBus": "event bus",
    "AWS::SSM::Parameter": "parameter",
    "AWS::SecretsManager::Secret": "secret",
    "AWS::KMS::Key": "key",
    "Custom::TokenKeys": "key set",
}
"""Types of resources, and what to call them."""


_TABLE_SUFFIX = ".*TableSuffix"
_LASTING = {
    "DomainName": "clients would be cut off until DNS follows",
    "AdminDomainName": "operators would be cut off until DNS follows",
    _TABLE_SUFFIX: "the service would go on with another table",
}
"""Parameters by pattern, and what another value would mean."""


def refused(cloudformation: Any, changes: Iterable[Change], allowed: Collection[str]) -> list[str]:
    """What the changes would do to protected resources, a sentence each; without those that are allowed by name."""
    found = [
        (name, f"{name} ({PROTECTED[kind]}) would be {end}")
        for change in changes
        if (end := fate(change))
        for name, kind in _harmed(cloudformation, change)
    ]
    return [sentence for name, sentence in found if not is_allowed(name, allowed)]


def refused_parameters(deployed: Mapping[str, str], values: Mapping[str, str], allowed: Collection[str]) -> list[str]:
    """Which parameters, once set, would cut somebody off by another value: what they decide may lie in nested stacks,
    into which CloudFormation cannot always look.
    """
    return [
        f"{name} would change from {deployed[name] or '(empty)'} to {values[name] or '(empty)'}: {consequence}"
        for pattern, consequence in _LASTING.items()
        for name in deployed
        if re.fullmatch(pattern, name)
        if name in values and deployed[name] != values[name] and name not in allowed
        if deployed[name] or pattern == _TABLE_SUFFIX
    ]


def is_allowed(name: str, allowed: Collection[str]) -> bool:
    """Whether `--allow` names a resource, with or without the nested stacks that lead to it, or one of these."""
    parts = name.split("/")
    ways = {"/".join(parts[: count + 1]) for count in range(len(parts))}
    return parts[-1] in allowed or not ways.isdisjoint(allowed)


def is_protected(resource: Resource) -> bool:
    """Whether a resource of a deployed stack is under protection."""
    return resource.kind in PROTECTED and not resource.status.startswith("DELETE")


def fate(change: Change) -> str:
    """Whether a resource would be removed, replaced, or perhaps replaced; empty if it stays.

    Nested stacks are never replaced, and custom resources only if their function says so, which ours do not. A change
    of a property that replaces under certain conditions (a table's attribute definitions) goes through: the stack
    policy and the fixed name make the update fail if the conditions are met.
    """
    if change.action == "Remove":
        return "removed"
    if change.kind == STACK_TYPE or change.action == "Add":
        return ""
    if change.replacement == "True":
        return "replaced"
    is_custom = change.kind.startswith("Custom::")
    is_open = change.action == "Dynamic" or (change.replacement == "Conditional" and change.recreating)
    return "perhaps replaced" if is_open and not is_custom else ""


def _harmed(cloudformation: Any, change: Change) -> Iterator[tuple[str, str]]:
    """The protected resources that a removed or replaced resource is or holds, with their types."""
    if change.kind in PROTECTED:
        yield change.name, change.kind
    elif change.kind == STACK_TYPE and change.physical_id:
        for resource in resources(cloudformation, change.physical_id, change.path):
            if is_protected(resource):
                yield resource.name, resource.kind
