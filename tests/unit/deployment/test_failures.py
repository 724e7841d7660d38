"""The first cause of a failed deployment, found in nested stacks and behind pages of consequences."""

import json
from typing import Any

from infra.deployment.failures import explain
from tests.support.cloudformation import FakeCloudFormation, arn, refusal

STACK = "AWS::CloudFormation::Stack"


class Logs:
    """CloudWatch Logs with the lines of one function."""

    def __init__(self, *messages: str) -> None:
        self._messages = messages
        self.asked: dict[str, Any] = {}

    def filter_log_events(self, **request: Any) -> dict[str, Any]:
        self.asked = request
        if not self._messages:
            raise refusal("ResourceNotFoundException", "no such group")
        return {"events": [{"message": message} for message in self._messages]}


def failed_deployment() -> FakeCloudFormation:
    """A table could not be made two stacks deep; everything else is a consequence.  Before that, an older failure."""
    aws = FakeCloudFormation()
    aws.happen("root", "root", "UPDATE_IN_PROGRESS")
    aws.happen("root", "Old", "UPDATE_FAILED", ResourceStatusReason="an older story")
    aws.happen("root", "root", "UPDATE_ROLLBACK_COMPLETE")
    aws.happen("part", "Old", "CREATE_FAILED", ResourceStatusReason="an older story of the part")

    aws.happen("root", "root", "UPDATE_IN_PROGRESS")
    aws.happen("root", "Part", "CREATE_IN_PROGRESS", ResourceType=STACK, PhysicalResourceId=arn("part"))
    aws.happen("part", "part", "CREATE_IN_PROGRESS")
    aws.happen("part", "Inner", "CREATE_IN_PROGRESS", ResourceType=STACK, PhysicalResourceId=arn("inner"))
    aws.happen("inner", "inner", "CREATE_IN_PROGRESS")
    aws.happen("inner", "Topic", "CREATE_FAILED", ResourceStatusReason="Resource creation cancelled")
    reason = "Resource of type 'AWS::DynamoDB::Table' with identifier 'x' already\n exists."
    aws.happen("inner", "Table", "CREATE_FAILED", ResourceStatusReason=reason, ResourceType="AWS::DynamoDB::Table")
    aws.happen("inner", "Queue", "CREATE_FAILED", ResourceStatusReason="Resource creation cancelled")
    failed = "The following resource(s) failed to create: [Table, Queue]."
    aws.happen("inner", "inner", "ROLLBACK_IN_PROGRESS", ResourceStatusReason=failed)
    aws.happen("part", "Inner", "CREATE_FAILED", ResourceType=STACK, ResourceStatusReason="Embedded stack failed")
    aws.happen("root", "Part", "CREATE_FAILED", ResourceType=STACK, ResourceStatusReason="Embedded stack failed")
    for number in range(10):
        aws.happen("root", f"Other{number}", "CREATE_FAILED", ResourceStatusReason="Resource creation cancelled")
    aws.happen("root", "root", "UPDATE_ROLLBACK_COMPLETE")
    return aws


def test_the_cause_is_named_with_its_place_and_reason() -> None:
    cause = explain(failed_deployment(), Logs(), arn("root"), "UPDATE_ROLLBACK_COMPLETE")

    reason = "Resource of type 'AWS::DynamoDB::Table' with identifier 'x' already exists."
    assert cause == f"Part/Inner/Table (AWS::DynamoDB::Table): {reason}"


def test_a_custom_resource_tells_what_its_function_logged() -> None:
    aws = FakeCloudFormation()
    aws.happen("root", "root", "CREATE_IN_PROGRESS")
    properties = json.dumps({"ServiceToken": "arn:aws:lambda:eu-central-1:1:function:backbone-keys", "Rotation": "1"})
    aws.happen("root", "Keys", "CREATE_FAILED", ResourceType="Custom::TokenKeys", ResourceStatusReason="see the log",
               ResourceProperties=properties)  # fmt: skip
    aws.happen("root", "root", "ROLLBACK_COMPLETE")
    logs = Logs(json.dumps({"level": "ERROR", "message": "no right", "exception": "AccessDenied"}), "plain", "3", "4")

    lines = explain(aws, logs, arn("root"), "ROLLBACK_COMPLETE").splitlines()

    assert lines == [
        "Keys (Custom::TokenKeys): see the log",
        "  log of its function: /aws/lambda/backbone-keys",
        "  no right AccessDenied",
        "  plain",
        "  3",
    ]
    assert logs.asked["logGroupName"] == "/aws/lambda/backbone-keys"
    assert explain(aws, Logs(), arn("root"), "").endswith("/aws/lambda/backbone-keys")


def test_without_a_failed_resource_the_stack_itself_says_why() -> None:
    aws = FakeCloudFormation()
    aws.happen("root", "root", "CREATE_IN_PROGRESS")
    aws.happen("root", "root", "ROLLBACK_COMPLETE", ResourceStatusReason="Validation failed")

    assert explain(aws, Logs(), arn("root"), "ROLLBACK_COMPLETE") == "ROLLBACK_COMPLETE: Validation failed"
    assert explain(FakeCloudFormation(), Logs(), arn("root"), "ROLLBACK_COMPLETE") == "ROLLBACK_COMPLETE"
