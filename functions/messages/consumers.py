"""What Messages does about events.  Contract: messages.md, section 5."""

from backbone import clock
from backbone.addresses import Address
from backbone.consumers import Consumers
from backbone.events import EventEnvelope
from backbone.events.deletion import IdentityDataDeleted
from backbone.events.devices import IdentityDeleted
from backbone.events.messages import MessageCreated, MessageOrphaned
from backbone.events.relationships import RelationshipAnonymised, RelationshipStatusChanged
from backbone.ids import IdentityDeletionProcessId, RelationshipId
from backbone.readmodels import relationships
from functions.messages import domain, items
from functions.messages.decomposition_store import DecompositionStore
from functions.messages.deletion_store import DeletionStore
from functions.messages.mailbox_store import MailboxStore

consumers = Consumers("messages")
mailboxes = MailboxStore()
decompositions = DecompositionStore()
deletions = DeletionStore()


@consumers.on(RelationshipStatusChanged)
def relationship_status_changed(event: RelationshipStatusChanged, envelope: EventEnvelope) -> None:
    """A decomposition takes the messages of the relationship from the initiator, a deletion the initiator from them.

    The messages are those sent on this relationship, not all between the two: the reference selects by address and so
    touches others' messages once an address is anonymous (§10, 10).
    """
    if event.new_status not in domain.DECOMPOSITION:
        return
    if event.was_due_to_identity_deletion:
        _take_initiator_out_of_messages(event)
    else:
        _take_messages_from_initiator(event)


def _take_messages_from_initiator(event: RelationshipStatusChanged) -> None:
    """Hide them (§5 A)."""
    decompositions.close(event.relationship_id, event.initiator, event.peer)
    mailboxes.forget_numbers(event.initiator)
    for key in decompositions.exchanged(event.relationship_id, event.initiator, now=clock.now()):
        decompositions.decompose(key, event, now=clock.now())
    # Again, because a listing may have numbered the mailbox while it was shrinking.
    mailboxes.forget_numbers(event.initiator)
    mailboxes.number(event.initiator, now=clock.now())
    decompositions.retire(event.initiator, event.peer, now=clock.now())


def _take_initiator_out_of_messages(event: RelationshipStatusChanged) -> None:
    """Replace the initiator by the pseudonym (§5 B)."""
    _take_out(event.relationship_id, event.initiator, event.peer)


def _take_out(relationship_id: RelationshipId, deleted: Address, peer: Address) -> None:
    now = clock.now()
    decompositions.close(relationship_id, deleted, peer)
    for key in decompositions.exchanged(relationship_id, deleted, now=now):
        deletions.leave(items.message_id_of(dict(key)), deleted, now=now)
    decompositions.retire(deleted, peer, now=clock.now())


@consumers.on(RelationshipAnonymised)
def relationship_anonymised(event: RelationshipAnonymised, envelope: EventEnvelope) -> None:
    """Replace an identity that had decomposed before it was deleted."""
    _take_out(event.relationship_id, event.deleted_identity, event.peer)


@consumers.on(MessageOrphaned)
def remove_orphan(event: MessageOrphaned, envelope: EventEnvelope) -> None:
    """Delete a message whose sender and recipients are all deleted."""
    deletions.remove(event.message_id)


@consumers.on(IdentityDeleted)
def finish_deletion(event: IdentityDeleted, envelope: EventEnvelope) -> None:
    """Finish if Relationships has finished; normally this comes too early and does nothing."""
    _finish_deletion(event.identity_address, event.deletion_process_id)


@consumers.on(IdentityDataDeleted)
def finish_deletion_after_relationships(event: IdentityDataDeleted, envelope: EventEnvelope) -> None:
    """Finish when Relationships has finished: from then on nobody can send to the identity any more."""
    if event.service == "relationships":
        _finish_deletion(event.identity_address, event.deletion_process_id)


def _finish_deletion(address: Address, deletion_process_id: IdentityDeletionProcessId) -> None:
    """Nothing is left when its mailbox is empty; what the changes of its relationships have not emptied yet, we do."""
    if relationships.has_left_all(deletion_process_id):
        if not deletions.has_confirmed(deletion_process_id):
            deletions.empty_mailbox(address, now=clock.now())
        deletions.confirm(address, deletion_process_id, now=clock.now())


@consumers.on(MessageCreated)
def number_mailboxes(event: MessageCreated, envelope: EventEnvelope) -> None:
    """Number the mailboxes of every 31st message, so that nobody ever lists far behind the last anchor."""
    if not domain.is_milestone(event.message_id):
        return
    for address in (event.created_by, *(recipient.address for recipient in event.recipients)):
        mailboxes.number(address, now=clock.now())
