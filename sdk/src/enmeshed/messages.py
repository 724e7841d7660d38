"""Messages between identities with a relationship (§17)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from enmeshed.errors import PreconditionError, RecordNotFoundError
from enmeshed.files import File, Files
from enmeshed.protocol.crypto import Cipher
from enmeshed.protocol.encoding import JsonObject, iso, parse_iso, sorted_object, utc_now
from enmeshed.protocol.messages import OpenedMessage, open_message, seal_message
from enmeshed.protocol.relationship_secrets import RelationshipSecrets
from enmeshed.relationships import Relationship, Relationships
from enmeshed.session import Attempt, Session

COLLECTION = "Messages"
SENDING = "message"
_ERRORS = "error.transport.messages."
_DELETED = "Deleted"


@dataclass(frozen=True)
class Recipient:
    """Somebody to whom a message went; ``received_at`` is known to the recipient, and to senders after a refresh."""

    address: str
    received_at: datetime | None
    received_by_device: str | None
    relationship_id: str | None

    @classmethod
    def of(cls, value: JsonObject) -> Recipient:
        """From an entry of a stored message."""
        received = value.get("receivedAt")
        return cls(
            address=value["address"],
            received_at=parse_iso(received) if received else None,
            received_by_device=value.get("receivedByDevice"),
            relationship_id=value.get("relationshipId"),
        )


@dataclass(frozen=True)
class Message:
    """A message sent or received; ``attachments`` are ids of files, see :meth:`Messages.attachments`."""

    id: str
    content: Any
    created_by: str
    created_at: datetime
    recipients: Sequence[Recipient]
    attachments: Sequence[str]
    is_own: bool
    read_at: datetime | None

    @classmethod
    def of(cls, value: JsonObject) -> Message:
        """From the stored object (§20.1 collection ``Messages``)."""
        read = value.get("wasReadAt")
        return cls(
            id=value["id"],
            content=value.get("content"),
            created_by=value["createdBy"],
            created_at=parse_iso(value["createdAt"]),
            recipients=tuple(Recipient.of(entry) for entry in value["recipients"]),
            attachments=tuple(value["attachments"]),
            is_own=value["isOwn"],
            read_at=parse_iso(read) if read else None,
        )


class Messages:
    """The messages of an account: ``account.messages``."""

    def __init__(self, session: Session, relationships: Relationships, files: Files) -> None:
        self._session = session
        self._relationships = relationships
        self._files = files

    # ------------------------------------------------------------------ reading
    def all(self) -> list[Message]:
        """Sent and received messages in the order in which this device learned of them. No network calls."""
        return [Message.of(value) for value in self._session.objects.all(COLLECTION)]

    def get(self, message_id: str) -> Message:
        """A message this device knows; raises :class:`RecordNotFoundError`. No network calls."""
        return Message.of(self._session.objects.get(COLLECTION, message_id))

    def attachments(self, message: Message | str) -> list[File]:
        """The files attached to a message; :meth:`Files.download` reads them. No network calls."""
        message_id = message if isinstance(message, str) else message.id
        return [self._files.get(file_id) for file_id in self.get(message_id).attachments]

    def mark_as_read(self, message: Message | str) -> Message:
        """Remember, for all own devices, that a message was read; keeps the first time. No network calls."""
        value = self._stored(message)
        return self._keep_read_state({**value, "wasReadAt": value.get("wasReadAt") or iso(utc_now())})

    def mark_as_unread(self, message: Message | str) -> Message:
        """Forget on this device that a message was read; others keep it (§20.1). No network calls."""
        return self._keep_read_state(
            {name: part for name, part in self._stored(message).items() if name != "wasReadAt"}
        )

    def _stored(self, message: Message | str) -> JsonObject:
        return self._session.objects.get(COLLECTION, message if isinstance(message, str) else message.id)

    def _keep_read_state(self, value: JsonObject) -> Message:
        self._session.objects.update(COLLECTION, value)
        return self.get(value["id"])

    # ------------------------------------------------------------------ sending
    def send(
        self,
        recipients: Relationship | str | Iterable[Relationship | str],
        content: Any,
        *,
        attachments: Iterable[File] = (),
    ) -> Message:
        """Encrypt for every recipient, sign, send (§17 Send).

        :param recipients: one or several relationships, or addresses of peers
        :param content: any JSON; official clients want an object with an ``@type`` they know, e.g. ``Mail`` or
            ``ArbitraryMessageContent``
        :param attachments: files of this account, own or received
        :raises PreconditionError: ``error.transport.messages.hasNeitherActiveNorTerminatedRelationship``,
            ``…peerIsDeleted``, ``error.client.noRecipients``
        :raises QuotaExhaustedError: too many messages
        :raises BackboneError: e.g. ``…message.maxNumberOfUnreceivedMessagesReached``
        :raises NetworkError: no answer; if the message arrived, the next :meth:`Account.sync` keeps it as sent

        One call: ``POST Messages``.
        """
        session, files = self._session, list(attachments)
        relationships = self._usable_relationships(recipients)
        sealed = seal_message(
            content,
            {address: self._relationships.secrets_for_sending(one) for address, one in relationships.items()},
            created_at=iso(utc_now()),
            attachments=[file.reference for file in files],
        )
        entries = [
            {"address": who, "encryptedKey": cipher.json(), "relationshipId": relationships[who].id}
            for who, cipher in sealed.encrypted_keys.items()
        ]
        value = {
            "attachments": [file.id for file in files],
            "content": content,
            "createdBy": session.address,
            "createdByDevice": session.device_id,
            "isOwn": True,
            "recipients": entries,
            "secretKey": sealed.key.json(),
        }
        body = {
            "attachments": [{"id": file.id} for file in files],
            "body": sealed.body,
            "recipients": sealed.recipients(),
        }
        with session.attempt(SENDING, {"body": sealed.body, "message": value}) as attempt:
            answer = session.connection.post("/Messages", body)
            with session.storage.transaction():
                attempt.done()
                return self._keep({**value, "id": answer["id"], "createdAt": answer["createdAt"]})

    def _usable_relationships(
        self, recipients: Relationship | str | Iterable[Relationship | str]
    ) -> Mapping[str, Relationship]:
        several = [recipients] if isinstance(recipients, Relationship | str) else list(recipients)
        if not several:
            raise PreconditionError("error.client.noRecipients")
        return {address: self._usable_relationship(address) for address in self._relationships.addresses(several)}

    def _usable_relationship(self, address: str) -> Relationship:
        relationship = self._relationships.with_peer(address)
        if relationship is None or relationship.status not in ("Active", "Terminated"):
            raise PreconditionError(f"{_ERRORS}hasNeitherActiveNorTerminatedRelationship", address)
        if relationship.peer_deletion is not None and relationship.peer_deletion.status == _DELETED:
            raise PreconditionError(f"{_ERRORS}peerIsDeleted", address)
        return relationship

    def recover(self, attempt: JsonObject) -> None:
        """Find out whether a message whose answer never came was sent. Calls: ``GET Messages``, per page."""
        answer = self._find_sent(attempt["body"])
        with self._session.storage.transaction():
            Attempt(self._session.storage, attempt["id"]).done()
            if answer is not None and self._session.objects.find(COLLECTION, answer["id"]) is None:
                self._keep({**attempt["message"], "id": answer["id"], "createdAt": answer["createdAt"]})

    def _find_sent(self, body: str) -> JsonObject | None:
        """An own message with this body at the Backbone, which lists the oldest first: so the last pages first."""
        first, total = self._session.connection.page("/Messages")
        later = (self._session.connection.page("/Messages", None, number)[0] for number in range(total, 1, -1))
        found = (item for page in itertools.chain(later, [first]) for item in page if item["body"] == body)
        return next(found, None)

    # ------------------------------------------------------------------ receiving
    def receive(self, message_id: str) -> Message:
        """Fetch, decrypt, verify and keep a message with its attachments' metadata (§17 Receive).

        A message that is kept already is not fetched again. Calls: ``GET Messages/{id}``, ``GET Files/{id}/metadata``
        per unknown attachment, ``GET Relationships/{id}`` if the message was faster than the acceptance. Raises
        :class:`UnreadableError`, :class:`RecordNotFoundError`, :class:`BackboneError`.
        """
        if self._session.objects.find(COLLECTION, message_id) is not None:
            return self.get(message_id)
        answer = self._session.connection.get(f"/Messages/{message_id}")
        relationship = self._relationships.with_peer(answer["createdBy"])
        if relationship is None:
            raise RecordNotFoundError(f"relationship with {answer['createdBy']}")
        opened = open_message(answer, self._session.address, self._secrets_for_reading(relationship))
        for attachment in opened.attachments:
            self._files.load(attachment)
        return self._keep(self._received(answer, opened, relationship))

    def _secrets_for_reading(self, relationship: Relationship) -> RelationshipSecrets:
        try:
            return self._relationships.secrets(relationship)
        except PreconditionError:  # the event of the acceptance comes later, the Backbone promises no order
            refreshed = self._relationships.refresh(relationship.id)
            return self._relationships.secrets(refreshed or relationship)

    def refresh(self, message: Message | str) -> Message:
        """Ask who has received an own message (§17 Own messages). One call: ``GET Messages?ids=``."""
        value = self._stored(message)
        answers = self._session.connection.get("/Messages", {"ids": [value["id"]]})
        if not answers:
            raise RecordNotFoundError(f"{value['id']} at the Backbone")
        for seen in answers[0]["recipients"]:
            Cipher.parse_base64(seen["encryptedKey"])  # must be parseable even for anonymised recipients
            received = {name: seen[name] for name in ("receivedAt", "receivedByDevice") if seen.get(name)}
            for entry in value["recipients"]:
                if entry["address"] == seen["address"]:
                    entry.update(received)
        self._session.objects.update(COLLECTION, value)
        return self.get(value["id"])

    def _received(self, answer: JsonObject, opened: OpenedMessage, relationship: Relationship) -> JsonObject:
        entries = []
        for entry in answer["recipients"]:
            encrypted_key = Cipher.parse_base64(entry["encryptedKey"]).json()
            entries.append(sorted_object({**entry, "encryptedKey": encrypted_key, "relationshipId": relationship.id}))
        return {
            "id": answer["id"],
            "attachments": [attachment.id for attachment in opened.attachments],
            "content": opened.content,
            "createdAt": answer["createdAt"],
            "createdBy": answer["createdBy"],
            "createdByDevice": answer["createdByDevice"],
            "isOwn": False,
            "recipients": entries,
            "secretKey": opened.key.json(),
        }

    def _keep(self, value: JsonObject) -> Message:
        kept = {"@type": "Message", "receivedByEveryone": False, **value}
        self._session.objects.create(COLLECTION, sorted_object(kept))
        return self.get(value["id"])
