"""What a log of Lambda may hold.  Contract: operations.md, section 5.3."""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.runtime.lambda_process import ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, Outcome

BYTES_PER_REQUEST = 700
BYTES_PER_FAILURE = 8_000
"""A stack trace."""
_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_LEVEL_OF_LAMBDA = {"WARNING": "WARN", "CRITICAL": "FATAL"}
_ADDRESS = re.compile(r"did:e:")
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{8}")
_ALWAYS_SECRET = (ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, "PRIVATE KEY", '"d"', "Authorization")
_LIBRARIES = ("botocore", "urllib3", "boto3", "s3transfer")


def check_lines(lines: Iterable[str], *, log_level: str, secrets: Iterable[str] = ()) -> None:
    """Every line is one of the project's own or a metric, says nothing secret, and is of the level asked for."""
    for line in lines:
        fields = json.loads(line)  # whatever is no JSON was written by somebody else
        assert "_aws" in fields or "event_id" in fields or fields.get("errorType") == "InvocationFailed", line
        level = fields.get("level", "ERROR")  # metrics have none
        assert _rank(level) >= _rank(log_level), line
        for secret in (*_ALWAYS_SECRET, *secrets):
            assert secret not in line, (secret, line)
        assert not _ADDRESS.search(line), line
        assert not _TOKEN.search(line), line
        if "exception" not in fields:  # where it happened may be in a library
            assert not any(library in line for library in _LIBRARIES), line


def check_size(outcome: Outcome, requests: int = 1) -> None:
    """A request costs little log; one that fails unexpectedly, a stack trace."""
    failed = any("exception" in json.loads(line) for line in outcome.log)
    allowed = BYTES_PER_FAILURE if failed else BYTES_PER_REQUEST
    assert outcome.log_bytes <= allowed * requests, outcome.log


def metrics(lines: Iterable[str]) -> list[dict[str, Any]]:
    """The lines that become metrics."""
    return [fields for fields in map(json.loads, lines) if "_aws" in fields]


def let_through(lines: Iterable[str], application_log_level: str) -> list[str]:
    """What Lambda passes on to CloudWatch with this level in the function's logging configuration.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html: a line counts by its `level`
    if it has a valid `timestamp`, too, and as INFO otherwise.
    """
    return [line for line in lines if _rank(_level_for_lambda(json.loads(line))) >= _rank(application_log_level)]


def _level_for_lambda(fields: dict[str, Any]) -> str:
    try:
        at = datetime.fromisoformat(fields["timestamp"])
    except (KeyError, ValueError):
        return "INFO"
    return str(fields.get("level", "INFO")) if "T" in fields["timestamp"] and at.tzinfo else "INFO"


def _rank(level: str) -> int:
    return _LEVELS.index(_LEVEL_OF_LAMBDA.get(level, level))
