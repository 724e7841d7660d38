"""What `backbone status` thinks needs an operator.  The rest of it is tested on the deployed system."""

from typing import Any

import pytest

from cli import status
from infra.inventory import inventory

WELL: dict[str, Any] = {
    "health": "Healthy",
    "functions": [{"function": "b-tokens", "state": "Active"}, {"function": "b-keys", "state": "Inactive"}],
    "tables": [{"table": "tokens", "state": "ACTIVE"}],
    "queues": [
        {"queue": "tokens", "waiting": 5, "inWork": 2},
        {"queue": "tokens-dead-letters", "waiting": 0, "inWork": 0},
    ],
    "streamDeadLetters": 0,
    "jobs": [{"job": "b-deletion", "failed": 0}, {"job": "b-reminders", "failed": None}],
}


def test_waiting_events_and_idle_functions_are_no_problem() -> None:
    assert status._problems(WELL) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"health": "Unhealthy"}, "the Consumer API says Unhealthy"),
        ({"functions": [{"function": "b-tokens", "state": "missing"}]}, "b-tokens is missing"),
        ({"functions": [{"function": "b-tokens", "state": "Failed"}]}, "b-tokens is Failed"),
        ({"tables": [{"table": "tokens", "state": "ARCHIVED"}]}, "table tokens is ARCHIVED"),
        ({"queues": [{"queue": "dead-letters", "waiting": 1, "inWork": 1}]}, "2 dead letters"),
        ({"streamDeadLetters": 2}, "2 dead letters of streams"),
        ({"jobs": [{"job": "b-deletion", "failed": 3}]}, "b-deletion has failed for 3"),
    ],
)
def test_everything_else_is_told(change: dict[str, Any], problem: str) -> None:
    assert status._problems({**WELL, **change}) == [problem]


def test_the_last_run_of_a_job_is_read_from_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        (1_000, '{"event_id":390932,"message":"deletions begun","service":"deletion","count":1,"failed":1}'),
        (3_000, '{"event_id":390932,"message":"deletions begun","service":"deletion","count":4,"failed":0}'),
        (4_000, '{"event_id":390930,"message":"reminders sent","service":"reminders","count":9,"failed":9}'),
        (3_001, "REPORT RequestId: x"),
        (2_000, '{"event_id":390931,"message":"deletion failed"}'),
    ]

    class Logs:
        class exceptions:  # noqa: N801  # as boto3 has it
            ResourceNotFoundException = KeyError

        def get_paginator(self, operation: str) -> "Logs":
            assert operation == "filter_log_events"
            return self

        def paginate(self, **asked: Any) -> list[dict[str, Any]]:
            assert asked["logGroupName"] == "/b/devices"
            return [{"events": [{"timestamp": at, "message": message} for at, message in lines]}]

    monkeypatch.setattr(status, "client", lambda service: Logs())

    assert status._job("b", next(one for one in inventory().functions if one.name == "deletion")) == {
        "job": "b-deletion",
        "lastRunAt": "1970-01-01T00:00:03.000Z",
        "done": 4,
        "failed": 0,
    }
