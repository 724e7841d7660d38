"""`make logs`: the structured logs of a running Backbone's functions, as they are written.

    python -m infra.local.logs [--port 8090] [--since 60]

One JSON object per line, with the function's name in `service`; pipe it into `jq` to pick and choose.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any

import boto3

from infra.local.running import DEFAULT_PORT, NotRunning, environment_of
from infra.local.stack import STACK

_POLL_SECONDS = 0.5
_NOT_LOGS = ("START ", "END ", "REPORT ", "INIT_START ", '{"_aws":')  # the platform's lines and metrics


def main() -> None:
    """Print log lines until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.logs", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--since", type=int, default=60, help="begin so many seconds ago (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        environment = environment_of(arguments.port)
    except NotRunning as error:
        sys.exit(f"error: {error}")
    logs = boto3.client(
        "logs",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    try:
        _follow(logs, int((time.time() - arguments.since) * 1000))
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    except logs.exceptions.ClientError as error:
        sys.exit(f"error: {error}")


def _follow(logs: Any, begin: int) -> None:
    shown: set[tuple[str, int, str]] = set()
    while True:
        lines = {(event["logStreamName"], event["timestamp"], event["message"]) for event in _events(logs, begin)}
        for _, _, message in sorted(lines - shown, key=lambda line: line[1]):
            if not message.startswith(_NOT_LOGS):
                print(message.rstrip("\n"), flush=True)
        shown |= lines
        time.sleep(_POLL_SECONDS)


def _events(logs: Any, begin: int) -> Iterator[dict[str, Any]]:
    for groups in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"/{STACK}/"):
        for group in groups["logGroups"]:
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=group["logGroupName"], startTime=begin
            )
            for page in pages:
                yield from page["events"]


if __name__ == "__main__":
    main()
