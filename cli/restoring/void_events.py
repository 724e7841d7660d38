"""Failed events and dead letters that were raised after the point in time to which everything is restored.

They tell of what is not there any more.  If they were handed over again, identities would hear of messages that nobody
can fetch.  Older ones stay: they are handled after the restore, as they would have been.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from backbone import clock, stream_letters
from cli.dead_letters import WORK_SECONDS, DeadLetters, Letter, StoredLetter
from functions.redelivery import domain
from functions.redelivery.store import FailedEventQueue


def discard(stack: str, at: datetime) -> int:
    """Delete them; how many there were.  May be repeated."""
    return _failed_events(at) + _dead_letters(DeadLetters(stack), at)


def _failed_events(at: datetime) -> int:
    queue, number = FailedEventQueue(), 0
    for message in queue.messages():
        try:
            event = domain.read(message.body, message.target).event
        except domain.Unreadable:
            continue
        if _is_void(event, at):
            queue.remove(message)
            number += 1
    return number


def _dead_letters(letters: DeadLetters, at: datetime) -> int:
    found = list(letters.letters(hidden_seconds=WORK_SECONDS))
    void = [letter for letter in found if _was_raised_after(letter, at)]
    for letter in void:
        letters.forget(letter)
    for letter in found:
        if letter not in void:
            letters.put_back(letter)
    return len(void)


def _was_raised_after(letter: Letter, at: datetime) -> bool:
    if isinstance(letter, StoredLetter):
        return _all_later(stream_letters.records_of(letter.body) or (), at)
    return bool(letter.event) and _is_void(letter.event, at)


def _is_void(event: Any, at: datetime) -> bool:
    time = event.get("detail", {}).get("time")
    return time is not None and clock.parse(time) > at


def _all_later(records: Iterable[dict[str, Any]], at: datetime) -> bool:
    changed = [record["dynamodb"].get("ApproximateCreationDateTime", 0) for record in records]
    return bool(changed) and all(datetime.fromtimestamp(one, UTC) > at for one in changed)
