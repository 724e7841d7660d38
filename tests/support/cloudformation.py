"""A CloudFormation that answers as written down: for what moto does not know (nested change sets, failed rollbacks)."""
# ruff: noqa: N803  AWS writes its arguments like this.

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

BEGAN = datetime(2030, 1, 1, 12, tzinfo=UTC)
PAGE = 2


def refusal(code: str, message: str, operation: str = "Operation") -> ClientError:
    """The error of an AWS service."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def arn(name: str) -> str:
    """The id of a stack."""
    return f"arn:aws:cloudformation:eu-central-1:1:stack/{name}/1"


class FakeCloudFormation:
    """Stacks by name, with events, resources and change sets that a test writes down; pages of two entries."""

    def __init__(self) -> None:
        self.statuses: dict[str, str] = {}
        self.parameters: dict[str, dict[str, str]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.resources: dict[str, list[dict[str, Any]]] = {}
        self.deleted: list[dict[str, Any]] = []
        self.policies: dict[str, str] = {}
        self.protected: dict[str, bool] = {}
        self.change_sets: dict[str, dict[str, Any]] = {}
        self.answers: list[dict[str, Any]] = []
        """Change sets that the next requests for one get, in this order."""
        self.requests: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.on_execute: Callable[[], None] = lambda: None
        self.on_delete: Callable[[], None] = lambda: None
        self.on_continue: Callable[[], None] = lambda: None
        self._clock = BEGAN

    # -- what tests write down ------------------------------------------------------------------------------------

    def happen(self, stack: str, logical_id: str, status: str, **more: Any) -> None:
        """Add an event; one of the stack itself also gives it its status."""
        self._clock += timedelta(seconds=1)
        itself = logical_id == stack
        event = {
            "EventId": str(self._clock),
            "StackId": arn(stack),
            "Timestamp": self._clock,
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": arn(stack) if itself else "",
            "ResourceType": "AWS::CloudFormation::Stack" if itself else "AWS::Some::Thing",
            "ResourceStatus": status,
            **more,
        }
        self.events.setdefault(arn(stack), []).insert(0, event)
        if itself:
            self.statuses[stack] = status

    def hold(self, stack: str, logical_id: str, kind: str, physical_id: str = "", status: str = "COMPLETE") -> None:
        """Add a resource to a stack."""
        self.resources.setdefault(arn(stack), []).append(
            {
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": physical_id or f"{stack}-{logical_id}",
                "ResourceType": kind,
                "ResourceStatus": status,
            }
        )

    # -- what CloudFormation offers -------------------------------------------------------------------------------

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        name = _name(StackName)
        if name not in self.statuses:
            raise refusal("ValidationError", f"Stack with id {name} does not exist")
        parameters = self.parameters.get(name, {})
        return {
            "Stacks": [
                {
                    "StackName": name,
                    "StackId": arn(name),
                    "StackStatus": self.statuses[name],
                    "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
                }
            ]
        }

    def describe_stack_events(self, StackName: str, NextToken: str = "0") -> dict[str, Any]:
        return _page("StackEvents", self.events.get(arn(_name(StackName)), []), NextToken)

    def list_stack_resources(self, StackName: str, NextToken: str = "0") -> dict[str, Any]:
        return _page("StackResourceSummaries", self.resources.get(arn(_name(StackName)), []), NextToken)

    def list_stacks(self, StackStatusFilter: list[str], NextToken: str = "0") -> dict[str, Any]:
        assert StackStatusFilter == ["DELETE_COMPLETE"]
        return _page("StackSummaries", self.deleted, NextToken)

    def create_change_set(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        answer = self.answers.pop(0)
        identity = f"change-set-{len(self.requests)}"
        self.change_sets[identity] = answer
        return {"Id": identity, "StackId": arn(request["StackName"])}

    def describe_change_set(self, ChangeSetName: str, NextToken: str = "0") -> dict[str, Any]:
        found = self.change_sets[ChangeSetName]
        if statuses := found.get("Waiting"):
            return {"Status": statuses.pop(0)}
        return {
            "Status": found.get("Status", "CREATE_COMPLETE"),
            "StatusReason": found.get("StatusReason", ""),
            **_page("Changes", [{"ResourceChange": change} for change in found.get("Changes", [])], NextToken),
        }

    def execute_change_set(self, ChangeSetName: str, RetainExceptOnCreate: bool) -> None:
        assert RetainExceptOnCreate
        self.calls.append(f"execute {ChangeSetName}")
        self.on_execute()

    def delete_change_set(self, ChangeSetName: str) -> None:
        del self.change_sets[ChangeSetName]

    def delete_stack(self, StackName: str) -> None:
        self.calls.append(f"delete {_name(StackName)}")
        self.on_delete()

    def continue_update_rollback(self, StackName: str) -> None:
        self.calls.append(f"continue {_name(StackName)}")
        self.on_continue()

    def set_stack_policy(self, StackName: str, StackPolicyBody: str) -> None:
        self.policies[_name(StackName)] = StackPolicyBody

    def update_termination_protection(self, StackName: str, EnableTerminationProtection: bool) -> None:
        self.protected[_name(StackName)] = EnableTerminationProtection


def _name(stack: str) -> str:
    return stack.split("/")[1] if "/" in stack else stack


def _page(key: str, entries: list[Any], token: str) -> dict[str, Any]:
    start = int(token)
    more = {"NextToken": str(start + PAGE)} if start + PAGE < len(entries) else {}
    return {key: entries[start : start + PAGE], **more}
