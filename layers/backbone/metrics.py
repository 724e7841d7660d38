"""Metrics: numbers in CloudWatch's embedded metric format, one line on stdout per request, event or run of a job.

Each metric has the dimension `service` (the function); with `MetricsDetail` = `endpoint` also a second set of
dimensions with the route or the event.  CloudWatch bills every distinct combination in use, so rare numbers (errors)
are written only when there are any, and what API Gateway, Lambda, SQS or DynamoDB count anyway is left to them.
docs/operating.md lists the metrics, docs/cost.md what they cost.
"""

import os
from collections.abc import Iterable

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from backbone.settings import function_name, settings

_NAMESPACE = f"Backbone/{os.environ.get('BACKBONE_STACK', '')}".rstrip("/")
_SERVICE = function_name()
TOO_MANY_REQUESTS = 429

Number = tuple[str, MetricUnit, float]


def request_served(route: str, status: int, duration_ms: float) -> None:
    """An answered request.  `Duration`, whose sample count is the number of requests, and the class of error."""
    numbers: list[Number] = [("Duration", MetricUnit.Milliseconds, round(duration_ms, 1))]
    if status >= 500:
        numbers.append(("ServerErrors", MetricUnit.Count, 1))
    elif status == TOO_MANY_REQUESTS:
        numbers.append(("QuotaExhausted", MetricUnit.Count, 1))
    elif status >= 400:
        numbers.append(("ClientErrors", MetricUnit.Count, 1))
    _write(numbers, endpoint=route)


def events_published(delays_ms: Iterable[float]) -> None:
    """Events that are on the bus, each with the time since it was raised: `EventDelay`."""
    _write([("EventDelay", MetricUnit.Milliseconds, round(delay)) for delay in delays_ms])


def event_refused(event_name: str) -> None:
    """An event that the bus did not take; it is tried again."""
    _write([("EventsRefused", MetricUnit.Count, 1)], event=event_name)


def change_put_aside() -> None:
    """A change of a table that the outbox will never be able to follow; a dead letter holds it."""
    _write([("ChangesPutAside", MetricUnit.Count, 1)])


def event_handled(event_name: str, duration_ms: float) -> None:
    """An event a consumer has reacted to.  `EventDuration`, whose sample count is the number of events."""
    _write([("EventDuration", MetricUnit.Milliseconds, round(duration_ms, 1))], event=event_name)


def event_failed(event_name: str) -> None:
    """An event that a consumer could not handle; it comes again."""
    _write([("EventsFailed", MetricUnit.Count, 1)], event=event_name)


def push_sent(event_name: str, platform: str) -> None:
    """A push notification that the provider has accepted."""
    _write([("PushesSent", MetricUnit.Count, 1)], event=event_name, platform=platform)


def push_failed(event_name: str, platform: str) -> None:
    """A push notification that the provider has refused."""
    _write([("PushesFailed", MetricUnit.Count, 1)], event=event_name, platform=platform)


def push_credentials_refused() -> None:
    """An app whose new credentials cannot be used; it goes on with its former ones, if it had any."""
    _write([("PushCredentialsRefused", MetricUnit.Count, 1)])


def job_run(*, done: int, failed: int) -> None:
    """A run of a scheduled job: `JobDone` also when there was nothing to do, so that its absence shows."""
    numbers: list[Number] = [("JobDone", MetricUnit.Count, done)]
    if failed:
        numbers.append(("JobFailed", MetricUnit.Count, failed))
    _write(numbers)


def _write(numbers: list[Number], **detail: str) -> None:
    level = settings().metrics_detail
    if level == "off" or not numbers:
        return
    line = EphemeralMetrics(namespace=_NAMESPACE, service=_SERVICE)
    for name, unit, value in numbers:
        line.add_metric(name, unit, value)
    if level == "endpoint" and detail:
        line.add_dimensions(service=_SERVICE, **detail)
    line.flush_metrics()
