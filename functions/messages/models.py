"""What goes over the wire.  Contract: messages.md, section 3."""

from typing import Annotated, Self

from pydantic import BeforeValidator, model_validator

from backbone.addresses import Address
from backbone.http import Base64, QueryModel, RequestModel, ResponseModel, Timestamp
from backbone.ids import FileId, MessageId
from backbone.rules import broken_rule
from backbone.settings import settings
from functions.messages.domain import Message, Opened, Recipient

ENCRYPTED_KEY_BYTES = range(30, 301)
BODY_BYTES = range(1, 10 * 1024 * 1024 + 1)
MAX_ATTACHMENTS = 20
MALFORMED_ATTACHMENT_ID = "PredicateValidator"  # not namespaced, but that is the contract's code (§10, 2)


def _query_boolean(value: object) -> bool:
    text = value.strip().lower() if isinstance(value, str) else ""
    if text not in ("true", "false"):
        raise ValueError("The value is not a boolean.")
    return text == "true"


class RecipientIn(RequestModel):
    """Whom to send to, and the message's key encrypted for him."""

    address: str
    encrypted_key: Base64


class AttachmentIn(RequestModel):
    """A file that belongs to the message; nobody checks whether it exists."""

    id: str


class SendMessageIn(RequestModel):
    """A message to send.  Rules in the order of §3.1, 2: the first broken one is reported."""

    recipients: tuple[RecipientIn, ...] = ()
    body: Base64
    attachments: tuple[AttachmentIn, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        addresses = [recipient.address for recipient in self.recipients]
        if len(set(addresses)) < len(addresses):
            raise broken_rule("'Recipients' must not name an address twice.")
        for recipient in self.recipients:
            Address.parse(recipient.address)
            if len(recipient.encrypted_key) not in ENCRYPTED_KEY_BYTES:
                raise broken_rule("'Encrypted Key' must have 30 to 300 bytes.")
        if not 1 <= len(self.recipients) <= settings().max_message_recipients:
            raise broken_rule(f"'Recipients' must have 1 to {settings().max_message_recipients} elements.")
        if len(self.body) not in BODY_BYTES:
            raise broken_rule("'Body' must have 1 byte to 10 MiB.")
        for attachment in self.attachments:
            if not FileId.is_valid(attachment.id):
                raise broken_rule("An attachment's id is not valid.", MALFORMED_ATTACHMENT_ID)
        if len(self.attachments) > MAX_ATTACHMENTS:
            raise broken_rule(f"'Attachments' must not have more than {MAX_ATTACHMENTS} elements.")
        return self


class GetMessageQuery(QueryModel):
    """`noBody` must be a boolean and means nothing (§10, 1)."""

    no_body: Annotated[bool | None, BeforeValidator(_query_boolean)] = None


class ListMessagesQuery(QueryModel):
    """Which messages to list; none named means all."""

    ids: tuple[MessageId, ...] = ()


class MessageCreatedOut(ResponseModel):
    """The answer to sending."""

    id: str
    created_at: Timestamp

    @classmethod
    def of(cls, message: Message) -> "MessageCreatedOut":
        """The wire form."""
        return cls(id=message.id, created_at=message.created_at)


class AttachmentOut(ResponseModel):
    """An attached file."""

    id: str


class RecipientOut(ResponseModel):
    """A recipient; null until one of his devices has fetched the message."""

    address: str
    encrypted_key: Base64
    received_at: Timestamp | None
    received_by_device: str | None

    @classmethod
    def of(cls, recipient: Recipient) -> "RecipientOut":
        """The wire form."""
        return cls(
            address=recipient.address,
            encrypted_key=recipient.encrypted_key,
            received_at=recipient.received_at,
            received_by_device=recipient.received_by_device,
        )


class MessageOut(ResponseModel):
    """A message as the caller sees it."""

    id: str
    created_at: Timestamp
    created_by: str
    created_by_device: str
    body: Base64
    attachments: list[AttachmentOut]
    recipients: list[RecipientOut]

    @classmethod
    def of(cls, opened: Opened) -> "MessageOut":
        """The wire form."""
        message = opened.message
        return cls(
            id=message.id,
            created_at=message.created_at,
            created_by=message.created_by,
            created_by_device=message.created_by_device,
            body=message.body,
            attachments=[AttachmentOut(id=attachment) for attachment in message.attachments],
            recipients=[RecipientOut.of(recipient) for recipient in opened.recipients],
        )
