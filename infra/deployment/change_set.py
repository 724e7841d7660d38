"""What CloudFormation would do: a change set, nested stacks included, read before it is carried out."""

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from botocore.exceptions import ClientError

from infra.deployment.aws import STACK_TYPE, DeploymentError, message, pages

CREATE = "CREATE"
UPDATE = "UPDATE"

_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_NOTHING = ("didn't contain changes", "No updates are to be performed")
_UNFINISHED = {"CREATE_PENDING", "CREATE_IN_PROGRESS"}


@dataclass(frozen=True, slots=True)
class Change:
    """What would happen to one resource; `path` leads to it through nested stacks, `properties` are the cause."""

    path: tuple[str, ...]
    action: str
    kind: str
    physical_id: str = ""
    replacement: str = ""
    properties: tuple[str, ...] = ()
    recreating: bool = False
    """Whether one of the properties, if it changes, always makes a new resource."""

    @property
    def name(self) -> str:
        """How it is called in what people read and write: `Storage/DevicesTable`."""
        return "/".join(self.path)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a stack shall become: a template (none: the one it has) with parameters."""

    stack: str
    kind: str
    parameters: Mapping[str, str | None]
    """None: as it was."""
    template_url: str | None = None

    def request(self) -> dict[str, Any]:
        """As CloudFormation wants it."""
        template = {"TemplateURL": self.template_url} if self.template_url else {"UsePreviousTemplate": True}
        return {
            "StackName": self.stack,
            "ChangeSetType": self.kind,
            "Parameters": [_parameter(name, value) for name, value in self.parameters.items()],
            "Capabilities": _CAPABILITIES,
            **template,
        }


def _parameter(name: str, value: str | None) -> dict[str, Any]:
    kept = {"UsePreviousValue": True} if value is None else {"ParameterValue": value}
    return {"ParameterKey": name, **kept}


@dataclass(slots=True)
class ChangeSet:
    """A change set that can be carried out.  `blind` says why CloudFormation could not look into nested stacks."""

    wish: Wish
    id: str
    stack_id: str
    changes: list[Change] = field(default_factory=list)
    blind: str = ""

    @classmethod
    def create(cls, cloudformation: Any, wish: Wish, poll_seconds: float) -> Self | None:
        """Ask what the wish means; None if nothing.  Leaves nothing behind then.  Raises `DeploymentError`.

        CloudFormation computes changes in nested stacks from what it knows before the update, and gives up on some
        that depend on what only the update will tell. Then it is asked about the outer stack alone. A new stack has
        nothing that could be harmed, so there it is not asked about the inside at all.
        """
        if wish.kind == CREATE:
            return cls._create(cloudformation, wish, poll_seconds, nested=False)
        try:
            return cls._create(cloudformation, wish, poll_seconds, nested=True)
        except DeploymentError as reason:
            change_set = cls._create(cloudformation, wish, poll_seconds, nested=False)
            if change_set is not None:
                change_set.blind = str(reason)
            return change_set

    @classmethod
    def _create(cls, cloudformation: Any, wish: Wish, poll_seconds: float, *, nested: bool) -> Self | None:
        name = f"deployment-{uuid.uuid4().hex[:12]}"
        try:
            made = cloudformation.create_change_set(ChangeSetName=name, IncludeNestedStacks=nested, **wish.request())
        except ClientError as error:
            if any(words in message(error) for words in _NOTHING):
                return None
            raise DeploymentError(message(error)) from None
        change_set = cls(wish, made["Id"], made["StackId"])
        status, reason = _settled(cloudformation, change_set.id, poll_seconds)
        if status == "CREATE_COMPLETE":
            change_set.changes = list(_changes(cloudformation, change_set.id, ()))
            return change_set
        change_set.discard(cloudformation)
        if any(words in reason for words in _NOTHING):
            return None
        raise DeploymentError(reason or status)

    def discard(self, cloudformation: Any) -> None:
        """Leave nothing behind, neither the change set nor a stack that exists only for it."""
        cloudformation.delete_change_set(ChangeSetName=self.id)
        if self.wish.kind == CREATE:
            cloudformation.delete_stack(StackName=self.stack_id)

    def execute(self, cloudformation: Any) -> None:
        """Carry it out; if that fails, what it has made goes again, even what outlives the stack otherwise."""
        cloudformation.execute_change_set(ChangeSetName=self.id, RetainExceptOnCreate=True)


def _settled(cloudformation: Any, change_set: str, poll_seconds: float) -> tuple[str, str]:
    while True:
        found = cloudformation.describe_change_set(ChangeSetName=change_set)
        if found["Status"] not in _UNFINISHED:
            return found["Status"], found.get("StatusReason", "")
        time.sleep(poll_seconds)


def _changes(cloudformation: Any, change_set: str, path: tuple[str, ...]) -> Iterator[Change]:
    """The changes of a change set, and after the one of a nested stack what happens inside."""
    for listed in pages(cloudformation.describe_change_set, "Changes", ChangeSetName=change_set):
        told = listed["ResourceChange"]
        targets = [detail.get("Target", {}) for detail in told.get("Details", [])]
        change = Change(
            path=(*path, told["LogicalResourceId"]),
            action=told["Action"],
            kind=told["ResourceType"],
            physical_id=told.get("PhysicalResourceId", ""),
            replacement=told.get("Replacement", ""),
            properties=tuple(sorted({target.get("Name") or target.get("Attribute", "") for target in targets})),
            recreating=any(target.get("RequiresRecreation") == "Always" for target in targets),
        )
        yield change
        if change.kind == STACK_TYPE and told.get("ChangeSetId"):
            yield from _changes(cloudformation, told["ChangeSetId"], change.path)
