"""The daily jobs of deletion: reminders, and the beginning of the end.  Contract: devices.md, sections 8.1 and 8.2.

Both work from the index of processes by the end of their grace period, so they read nothing but what is due, and may
run at any time, at the same time, and break off anywhere: what a run has done it finds done the next time.  They work
on all parts of the index at the same time, fifty processes at once; a run that Lambda would break off stops before,
and goes on there when Lambda starts it again.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from backbone import metrics
from backbone.dynamodb import Item
from backbone.observability import logger
from functions.devices import deletion_process
from functions.devices.deletion_items import DUE_PARTS
from functions.devices.deletion_process import REMINDER_DAYS, DeletionProcessStatus
from functions.devices.deletion_store import Deletion, DeletionStore
from functions.devices.job_store import JobStore

deletions = DeletionStore()
jobs = JobStore()
HasTime = Callable[[], bool]
_TIME_FOR_ONE_MS = 10_000
_BEGINNING: Item = {}


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


def remind(*, now: datetime, has_time: HasTime = lambda: True, run: str = "") -> Outcome:
    """Send the reminders that are due: at most one per process and run.  Raises `OutOfTime`."""

    def send(deletion: Deletion) -> bool:
        number = deletion_process.next_reminder(deletion.process, now=now)
        return number is not None and deletions.remind(deletion.process, number, now=now)

    until = now + timedelta(days=max(REMINDER_DAYS))
    outcome = _Run("reminders", run, send, after=now, until=until, has_time=has_time).work(now)
    logger.info("reminders sent", event_id=441001, count=outcome.done, failed=outcome.failed)
    metrics.job_run(done=outcome.done, failed=outcome.failed)
    return outcome


def delete_due(
    *, now: datetime, tokens_valid_for: timedelta, has_time: HasTime = lambda: True, run: str = ""
) -> Outcome:
    """Begin the deletion of identities whose grace period is over, go on with those that got stuck.

    Nobody logs in after the grace period, but access tokens that were issued before are good for `tokens_valid_for`
    longer: the job waits for them, so that nobody writes while everything is being deleted.  Raises `OutOfTime`.
    """

    def delete(deletion: Deletion) -> bool:
        if deletion.process.status is DeletionProcessStatus.ACTIVE:
            return deletions.begin(deletion, now=now)
        return deletion_process.must_ask_again(deletion.process, now=now) and _go_on(deletion, now)

    until = now - tokens_valid_for
    outcome = _Run("deletion", run, delete, after=None, until=until, has_time=has_time).work(now)
    logger.info("deletions begun", event_id=390932, count=outcome.done, failed=outcome.failed)
    metrics.job_run(done=outcome.done, failed=outcome.failed)
    return outcome


def _go_on(deletion: Deletion, now: datetime) -> bool:
    """All services have confirmed but the end has failed, or some have not confirmed."""
    if deletion.process.unconfirmed:
        return deletions.ask_again(deletion.process, now=now)
    deletions.finish(deletion.process, now=now)
    return True


@dataclass(frozen=True, slots=True)
class _Run:
    """A job's way through the index, all parts at the same time.

    `run` is the same for all attempts of Lambda at one day's run, so that one goes on where the one before has stopped;
    without it, it begins anew.
    """

    name: str
    run: str
    act: Callable[[Deletion], bool]
    after: datetime | None
    until: datetime
    has_time: HasTime

    def work(self, now: datetime) -> Outcome:
        """Look at every process that is due.  Raises `OutOfTime`."""
        begun, failed = jobs.stopped_at(self.name, self.run)
        open_parts = [part for part in range(DUE_PARTS) if begun.get(part, _BEGINNING) is not None]
        with ThreadPoolExecutor(DUE_PARTS) as threads:
            ends = list(threads.map(lambda part: self._part(part, begun.get(part) or None), open_parts))
        outcome = Outcome(sum(end.done for end in ends), failed + sum(end.failed for end in ends))
        places = {**begun, **{part: end.place for part, end in zip(open_parts, ends, strict=True)}}
        if all(place is None for place in places.values()):
            return outcome
        if self.run:
            jobs.stop_at(self.name, self.run, places, outcome.failed, now=now)
        raise OutOfTime

    def _part(self, part: int, start: Item | None) -> "_End":
        end = _End(place=start or _BEGINNING)
        for page in deletions.due_in(part, after=self.after, until=self.until, start=start):
            for deletion in deletions.find_all(page.found):
                if not self.has_time():
                    return end
                end.count(partial(self.act, deletion))
            end.place = page.last_key
        return end


@dataclass(slots=True)
class _End:
    """Where the work on a part has ended (None: at its end), and what was done there."""

    place: Item | None
    done: int = 0
    failed: int = 0

    def count(self, action: Callable[[], bool]) -> None:
        """One identity that cannot be handled does not keep the others waiting."""
        try:
            self.done += action()
        except Exception:
            logger.exception("deletion failed", event_id=390931)
            self.failed += 1
