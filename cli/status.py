"""`backbone status`: whether everything is there and well, as far as it can be seen from outside."""

import json
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from backbone import clock
from cli import target
from cli.aws import client
from cli.dead_letters import QUEUE, depth, stored_letters
from cli.output import AsJson, CommandFailed, progress, show

if TYPE_CHECKING:
    from infra.inventory import Function

ItemT = TypeVar("ItemT")
Row = dict[str, Any]
_THREADS = 8
_JOB_DAYS = 2
_BROKEN = ("missing", "Failed")
_HEALTH = {
    "version": "2.0",
    "routeKey": "GET /health",
    "rawPath": "/health",
    "rawQueryString": "",
    "headers": {"host": "localhost"},
    "requestContext": {"http": {"method": "GET", "path": "/health"}, "requestId": "status"},
}


def show_status(as_json: AsJson = False) -> None:
    """Show health, functions, tables, queues, dead letters and the last runs of the daily jobs.

    Exit code 1 if something needs an operator.
    """
    from infra.inventory import inventory  # only here, because reading templates takes a while to load

    stack, deployed = target.stack_name(), inventory()
    with progress("asking AWS", total=5) as advance:
        report: Row = {"stack": stack, "region": client("lambda").meta.region_name, "health": _health(stack)}
        advance(1)
        report["functions"] = _each(_function, [f"{stack}-{one.name}" for one in deployed.functions])
        advance(1)
        report["tables"] = _each(_table, sorted(target.tables()))
        advance(1)
        report["queues"] = _queues(stack)
        report["streamDeadLetters"] = sum(1 for _ in stored_letters())
        advance(1)
        jobs = [one for one in deployed.functions if "Schedule" in one.sources]
        report["jobs"] = _each(partial(_job, stack), jobs)
        advance(1)
    problems = _problems(report)
    report["problems"] = problems
    show(report, as_json=as_json)
    if problems:
        raise CommandFailed(f"{len(problems)} things need you, for example: {problems[0]}")


def _each(look: Callable[[ItemT], Row], items: Iterable[ItemT]) -> list[Row]:
    with ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(look, items))


def _health(stack: str) -> str:
    answer = client("lambda").invoke(FunctionName=f"{stack}-gateway", Payload=json.dumps(_HEALTH))
    if "FunctionError" in answer:
        return "Unhealthy"
    return str(json.loads(answer["Payload"].read()).get("body"))


def _function(name: str) -> Row:
    try:
        found = client("lambda").get_function_configuration(FunctionName=name)
    except client("lambda").exceptions.ResourceNotFoundException:
        return {"function": name, "state": "missing"}
    return {
        "function": name,
        "state": found.get("State", "Active"),
        "changedAt": found["LastModified"],
        "code": found["CodeSha256"][:12],
    }


def _table(name: str) -> Row:
    """DynamoDB counts items every six hours or so."""
    table = client("dynamodb").describe_table(TableName=name)["Table"]
    return {
        "table": name,
        "state": table["TableStatus"],
        "items": table["ItemCount"],
        "bytes": table["TableSizeBytes"],
        "backup": _backup(name),
    }


def _backup(table: str) -> str:
    try:
        answer = client("dynamodb").describe_continuous_backups(TableName=table)
    except (ClientError, BotoCoreError):
        return "unknown"
    description = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    return "on" if description.get("PointInTimeRecoveryStatus") == "ENABLED" else "off"


def _queues(stack: str) -> list[Row]:
    from infra.inventory import inventory

    def look(name: str) -> Row:
        url = client("sqs").get_queue_url(QueueName=f"{stack}-{name}")["QueueUrl"]
        return {"queue": name, **depth(url), "oldestSeconds": _oldest(f"{stack}-{name}")}

    return _each(look, [queue.name for queue in inventory().queues])


def _oldest(queue: str) -> int | None:
    """The age of the oldest message, which only CloudWatch knows; none where nothing was measured lately."""
    now = clock.now()
    try:
        points = client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName="ApproximateAgeOfOldestMessage",
            Dimensions=[{"Name": "QueueName", "Value": queue}],
            StartTime=now - timedelta(minutes=10),
            EndTime=now,
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
    except (ClientError, BotoCoreError):
        return None
    return int(max(points, key=lambda point: point["Timestamp"])["Maximum"]) if points else None


def _job(stack: str, job: "Function") -> Row:
    """The last run, from the log of the job's service: what it has done and what has failed."""
    since = clock.now() - timedelta(days=_JOB_DAYS)
    logs = client("logs")
    try:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/{stack}/{job.service}", startTime=int(since.timestamp() * 1000)
        )
        lines = [(event["timestamp"], event["message"]) for page in pages for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        lines = []
    last: Row = {"job": f"{stack}-{job.name}", "lastRunAt": None, "done": None, "failed": None}
    for timestamp, message in sorted(lines):
        if not re.match(r"\{.*\"count\":", message):
            continue
        line = json.loads(message)
        if line.get("service") != job.name:
            continue
        at = datetime.fromtimestamp(timestamp / 1000, UTC)
        last |= {"lastRunAt": clock.render(at), "done": line.get("count"), "failed": line.get("failed", 0)}
    return last


def _problems(report: Row) -> list[str]:
    problems = [] if report["health"] == "Healthy" else [f"the Consumer API says {report['health']}"]
    # A function that nobody has called for weeks is Inactive, which is nothing to worry about.
    problems += [f"{row['function']} is {row['state']}" for row in report["functions"] if row["state"] in _BROKEN]
    problems += [f"table {row['table']} is {row['state']}" for row in report["tables"] if row["state"] != "ACTIVE"]
    # Letters that somebody is just looking at are there as well.
    letters = sum(row["waiting"] + row["inWork"] for row in report["queues"] if row["queue"] == QUEUE)
    problems += [f"{letters} dead letters"] if letters else []
    if report["streamDeadLetters"]:
        problems.append(f"{report['streamDeadLetters']} dead letters of streams")
    problems += [f"{row['job']} has failed for {row['failed']}" for row in report["jobs"] if row["failed"]]
    return problems
