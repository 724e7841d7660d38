"""The rules of external events.  Contract: synchronization.md, sections 4 and 5.

An event is queued for delivery, or blocked until its relationship becomes active, or dead after three failures.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from backbone.addresses import Address
from backbone.events.synchronization import ExternalEventCreated
from backbone.ids import ExternalEventId, MessageId, RelationshipId
from functions.synchronization.domain import Change, EventState, ExternalEvent, Head


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is to become of the message event of a relationship."""

    wanted: bool
    blocked: bool = False


def delivery_of_message(status: str, *, recipient_has_decomposed: bool, was_active: bool) -> Delivery:
    """Blocked as long as the relationship is not active, and not wanted by who has left it.

    `was_active` says that it was active when the message was sent, or has been since: a termination that was faster
    than this event does not hold it back (messages.md, section 11; the reference looks at the status of this moment
    only and so may hold it back).

    A message can be sent while Pending, Active or Terminated only.  Whoever finds another status is late, and gets the
    same outcome as if the message had been first: deleted on rejection, revocation and by the recipient's decomposition
    (section 4); delivered when the sender decomposed.
    """
    if status in ("Rejected", "Revoked") or recipient_has_decomposed:
        return Delivery(wanted=False)
    return Delivery(wanted=True, blocked=status in ("Pending", "Terminated") and not was_active)


def receive(
    head: Head,
    type: str,
    payload: dict[str, str],
    *,
    cause: str,
    now: datetime,
    context: RelationshipId | None = None,
    blocked: bool = False,
    new_id: Callable[[], ExternalEventId] = ExternalEventId.new,
) -> Change:
    """Put an event on the feed, once per cause."""
    event = ExternalEvent(
        id=new_id(),
        index=head.event_index + 1,
        type=type,
        payload=payload,
        created_at=now,
        since=head.run_index,
        context=context,
        state=EventState.BLOCKED if blocked else EventState.QUEUED,
    )
    # The reference tells blocked events as not blocked and nothing when they are released (section 10, 11), so clients
    # are sent to look when there is nothing yet and not when there is (docs/decisions/sync-feed.md).
    counted = replace(head, event_index=event.index, fresh=head.fresh + (not blocked))
    told = (_told(head, event, blocked=blocked),)
    return replace(Change.of(head, now), head=counted, events=(event,), raised=told, cause=cause)


def sent_at(event: ExternalEvent) -> datetime:
    """When the message of an event was sent; only messages are held back."""
    return MessageId(event.payload["id"]).instant


def release(head: Head, held: Iterable[ExternalEvent], now: datetime) -> Change:
    """Queue the blocked ones among the events held back, and tell of the last: one sync fetches them all."""
    blocked = tuple(event for event in held if event.state is EventState.BLOCKED)
    queued = tuple(replace(event, state=EventState.QUEUED, since=head.run_index) for event in blocked)
    freed = replace(head, fresh=head.fresh + len(queued))
    told = tuple(_told(head, event, blocked=False) for event in queued[-1:])
    return replace(Change.of(head, now), head=freed, events=queued, gone=blocked, raised=told)


def discard_blocked(head: Head, held: Iterable[ExternalEvent], now: datetime) -> Change:
    """The relationship never came into being: its messages will never be read."""
    return replace(Change.of(head, now), gone=tuple(event for event in held if event.state is EventState.BLOCKED))


def discard_unassigned(
    head: Head,
    context: RelationshipId,
    queued: Iterable[ExternalEvent],
    held: Iterable[ExternalEvent],
    now: datetime,
) -> Change:
    """The owner has left the relationship: all its events go, except those in the hands of the open run."""
    left = [event for event in queued if event.context == context and not event.belongs_to(head.run)]
    fresh = sum(event.error_count == 0 for event in left)
    counted = replace(head, fresh=head.fresh - fresh, failed=head.failed - (len(left) - fresh))
    return replace(Change.of(head, now), head=counted, gone=(*left, *held))


def anonymise(head: Head, event: ExternalEvent | None, named: Address, pseudonym: Address, now: datetime) -> Change:
    """The identity that an event names is deleted.  Nothing to do if the event is delivered by now."""
    unchanged = Change.of(head, now)
    if event is None or event.named != named:
        return unchanged
    return replace(unchanged, events=(event.without_name(pseudonym),))


def _told(head: Head, event: ExternalEvent, *, blocked: bool) -> ExternalEventCreated:
    return ExternalEventCreated(external_event_id=event.id, owner=head.owner, is_delivery_blocked=blocked)


def payload_date(instant: datetime) -> str:
    """Dates inside payloads have no trailing zeros (section 5)."""
    text = instant.strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{instant.microsecond:06d}".rstrip("0")
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"
