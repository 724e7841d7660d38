"""What others do, as external events for the identities concerned.  Contract: synchronization.md, sections 4 and 5;
events.md, section 3.1.

Every reaction may be repeated: an event is put on a feed once per domain event, and what follows it finds nothing left
to do the second time.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial

from backbone import clock
from backbone.addresses import Address
from backbone.consumers import Consumers
from backbone.events import EventEnvelope
from backbone.events.files import FileOwnershipClaimed, FileOwnershipLocked
from backbone.events.messages import MessageCreated, MessageRecipient
from backbone.events.relationships import (
    PeerDeleted,
    PeerDeletionCancelled,
    PeerFeatureFlagsChanged,
    PeerToBeDeleted,
    RelationshipReactivationCompleted,
    RelationshipReactivationRequested,
    RelationshipStatusChanged,
    RelationshipTemplateAllocationsExhausted,
)
from backbone.events.tokens import TokenLocked
from backbone.ids import MessageId, RelationshipId
from backbone.readmodels.relationships import RelationshipDetails
from functions.synchronization import external_events
from functions.synchronization.domain import Change
from functions.synchronization.errors import IdentityIsDeleted
from functions.synchronization.external_events import payload_date
from functions.synchronization.store import AlreadyHandled, SyncStore

consumers = Consumers("synchronization")
store = SyncStore()


@consumers.on(MessageCreated)
def message_created(event: MessageCreated, envelope: EventEnvelope) -> None:
    """An event for each recipient, held back as long as the relationship is not active."""
    for recipient in event.recipients:
        _receive_message(recipient, event.message_id, envelope)


@consumers.on(RelationshipStatusChanged)
def relationship_status_changed(event: RelationshipStatusChanged, envelope: EventEnvelope) -> None:
    """An event for the peer; what becomes of the message events of the relationship depends on its new status."""
    if event.new_status != "ReadyForDeletion":  # the peer has left already
        _receive(event.peer, event.name, {"relationshipId": event.relationship_id}, envelope)
    if event.new_status in ("DeletionProposed", "ReadyForDeletion"):
        _discard_events_of_left_relationship(event.initiator, event.relationship_id)
    elif event.new_status == "Active":
        _release_held(event.relationship_id, event.initiator, event.peer)
    elif event.new_status in ("Rejected", "Revoked"):
        _discard_held(event.relationship_id, event.initiator, event.peer)


@consumers.on(RelationshipReactivationRequested)
def reactivation_requested(event: RelationshipReactivationRequested, envelope: EventEnvelope) -> None:
    """An event for the peer."""
    _receive(event.peer, event.name, {"relationshipId": event.relationship_id}, envelope)


@consumers.on(RelationshipReactivationCompleted)
def reactivation_completed(event: RelationshipReactivationCompleted, envelope: EventEnvelope) -> None:
    """An event for the peer; an accepted reactivation releases the messages of both sides."""
    _receive(event.peer, event.name, {"relationshipId": event.relationship_id}, envelope)
    if event.new_relationship_status == "Active":
        with suppress(IdentityIsDeleted):  # nobody reactivates a relationship with a deleted identity
            _, relationship = store.head_and_relationship(event.peer, event.relationship_id)
            owners = relationship.participants if relationship else (event.peer,)
            _release_held(event.relationship_id, *owners)


@consumers.on(PeerToBeDeleted)
def peer_to_be_deleted(event: PeerToBeDeleted, envelope: EventEnvelope) -> None:
    """An event for the peer, with the end of the grace period."""
    payload = {"relationshipId": event.relationship_id, "deletionDate": payload_date(event.grace_period_ends_at)}
    _receive(event.peer_of_identity_to_be_deleted, event.name, payload, envelope)


@consumers.on(PeerDeletionCancelled)
def peer_deletion_cancelled(event: PeerDeletionCancelled, envelope: EventEnvelope) -> None:
    """An event for the peer."""
    payload = {"relationshipId": event.relationship_id}
    _receive(event.peer_of_identity_with_deletion_cancelled, event.name, payload, envelope)


@consumers.on(PeerDeleted)
def peer_deleted(event: PeerDeleted, envelope: EventEnvelope) -> None:
    """An event for the peer, with the time of its creation as time of deletion (section 5)."""
    payload = {"relationshipId": event.relationship_id, "deletionDate": payload_date(clock.now())}
    _receive(event.peer_of_deleted_identity, event.name, payload, envelope)


@consumers.on(PeerFeatureFlagsChanged)
def peer_feature_flags_changed(event: PeerFeatureFlagsChanged, envelope: EventEnvelope) -> None:
    """An event for whom the domain event names."""
    _receive(event.notified_identity_address, event.name, {"peerAddress": event.peer_address}, envelope)


@consumers.on(RelationshipTemplateAllocationsExhausted)
def template_allocations_exhausted(event: RelationshipTemplateAllocationsExhausted, envelope: EventEnvelope) -> None:
    """An event for the creator of the template."""
    payload = {"relationshipTemplateId": event.relationship_template_id}
    _receive(event.created_by, event.name, payload, envelope)


@consumers.on(FileOwnershipLocked)
def file_ownership_locked(event: FileOwnershipLocked, envelope: EventEnvelope) -> None:
    """An event for the owner."""
    _receive(event.owner_address, event.name, {"fileId": event.file_id}, envelope)


@consumers.on(FileOwnershipClaimed)
def file_ownership_claimed(event: FileOwnershipClaimed, envelope: EventEnvelope) -> None:
    """An event for the previous owner."""
    payload = {"fileId": event.file_id, "newOwnerAddress": event.new_owner_address}
    _receive(event.old_owner_address, event.name, payload, envelope)


@consumers.on(TokenLocked)
def token_locked(event: TokenLocked, envelope: EventEnvelope) -> None:
    """An event for the creator; nobody hears of an anonymous token."""
    if event.created_by is not None:
        _receive(event.created_by, event.name, {"tokenId": event.token_id}, envelope)


def _receive(owner: Address, type: str, payload: Mapping[str, str], envelope: EventEnvelope) -> None:
    """One event on the feed of `owner`."""

    def decide() -> Change:
        head = store.head(owner)
        if not head.is_meant_at(envelope.time):
            return Change.of(head, clock.now())
        change = external_events.receive(head, type, dict(payload), cause=envelope.id, now=clock.now())
        # Whoever is named in it must not be deleted at the same time, because then nobody would take the name away.
        named = change.events[0].named
        if named is None or named == owner:
            return change
        return replace(change, witness=store.head(named))

    _once(decide)


def _receive_message(recipient: MessageRecipient, message_id: MessageId, envelope: EventEnvelope) -> None:
    """The event of a message, in the state that the relationship asks for.

    Unless the relationship is active, its revision is a condition of the transaction: the event is there before the
    status changes, so whoever reacts to the change finds it (section 4).  Without this, a change between reading the
    status and writing the event would leave the event blocked for ever.  An active relationship needs no condition:
    for its event to be unwanted it would have to be terminated and left within these milliseconds.
    """

    owner, relationship_id = recipient.address, recipient.relationship_id

    def decide() -> Change:
        head, relationship = store.head_and_relationship(owner, relationship_id)
        if relationship is None or not head.is_meant_at(envelope.time):  # removed thirty days after both sides left it
            return Change.of(head, clock.now())
        left = owner in relationship.decomposed_by
        delivery = external_events.delivery_of_message(
            relationship.status,
            recipient_has_decomposed=left,
            was_active=recipient.sent_while_active or _was_active_after(relationship, envelope.time),
        )
        if not delivery.wanted:
            return Change.of(head, clock.now())
        change = external_events.receive(
            head,
            "MessageReceived",
            {"id": message_id},
            cause=envelope.id,
            now=clock.now(),
            context=relationship_id,
            blocked=delivery.blocked,
        )
        certain = relationship.status == "Active"
        return change if certain else replace(change, premise=(relationship_id, relationship.revision))

    _once(decide)


def _was_active_after(relationship: RelationshipDetails, sent_at: datetime) -> bool:
    """Whether a relationship was active after something had been sent on it, however it stands now."""
    if relationship.status != "Terminated":
        return relationship.status == "Active"
    ended_at = relationship.active_until()
    return ended_at is not None and sent_at < ended_at


def _once(decide: Callable[[], Change]) -> None:
    # Nobody keeps a feed for a deleted identity.
    with suppress(AlreadyHandled, IdentityIsDeleted):
        store.change(decide)


def _release_held(relationship_id: RelationshipId, *owners: Address) -> None:
    """The relationship has become active: for each of its sides, what was sent before is delivered.

    But not what was sent after it was terminated again, if this is told late.
    """

    def decide(owner: Address) -> Change:
        head, relationship = store.head_and_relationship(owner, relationship_id)
        held = store.held(owner, relationship_id)
        if held and relationship is not None and relationship.status != "Active":
            ended_at = relationship.active_until()
            held = [event for event in held if ended_at is not None and external_events.sent_at(event) < ended_at]
        return external_events.release(head, held, clock.now())

    _change_each(decide, owners)


def _discard_held(relationship_id: RelationshipId, *owners: Address) -> None:
    """The relationship never came into being, for neither of its sides."""

    def decide(owner: Address) -> Change:
        return external_events.discard_blocked(store.head(owner), store.held(owner, relationship_id), clock.now())

    _change_each(decide, owners)


def _change_each(decide: Callable[[Address], Change], owners: Iterable[Address]) -> None:
    for owner in owners:
        with suppress(IdentityIsDeleted):
            store.change(partial(decide, owner))


def _discard_events_of_left_relationship(owner: Address, relationship_id: RelationshipId) -> None:
    def decide() -> Change:
        head, queued = store.head_and_queue(owner)
        held = store.held(owner, relationship_id)
        return external_events.discard_unassigned(head, relationship_id, queued, held, clock.now())

    with suppress(IdentityIsDeleted):
        store.change(decide)
