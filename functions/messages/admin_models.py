"""What goes over the wire, messages for operators."""

from pydantic import field_validator

from backbone.http import QueryModel, ResponseModel, Timestamp
from backbone.rules import broken_rule
from functions.messages.domain import Recipient
from functions.messages.listing_store import ListedMessage

INCOMING, OUTGOING = "Incoming", "Outgoing"


class TrafficQuery(QueryModel):
    """Whose messages to list, any text, because what is no address has none; and which (admin-api.md, section 11.3)."""

    participant: str
    type: str

    @field_validator("type")
    @classmethod
    def _known(cls, type: str) -> str:
        if type not in (INCOMING, OUTGOING):
            raise broken_rule(f"'type' must be '{INCOMING}' or '{OUTGOING}'.")
        return type


class ListedRecipientOut(ResponseModel):
    """A recipient; `id` counts the recipients of the message from 1."""

    id: int
    message_id: str
    relationship_id: str
    address: str
    received_at: Timestamp | None

    @classmethod
    def of(cls, message: ListedMessage, recipient: Recipient) -> "ListedRecipientOut":
        """The wire form."""
        return cls(
            id=recipient.position + 1,
            message_id=message.id,
            relationship_id=recipient.relationship_id,
            address=recipient.address,
            received_at=recipient.received_at,
        )


class ListedMessageOut(ResponseModel):
    """A message without its content."""

    message_id: str
    sender_address: str
    sender_device: str
    send_date: Timestamp
    number_of_attachments: int
    recipients: tuple[ListedRecipientOut, ...]

    @classmethod
    def of(cls, message: ListedMessage) -> "ListedMessageOut":
        """The wire form."""
        return cls(
            message_id=message.id,
            sender_address=message.created_by,
            sender_device=message.created_by_device,
            send_date=message.created_at,
            number_of_attachments=message.attachments,
            recipients=tuple(ListedRecipientOut.of(message, recipient) for recipient in message.recipients),
        )
