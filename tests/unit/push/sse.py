"""A listening device in this process."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from backbone import clock
from backbone.caller import Caller
from backbone.ids import DeviceId
from functions.push.mailbox_store import MailboxStore
from tests.support.api import Answer, InProcessApi

_events = count()


@dataclass(frozen=True)
class Event:
    """An event as a client sees it."""

    id: str
    name: str
    data: str


@dataclass(frozen=True)
class Listening:
    """What a registration tells a mailbox."""

    device_id: DeviceId


def events_of(answer: Answer) -> list[Event]:
    """The events of an answer, read as the standard says (fields in any order, ids go on)."""
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    events, last_id = [], ""
    for block in answer.body.removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        last_id = fields.get("id", last_id)
        if "data" in fields:
            events.append(Event(last_id, fields["event"], fields["data"]))
    return events


def names(events: Sequence[Event]) -> list[str]:
    return [event.name for event in events]


def listen(
    api: InProcessApi, caller: Caller, after: Sequence[Event] | str = "", *, path: str = "/api/v2/sse"
) -> list[Event]:
    """Connect, or come back after these events."""
    last = after if isinstance(after, str) else after[-1].id
    return events_of(api.get(path, caller=caller, headers={"Last-Event-ID": last} if last else {}))


def post(caller: Caller, name: str = "ExternalEventCreated", *, event_id: str | None = None) -> bool:
    """As the consumer of domain events does it."""
    return MailboxStore().post(
        Listening(caller.device_id), event_name=name, event_id=event_id or f"event {next(_events)}", now=clock.now()
    )
