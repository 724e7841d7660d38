"""`backbone housekeeping …`: whether what ends also goes.  Decision: docs/decisions/housekeeping.md.

There is no job to run: items say when they end, and DynamoDB removes them.  So the command looks whether that works.
"""

from datetime import timedelta
from typing import Any

import typer
from botocore.exceptions import BotoCoreError, ClientError

from backbone import clock
from backbone.settings import settings
from cli import target
from cli.aws import client
from cli.dead_letters import stored_letters
from cli.output import AsJson, CommandFailed, show
from functions.synchronization.operator import compact

app = typer.Typer(help="Tells whether what has ended is removed.", no_args_is_help=True)
app.command("compact")(compact)

_TTL = "ttl"
_LIFECYCLE_RULE = "remove-payloads-without-an-item"
_DAYS = (1, 30)
_READERS = ("outbox", "blobs")
Row = dict[str, Any]


@app.command("status")
def show_housekeeping(as_json: AsJson = False) -> None:
    """Show whether expired items, and payloads without items, are removed; exit code 1 if not."""
    tables = [_table(name) for name in sorted(target.tables())]
    report = {
        "tables": tables,
        "payloadsWithoutItems": "removed" if _has_lifecycle_rule() else "kept for ever",
        "streams": [_reader(f"{target.stack_name()}-{name}") for name in _READERS],
        "streamDeadLetters": sum(1 for _ in stored_letters()),
    }
    problems = _problems(report)
    show({**report, "problems": problems}, as_json=as_json)
    if problems:
        raise CommandFailed(f"{len(problems)} things need you, for example: {problems[0]}")


app.command("run", help="The same: there is nothing that would have to be run.")(show_housekeeping)


def _table(name: str) -> Row:
    description = client("dynamodb").describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    works = description["TimeToLiveStatus"] == "ENABLED" and description.get("AttributeName") == _TTL
    removed = {f"removedIn{days}Days": _removed(name, days) for days in _DAYS}
    return {"table": name, "expiry": "on" if works else "off", **removed}


def _removed(table: str, days: int) -> int | None:
    """How many items have gone by themselves; none where CloudWatch has not counted."""
    now = clock.now()
    try:
        points = client("cloudwatch").get_metric_statistics(
            Namespace="AWS/DynamoDB",
            MetricName="TimeToLiveDeletedItemCount",
            Dimensions=[{"Name": "TableName", "Value": table}],
            StartTime=now - timedelta(days=days),
            EndTime=now,
            Period=days * 86400,
            Statistics=["Sum"],
        )["Datapoints"]
    except (ClientError, BotoCoreError):
        return None
    return int(sum(point["Sum"] for point in points)) if points else None


def _has_lifecycle_rule() -> bool:
    try:
        answer = client("s3").get_bucket_lifecycle_configuration(Bucket=settings().payload_bucket)
    except ClientError:
        return False
    return any(rule.get("ID") == _LIFECYCLE_RULE and rule["Status"] == "Enabled" for rule in answer["Rules"])


def _reader(function: str) -> Row:
    mappings = client("lambda").list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    reading = [mapping for mapping in mappings if mapping["State"] in ("Enabled", "Enabling", "Updating")]
    return {"function": function, "streams": len(mappings), "reading": len(reading)}


def _problems(report: Row) -> list[str]:
    problems = [f"{row['table']} keeps what has expired" for row in report["tables"] if row["expiry"] == "off"]
    if report["payloadsWithoutItems"] == "kept for ever":
        problems.append("the bucket keeps payloads without items")
    problems += [
        f"{row['function']} reads {row['reading']} of {row['streams']} streams"
        for row in report["streams"]
        if row["reading"] < row["streams"] or not row["streams"]
    ]
    if report["streamDeadLetters"]:
        problems.append(f"{report['streamDeadLetters']} dead letters of streams")
    return problems
