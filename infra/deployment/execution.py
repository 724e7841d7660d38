"""A stack operation carried out, and its end awaited."""

import time
from dataclasses import dataclass
from typing import Any

from infra.deployment.aws import DeploymentError, UnfinishedError, description, pages
from infra.deployment.change_set import ChangeSet
from infra.deployment.failures import explain

COMPLETE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to look at a stack, and for how long altogether."""

    poll_seconds: float
    seconds: float


def carry_out(cloudformation: Any, logs: Any, change_set: ChangeSet, patience: Patience) -> dict[str, Any]:
    """Execute the change set and return the stack as it is then.  Raises `DeploymentError` with the first cause."""
    before = newest_event(cloudformation, change_set.stack_id)
    change_set.execute(cloudformation)
    stack = await_end(cloudformation, change_set.stack_id, patience, after=before)
    if stack["StackStatus"] not in COMPLETE:
        raise DeploymentError(explain(cloudformation, logs, change_set.stack_id, stack["StackStatus"]))
    return stack


def newest_event(cloudformation: Any, stack_id: str) -> str:
    """What happened to the stack last."""
    events = pages(cloudformation.describe_stack_events, "StackEvents", StackName=stack_id)
    return str(next(events, {}).get("EventId", ""))


def await_end(cloudformation: Any, stack_id: str, patience: Patience, *, after: str | None = None) -> dict[str, Any]:
    """Wait until nothing is in progress any more, and something has happened since the event `after`.

    Returns the stack; `{"StackStatus": "DELETE_COMPLETE"}` if there is none any more.  Raises `DeploymentError`.
    """
    deadline = time.monotonic() + patience.seconds
    while time.monotonic() < deadline:
        begun = after is None or newest_event(cloudformation, stack_id) != after  # before looking whether it has ended
        stack = description(cloudformation, stack_id)
        if stack is None:
            return {"StackStatus": "DELETE_COMPLETE"}
        if begun and not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack
        time.sleep(patience.poll_seconds)
    raise UnfinishedError("not finished in time; CloudFormation goes on, run the same command again to see how it ends")
