"""Events raised by Messages.  Contract: messages.md, section 6."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from backbone.addresses import Address
from backbone.events.base import DomainEvent
from backbone.ids import MessageId, RelationshipId


class MessageRecipient(BaseModel):
    """A recipient and the relationship the message was sent on.

    `sent_while_active`: the relationship was active then; a termination that comes later does not hold the message back
    (messages.md, section 6).
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)
    address: Address
    relationship_id: RelationshipId
    sent_while_active: bool = False


class MessageCreated(DomainEvent):
    """A message was accepted.

    → synchronization (external event MessageReceived per recipient), messages (numbers mailboxes).
    """

    message_id: MessageId
    created_by: Address
    recipients: tuple[MessageRecipient, ...]

    @property
    def event_id(self) -> str:
        return f"{self.message_id}/Created"


class MessageOrphaned(DomainEvent):
    """Sender and all recipients of a message are anonymous because of their deletion.  → messages (deletes it)."""

    message_id: MessageId

    @property
    def event_id(self) -> str:
        return f"{self.message_id}/MessageOrphaned"
