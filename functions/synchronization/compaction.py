"""Which modifications nobody needs any more.  Contract: synchronization.md, section 6; admin-api.md, section 15.3.

The newest of a group (type, category, object) replaces the one before at once, as lists would.  What is left are those
that modifications of other groups supersede: a Create by an Update, anything by a Delete.  They are removed when they
are a month old.  For that, the first modification after a time of rest winds up a timer: an item with a TTL, whose end
is an event (docs/decisions/housekeeping.md).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from functions.synchronization.domain import Change, Head

KEPT_FOR = timedelta(days=30)
INTERVAL = timedelta(days=7)
"""Reading a datawallet costs, so it is not read more often."""

_WRITING = ("Create", "Update")


@dataclass(frozen=True, slots=True)
class Outline:
    """A modification without its payload, and the place where it is kept."""

    place: str
    id: str
    index: int
    type: str
    collection: str
    object_identifier: str
    payload_category: str | None
    created_at: datetime

    def may_go(self, now: datetime) -> bool:
        """Whether it is old enough, if it is superseded."""
        return self.created_at <= now - KEPT_FOR


def superseded(newest_first: Iterable[Outline]) -> Iterator[Outline]:
    """Those that a later one of the same collection and object supersedes: a Delete everything, a Create or Update
    another one of the same category.  The newest of all never is."""
    deleted: set[tuple[str, str]] = set()
    written: set[tuple[str, str, str | None]] = set()
    for modification in newest_first:
        thing = modification.collection, modification.object_identifier
        part = (*thing, modification.payload_category)
        writes = modification.type in _WRITING
        if thing in deleted or (writes and part in written):
            yield modification
        if modification.type == "Delete":
            deleted.add(thing)
        elif writes:
            written.add(part)


def scheduled(head: Head, now: datetime) -> Head:
    """The head with a running timer.  One that should have ended long ago is taken for lost."""
    if head.compaction_at is not None and head.compaction_at > now - INTERVAL:
        return head
    return replace(head, compaction_at=now + INTERVAL)


def settled(head: Head, *, seen: int, is_complete: bool, now: datetime) -> Change:
    """The end of a compaction that has seen modifications up to index `seen`.

    The timer runs again if something was too young, or if there is more by now.
    """
    at_rest = is_complete and head.modification_index == seen
    return replace(Change.of(head, now), head=replace(head, compaction_at=None if at_rest else now + INTERVAL))
