"""What guards a deployed stack until the next deployment: against deletion, and against updates by other hands.

Every stack of the tree gets a stack policy: it denies the replacement and removal of protected resources, and of nested
stacks that hold some. `--allow` leaves a resource out, for one deployment.
"""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from infra.deployment.aws import STACK_TYPE, resources
from infra.deployment.guard import is_allowed, is_protected

_ALLOW_ALL = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}


def protect(cloudformation: Any, stack_id: str, *, allowed: Collection[str] = ()) -> int:
    """Set the policies of the whole tree and protect it from deletion; return how many resources are protected."""
    denied = _denied(cloudformation, stack_id, allowed)
    for stack, logical_ids in denied.items():
        cloudformation.set_stack_policy(StackName=stack, StackPolicyBody=policy(logical_ids))
    cloudformation.update_termination_protection(StackName=stack_id, EnableTerminationProtection=True)
    return sum(is_protected(resource) for resource in resources(cloudformation, stack_id))


@contextmanager
def lifted(cloudformation: Any, stack_id: str, allowed: Collection[str]) -> Iterator[None]:
    """Meanwhile, what is allowed by name may be replaced or removed."""
    if not allowed:
        yield
        return
    protect(cloudformation, stack_id, allowed=allowed)
    try:
        yield
    finally:
        protect(cloudformation, stack_id)


def policy(logical_ids: Collection[str]) -> str:
    """A stack policy that denies replacing and removing these resources."""
    denial = {
        "Effect": "Deny",
        "Action": ["Update:Replace", "Update:Delete"],
        "Principal": "*",
        "Resource": [f"LogicalResourceId/{logical_id}" for logical_id in sorted(logical_ids)],
    }
    return json.dumps({"Statement": [_ALLOW_ALL, *([denial] if logical_ids else [])]})


def _denied(cloudformation: Any, stack_id: str, allowed: Collection[str]) -> dict[str, set[str]]:
    """The logical ids that are denied, by the stack they stand in."""
    denied: dict[str, set[str]] = {stack_id: set()}
    found = list(resources(cloudformation, stack_id))
    stacks = {(): stack_id} | {each.path: each.physical_id for each in found if each.kind == STACK_TYPE}
    for stack in stacks.values():
        denied.setdefault(stack, set())
    for resource in found:
        if is_protected(resource) and not is_allowed(resource.name, allowed):
            for depth, logical_id in enumerate(resource.path):
                denied[stacks[resource.path[:depth]]].add(logical_id)
    return denied
