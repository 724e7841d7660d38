"""The operator's command for deletions, which otherwise run once a day.

    python -m functions.devices.deletion run [--timeout SECONDS]
    python -m functions.devices.deletion remind

`run` begins the deletion of all identities whose grace period is over and waits until they are gone, that is until all
services have confirmed.  Unlike the daily job it does not wait for access tokens to expire: their owners should not use
them any more.  The table comes from `BACKBONE_DEVICES_TABLE`, credentials from AWS's usual chain.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from backbone import clock
from functions.devices import deletion_jobs
from functions.devices.deletion_jobs import JobFailed
from functions.devices.deletion_process import DeletionProcessStatus
from functions.devices.deletion_store import Deletion, DeletionStore

_POLL_SECONDS = 0.2
_TIMEOUT_SECONDS = 120

store = DeletionStore()


def run(*, timeout_seconds: float) -> tuple[int, list[Deletion]]:
    """Delete everything that is due; how many identities there were, and those that are still there at the end."""
    now = clock.now()
    wanted = list(store.due(until=now))
    deletion_jobs.delete_due(now=now, tokens_valid_for=timedelta(0)).check()
    deadline = time.monotonic() + timeout_seconds
    while True:
        found = (store.find(due.address, due.process_id) for due in wanted)
        remaining = [deletion for deletion in found if deletion and _is_wanted(deletion, now)]
        if not remaining or time.monotonic() >= deadline:
            return len(wanted), remaining
        time.sleep(_POLL_SECONDS)


def _is_wanted(deletion: Deletion, now: datetime) -> bool:
    process = deletion.process
    return process.status is DeletionProcessStatus.DELETING or process.is_past_grace_period(now)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m functions.devices.deletion", description="Deletes identities.")
    commands = parser.add_subparsers(required=True, dest="command")
    now = commands.add_parser("run", help="delete identities whose grace period is over, and wait until they are gone")
    now.add_argument("--timeout", type=float, default=_TIMEOUT_SECONDS, help="in seconds (default: %(default)s)")
    commands.add_parser("remind", help="send the reminders that are due")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when everything is done, 1 with a message otherwise."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "remind":
            outcome = deletion_jobs.remind(now=clock.now())
            outcome.check()
            sys.stdout.write(f"Reminders sent: {outcome.done}.\n")
            return 0
        number, remaining = run(timeout_seconds=options.timeout)
    except JobFailed as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    for deletion in remaining:
        services = ", ".join(deletion.process.unconfirmed) or "devices"
        sys.stderr.write(f"{deletion.process.id}: still waiting for {services}\n")
    sys.stdout.write(f"Identities deleted: {number - len(remaining)}.\n")
    return 1 if remaining else 0


if __name__ == "__main__":
    sys.exit(main())
