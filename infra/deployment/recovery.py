"""What an earlier attempt left behind, put away so that the same command goes on.

A stack that was never complete holds nothing of value: it is deleted, with the tables and buckets that outlived it, and
made anew. A stack that was complete once is never deleted: a rollback that got stuck is continued, and tables that the
failed update had added, which would be in the way of the next one, go if they are empty.
"""

import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from infra.deployment.aws import STACK_TYPE, Clients, DeploymentError, description, message, pages
from infra.deployment.execution import COMPLETE, Patience, await_end, newest_event
from infra.deployment.failures import Event, explain, history, last_operation

NEVER_COMPLETE = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS"}
_CHANGEABLE = COMPLETE | {"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}
_NEW = {"CREATE_COMPLETE"}
_NEW_OR_REPLACED = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
_TABLE = "AWS::DynamoDB::Table"
_BUCKET = "AWS::S3::Bucket"
_QUEUE_NAME_SECONDS = 60

Tell = Callable[[str], None]
"""Told what is being done, a line at a time."""


def recover(client: Clients, stack: str, patience: Patience, tell: Tell) -> dict[str, Any] | None:
    """The stack in a state from which it can be changed; None if it has to be made.  Raises `DeploymentError`."""
    cloudformation = client("cloudformation")
    found = description(cloudformation, stack)
    if found and found["StackStatus"].endswith("_IN_PROGRESS") and found["StackStatus"] not in NEVER_COMPLETE:
        tell(f"{stack} is {found['StackStatus']}: waiting for the end of that")
        await_end(cloudformation, found["StackId"], patience)
        found = description(cloudformation, stack)
    if found is None:
        return None
    if found["StackStatus"] in _CHANGEABLE:
        if found["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE":
            _delete_leftovers(client, last_operation(cloudformation, found["StackId"]), tell, _NEW)
        return found
    status = found["StackStatus"]
    if status in NEVER_COMPLETE or (status == "DELETE_FAILED" and not _was_complete(cloudformation, found["StackId"])):
        tell(f"{stack} is {status}, it was never complete: it is deleted and made anew")
        _delete(client, found["StackId"], patience, tell)
        return None
    if status == "UPDATE_ROLLBACK_FAILED":
        tell(f"{stack} is {status}: its rollback is continued")
        return _continue_rollback(client, found["StackId"], patience)
    raise DeploymentError(f"{stack} is {status}: {_WAY_OUT.get(status, 'CloudFormation cannot change it now')}")


_WAY_OUT = {
    "DELETE_FAILED": "somebody began to remove it; finish that with `make remove`",
    "UPDATE_FAILED": "roll it back first: aws cloudformation rollback-stack",
}


def _was_complete(cloudformation: Any, stack_id: str) -> bool:
    """Whether the stack ever was; the safe answer when its events are not kept any more."""
    events = list(pages(cloudformation.describe_stack_events, "StackEvents", StackName=stack_id))
    own = {event["ResourceStatus"] for event in events if event.get("PhysicalResourceId") == stack_id}
    return "CREATE_COMPLETE" in own or not own & {"CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS"}


def _continue_rollback(client: Clients, stack_id: str, patience: Patience) -> dict[str, Any]:
    cloudformation = client("cloudformation")
    before = newest_event(cloudformation, stack_id)
    cloudformation.continue_update_rollback(StackName=stack_id)
    stack = await_end(cloudformation, stack_id, patience, after=before)
    if stack["StackStatus"] not in _CHANGEABLE:
        cause = explain(cloudformation, client("logs"), stack_id, stack["StackStatus"])
        raise DeploymentError(
            f"the rollback cannot be continued: {cause}\n"
            "remove the cause and run this again, or leave the resource as it is:\n"
            f"  aws cloudformation continue-update-rollback --stack-name {stack_id} --resources-to-skip <name>"
        )
    return stack


def clean_up(client: Clients, stack_id: str, before: Collection[str], patience: Patience, tell: Tell) -> None:
    """After a failed operation: put away what it made and what has outlived its rollback.

    `before` are the physical ids of what was there already.
    """
    cloudformation = client("cloudformation")
    stack = description(cloudformation, stack_id)
    if stack is None or stack["StackStatus"] in NEVER_COMPLETE:
        _delete(client, stack_id, patience, tell)
    else:
        made = [event for event in last_operation(cloudformation, stack_id) if event.physical_id not in before]
        _delete_leftovers(client, made, tell, _NEW_OR_REPLACED)


def _delete(client: Clients, stack_id: str, patience: Patience, tell: Tell) -> None:
    """Delete a stack that was never complete, and what it has made."""
    cloudformation = client("cloudformation")
    made = history(cloudformation, stack_id)
    for table in _made(made, _TABLE, _NEW):
        _unprotect(client("dynamodb"), table)
    if description(cloudformation, stack_id) is not None:
        before = newest_event(cloudformation, stack_id)
        cloudformation.delete_stack(StackName=stack_id)
        stack = await_end(cloudformation, stack_id, patience, after=before)
        if stack["StackStatus"] != "DELETE_COMPLETE":
            raise DeploymentError(explain(cloudformation, client("logs"), stack_id, stack["StackStatus"]))
    for table in _made(made, _TABLE, _NEW):
        delete_table(client("dynamodb"), table)
    _delete_leftovers(client, made, tell, _NEW)


def _delete_leftovers(client: Clients, events: list[Event], tell: Tell, statuses: set[str]) -> None:
    """Delete empty tables and buckets that an operation has made and that no stack knows any more; tell of others."""
    known = _known(client("cloudformation"), events)
    for kind, delete in ((_TABLE, _delete_empty_table), (_BUCKET, _delete_empty_bucket)):
        for name in sorted(_made(events, kind, statuses) - known):
            if not delete(client, name):
                tell(f"{name}, which the failed attempt had made, is not empty: look into it, and delete it")


def _made(events: list[Event], kind: str, statuses: set[str]) -> set[str]:
    """The physical ids of resources of a kind that got one of these statuses."""
    return {each.physical_id for each in events if each.kind == kind and each.status in statuses and each.physical_id}


def _known(cloudformation: Any, events: list[Event]) -> set[str]:
    """The physical ids that the stacks of these events still hold."""
    stacks = {event.physical_id for event in events if event.kind == STACK_TYPE and event.physical_id}
    return {
        resource["PhysicalResourceId"]
        for stack in stacks
        if description(cloudformation, stack) is not None
        for resource in pages(cloudformation.list_stack_resources, "StackResourceSummaries", StackName=stack)
        if resource.get("PhysicalResourceId") and not resource["ResourceStatus"].startswith("DELETE")
    }


def _unprotect(dynamodb: Any, table: str) -> None:
    try:
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise


def delete_table(dynamodb: Any, table: str) -> bool:
    """Delete a table, protected or not, and wait until it is gone; false if there was none."""
    try:
        _unprotect(dynamodb, table)
        dynamodb.delete_table(TableName=table)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise DeploymentError(f"table {table} stays: {message(error)}") from None
        return False
    dynamodb.get_waiter("table_not_exists").wait(TableName=table, WaiterConfig={"Delay": 2, "MaxAttempts": 150})
    return True


def _delete_empty_table(client: Clients, table: str) -> bool:
    """Whether it is gone."""
    dynamodb = client("dynamodb")
    try:
        if dynamodb.scan(TableName=table, Limit=1)["Count"]:
            return False
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
    delete_table(dynamodb, table)
    return True


def _delete_empty_bucket(client: Clients, bucket: str) -> bool:
    """Whether it is gone."""
    try:
        client("s3").delete_bucket(Bucket=bucket)
    except ClientError as error:
        return bool(error.response["Error"]["Code"] == "NoSuchBucket")
    return True


def wait_for_names(
    cloudformation: Any, stack: str, tell: Tell, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> None:
    """Wait until a minute after the stack's deletion: so long SQS refuses the names of deleted queues."""
    deleted = pages(cloudformation.list_stacks, "StackSummaries", StackStatusFilter=["DELETE_COMPLETE"])
    deletions = [each["DeletionTime"] for each in deleted if each["StackName"] == stack and "DeletionTime" in each]
    remaining = max(deletions, default=now() - timedelta(days=1)) + timedelta(seconds=_QUEUE_NAME_SECONDS) - now()
    if remaining > timedelta(0):
        tell(f"a stack {stack} was deleted just now; queues get their names back in {remaining.seconds + 1} s: waiting")
        time.sleep(remaining.total_seconds())
