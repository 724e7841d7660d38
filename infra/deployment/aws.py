"""Reading what CloudFormation knows, page by page and through nested stacks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

Clients = Callable[..., Any]
"""Makes the boto3 client of a service, of AWS or of an emulator; `region_name` is another region than the stack's."""

STACK_TYPE = "AWS::CloudFormation::Stack"


class DeploymentError(Exception):
    """The deployment did not happen or did not succeed; the message says why, one line per reason."""


class UnfinishedError(DeploymentError):
    """Nobody knows yet how it ends: CloudFormation goes on."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a stack; `path` names the nested stacks that lead to it, and then itself."""

    path: tuple[str, ...]
    stack_id: str
    kind: str
    physical_id: str
    status: str

    @property
    def name(self) -> str:
        """How it is called in what people read and write: `Storage/DevicesTable`."""
        return "/".join(self.path)


def pages(operation: Callable[..., Any], key: str, **request: Any) -> Iterator[dict[str, Any]]:
    """All of what an operation lists under `key`."""
    token: dict[str, str] = {}
    while True:
        page = operation(**request, **token)
        yield from page[key]
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def description(cloudformation: Any, stack: str) -> dict[str, Any] | None:
    """The stack as it is; None if there is none."""
    try:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in message(error):
            return None
        raise
    return None if found["StackStatus"] == "DELETE_COMPLETE" else found


def parameters_of(stack: dict[str, Any] | None) -> dict[str, str]:
    """The values a described stack was last deployed with."""
    given = stack.get("Parameters", []) if stack else []
    return {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in given}


def outputs_of(stack: dict[str, Any]) -> dict[str, str]:
    """The outputs of a described stack."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def resources(cloudformation: Any, stack: str, path: tuple[str, ...] = ()) -> Iterator[Resource]:
    """The resources of a stack and of its nested stacks, each nested stack before what it holds."""
    for summary in pages(cloudformation.list_stack_resources, "StackResourceSummaries", StackName=stack):
        found = Resource(
            path=(*path, summary["LogicalResourceId"]),
            stack_id=stack,
            kind=summary["ResourceType"],
            physical_id=summary.get("PhysicalResourceId", ""),
            status=summary["ResourceStatus"],
        )
        yield found
        if found.kind == STACK_TYPE and found.physical_id:
            yield from resources(cloudformation, found.physical_id, found.path)


def message(error: ClientError) -> str:
    """What AWS says, in one line."""
    return " ".join(str(error.response["Error"].get("Message", error)).split())
