"""A stack taken away from AWS: `make remove`.

    python -m infra.deployment.removal --stack backbone [--with-data] [--yes]

Tables and bucket stay, with everything in them, unless `--with-data` is given; while they are there, no new stack can
have the name. Data of a stack that is gone already goes by the same command with `--with-data`.
"""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.deployment.aws import Clients, DeploymentError, Resource, description, pages, resources
from infra.deployment.execution import Patience, await_end, newest_event
from infra.deployment.failures import explain
from infra.deployment.names import Name, names
from infra.deployment.recovery import delete_table
from infra.deployment.report import tell

_TABLE = "AWS::DynamoDB::Table"
_BUCKET = "AWS::S3::Bucket"
_PATIENCE = Patience(poll_seconds=2, seconds=3600)
_BATCH = 1000
_LOG_GROUPS = {
    "AWS::Logs::LogGroup": "{}",
    "AWS::Serverless::Function": "/aws/lambda/{}",
    "AWS::Lambda::Function": "/aws/lambda/{}",
}


@dataclass(frozen=True, slots=True)
class Data:
    """What a stack keeps, by name: everything that outlives it."""

    tables: tuple[str, ...]
    buckets: tuple[str, ...]
    parameters: tuple[str, ...]
    log_groups: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All of it."""
        return self.tables + self.buckets + self.parameters + self.log_groups


class Removal:
    """One removal."""

    def __init__(self, client: Clients, stack: str, patience: Patience) -> None:
        self._client = client
        self._stack = stack
        self._patience = patience
        self._cloudformation = client("cloudformation")
        self._found = description(self._cloudformation, stack)
        self.data = self._data()

    @property
    def exists(self) -> bool:
        """Whether there is a stack."""
        return self._found is not None

    def delete_stack(self) -> None:
        """Delete the stack and wait.  Raises `DeploymentError` with the first cause."""
        assert self._found is not None
        stack_id = self._found["StackId"]
        self._cloudformation.update_termination_protection(StackName=stack_id, EnableTerminationProtection=False)
        before = newest_event(self._cloudformation, stack_id)
        self._cloudformation.delete_stack(StackName=stack_id)
        stack = await_end(self._cloudformation, stack_id, self._patience, after=before)
        if stack["StackStatus"] != "DELETE_COMPLETE":
            cause = explain(self._cloudformation, self._client("logs"), stack_id, stack["StackStatus"])
            raise DeploymentError(f"{cause}\nRemove the cause and run this again.")

    def delete_data(self) -> None:
        """Delete what has outlived the stack, for ever."""
        for table in self.data.tables:
            if delete_table(self._client("dynamodb"), table):
                tell(f"deleted table {table}")
        for bucket in self.data.buckets:
            self._delete_bucket(bucket)
        for name in self.data.parameters:
            self._client("ssm").delete_parameter(Name=name)
            tell(f"deleted parameter {name}")
        for group in self.data.log_groups:
            self._client("logs").delete_log_group(logGroupName=group)
            tell(f"deleted log group {group}")

    def _data(self) -> Data:
        held = list(self._held())
        s3 = self._client("s3")
        account, region = self._client("sts").get_caller_identity()["Account"], s3.meta.region_name
        known = names(self._stack, {"AWS::AccountId": account, "AWS::Region": region})
        tables = {each.physical_id for each in held if each.kind == _TABLE}
        tables |= {name.value for name in known if name.kind == _TABLE}
        buckets = {each.physical_id for each in held if each.kind == _BUCKET}
        buckets |= {name.value for name in known if name.kind == _BUCKET}
        buckets.add(f"{self._stack}-artifacts-{account}-{region}")
        return Data(
            tables=tuple(sorted(tables & self._existing_tables())),
            buckets=tuple(sorted(buckets & {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]})),
            parameters=tuple(self._parameters()),
            log_groups=tuple(self._log_groups(known)),
        )

    def _held(self) -> Iterable[Resource]:
        """The resources of the stack, or of the ones of this name that are deleted; AWS remembers those for 90 days."""
        if self._found is not None:
            return resources(self._cloudformation, self._found["StackId"])
        deleted = pages(self._cloudformation.list_stacks, "StackSummaries", StackStatusFilter=["DELETE_COMPLETE"])
        stacks = [each["StackId"] for each in deleted if each["StackName"] == self._stack]
        return (each for stack in stacks for each in resources(self._cloudformation, stack))

    def _existing_tables(self) -> set[str]:
        listed = self._client("dynamodb").get_paginator("list_tables").paginate()
        return {name for page in listed for name in page["TableNames"]}

    def _parameters(self) -> list[str]:
        """Keys: of the Admin API and of push providers, which operators have put there."""
        listed = self._client("ssm").get_paginator("get_parameters_by_path")
        found = listed.paginate(Path=f"/{self._stack}", Recursive=True)
        return sorted(parameter["Name"] for page in found for parameter in page["Parameters"])

    def _log_groups(self, known: Iterable[Name]) -> list[str]:
        """Logs that a function wrote after its log group was deleted with the stack, and others under known names."""
        wanted = {_LOG_GROUPS[name.kind].format(name.value) for name in known if name.kind in _LOG_GROUPS}
        listed = self._client("logs").get_paginator("describe_log_groups").paginate()
        return sorted(wanted.intersection(group["logGroupName"] for page in listed for group in page["logGroups"]))

    def _delete_bucket(self, bucket: str) -> None:
        s3 = self._client("s3")
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, MaxKeys=_BATCH):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            if objects:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        s3.delete_bucket(Bucket=bucket)
        tell(f"deleted bucket {bucket}")


def remove(client: Clients, stack: str, patience: Patience, *, with_data: bool, is_sure: bool) -> None:
    """Remove a stack after telling what that means.  Raises `DeploymentError`."""
    removal = Removal(client, stack, patience)
    if not removal.exists and not (with_data and removal.data.names):
        raise DeploymentError(f"there is no stack {stack}" + ("" if with_data else _left(removal.data, stack)))
    _explain(removal, stack, with_data=with_data)
    if not is_sure and not _is_confirmed(stack):
        raise DeploymentError("nothing was changed")
    if removal.exists:
        removal.delete_stack()
        tell(f"deleted stack {stack}")
    if with_data:
        removal.delete_data()
    elif removal.data.names:
        tell(f"kept, and paid for: {', '.join(removal.data.names)}")


def _left(data: Data, stack: str) -> str:
    if not data.names:
        return ""
    return f", but it has left {', '.join(data.names)}; OPTIONS=--with-data deletes that"


def _explain(removal: Removal, stack: str, *, with_data: bool) -> None:
    if removal.exists:
        tell(f"Clients of {stack} will be without a Backbone at once.")
    deleted = "deleted (AWS keeps a backup of tables with point-in-time recovery for 35 days, of nothing else)"
    tell(f"Data, {deleted if with_data else 'kept'}:")
    for name in removal.data.names:
        tell(f"  {name}")


def _is_confirmed(stack: str) -> bool:
    """Whether somebody at the terminal has typed the name of the stack.  Without a terminal: no."""
    if not sys.stdin.isatty():
        tell("There is no terminal to ask at: --yes is needed.")
        return False
    try:
        return input(f"Type the name of the stack to go on ({stack}): ").strip() == stack
    except EOFError:
        return False


def main() -> None:
    """Remove as the command line says."""
    parser = argparse.ArgumentParser(prog="make remove", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stack", required=True, help="name of the CloudFormation stack")
    parser.add_argument("--with-data", action="store_true", help="tables, bucket, keys, logs and packages, too")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    arguments = parser.parse_args()
    client: Any = boto3.client
    try:
        remove(client, arguments.stack, _PATIENCE, with_data=arguments.with_data, is_sure=arguments.yes)
    except (DeploymentError, BotoCoreError, ClientError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
