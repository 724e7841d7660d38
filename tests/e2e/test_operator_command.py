"""The command `backbone` on the deployed system, and what functions tell of themselves."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from backbone import clock, stream_letters
from enmeshed.errors import BackboneError
from infra.build import ROOT
from infra.inventory import inventory
from infra.local.stack import STACK, LocalStack
from tests.e2e.conftest import eventually
from tests.people import Identity

NewIdentity = Callable[[], Identity]
TIMEOUT_SECONDS = 120


def backbone(stack: LocalStack, *arguments: str, code: int = 0) -> str:
    """Run a command as an operator does; what it prints."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers")])
    outcome = subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        env={**os.environ, **stack.environment(), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert outcome.returncode == code, f"{outcome.stdout}\n{outcome.stderr}"
    return outcome.stdout


def test_status_sees_everything_that_is_deployed(stack: LocalStack) -> None:
    """operations.md §12: Housekeeping and deletion run daily, can be started by hand, report success or failure."""
    stack.client("lambda").invoke(FunctionName=f"{STACK}-reminders", Payload='{"source": "aws.events"}')

    def reported() -> Any:
        report = json.loads(backbone(stack, "status", "--json"))
        jobs = {job["job"]: job for job in report["jobs"]}
        return report if jobs[f"{STACK}-reminders"]["lastRunAt"] else None

    report = eventually("the run of the job", reported)
    assert report["health"] == "Healthy"
    assert {row["function"] for row in report["functions"]} == {f"{STACK}-{one.name}" for one in inventory().functions}
    assert {row["state"] for row in report["functions"]} == {"Active"}
    assert {row["queue"] for row in report["queues"]} == {queue.name for queue in inventory().queues}
    assert len(report["tables"]) == len(inventory().tables)


def test_a_stack_is_found_by_its_name(stack: LocalStack) -> None:
    """As on AWS: nothing is known but the stack's name and credentials."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers")])
    outcome = subprocess.run(
        [sys.executable, "-m", "cli", "--stack", STACK, "tier", "list", "--json"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path, **stack.emulator.credentials()},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )

    assert outcome.returncode == 0, outcome.stderr
    assert "Basic" in {tier["name"] for tier in json.loads(outcome.stdout)}


def test_a_client_lives_and_dies_by_the_command(stack: LocalStack) -> None:
    """operations.md §12: a client can be created by one command with id, secret and default tier."""
    created = json.loads(backbone(stack, "client", "create", "--default-tier", "Basic", "--json"))

    identity = Identity.create(stack.base_url, created["clientId"], created["clientSecret"])

    listed = {client["clientId"]: client for client in json.loads(backbone(stack, "client", "list", "--json"))}
    assert listed[created["clientId"]]["numberOfIdentities"] == 1
    shown = json.loads(backbone(stack, "identity", "show", identity.address, "--json"))
    assert shown["clientId"] == created["clientId"]
    backbone(stack, "client", "delete", created["clientId"])
    with pytest.raises(BackboneError):
        Identity.create(stack.base_url, created["clientId"], created["clientSecret"])
    backbone(stack, "identity", "delete", identity.address, "--yes")
    backbone(stack, "identity", "show", identity.address, code=1)


def test_a_replayed_dead_letter_has_its_effect(stack: LocalStack, new_identity: NewIdentity) -> None:
    """operations.md §12: A failed internal event is retried and finally kept in a dead-letter store an operator can
    inspect."""
    alice = new_identity()
    detail = {
        "id": "TOKe2eReplayedToken1/Locked/1",
        "name": "TokenLocked",
        "time": clock.render(clock.now()),
        "correlationId": "replay",
        "payload": {"tokenId": "TOKe2eReplayedToken1", "createdBy": alice.address, "occurrence": 1},
    }
    sqs = stack.client("sqs")
    letters = sqs.get_queue_url(QueueName=f"{STACK}-dead-letters")["QueueUrl"]
    name = f"{STACK}-synchronization-consumer"
    function = stack.client("lambda").get_function_configuration(FunctionName=name)["FunctionArn"]
    letter = {
        "requestContext": {"functionArn": f"{function}:$LATEST", "condition": "RetriesExhausted"},
        "requestPayload": {"detail-type": "TokenLocked", "detail": detail},
    }
    sqs.send_message(QueueUrl=letters, MessageBody=json.dumps(letter))

    listed = json.loads(backbone(stack, "events", "list", "synchronization-consumer", "--json"))
    backbone(stack, "status", code=1)  # it needs an operator
    replay = ("events", "replay", "synchronization-consumer", "--json")
    replayed = eventually("the letter", lambda: json.loads(backbone(stack, *replay)))

    assert [letter["id"] for letter in listed] == [letter["id"] for letter in replayed] == [detail["id"]]

    def external_events() -> Any:
        run = alice.device.connection.post("/SyncRuns", {"type": "ExternalEventSync"})
        return run["syncRun"]

    assert eventually("the external event", external_events)["eventCount"] == 1


def test_changes_of_a_table_are_replayed_without_harm(stack: LocalStack, new_identity: NewIdentity) -> None:
    alice = new_identity()
    environment = stack.environment()
    table = stack.client("dynamodb").describe_table(TableName=environment["BACKBONE_DEVICES_TABLE"])["Table"]
    streams, stream = stack.client("dynamodbstreams"), table["LatestStreamArn"]
    [shard, *_] = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
    begin = {"StreamArn": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    records = streams.get_records(ShardIterator=streams.get_shard_iterator(**begin)["ShardIterator"])["Records"]
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    function = stack.client("lambda").get_function_configuration(FunctionName=f"{STACK}-outbox")["FunctionArn"]
    letter = {
        "requestContext": {"functionArn": function, "condition": "RetryAttemptsExhausted"},
        "DDBStreamBatchInfo": {
            "shardId": shard["ShardId"],
            "startSequenceNumber": numbers[0],
            "endSequenceNumber": numbers[-1],
            "batchSize": len(numbers),
            "streamArn": stream,
        },
        "payload": {"Records": [{**record, "eventSourceARN": stream} for record in records]},
    }
    bucket = stack.settings()["payload_bucket"]
    body = json.dumps(letter, default=_as_in_lambda).encode()
    stack.client("s3").put_object(Bucket=bucket, Key=f"{stream_letters.PREFIX}e2e/letter", Body=body)

    [replayed] = json.loads(backbone(stack, "events", "replay", "streams", "--json"))

    assert replayed["event"].startswith(f"{len(numbers)} changes of ")
    assert json.loads(backbone(stack, "events", "list", "streams", "--json")) == []
    shown = json.loads(backbone(stack, "identity", "show", alice.address, "--json"))
    assert shown["status"] == "Active"


def _as_in_lambda(value: Any) -> Any:
    """As in Lambda's JSON: bytes as base64, times as seconds."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value.timestamp()


def test_housekeeping_is_looked_at(stack: LocalStack) -> None:
    """operations.md §12: Housekeeping and deletion run daily, can be started by hand, report success or failure."""
    # The emulator's CloudFormation knows neither expiry nor lifecycles, which is what the command is there to tell.
    report = json.loads(backbone(stack, "housekeeping", "run", "--json", code=1))

    assert len(report["tables"]) == len(inventory().tables)
    assert all(row["streams"] == row["reading"] > 0 for row in report["streams"])


def test_an_export_holds_what_is_stored(stack: LocalStack, new_identity: NewIdentity, tmp_path: Path) -> None:
    alice = new_identity()

    printed = json.loads(
        backbone(stack, "database", "export", "--sensitive", "--json", "--output", str(tmp_path / "export.zip"))
    )

    lines = {file["file"]: file["lines"] for file in printed["files"]}
    assert lines["devices.csv"] >= 1
    assert alice.address in subprocess.check_output(
        ["unzip", "-p", str(tmp_path / "export.zip"), "devices.csv"], text=True
    )


def test_functions_tell_of_themselves_without_naming_anybody(stack: LocalStack, new_identity: NewIdentity) -> None:
    """operations.md §12: Logs are structured, carry the correlation id of `X-Correlation-ID`, never contain addresses,
    device ids, usernames, passwords or contents in clear."""
    alice = new_identity()
    credentials = alice.device.connection.credentials
    httpx.post(f"{stack.base_url}/api/v2/Challenges", headers={"X-Correlation-ID": "e2e-observability"})

    def lines() -> list[str]:
        logs = stack.client("logs")
        groups = logs.describe_log_groups(logGroupNamePrefix=f"/{STACK}/")["logGroups"]
        found = (logs.filter_log_events(logGroupName=group["logGroupName"])["events"] for group in groups)
        return [event["message"] for events in found for event in events]

    wanted = eventually("the line", lambda: [line for line in lines() if '"e2e-observability"' in line])
    request = json.loads(wanted[0])
    assert (request["event_id"], request["route"], request["status"]) == (724322, "POST /api/v2/Challenges", 201)
    metrics = [json.loads(line) for line in lines() if line.startswith('{"_aws"')]
    assert {"Duration", "EventDelay", "EventDuration"} <= {name for line in metrics for name in line}
    private = (alice.address, credentials.username, credentials.password)
    assert not [line for line in lines() if any(text in line for text in private)]


def test_alarms_and_dashboard_are_deployed_when_asked_for(stack: LocalStack) -> None:
    cloudwatch = stack.client("cloudwatch")
    pages = cloudwatch.get_paginator("describe_alarms").paginate()
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    watched = {dimension["Value"] for alarm in alarms for dimension in alarm["Dimensions"]}

    assert {f"{STACK}-{one.name}" for one in inventory().functions} <= watched
    assert {f"{STACK}-{queue.name}" for queue in inventory().queues} <= watched
    body = json.loads(cloudwatch.get_dashboard(DashboardName=STACK)["DashboardBody"])
    assert f"{STACK}-outbox" in json.dumps(body)
    assert "${" not in json.dumps(body)
