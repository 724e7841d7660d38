"""Alarms and dashboard, generated from the templates: whatever is deployed is watched.

    python -m infra.alarms             writes functions/*/alarms.yaml, infra/alarms.yaml and infra/dashboard.yaml
    python -m infra.alarms --check     fails when one of them is stale

There are few kinds of alarms; each has an entry in the runbook, docs/operating.md, which its description names.  None
uses metric math: CloudWatch bills the metrics an alarm looks at, so that it would save nothing.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra import dashboard
from infra.inventory import ROOT, Function, Inventory, InventoryError, Queue, Table, inventory, services

STACK = ROOT / "infra" / "alarms.yaml"
NAME = "alarms.yaml"
"""The file in a service's folder, which its template nests."""
RUNBOOK = "docs/operating.md"
HEADER = "# Generated from the templates by `python -m infra.alarms`; do not edit.\n"

_FIVE_MINUTES = 300
_HOUR = 3600
_DAY = 86400
_SLOW_MS = 3000
_SERVER_ERRORS = 10
_MANY_EXECUTIONS = 800
"""An account may have 1,000 at the same time, unless AWS has raised its quota."""
_THROTTLED_REQUESTS = 10
_LATE_SECONDS = {"SynchronizationConsumer": 60, "PushConsumer": 60, "MessagesConsumer": 300}
"""How old an event may be when its consumer gets it, where somebody waits for it."""
_LATE_SECONDS_OTHERWISE = 1800
_FAILING_SECONDS = 3600
"""How long an event may be handed over again and again."""
_BEHIND_SECONDS = {"Outbox": 60, "Blobs": _HOUR}
"""Where somebody waits for events; payloads that are not confirmed expire after 14 days."""
_BEHIND_SECONDS_OTHERWISE = 600
_MAY_BE_SLOW = re.compile("Sse|Admin.*")
"""Server-sent events wait because they are told to; operators may wait."""

_ESSENTIAL = frozenset({"OutboxFunctionBehind", "DeletionFunctionMissing", "FailedEventsWait", "DeadLettersWaiting"})
"""Alarms of single things that stand beside the shared ones, because everybody gets them."""
FREE_ALARMS = 10
"""So many alarms cost nothing; the shared ones are no more than that."""

Resources = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of alarms: what it means, and the heading of its entry in the runbook."""

    heading: str
    meaning: str

    @property
    def description(self) -> str:
        """What the alarm says of itself."""
        return f"{self.meaning} What to do: {RUNBOOK}, '{self.heading}'."


FUNCTION_FAILS = Kind("A function fails", "A function crashed, ran out of time or could not be loaded.")
FUNCTION_IS_SLOW = Kind("A function is slow", "The slowest hundredth of requests takes more than three seconds.")
JOB_FAILS = Kind("A daily job failed", "A daily job did not do all it had to do.")
JOB_IS_MISSING = Kind("A daily job did not run", "A daily job has not run for a day.")
FUNCTIONS_ARE_THROTTLED = Kind("Functions are throttled", "Lambda refuses to start more functions in this account.")
FUNCTIONS_ARE_MANY = Kind("Functions are many", "This account runs nearly as many functions as it may.")
EVENTS_ARE_LOST = Kind("Dead letters", "Events could not be handled and wait for an operator.")
EVENTS_ARE_LATE = Kind("Events are late", "Events wait too long for their consumer.")
EVENTS_FAIL = Kind("Events fail", "Events have been failing for an hour; they are tried again for some more.")
STREAM_IS_BEHIND = Kind("A stream is behind", "Changes of tables are followed too late.")
API_FAILS = Kind("The API answers with errors", "Requests were answered with 5xx.")
TABLE_IS_THROTTLED = Kind("A table is throttled", "DynamoDB refused reads or writes of a table.")
REQUESTS_ARE_REFUSED = Kind("The API refuses many requests", "")  # infra/consumer_api.yaml
UPLOADS_ARE_DOWN = Kind("No container takes uploads", "")  # infra/large_uploads.yaml
KINDS = (
    FUNCTION_FAILS,
    FUNCTION_IS_SLOW,
    JOB_FAILS,
    JOB_IS_MISSING,
    FUNCTIONS_ARE_THROTTLED,
    FUNCTIONS_ARE_MANY,
    EVENTS_ARE_LOST,
    EVENTS_ARE_LATE,
    EVENTS_FAIL,
    STREAM_IS_BEHIND,
    API_FAILS,
    TABLE_IS_THROTTLED,
    REQUESTS_ARE_REFUSED,
    UPLOADS_ARE_DOWN,
)


def alarms(deployed: Inventory) -> Resources:
    """The alarms of a service, by logical name, but for essential ones."""
    return {name: alarm for name, alarm in _all(deployed).items() if name not in _ESSENTIAL}


def _all(deployed: Inventory) -> Resources:
    found: Resources = {}
    for function in deployed.functions:
        found |= _of_function(function)
    for queue in deployed.queues:
        found |= _of_queue(queue)
    for table in deployed.tables:
        found |= _of_table(table)
    return found


def shared_alarms(deployed: Inventory) -> Resources:
    """The essential alarms: about the account, the APIs, the queues that all share, and what all depend on."""
    found = {name: alarm for name, alarm in _all(deployed).items() if name in _ESSENTIAL}
    found |= {
        "FunctionsFail": _alarm(FUNCTION_FAILS, "AWS/Lambda", "Errors", [], above=0, datapoints=(2, 3)),
        "FunctionsThrottled": _alarm(
            FUNCTIONS_ARE_THROTTLED, "AWS/Lambda", "Throttles", [], above=0, datapoints=(2, 3)
        ),
        "FunctionsMany": _alarm(
            FUNCTIONS_ARE_MANY, "AWS/Lambda", "ConcurrentExecutions", [],
            above=_MANY_EXECUTIONS, statistic="Maximum", datapoints=(2, 3),
        ),
    }  # fmt: skip
    for api in ("Api", "AdminApi"):
        dimensions = [{"Name": "ApiId", "Value": {"Ref": f"{api}Id"}}]
        found[f"{api}ServerErrors"] = _alarm(
            API_FAILS, "AWS/ApiGateway", "5xx", dimensions, above=_SERVER_ERRORS, datapoints=(2, 3)
        )
    found["AdminApiServerErrors"]["Condition"] = "HasAdminApi"
    return found


def _of_function(function: Function) -> Resources:
    dimensions = [_named("FunctionName", function.name)]
    found: Resources = {}
    if "Schedule" in function.sources:
        found["Fails"] = _alarm(JOB_FAILS, "AWS/Lambda", "Errors", dimensions, above=0, period=_HOUR)
        found["Missing"] = {
            **_alarm(JOB_IS_MISSING, "AWS/Lambda", "Invocations", dimensions, above=0, period=_DAY, missing="breaching")
        }
        found["Missing"]["Properties"] |= {"ComparisonOperator": "LessThanThreshold", "Threshold": 1}
    else:
        found["Fails"] = _alarm(FUNCTION_FAILS, "AWS/Lambda", "Errors", dimensions, above=0, datapoints=(2, 3))
    if "DynamoDB" in function.sources:
        seconds = _BEHIND_SECONDS.get(function.id, _BEHIND_SECONDS_OTHERWISE)
        found["Behind"] = _alarm(
            STREAM_IS_BEHIND, "AWS/Lambda", "IteratorAge", dimensions,
            above=seconds * 1000, statistic="Maximum", period=60, datapoints=(3, 3),
        )  # fmt: skip
    if "EventBridgeRule" in function.sources:
        seconds = _LATE_SECONDS.get(function.id, _LATE_SECONDS_OTHERWISE)
        found["Late"] = _alarm(
            EVENTS_ARE_LATE, "AWS/Lambda", "AsyncEventAge", dimensions,
            above=seconds * 1000, statistic="Maximum", period=60, datapoints=(3, 3),
        )  # fmt: skip
    if not function.sources and not _MAY_BE_SLOW.fullmatch(function.id):
        slow = _alarm(FUNCTION_IS_SLOW, "AWS/Lambda", "Duration", dimensions, above=_SLOW_MS, datapoints=(3, 3))
        del slow["Properties"]["Statistic"]
        # With few requests, one cold start is the slowest hundredth.
        slow["Properties"] |= {"ExtendedStatistic": "p99", "EvaluateLowSampleCountPercentile": "ignore"}
        found["Slow"] = slow
    return {f"{function.id}Function{what}": alarm for what, alarm in found.items()}


def _of_queue(queue: Queue) -> Resources:
    dimensions = [_named("QueueName", queue.name)]
    if queue.is_dead_letters:
        lost = _alarm(
            EVENTS_ARE_LOST, "AWS/SQS", "ApproximateNumberOfMessagesVisible", dimensions, above=0, statistic="Maximum"
        )
        return {f"{queue.id}Waiting": lost}
    failing = _alarm(
        EVENTS_FAIL, "AWS/SQS", "ApproximateAgeOfOldestMessage", dimensions, above=_FAILING_SECONDS, statistic="Maximum"
    )
    return {f"{queue.id}Wait": failing}


def _of_table(table: Table) -> Resources:
    """An alarm per way, for the table and for each index: what an index throttles is not counted for its table."""
    name: dict[str, Any] = {"Name": "TableName", "Value": {"Ref": "Table"}}
    found: Resources = {}
    for index in ("", *table.indexes):
        dimensions = [name, {"Name": "GlobalSecondaryIndexName", "Value": index}] if index else [name]
        for way in ("Read", "Write"):
            found[f"Table{index[:1].upper()}{index[1:]}{way}sThrottled"] = _alarm(
                TABLE_IS_THROTTLED, "AWS/DynamoDB", f"{way}ThrottleEvents", dimensions, above=_THROTTLED_REQUESTS
            )
    return found


def _named(dimension: str, name: str) -> dict[str, Any]:
    return {"Name": dimension, "Value": {"Fn::Sub": f"${{StackName}}-{name}"}}


def _alarm(
    kind: Kind,
    namespace: str,
    metric: str,
    dimensions: list[dict[str, Any]],
    *,
    above: int,
    statistic: str = "Sum",
    period: int = _FIVE_MINUTES,
    datapoints: tuple[int, int] = (1, 1),
    missing: str = "notBreaching",
) -> dict[str, Any]:
    needed, looked_at = datapoints
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": kind.description,
            "Namespace": namespace,
            "MetricName": metric,
            **({"Dimensions": dimensions} if dimensions else {}),
            "Statistic": statistic,
            "Period": period,
            "EvaluationPeriods": looked_at,
            "DatapointsToAlarm": needed,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": above,
            "TreatMissingData": missing,
            "AlarmActions": [{"Ref": "AlarmTopic"}],
            "OKActions": [{"Ref": "AlarmTopic"}],
        },
    }


def template(service: str) -> dict[str, Any]:
    """The nested stack of a service's alarms."""
    deployed = inventory().of(service)
    parameters = ["StackName", "AlarmTopic", *(["Table"] if deployed.tables else [])]
    return _stack(f"What wakes an operator about {service}.", parameters, alarms(deployed))


def shared_template() -> dict[str, Any]:
    """The nested stack of the alarms that belong to no service."""
    parameters = ["StackName", "AlarmTopic", "ApiId", "AdminApiId"]
    stack = _stack("What wakes an operator about all services together.", parameters, shared_alarms(inventory()))
    return {**stack, "Conditions": {"HasAdminApi": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AdminApiId"}, ""]}]}}}


def _stack(description: str, parameters: list[str], resources: Resources) -> dict[str, Any]:
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"{description} The runbook is {RUNBOOK}.",
        "Parameters": {name: {"Type": "String"} for name in parameters},
        "Resources": resources,
    }


class _Plain(yaml.SafeDumper):
    """Writes repeated values out: CloudFormation does not read YAML aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def rendered() -> dict[Path, str]:
    """The generated files as the templates would have them."""
    stacks = {ROOT / "functions" / service / NAME: template(service) for service in services()}
    stacks |= {STACK: shared_template(), dashboard.STACK: dashboard.template(inventory())}
    return {
        file: HEADER + yaml.dump(content, Dumper=_Plain, sort_keys=False, width=120) for file, content in stacks.items()
    }


def main() -> None:
    """Write the generated files, or compare them."""
    parser = argparse.ArgumentParser(prog="python -m infra.alarms", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file is stale")
    only_check = parser.parse_args().check
    try:
        stale = {file: text for file, text in rendered().items() if not file.exists() or file.read_text() != text}
    except InventoryError as error:
        sys.exit(f"error: {error}")
    if only_check and stale:
        names = ", ".join(str(file.relative_to(ROOT)) for file in stale)
        sys.exit(f"stale: {names}; run `python -m infra.alarms`")
    for file, text in stale.items():
        file.write_text(text)


if __name__ == "__main__":
    main()
