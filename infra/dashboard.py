"""The dashboard: how the Backbone does, on one page of CloudWatch.  Written by `python -m infra.alarms`.

From top to bottom in the order in which one looks: what clients see, what functions do, how far events are, how tables
fare, and what only the functions themselves can tell (metrics of `backbone.metrics`).
"""

import json
from typing import Any

from infra.inventory import ROOT, Function, Inventory, Table

STACK = ROOT / "infra" / "dashboard.yaml"
_COLUMNS = 24
_HEIGHT = 6
_NAMESPACE = "Backbone/${StackName}"

Metric = list[Any]


def template(deployed: Inventory) -> dict[str, Any]:
    """The nested stack of the dashboard."""
    parameters = ["StackName", "ApiId", "AdminApiId", *(f"{table.id}TableSuffix" for table in deployed.tables)]
    body = json.dumps({"widgets": _laid_out(_rows(deployed))}, separators=(",", ":"))
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "How the Backbone does, on one page.",
        "Parameters": {name: {"Type": "String"} for name in parameters},
        "Resources": {
            "Dashboard": {
                "Type": "AWS::CloudWatch::Dashboard",
                "Properties": {"DashboardName": {"Ref": "StackName"}, "DashboardBody": {"Fn::Sub": body}},
            }
        },
    }


def _rows(deployed: Inventory) -> list[list[dict[str, Any]]]:
    behind_apis = [function for function in deployed.functions if not function.sources]
    others = [function for function in deployed.functions if function.sources]
    consumers = [function for function in others if "EventBridgeRule" in function.sources]
    queues = [queue.name for queue in deployed.queues]
    return [
        [
            _graph("Requests", [_api("Count", "Api"), _api("Count", "AdminApi")], "Sum"),
            _graph(
                "Errors",
                [_api(metric, api) for api in ("Api", "AdminApi") for metric in ("4xx", "5xx")],
                "Sum",
            ),
            _graph("Latency in ms", [_api("Latency", "Api", "p50"), _api("Latency", "Api", "p99")]),
        ],
        [
            _graph("Functions behind the APIs: errors", _functions("Errors", behind_apis), "Sum"),
            _graph("Functions behind the APIs: p99 in ms", _functions("Duration", behind_apis), "p99"),
            _graph("Functions behind the APIs: invocations", _functions("Invocations", behind_apis), "Sum"),
        ],
        [
            _graph("Consumers and jobs: errors", _functions("Errors", others), "Sum"),
            _graph("Consumers and jobs: invocations", _functions("Invocations", others), "Sum"),
            _graph("All functions: throttled, running", [["AWS/Lambda", "Throttles", {"stat": "Sum"}],
                                                         ["AWS/Lambda", "ConcurrentExecutions", {"stat": "Maximum"}]]),
        ],
        [
            _graph(
                "Failed events, dead letters",
                [_queue("ApproximateNumberOfMessagesVisible", name) for name in queues],
                "Maximum",
            ),
            _graph("Age of events in ms", _functions("AsyncEventAge", consumers), "Maximum"),
            _graph(
                "Streams: behind in ms",
                _functions("IteratorAge", [one for one in others if "DynamoDB" in one.sources]),
                "Maximum",
            ),
        ],
        [
            _graph("Tables: read units", _tables("ConsumedReadCapacityUnits", deployed), "Sum"),
            _graph("Tables: write units", _tables("ConsumedWriteCapacityUnits", deployed), "Sum"),
            _graph(
                "Tables: throttled",
                [*_tables("ReadThrottleEvents", deployed), *_tables("WriteThrottleEvents", deployed)],
                "Sum",
            ),
        ],
        [
            _graph("Requests refused: 4xx", [_own("ClientErrors", "Sum")]),
            _graph("Quotas exhausted, 5xx", [_own("QuotaExhausted", "Sum"), _own("ServerErrors", "Sum")]),
            _graph("Requests: p99 in ms", [_own("Duration", "p99")]),
        ],
        [
            _graph("Events: from cause to bus in ms", [_own("EventDelay", "p50"), _own("EventDelay", "p99")]),
            _graph("Events: handled", [_own("EventDuration", "SampleCount")]),
            _graph("Events: refused, failed", [_own("EventsRefused", "Sum"), _own("EventsFailed", "Sum")]),
        ],
        [
            _graph("Push: sent", [_own("PushesSent", "Sum")]),
            _graph("Push: failed", [_own("PushesFailed", "Sum")]),
            _graph("Jobs: done, failed", [_own("JobDone", "Sum"), _own("JobFailed", "Sum")]),
        ],
    ]  # fmt: skip


def _laid_out(rows: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [
        {
            "type": "metric",
            "x": column * (_COLUMNS // len(row)),
            "y": number * _HEIGHT,
            "width": _COLUMNS // len(row),
            "height": _HEIGHT,
            "properties": properties,
        }
        for number, row in enumerate(rows)
        for column, properties in enumerate(row)
    ]


def _graph(title: str, metrics: list[Metric], statistic: str = "Average") -> dict[str, Any]:
    return {
        "title": title,
        "metrics": metrics,
        "stat": statistic,
        "period": 300,
        "region": "${AWS::Region}",
        "view": "timeSeries",
    }


def _api(metric: str, api: str, statistic: str = "") -> Metric:
    label = f"{'clients' if api == 'Api' else 'operators'} {metric}{' ' + statistic if statistic else ''}"
    options = {"label": label, **({"stat": statistic} if statistic else {})}
    return ["AWS/ApiGateway", metric, "ApiId", f"${{{api}Id}}", options]


def _functions(metric: str, functions: list[Function]) -> list[Metric]:
    return [
        ["AWS/Lambda", metric, "FunctionName", f"${{StackName}}-{function.name}", {"label": function.name}]
        for function in functions
    ]


def _queue(metric: str, name: str) -> Metric:
    return ["AWS/SQS", metric, "QueueName", f"${{StackName}}-{name}", {"label": name}]


def _tables(metric: str, deployed: Inventory) -> list[Metric]:
    return [["AWS/DynamoDB", metric, "TableName", _table_name(table), {"label": table.id}] for table in deployed.tables]


def _table_name(table: Table) -> str:
    return f"${{StackName}}-{table.service}${{{table.id}TableSuffix}}"


def _own(metric: str, statistic: str) -> Metric:
    """A metric of the functions' own, one line per function that has it."""
    search = f"SEARCH('{{\"{_NAMESPACE}\",service}} MetricName=\"{metric}\"', '{statistic}', 300)"
    return [{"expression": search}]
