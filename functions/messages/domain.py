"""What is true of messages.  Contract: messages.md, sections 2 to 5.

A message is stored once.  Every recipient has a record of his own (`Recipient`), the sender has one (`Dispatch`) that
names all recipients; a message is visible to whoever has his record in his mailbox.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backbone.addresses import Address
from backbone.caller import Caller
from backbone.errors import BackboneError
from backbone.events.messages import MessageCreated, MessageRecipient
from backbone.ids import DeviceId, FileId, MessageId, RelationshipId

SENDABLE = frozenset({"Active", "Pending", "Terminated"})
"""Statuses of a relationship on which messages may be sent; delivery may have to wait (§10, 3)."""
DECOMPOSITION = frozenset({"DeletionProposed", "ReadyForDeletion"})
"""Statuses a relationship gets when a participant decomposes it."""
SENDING_TIME = timedelta(seconds=60)
"""A message is stored within this time after its `created_at` or never: twice the longest a request may run."""
_MILESTONES = frozenset("01")


class NoRelationshipToRecipientExists(BackboneError):
    """400: sender and recipient never had a relationship."""

    def __init__(self) -> None:
        code = "error.platform.validation.message.noRelationshipToRecipientExists"
        super().__init__(code, "There is no relationship to a recipient of the message.")


class RelationshipToRecipientNotActive(BackboneError):
    """400: the youngest relationship to a recipient is over."""

    def __init__(self) -> None:
        code = "error.platform.validation.message.relationshipToRecipientNotActive"
        super().__init__(code, "The relationship to a recipient of the message is not active.")


class MaxNumberOfUnreceivedMessagesReached(BackboneError):
    """400: a recipient has not fetched enough of the sender's earlier messages."""

    def __init__(self) -> None:
        code = "error.platform.validation.message.maxNumberOfUnreceivedMessagesReached"
        super().__init__(code, "A recipient has too many messages of this sender that were not received yet.")


@dataclass(frozen=True, slots=True)
class Message:
    """What all participants share."""

    id: MessageId
    created_at: datetime
    created_by: Address
    created_by_device: DeviceId
    body: bytes
    attachments: tuple[FileId, ...]


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient's record; `position` counts from 0 in the order of the request.

    `sent_while_active` is known while sending only, and told by the event.
    """

    position: int
    address: Address
    relationship_id: RelationshipId
    encrypted_key: bytes
    received_at: datetime | None = None
    received_by_device: DeviceId | None = None
    sent_while_active: bool = False

    @property
    def is_received(self) -> bool:
        """Some device of his has fetched the message."""
        return self.received_at is not None


@dataclass(frozen=True, slots=True)
class Destination:
    """A recipient as the sender's record knows him."""

    address: Address
    relationship_id: RelationshipId
    decomposed_by_sender: bool = False
    decomposed_by_recipient: bool = False

    @property
    def is_decomposed_by_both(self) -> bool:
        """Neither side has the message any more on account of this relationship."""
        return self.decomposed_by_sender and self.decomposed_by_recipient


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The sender's record: where the message went, in the order of the request."""

    destinations: tuple[Destination, ...]
    revision: int = 0
    sender_is_deleted: bool = False

    @property
    def is_visible(self) -> bool:
        """Whether the sender still sees the message (§4)."""
        return any(not destination.decomposed_by_sender for destination in self.destinations)

    @property
    def is_over(self) -> bool:
        """Everybody has decomposed everything: the sender becomes anonymous too (§5 A, 4)."""
        return all(destination.is_decomposed_by_both for destination in self.destinations)

    def without_sender(self) -> "Dispatch":
        """After the deletion of the sender (§5 B, 1)."""
        return replace(self, sender_is_deleted=True)

    def without_recipient(self, position: int, pseudonym: Address) -> "Dispatch":
        """After the deletion of the recipient at `position` (§5 B, 2); no flags change (§5 B, 3)."""
        gone = replace(self.destinations[position], address=pseudonym)
        return replace(self, destinations=(*self.destinations[:position], gone, *self.destinations[position + 1 :]))

    def is_orphaned(self, pseudonym: Address) -> bool:
        """Nobody is left: the message can go (§5 B, 4)."""
        return self.sender_is_deleted and all(destination.address == pseudonym for destination in self.destinations)


@dataclass(frozen=True, slots=True)
class Opened:
    """A message as one of its participants gets it: all recipients for the sender (who has the dispatch), himself for
    a recipient."""

    message: Message
    recipients: tuple[Recipient, ...]
    dispatch: Dispatch | None = None

    def shown(self, pseudonym: Address) -> "Opened":
        """With the pseudonym for recipients whose relationship the sender has decomposed (§3.4)."""
        if self.dispatch is None:
            return self
        hidden = [destination.decomposed_by_sender for destination in self.dispatch.destinations]
        shown = (replace(one, address=pseudonym) if hidden[one.position] else one for one in self.recipients)
        return replace(self, recipients=tuple(shown))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the recipient at this position cannot be sent to."""

    position: int
    error: BackboneError


def refusal(statuses: Sequence[str | None]) -> Refusal | None:
    """The first recipient that cannot be sent to, given the status of the youngest relationship to each (§3.1, 4)."""
    for position, status in enumerate(statuses):
        if status is None:
            return Refusal(position, NoRelationshipToRecipientExists())
        if status not in SENDABLE:
            return Refusal(position, RelationshipToRecipientNotActive())
    return None


def compose(
    sender: Caller,
    *,
    body: bytes,
    attachments: Sequence[FileId],
    now: datetime,
    new_id: Callable[[datetime], MessageId] = MessageId.at,
) -> Message:
    """A new message.  An attachment named twice is attached once (§3.1)."""
    return Message(new_id(now), now, sender.address, sender.device_id, body, tuple(dict.fromkeys(attachments)))


def message_created(message: Message, recipients: Sequence[Recipient]) -> MessageCreated:
    """The event of a stored message."""
    return MessageCreated(
        message_id=message.id,
        created_by=message.created_by,
        recipients=tuple(
            MessageRecipient(
                address=one.address, relationship_id=one.relationship_id, sent_while_active=one.sent_while_active
            )
            for one in recipients
        ),
    )


def decompose(dispatch: Dispatch, position: int, *, by_recipient: bool, pseudonym: Address) -> Dispatch:
    """The dispatch after one side has decomposed the relationship to the recipient at `position` (§5 A).

    Doing it twice changes nothing: the reference fails there, under at-least-once delivery it must not.
    """
    before = dispatch.destinations[position]
    after = (
        replace(before, decomposed_by_recipient=True) if by_recipient else replace(before, decomposed_by_sender=True)
    )
    if after.is_decomposed_by_both:
        after = replace(after, address=pseudonym)
    destinations = (*dispatch.destinations[:position], after, *dispatch.destinations[position + 1 :])
    return replace(dispatch, destinations=destinations)


def is_milestone(message_id: MessageId) -> bool:
    """Every 31st message on average, by chance but for ever: the moment to number the mailboxes it went to."""
    return message_id[-1:] in _MILESTONES
