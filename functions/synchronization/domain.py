"""The things of this module and how they change together.  Contract: synchronization.md, sections 1 to 4.

Everything of an identity hangs on its `Head`: the version and length of the datawallet, the open sync run, and how many
external events wait.  Whatever happens is a `Change`: the head as it was and as it is from now on, with what comes and
goes along with it.  The rules (datawallet.py, sync_runs.py, external_events.py) only compute changes; the store commits
one as a whole or, when the head has moved meanwhile, not at all, and then the rules decide anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from backbone.addresses import Address
from backbone.events import DomainEvent
from backbone.ids import DatawalletModificationId, DeviceId, ExternalEventId, RelationshipId, SyncRunId

BEFORE_THE_FIRST = -1
"""The highest index of something there is nothing of yet."""
KEPT_AFTER_FINALIZATION = timedelta(days=30)


class SyncRunType(StrEnum):
    """What a run is for."""

    EXTERNAL_EVENT_SYNC = "ExternalEventSync"
    DATAWALLET_VERSION_UPGRADE = "DatawalletVersionUpgrade"


class EventState(StrEnum):
    """Where an external event stands; delivered ones are gone."""

    QUEUED = "Queued"
    BLOCKED = "Blocked"
    DEAD = "Dead"


@dataclass(frozen=True, slots=True)
class Modification:
    """A change of one category of one object in the datawallet; the payload is opaque."""

    id: DatawalletModificationId
    index: int
    type: str
    collection: str
    object_identifier: str
    payload_category: str | None
    datawallet_version: int
    created_at: datetime
    created_by_device: DeviceId
    encrypted_payload: bytes | None

    @property
    def group(self) -> tuple[str, str | None, str]:
        """Of a group only the newest counts.  The collection is not part of it (section 2.2, step 4)."""
        return self.type, self.payload_category, self.object_identifier


@dataclass(frozen=True, slots=True)
class Listing:
    """How the modifications above an index were spread over pages when the first page was read.

    `first` holds the index with which each page begins, `last` the highest of all, `total` how many there were.  With
    it a later page is what it would have been then: what has been replaced since is missing and has a higher index now,
    and nothing moves from one page to the one before, where it would be overlooked.
    """

    page_size: int
    first: tuple[int, ...]
    last: int
    total: int

    def range_of(self, page_number: int) -> tuple[int, int] | None:
        """The lowest and the highest index of a page; None beyond the end."""
        if page_number > len(self.first):
            return None
        is_last = page_number == len(self.first)
        return self.first[page_number - 1], self.last if is_last else self.first[page_number] - 1


@dataclass(frozen=True, slots=True)
class SyncRun:
    """One device's exclusive right to process events and append modifications."""

    id: SyncRunId
    type: SyncRunType
    index: int
    created_at: datetime
    expires_at: datetime
    created_by: Address
    created_by_device: DeviceId
    event_count: int
    finalized_at: datetime | None = None

    def is_expired(self, now: datetime) -> bool:
        """Whether somebody else may cancel it; until then it goes on working."""
        return self.expires_at < now

    @property
    def disposable_at(self) -> datetime | None:
        """When housekeeping may remove it."""
        return self.finalized_at and self.finalized_at + KEPT_AFTER_FINALIZATION


_NAMES_ANOTHER = ("peerAddress", "newOwnerAddress")


def named_in(payload: Mapping[str, str]) -> Address | None:
    """The other identity that the payload of an event names, if any."""
    return next((Address(payload[name]) for name in _NAMES_ANOTHER if name in payload), None)


@dataclass(frozen=True, slots=True)
class ExternalEvent:
    """Something that happened to an identity, for its devices to process.

    `since` is the index of the newest run when the event became deliverable: it belongs to later runs only.
    """

    id: ExternalEventId
    index: int
    type: str
    payload: dict[str, str]
    created_at: datetime
    since: int
    error_count: int = 0
    context: RelationshipId | None = None
    state: EventState = EventState.QUEUED

    @property
    def named(self) -> Address | None:
        """The other identity that the payload names; when that is deleted, its name goes."""
        return named_in(self.payload)

    def without_name(self, pseudonym: Address) -> "ExternalEvent":
        """The same, naming nobody."""
        payload = {name: pseudonym if name in _NAMES_ANOTHER else value for name, value in self.payload.items()}
        return replace(self, payload=payload)

    def belongs_to(self, run: SyncRun | None) -> bool:
        """Whether it is assigned to the open run.  Nobody writes this down: starting a run touches no event."""
        return (
            self.state is EventState.QUEUED
            and run is not None
            and run.type is SyncRunType.EXTERNAL_EVENT_SYNC
            and self.since < run.index
        )


@dataclass(frozen=True, slots=True)
class Head:
    """The state of an identity's synchronization.

    `version` is the datawallet's (None: there is no datawallet).  Indices are the highest handed out.  `fresh` and
    `failed` count the queued events outside the open run without and with errors.  `pushed` counts modifications by
    windows of time, for quotas.  `compaction_at` is when somebody looks for superseded modifications (None: there are
    none).  `began_at` is when the identity registered, if its address has had a deleted one before: what is told of an
    earlier time is not for it.  `revision` and the `earlier` ones, newest first, are
    the store's.
    """

    owner: Address
    version: int | None = None
    modification_index: int = BEFORE_THE_FIRST
    run_index: int = BEFORE_THE_FIRST
    event_index: int = BEFORE_THE_FIRST
    run: SyncRun | None = None
    fresh: int = 0
    failed: int = 0
    pushed: Mapping[str, int] = field(default_factory=dict)
    compaction_at: datetime | None = None
    began_at: datetime | None = None
    revision: str | None = None
    earlier: tuple[str, ...] = ()

    @property
    def highest_index(self) -> int | None:
        """The index of the newest modification, None as long as there is none."""
        return None if self.modification_index == BEFORE_THE_FIRST else self.modification_index

    def is_meant_at(self, instant: datetime) -> bool:
        """Whether what happened then can concern this identity, and not an earlier one with its address."""
        return self.began_at is None or instant >= self.began_at


@dataclass(frozen=True, slots=True)
class Change:
    """All that one operation changes, committed as a whole.

    `events` are new or as they are from now on, `gone` are as they were.  `cause` is the domain event that must not
    have been handled before, `premise` a relationship and the revision it must still have, `witness` the head of
    another identity, which an event names and which must not have been deleted meanwhile.
    """

    before: Head
    head: Head
    at: datetime
    appended: tuple[Modification, ...] = ()
    closed_run: SyncRun | None = None
    events: tuple[ExternalEvent, ...] = ()
    gone: tuple[ExternalEvent, ...] = ()
    raised: tuple[DomainEvent, ...] = ()
    cause: str | None = None
    premise: tuple[RelationshipId, int] | None = None
    witness: Head | None = None

    @classmethod
    def of(cls, head: Head, at: datetime) -> Self:
        """Nothing changed yet."""
        return cls(before=head, head=head, at=at)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return self == Change.of(self.before, self.at)
