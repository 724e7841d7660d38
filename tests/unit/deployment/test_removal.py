"""`make remove`: the stack goes, the data stays unless that is wanted, and nothing of another stack is touched."""

import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.deployment import removal
from infra.deployment.aws import DeploymentError
from infra.deployment.execution import Patience
from infra.deployment.names import Name
from infra.deployment.removal import remove
from tests.support.cloudformation import FakeCloudFormation, arn

REGION = "eu-central-1"
NOW = Patience(poll_seconds=0, seconds=5)
BUCKET = f"root-artifacts-123456789012-{REGION}"
LEFT = {"root-things", "root-named", "root-payloads", BUCKET, "/root/admin-keys", "/aws/lambda/root-late"}
OTHERS = {"root-two-things", "/root-two/admin-keys", "/aws/lambda/root-two-late"}


class Account:
    """A stack with a table and a bucket inside a nested stack, and another stack whose name begins like it."""

    def __init__(self) -> None:
        aws = self.cloudformation = FakeCloudFormation()
        aws.happen("root", "root", "CREATE_COMPLETE")
        aws.hold("root", "Storage", "AWS::CloudFormation::Stack", arn("storage"))
        aws.hold("storage", "Things", "AWS::DynamoDB::Table", "root-things")
        aws.hold("storage", "Payloads", "AWS::S3::Bucket", "root-payloads")
        aws.on_delete = self._delete
        for name in ("root-things", "root-named", "root-two-things"):
            self("dynamodb").create_table(
                TableName=name,
                AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
                DeletionProtectionEnabled=True,
            )
        for name in ("root-payloads", BUCKET):
            self("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
            self("s3").put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
            for content in (b"1", b"2"):
                self("s3").put_object(Bucket=name, Key="k", Body=content)
            self("s3").delete_object(Bucket=name, Key="k")
        for name in ("/root/admin-keys", "/root-two/admin-keys"):
            self("ssm").put_parameter(Name=name, Value="v", Type="String")
        for name in ("root-late", "root-two-late"):
            self("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")

    def __call__(self, service: str) -> Any:
        return self.cloudformation if service == "cloudformation" else boto3.client(service, region_name=REGION)

    def _delete(self) -> None:
        assert self.cloudformation.protected == {"root": False}
        del self.cloudformation.statuses["root"]
        self.cloudformation.deleted.append({"StackName": "root", "StackId": arn("root")})

    def everything(self) -> set[str]:
        """The names of all that is there."""
        return {
            *self("dynamodb").list_tables()["TableNames"],
            *(each["Name"] for each in self("s3").list_buckets()["Buckets"]),
            *(each["Name"] for each in self("ssm").describe_parameters()["Parameters"]),
            *(each["logGroupName"] for each in self("logs").describe_log_groups()["logGroups"]),
        }

    def remove(self, *, with_data: bool = False, is_sure: bool = True) -> None:
        remove(self, "root", NOW, with_data=with_data, is_sure=is_sure)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    known = [Name("AWS::DynamoDB::Table", "root-named", 255), Name("AWS::Serverless::Function", "root-late", 64)]
    monkeypatch.setattr(removal, "names", lambda stack, values: known)
    with mock_aws():
        yield Account()


def test_the_data_stays_and_is_named(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.remove()

    assert account.cloudformation.calls == ["delete root"]
    assert account.everything() == LEFT | OTHERS
    kept = capsys.readouterr().out.splitlines()[-1]
    assert set(kept.removeprefix("kept, and paid for: ").split(", ")) == LEFT


def test_with_its_data_nothing_stays_but_what_is_others(account: Account) -> None:
    account.remove(with_data=True)

    assert account.everything() == OTHERS


def test_the_data_of_a_stack_that_is_gone_can_go_later(account: Account) -> None:
    account.remove()
    with pytest.raises(DeploymentError, match=r"there is no stack root, but it has left .*root-things.*--with-data"):
        account.remove()

    account.remove(with_data=True)

    assert account.everything() == OTHERS
    with pytest.raises(DeploymentError, match="there is no stack root"):
        account.remove(with_data=True)


def test_somebody_has_to_type_the_name(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeploymentError, match="nothing was changed"):
        account.remove(is_sure=False)  # without a terminal
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    for answer in ("y", "root-two", ""):
        monkeypatch.setattr("builtins.input", lambda _, typed=answer: typed)
        with pytest.raises(DeploymentError, match="nothing was changed"):
            account.remove(with_data=True, is_sure=False)
    assert account.cloudformation.calls == []
    assert account.everything() == LEFT | OTHERS

    monkeypatch.setattr("builtins.input", lambda _: "root")
    account.remove(is_sure=False)
    assert account.cloudformation.calls == ["delete root"]


def test_a_removal_that_fails_names_the_cause(account: Account) -> None:
    aws = account.cloudformation

    def fail() -> None:
        aws.happen("root", "root", "DELETE_IN_PROGRESS")
        aws.happen("root", "Role", "DELETE_FAILED", ResourceStatusReason="it is in use")
        aws.happen("root", "root", "DELETE_FAILED")

    aws.on_delete = fail
    with pytest.raises(DeploymentError, match=r"Role .*: it is in use"):
        account.remove(with_data=True)

    assert account.everything() == LEFT | OTHERS
