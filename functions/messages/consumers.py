"""What Messages does about events.  Contract: messages.md, section 5."""

from backbone import clock
from backbone.consumers import Consumers
from backbone.events import EventEnvelope
from backbone.events.messages import MessageCreated
from backbone.events.relationships import RelationshipStatusChanged
from functions.messages import domain
from functions.messages.decomposition_store import DecompositionStore
from functions.messages.mailbox_store import MailboxStore

consumers = Consumers("messages")
mailboxes = MailboxStore()
decompositions = DecompositionStore()


@consumers.on(RelationshipStatusChanged)
def take_messages_from_who_decomposed(event: RelationshipStatusChanged, envelope: EventEnvelope) -> None:
    """Hide the messages of a decomposed relationship from the initiator (§5 A).

    The messages are those sent on this relationship, not all between the two: the reference selects by address and so
    touches others' messages once an address is anonymous (§10, 10).
    """
    if event.new_status not in domain.DECOMPOSITION or event.was_due_to_identity_deletion:
        return
    decompositions.close(event.relationship_id, event.initiator, event.peer)
    mailboxes.forget_numbers(event.initiator)
    for key in decompositions.exchanged(event.relationship_id, event.initiator, now=clock.now()):
        decompositions.decompose(key, event, now=clock.now())
    # Again, because a listing may have numbered the mailbox while it was shrinking.
    mailboxes.forget_numbers(event.initiator)
    mailboxes.number(event.initiator, now=clock.now())


@consumers.on(MessageCreated)
def number_mailboxes(event: MessageCreated, envelope: EventEnvelope) -> None:
    """Number the mailboxes of every 31st message, so that nobody ever lists far behind the last anchor."""
    if not domain.is_milestone(event.message_id):
        return
    for address in (event.created_by, *(recipient.address for recipient in event.recipients)):
        mailboxes.number(address, now=clock.now())
