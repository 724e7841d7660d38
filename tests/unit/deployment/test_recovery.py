"""What an earlier attempt left behind: put away if it was never complete, never touched if it was."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.deployment import recovery
from infra.deployment.aws import DeploymentError
from infra.deployment.execution import Patience, carry_out
from infra.deployment.recovery import clean_up, recover, wait_for_names
from tests.support.cloudformation import BEGAN, FakeCloudFormation, arn

STACK = "AWS::CloudFormation::Stack"
TABLE = "AWS::DynamoDB::Table"
BUCKET = "AWS::S3::Bucket"
NOW = Patience(poll_seconds=0, seconds=5)


class Account:
    """An account with a written-down CloudFormation, and DynamoDB and S3 of moto."""

    def __init__(self) -> None:
        self.cloudformation = FakeCloudFormation()
        self.told: list[str] = []

    def __call__(self, service: str) -> Any:
        return self.cloudformation if service == "cloudformation" else boto3.client(service, region_name="us-east-1")

    def make_table(self, name: str) -> None:
        self("dynamodb").create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            DeletionProtectionEnabled=True,
        )

    def tables(self) -> list[str]:
        names: list[str] = self("dynamodb").list_tables()["TableNames"]
        return names

    def buckets(self) -> list[str]:
        return [bucket["Name"] for bucket in self("s3").list_buckets()["Buckets"]]

    def recover(self) -> dict[str, Any] | None:
        return recover(self, "root", NOW, self.told.append)

    def fail_in_the_middle(self, status: str) -> None:
        """A first deployment that has made a nested stack with a table and buckets, and then failed."""
        aws = self.cloudformation
        aws.happen("root", "root", "CREATE_IN_PROGRESS")
        aws.happen("root", "Part", "CREATE_COMPLETE", ResourceType=STACK, PhysicalResourceId=arn("part"))
        aws.happen("part", "Table", "CREATE_COMPLETE", ResourceType=TABLE, PhysicalResourceId="root-table")
        taken = {"ResourceType": TABLE, "PhysicalResourceId": "older", "ResourceStatusReason": "already exists"}
        aws.happen("part", "Older", "CREATE_FAILED", **taken)
        for name in ("empty", "full"):
            aws.happen("part", name, "CREATE_COMPLETE", ResourceType=BUCKET, PhysicalResourceId=f"root-{name}")
            self("s3").create_bucket(Bucket=f"root-{name}")
        self("s3").put_object(Bucket="root-full", Key="k", Body=b"1")
        self.make_table("root-table")
        self("dynamodb").put_item(TableName="root-table", Item={"pk": {"S": "seeded by a custom resource"}})
        self.make_table("older")
        aws.happen("root", "root", status)
        aws.on_delete = self._delete

    def _delete(self) -> None:
        self.cloudformation.happen("root", "root", "DELETE_IN_PROGRESS")
        del self.cloudformation.statuses["root"]


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        yield Account()


@pytest.mark.parametrize("status", sorted(recovery.NEVER_COMPLETE))
def test_a_stack_that_was_never_complete_goes_with_all_it_made_and_nothing_older(account: Account, status: str) -> None:
    account.fail_in_the_middle(status)

    assert account.recover() is None

    assert account.cloudformation.calls == ["delete root"]
    assert account.tables() == ["older"]
    assert account.buckets() == ["root-full"]
    assert any("root-full" in line and "not empty" in line for line in account.told)


def test_a_failed_first_deployment_is_put_away_even_if_its_rollback_has_deleted_the_stack(account: Account) -> None:
    account.fail_in_the_middle("ROLLBACK_COMPLETE")
    account.cloudformation.statuses.clear()

    clean_up(account, arn("root"), (), NOW, account.told.append)

    assert account.tables() == ["older"]


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_stack_that_was_complete_stays(account: Account, status: str) -> None:
    account.cloudformation.happen("root", "root", status)

    found = account.recover()

    assert found is not None
    assert found["StackStatus"] == status
    assert account.cloudformation.calls == []


def test_no_stack_is_no_trouble(account: Account) -> None:
    assert account.recover() is None
    assert account.told == []


@pytest.mark.parametrize("is_interrupted", [False, True])
def test_after_a_failed_update_only_empty_tables_of_that_update_go(account: Account, is_interrupted: bool) -> None:
    aws = account.cloudformation
    for name in ("first", "added", "full", "kept", "replacement"):
        account.make_table(name)
    account("dynamodb").put_item(TableName="full", Item={"pk": {"S": "1"}})
    aws.happen("root", "root", "CREATE_IN_PROGRESS")
    aws.happen("root", "First", "CREATE_COMPLETE", ResourceType=TABLE, PhysicalResourceId="first")
    aws.happen("root", "root", "CREATE_COMPLETE")
    aws.happen("root", "root", "UPDATE_IN_PROGRESS")
    for name in ("added", "full", "kept"):
        aws.happen("root", name, "CREATE_COMPLETE", ResourceType=TABLE, PhysicalResourceId=name)
    for name in ("first", "replacement"):
        aws.happen("root", name, "UPDATE_COMPLETE", ResourceType=TABLE, PhysicalResourceId=name)
    aws.happen("root", "root", "UPDATE_ROLLBACK_COMPLETE")
    aws.hold("root", "Kept", TABLE, "kept")

    if is_interrupted:  # the next deployment does it, and knows less
        account.recover()
        assert account.tables() == ["first", "full", "kept", "replacement"]
    else:
        clean_up(account, arn("root"), {"first"}, NOW, account.told.append)
        assert account.tables() == ["first", "full", "kept"]
    assert aws.calls == []
    assert account.told == ["full, which the failed attempt had made, is not empty: look into it, and delete it"]


def test_a_rollback_that_got_stuck_is_continued(account: Account) -> None:
    aws = account.cloudformation
    aws.happen("root", "root", "UPDATE_ROLLBACK_FAILED")
    aws.on_continue = lambda: aws.happen("root", "root", "UPDATE_ROLLBACK_COMPLETE")

    found = account.recover()

    assert found is not None
    assert found["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"

    def fail_again() -> None:
        aws.happen("root", "root", "UPDATE_IN_PROGRESS")
        aws.happen("root", "Function", "UPDATE_FAILED", ResourceStatusReason="no such package")
        aws.happen("root", "root", "UPDATE_ROLLBACK_FAILED")

    aws.happen("root", "root", "UPDATE_ROLLBACK_FAILED")
    aws.on_continue = fail_again
    with pytest.raises(DeploymentError, match=r"no such package(.|\n)*--resources-to-skip"):
        account.recover()


def test_a_removal_that_got_stuck_is_finished_only_if_the_stack_was_never_complete(account: Account) -> None:
    account.fail_in_the_middle("ROLLBACK_COMPLETE")
    account.cloudformation.happen("root", "root", "DELETE_FAILED")
    assert account.recover() is None

    for known in (True, False):  # without its first events, nobody can say that it was never complete
        other = Account()
        if known:
            other.cloudformation.happen("root", "root", "CREATE_IN_PROGRESS")
            other.cloudformation.happen("root", "root", "CREATE_COMPLETE")
        other.cloudformation.happen("root", "root", "DELETE_FAILED")
        with pytest.raises(DeploymentError, match="make remove"):
            other.recover()
        assert other.cloudformation.calls == []


def test_what_somebody_else_has_begun_is_awaited(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    aws = account.cloudformation
    aws.happen("root", "root", "UPDATE_IN_PROGRESS")
    monkeypatch.setattr("time.sleep", lambda _: aws.happen("root", "root", "UPDATE_COMPLETE"))

    found = account.recover()

    assert found is not None
    assert found["StackStatus"] == "UPDATE_COMPLETE"
    assert "waiting" in account.told[0]


def test_a_new_stack_waits_until_queues_get_their_names_back(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = FakeCloudFormation()
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    for seconds, name in ((50, "root"), (3000, "root"), (1, "other"), (70, "root")):
        aws.deleted.append({"StackName": name, "DeletionTime": BEGAN - timedelta(seconds=seconds)})

    wait_for_names(aws, "root", lambda _: None, now=lambda: BEGAN)
    assert slept == [10]

    wait_for_names(aws, "root", lambda _: None, now=lambda: BEGAN + timedelta(seconds=10))
    wait_for_names(aws, "another", lambda _: None, now=lambda: BEGAN)
    assert slept == [10]


def test_an_update_is_over_when_its_own_events_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right after the start, CloudFormation may still describe the stack as it was before."""
    aws = FakeCloudFormation()
    aws.happen("root", "root", "UPDATE_COMPLETE")
    steps = iter(["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"])
    monkeypatch.setattr("time.sleep", lambda _: aws.happen("root", "root", next(steps)))

    class Begun:
        stack_id = arn("root")

        def execute(self, cloudformation: Any) -> None:
            """Nothing to be seen yet."""

    with pytest.raises(DeploymentError, match="UPDATE_ROLLBACK_COMPLETE"):
        carry_out(aws, None, Begun(), NOW)  # type: ignore[arg-type]
