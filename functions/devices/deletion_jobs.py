"""The daily jobs of deletion: reminders, and the beginning of the end.  Contract: devices.md, sections 8.1 and 8.2.

Both work from the index of processes by the end of their grace period, so they read nothing but what is due, and may
run at any time, at the same time, and break off anywhere: what a run has done it finds done the next time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from backbone import metrics
from backbone.observability import logger
from functions.devices import deletion_process
from functions.devices.deletion_process import REMINDER_DAYS, DeletionProcessStatus
from functions.devices.deletion_store import Deletion, DeletionStore

deletions = DeletionStore()
HasTime = Callable[[], bool]
_TIME_FOR_ONE_MS = 10_000


class OutOfTime(Exception):
    """There is more to do.  Raised so that whoever has started the job starts it again."""


class JobFailed(Exception):
    """Some identities could not be handled; the log says why."""


@dataclass(slots=True)
class Outcome:
    """What a run has done; `failed` identities are left to the next one."""

    done: int = 0
    failed: int = 0

    def check(self) -> None:
        """Raises `JobFailed`."""
        if self.failed:
            raise JobFailed(f"{self.failed} failed, {self.done} done")


def time_left(lambda_context: Any) -> HasTime:
    """Whether a Lambda function has time for one more identity."""
    return lambda: lambda_context is None or lambda_context.get_remaining_time_in_millis() > _TIME_FOR_ONE_MS


def remind(*, now: datetime, has_time: HasTime = lambda: True) -> Outcome:
    """Send the reminders that are due: at most one per process and run.  Raises `OutOfTime`."""
    outcome = Outcome()
    for deletion in _due(after=now, until=now + timedelta(days=max(REMINDER_DAYS)), has_time=has_time):
        number = deletion_process.next_reminder(deletion.process, now=now)
        if number is not None:
            _count(outcome, partial(deletions.remind, deletion.process, number, now=now))
    logger.info("reminders sent", event_id=441001, count=outcome.done, failed=outcome.failed)
    metrics.job_run(done=outcome.done, failed=outcome.failed)
    return outcome


def delete_due(*, now: datetime, tokens_valid_for: timedelta, has_time: HasTime = lambda: True) -> Outcome:
    """Begin the deletion of identities whose grace period is over, go on with those that got stuck.

    Nobody logs in after the grace period, but access tokens that were issued before are good for `tokens_valid_for`
    longer: the job waits for them, so that nobody writes while everything is being deleted.  Raises `OutOfTime`.
    """
    outcome = Outcome()
    for deletion in _due(until=now - tokens_valid_for, has_time=has_time):
        if deletion.process.status is DeletionProcessStatus.ACTIVE:
            _count(outcome, partial(deletions.begin, deletion, now=now))
        elif deletion_process.must_ask_again(deletion.process, now=now):
            _count(outcome, partial(_go_on, deletion, now))
    logger.info("deletions begun", event_id=390932, count=outcome.done, failed=outcome.failed)
    metrics.job_run(done=outcome.done, failed=outcome.failed)
    return outcome


def _go_on(deletion: Deletion, now: datetime) -> bool:
    """All services have confirmed but the end has failed, or some have not confirmed."""
    if deletion.process.unconfirmed:
        return deletions.ask_again(deletion.process, now=now)
    deletions.finish(deletion.process, now=now)
    return True


def _due(*, after: datetime | None = None, until: datetime, has_time: HasTime) -> Iterator[Deletion]:
    """The processes of the index as they are now; it may lag behind."""
    for due in deletions.due(after=after, until=until):
        if not has_time():
            raise OutOfTime
        deletion = deletions.find(due.address, due.process_id)
        if deletion is not None:
            yield deletion


def _count(outcome: Outcome, action: Callable[[], bool]) -> None:
    """One identity that cannot be handled does not keep the others waiting."""
    try:
        outcome.done += action()
    except Exception:
        logger.exception("deletion failed", event_id=390931)
        outcome.failed += 1
