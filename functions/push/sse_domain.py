"""What is true of server-sent events.  Contract: devices.md, section 12.8; events.md, section 7.

Why a stream is a series of short answers here: docs/decisions/server-sent-events.md.

A connected device has a mailbox.  Events are put into it under consecutive numbers; an answer tells the number of each,
and the client says with its next request how far it has come.  Reading takes nothing out, so an answer that never
arrived is simply given again, and two requests of one device do not rob each other.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from backbone.ids import random_text

CONNECTION_OPENED = "ConnectionOpened"
KEEP_ALIVE = "keep-alive"
EXTERNAL_EVENT_CREATED = "ExternalEventCreated"

CONTENT_TYPE = "text/event-stream"
GONE_AFTER = timedelta(minutes=2)
"""A client that has not come back for so long is taken for gone."""
RENEWED_FROM = timedelta(minutes=1)
"""Being there is written down when less than this is left, not with every request."""
CAPACITY = 64
"""More events than this do not wait; then one of each name stands for all (clients react alike to one or many)."""
KEPT = 16
"""So many of the events that were read are kept, to recognise repeats and for a second request of the same device."""

_MAILBOX_ID_LENGTH = 10
_MARK_LENGTH = 8
_POSITION = re.compile(r"([A-Za-z0-9]{10})-([0-9]{1,15})")


@dataclass(frozen=True, slots=True)
class Position:
    """How far a client has read; travels as `id:` of an event and comes back as `Last-Event-ID`."""

    mailbox_id: str
    number: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None for what was not made here."""
        match = _POSITION.fullmatch(text)
        return cls(match[1], int(match[2])) if match else None

    def __str__(self) -> str:
        return f"{self.mailbox_id}-{self.number}"


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in a mailbox.  The mark tells the same event from another one of its name."""

    mark: str
    name: str

    @classmethod
    def of(cls, name: str, event_id: str) -> Self:
        """The entry of an event, the same for the same event."""
        digest = hashlib.sha256(event_id.encode()).digest()
        return cls(base64.urlsafe_b64encode(digest).decode()[:_MARK_LENGTH], name)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str`."""
        return cls(text[:_MARK_LENGTH], text[_MARK_LENGTH:])

    def __str__(self) -> str:
        return f"{self.mark}{self.name}"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The events for one device.  `first` is the number of the first entry, `read` that of the last one a client knows.

    `id` is new for each mailbox, so that a position of an earlier one is recognised.
    """

    id: str
    connected_until: datetime
    first: int = 1
    read: int = 0
    entries: tuple[Entry, ...] = ()

    @property
    def last(self) -> int:
        """The number of the newest event, or of the one before the first."""
        return self.first + len(self.entries) - 1

    def is_connected(self, now: datetime) -> bool:
        """Whether the client is there or has been until just now."""
        return self.connected_until > now

    def knows(self, position: Position) -> bool:
        """Whether all that came after this position is still here."""
        return position.mailbox_id == self.id and self.first - 1 <= position.number <= self.last

    def after(self, number: int) -> list[tuple[Position, str]]:
        """The events with higher numbers: where each leaves the client, and its name."""
        return [
            (Position(self.id, position), entry.name)
            for position, entry in enumerate(self.entries, start=self.first)
            if position > number
        ]

    def superfluous(self, read: int) -> int:
        """How many entries, from the first on, nobody needs when the client has come to `read`; none until it pays."""
        behind = min(read - self.first + 1, len(self.entries) - KEPT)
        return behind if behind >= KEPT else 0


def open_mailbox(
    *, now: datetime, wait: timedelta, new_id: Callable[[], str] = lambda: random_text(_MAILBOX_ID_LENGTH)
) -> Mailbox:
    """A mailbox for a client that connects."""
    return Mailbox(new_id(), connected_until(now=now, wait=wait))


def connected_until(*, now: datetime, wait: timedelta) -> datetime:
    """Until when a client whose request is answered within `wait` is taken to be there."""
    return now + wait + GONE_AFTER


def is_to_be_renewed(mailbox: Mailbox, *, now: datetime, wait: timedelta) -> bool:
    """Whether it is time to write down that the client is there."""
    return mailbox.connected_until < now + wait + RENEWED_FROM


def collapsed(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The newest entry of each name, in order."""
    newest = {entry.name: (number, entry) for number, entry in enumerate(entries)}
    return tuple(entry for _, entry in sorted(newest.values(), key=lambda numbered: numbered[0]))


def stream(events: Iterable[tuple[Position | None, str]], *, retry_milliseconds: int) -> str:
    """The text of an answer.  Clients do not see events without data, so data is always `_`."""
    blocks = [f"retry: {retry_milliseconds}\n"]
    for position, name in events:
        blocks.append(f"id: {position}\nevent: {name}\ndata: _\n" if position else f"event: {name}\ndata: _\n")
    return "".join(f"{block}\n" for block in blocks)
