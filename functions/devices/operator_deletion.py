"""The operator's commands for deletions, which otherwise go on once a day: `backbone deletion …`.

`run` begins the deletion of all identities whose grace period is over and waits until they are gone, that is until all
services have confirmed.  Unlike the daily job it does not wait for access tokens to expire: their owners should not use
them any more.
"""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer

from backbone import clock
from cli.output import CommandFailed, progress, say
from functions.devices import deletion_jobs
from functions.devices.deletion_jobs import JobFailed, Outcome
from functions.devices.deletion_process import DeletionProcessStatus
from functions.devices.deletion_store import Deletion, DeletionStore, Due

app = typer.Typer(help="Does by hand what daily jobs do: deletions and reminders.", no_args_is_help=True)

Timeout = Annotated[float, typer.Option(help="How long to wait for all services, in seconds.")]
TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.2


@app.command()
def run(timeout: Timeout = TIMEOUT_SECONDS) -> None:
    """Delete identities whose grace period is over, and wait until they are gone."""
    store, now = DeletionStore(), clock.now()
    wanted = list(store.due(until=now))
    _check(deletion_jobs.delete_due(now=now, tokens_valid_for=timedelta(0)))
    wait_for(store, wanted, timeout_seconds=timeout)
    typer.echo(f"Identities deleted: {len(wanted)}.")


@app.command()
def remind() -> None:
    """Send the reminders that are due."""
    outcome = deletion_jobs.remind(now=clock.now())
    typer.echo(f"Reminders sent: {outcome.done}.")
    _check(outcome)


def _check(outcome: Outcome) -> None:
    try:
        outcome.check()
    except JobFailed as problem:
        raise CommandFailed(str(problem)) from None


def wait_for(store: DeletionStore, wanted: Sequence[Due], *, timeout_seconds: float) -> None:
    """Return when all these identities are gone.  Raises `CommandFailed` with what is still waited for."""
    deadline = time.monotonic() + timeout_seconds
    waiting = len(wanted)
    with progress("deleting identities", total=waiting) as advance:
        while True:
            found = (store.find(due.address, due.process_id) for due in wanted)
            remaining = [deletion for deletion in found if deletion and _is_wanted(deletion)]
            advance(waiting - len(remaining))
            waiting = len(remaining)
            if not remaining:
                return
            if time.monotonic() >= deadline:
                break
            time.sleep(_POLL_SECONDS)
    for deletion in remaining:
        services = ", ".join(deletion.process.unconfirmed) or "devices"
        say(f"{deletion.process.id}: still waiting for {services}")
    raise CommandFailed(f"{len(remaining)} of {len(wanted)} identities are not deleted yet; it goes on by itself")


def _is_wanted(deletion: Deletion) -> bool:
    """Its owner has not cancelled the process meanwhile."""
    process = deletion.process
    return process.status is not DeletionProcessStatus.CANCELLED
