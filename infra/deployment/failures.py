"""Why a stack operation failed: the first cause, however deep in nested stacks.

When one resource fails, CloudFormation cancels its neighbours and reports the failure once more for every stack around
it; the newest events are the least useful ones. So all events of the operation are read, those of nested stacks too.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from infra.deployment.aws import STACK_TYPE, pages

_BEGINNINGS = {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS"}
_CONSEQUENCES = ("cancelled", "The following resource(s) failed to")
_LOG_LINES = 3


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a resource; `path` leads to it through nested stacks."""

    path: tuple[str, ...]
    at: datetime
    kind: str
    physical_id: str
    status: str
    reason: str
    function: str
    is_stack_itself: bool

    @property
    def is_failure(self) -> bool:
        """Whether it failed by itself."""
        return self.status.endswith("FAILED") and not any(word in self.reason for word in _CONSEQUENCES)


def last_operation(cloudformation: Any, stack_id: str) -> list[Event]:
    """The events of the stack's latest operation and of what it did to nested stacks, oldest first."""
    own: list[Event] = []
    for event in _events(cloudformation, stack_id, ()):
        own.append(event)
        if event.is_stack_itself and event.status in _BEGINNINGS:
            break
    return _with_nested(cloudformation, own)


def history(cloudformation: Any, stack_id: str) -> list[Event]:
    """All that ever happened to the stack and its nested stacks, oldest first."""
    return _with_nested(cloudformation, list(_events(cloudformation, stack_id, ())))


def _with_nested(cloudformation: Any, own: list[Event]) -> list[Event]:
    nested = _nested(cloudformation, own, own[-1].at) if own else ()
    oldest_first = [*own, *nested][::-1]  # events of the same moment stay in this order
    return sorted(oldest_first, key=lambda event: (event.at, -len(event.path)))


def _nested(cloudformation: Any, events: list[Event], began: datetime) -> Iterator[Event]:
    """What happened inside the nested stacks that the events tell of, since the operation began."""
    stacks = {event.physical_id: event.path for event in events if event.kind == STACK_TYPE and event.physical_id}
    for stack_id, path in stacks.items():
        if any(event.is_stack_itself and event.physical_id == stack_id for event in events):
            continue
        inside = []
        for event in _events(cloudformation, stack_id, path):
            if event.at < began:
                break
            inside.append(event)
        yield from inside
        yield from _nested(cloudformation, inside, began)


def _events(cloudformation: Any, stack_id: str, path: tuple[str, ...]) -> Iterator[Event]:
    """The stack's own events, newest first; none if it is unknown by now."""
    try:
        for event in pages(cloudformation.describe_stack_events, "StackEvents", StackName=stack_id):
            itself = event.get("PhysicalResourceId") == event["StackId"]
            yield Event(
                path=path or (event["LogicalResourceId"],) if itself else (*path, event["LogicalResourceId"]),
                at=event["Timestamp"],
                kind=event["ResourceType"],
                physical_id=event.get("PhysicalResourceId", ""),
                status=event["ResourceStatus"],
                reason=" ".join(event.get("ResourceStatusReason", "").split()),
                function=_function(event.get("ResourceProperties", "")),
                is_stack_itself=itself,
            )
    except ClientError:
        return


def _function(properties: str) -> str:
    """The function behind a custom resource, as its properties name it."""
    found = re.search(r'"ServiceToken"\s*:\s*"[^"]*:function:([^":]+)', properties)
    return found[1] if found else ""


def explain(cloudformation: Any, logs: Any, stack_id: str, status: str) -> str:
    """The first cause of a failed operation, in one line; for a custom resource, what its function logged after it."""
    events = last_operation(cloudformation, stack_id)
    cause = next((event for event in events if event.is_failure), None)
    if cause is None:
        reasons = [event.reason for event in events if event.reason and event.is_stack_itself]
        return f"{status}: {reasons[-1]}" if reasons else status
    lines = [f"{'/'.join(cause.path)} ({cause.kind}): {cause.reason or cause.status}"]
    if cause.function:
        lines += _log(logs, cause.function, events[0].at)
    return "\n".join(lines)


def _log(logs: Any, function: str, since: datetime) -> list[str]:
    group = f"/aws/lambda/{function}"
    try:
        page = logs.filter_log_events(
            logGroupName=group, startTime=int(since.timestamp() * 1000), filterPattern="ERROR"
        )
        lines = [f"  {_line(event['message'])}" for event in page["events"][:_LOG_LINES]]
    except ClientError:
        lines = []
    return [f"  log of its function: {group}", *lines]


def _line(text: str) -> str:
    """A line of a structured log, shortened to what it says."""
    try:
        entry = json.loads(text)
        return f"{entry.get('message', '')} {entry.get('exception', '')}".strip()[:500]
    except (ValueError, AttributeError):
        return " ".join(text.split())[:500]
