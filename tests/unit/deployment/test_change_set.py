"""What CloudFormation would do: read completely, nested stacks included, and refused where it would lose something."""

from typing import Any

import pytest

from infra.deployment.aws import DeploymentError
from infra.deployment.change_set import CREATE, UPDATE, Change, ChangeSet, Wish
from infra.deployment.guard import refused, refused_parameters
from infra.deployment.report import table
from tests.support.cloudformation import FakeCloudFormation, arn

STACK = "AWS::CloudFormation::Stack"
NOTHING = {
    "Status": "FAILED",
    "StatusReason": "The submitted information didn't contain changes. Submit different information.",
}
WISH = Wish("root", UPDATE, {"Kept": None, "Given": "1"}, "https://bucket/template")


def change(action: str, logical_id: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"Action": action, "LogicalResourceId": logical_id, "ResourceType": kind, **more}


def replaced_by(name: str, recreation: str) -> list[dict[str, Any]]:
    return [{"Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation}}]


def nested(aws: FakeCloudFormation, changes: list[dict[str, Any]]) -> dict[str, Any]:
    """An answer whose change of `Part` leads to these changes inside."""
    aws.change_sets["inner"] = {"Changes": changes}
    inside = change("Modify", "Part", STACK, Replacement="False", PhysicalResourceId=arn("part"), ChangeSetId="inner")
    return {"Waiting": ["CREATE_PENDING", "CREATE_IN_PROGRESS"], "Changes": [inside]}


def test_all_pages_are_read_and_nested_stacks_entered() -> None:
    aws = FakeCloudFormation()
    answer = nested(aws, [change("Modify", f"Function{number}", "AWS::Lambda::Function") for number in range(5)])
    answer["Changes"] += [change("Add", f"Queue{number}", "AWS::SQS::Queue") for number in range(4)]
    aws.answers = [answer]

    change_set = ChangeSet.create(aws, WISH, 0)

    assert change_set is not None
    inside = [f"Part/Function{number}" for number in range(5)]
    assert [each.name for each in change_set.changes] == ["Part", *inside, *(f"Queue{number}" for number in range(4))]
    assert aws.requests[0]["IncludeNestedStacks"]
    assert aws.requests[0]["Parameters"] == [
        {"ParameterKey": "Kept", "UsePreviousValue": True},
        {"ParameterKey": "Given", "ParameterValue": "1"},
    ]


def test_nothing_to_change_leaves_nothing_behind() -> None:
    aws = FakeCloudFormation()
    aws.answers = [NOTHING]

    assert ChangeSet.create(aws, WISH, 0) is None
    assert aws.change_sets == {}


def test_when_nested_stacks_cannot_be_looked_into_the_outer_one_is_asked_alone() -> None:
    aws = FakeCloudFormation()
    outer = {"Changes": [change("Modify", "Part", STACK, Replacement="False")]}
    aws.answers = [{"Status": "FAILED", "StatusReason": "Usage of {{IntrinsicFunction}} is not allowed."}, outer]

    change_set = ChangeSet.create(aws, WISH, 0)

    assert change_set is not None
    assert [each.name for each in change_set.changes] == ["Part"]
    assert "IntrinsicFunction" in change_set.blind
    assert [request["IncludeNestedStacks"] for request in aws.requests] == [True, False]
    assert len(aws.change_sets) == 1


def test_what_is_wrong_is_told_and_leaves_nothing_behind() -> None:
    aws = FakeCloudFormation()
    wrong = {"Status": "FAILED", "StatusReason": "Template error: no such resource"}
    aws.answers = [dict(wrong), dict(wrong), dict(wrong)]

    with pytest.raises(DeploymentError, match="no such resource"):
        ChangeSet.create(aws, WISH, 0)
    with pytest.raises(DeploymentError, match="no such resource"):
        ChangeSet.create(aws, Wish("root", CREATE, {}, "https://bucket/template"), 0)

    assert aws.change_sets == {}
    assert aws.calls == ["delete root"]  # CloudFormation makes a stack for a change set that is to create one


def everything_lost() -> tuple[FakeCloudFormation, list[Change]]:
    """Each kind of loss once, and some that are none."""
    aws = FakeCloudFormation()
    aws.hold("gone", "Inner", STACK, arn("inner"))
    aws.hold("gone", "Function", "AWS::Lambda::Function")
    aws.hold("inner", "Bucket", "AWS::S3::Bucket")
    aws.hold("inner", "Former", "AWS::DynamoDB::Table", status="DELETE_SKIPPED")
    table_type, always = "AWS::DynamoDB::Table", replaced_by("TableName", "Always")
    answer = nested(
        aws,
        [
            change("Modify", "Table", table_type, Replacement="True", Details=replaced_by("KeySchema", "Always")),
            change("Modify", "Perhaps", table_type, Replacement="Conditional", Details=always),
            change(
                "Modify",
                "Indexed",
                table_type,
                Replacement="Conditional",
                Details=replaced_by("AttributeDefinitions", "Conditionally"),
            ),
            change("Modify", "Slower", table_type, Replacement="False"),
            change("Dynamic", "Unknown", "AWS::SQS::Queue"),
        ],
    )
    answer["Changes"] += [
        change("Remove", "Domain", "AWS::ApiGatewayV2::DomainName"),
        change("Remove", "Gone", STACK, PhysicalResourceId=arn("gone")),
        change("Remove", "Alarm", "AWS::CloudWatch::Alarm"),
        change("Modify", "Keys", "Custom::TokenKeys", Replacement="Conditional", Details=always),
        change("Remove", "OldKeys", "Custom::TokenKeys"),
        change("Modify", "Function", "AWS::Lambda::Function", Replacement="True", Details=always),
        change("Add", "NewTable", table_type),
    ]
    aws.answers = [answer]
    change_set = ChangeSet.create(aws, WISH, 0)
    assert change_set is not None
    return aws, change_set.changes


def test_losses_are_refused_by_name_and_nothing_else() -> None:
    aws, changes = everything_lost()

    assert refused(aws, changes, ()) == [
        "Part/Table (table) would be replaced",
        "Part/Perhaps (table) would be perhaps replaced",
        "Part/Unknown (queue) would be perhaps replaced",
        "Domain (custom domain) would be removed",
        "Gone/Inner/Bucket (bucket) would be removed",
        "OldKeys (key set) would be removed",
    ]


def test_what_is_allowed_by_name_is_not_refused() -> None:
    aws, changes = everything_lost()

    allowed = {"Part/Table", "Perhaps", "Gone", "OldKeys", "Part/Unknown"}
    assert refused(aws, changes, allowed) == ["Domain (custom domain) would be removed"]
    assert refused(aws, changes, {*allowed, "Domain"}) == []
    assert "Part/Table (table) would be replaced" in refused(aws, changes, {"Table2", "Part/Tab"})


def test_a_value_that_others_rely_on_does_not_change_unasked() -> None:
    deployed = {"DomainName": "a.org", "AdminDomainName": "", "DevicesTableSuffix": "", "Rate": "1"}

    assert refused_parameters(deployed, {**deployed, "Rate": "2", "AdminDomainName": "b.org"}, ()) == []
    changed = {**deployed, "DomainName": "", "DevicesTableSuffix": "-restored"}
    assert refused_parameters(deployed, changed, ()) == [
        "DomainName would change from a.org to (empty): clients would be cut off until DNS follows",
        "DevicesTableSuffix would change from (empty) to -restored: the service would go on with another table",
    ]
    assert refused_parameters(deployed, changed, {"DomainName", "DevicesTableSuffix"}) == []


def test_people_can_read_what_would_happen() -> None:
    _, changes = everything_lost()

    lines = table(changes).splitlines()

    assert lines[0].split() == ["what", "resource", "type", "replaced?", "nested", "stack", "because", "of"]
    assert lines[1].split() == ["change", "Part", "nested", "stack"]
    assert lines[2].split() == ["change", "Table", "DynamoDB::Table", "replaced", "Part", "KeySchema"]
    assert lines[6].split() == ["perhaps", "change", "Unknown", "SQS::Queue", "perhaps", "replaced", "Part"]
    assert (
        lines[-1] == "6 to change, 1 to perhaps change, 3 to remove, 1 to add; nested stacks: 1 to change, 1 to remove"
    )
