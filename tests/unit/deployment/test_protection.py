"""Stack policies over the whole tree of stacks: what is protected, and what `--allow` lifts for one deployment."""

import json

from infra.deployment.protection import lifted, protect
from tests.support.cloudformation import FakeCloudFormation, arn

STACK = "AWS::CloudFormation::Stack"


def tree() -> FakeCloudFormation:
    aws = FakeCloudFormation()
    aws.hold("root", "Api", "AWS::ApiGatewayV2::Api")
    aws.hold("root", "Alarms", STACK, arn("alarms"))
    aws.hold("root", "Devices", STACK, arn("devices"))
    aws.hold("devices", "Inner", STACK, arn("inner"))
    aws.hold("devices", "Function", "AWS::Lambda::Function")
    aws.hold("inner", "Table", "AWS::DynamoDB::Table")
    aws.hold("inner", "Gone", "AWS::DynamoDB::Table", status="DELETE_COMPLETE")
    aws.hold("alarms", "Alarm", "AWS::CloudWatch::Alarm")
    return aws


def denied(aws: FakeCloudFormation) -> dict[str, list[str]]:
    """What each stack's policy denies to replace and remove; everything else is allowed."""
    found = {}
    for stack, policy in aws.policies.items():
        allow, *denials = json.loads(policy)["Statement"]
        assert allow == {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
        assert all(denial["Action"] == ["Update:Replace", "Update:Delete"] for denial in denials)
        assert all(denial["Effect"] == "Deny" for denial in denials)
        found[stack] = [resource for denial in denials for resource in denial["Resource"]]
    return found


ALL = {
    "root": ["LogicalResourceId/Api", "LogicalResourceId/Devices"],
    "devices": ["LogicalResourceId/Inner"],
    "inner": ["LogicalResourceId/Table"],
    "alarms": [],
}


def test_every_stack_on_the_way_to_a_table_is_protected() -> None:
    aws = tree()

    assert protect(aws, arn("root")) == 2

    assert denied(aws) == ALL
    assert aws.protected == {"root": True}


def test_what_is_allowed_by_name_is_free_for_one_deployment() -> None:
    aws = tree()

    with lifted(aws, arn("root"), {"Devices/Inner/Table"}):
        assert denied(aws) == {"root": ["LogicalResourceId/Api"], "devices": [], "inner": [], "alarms": []}
    assert denied(aws) == ALL

    try:
        with lifted(aws, arn("root"), {"Table", "Api"}):
            assert denied(aws)["root"] == []
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert denied(aws) == ALL


def test_without_permission_nothing_is_touched() -> None:
    aws = tree()

    with lifted(aws, arn("root"), ()):
        assert aws.policies == {}
    assert aws.policies == {}
