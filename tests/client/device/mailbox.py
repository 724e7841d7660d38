"""Messages of a device, client-protocol.md §17."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.client.crypto import Cipher
from tests.client.device.account import Account
from tests.client.device.files import File, Files
from tests.client.device.relationships import Relationship, Relationships
from tests.client.encoding import JsonObject, iso, sorted_object, utc_now
from tests.client.errors import ProtocolError
from tests.client.messages import OpenedMessage, open_message, seal_message

COLLECTION = "Messages"
_ERRORS = "error.transport.messages."


@dataclass(frozen=True)
class Message:
    """A message sent or received."""

    id: str
    content: Any
    created_by: str
    created_at: str
    recipients: list[JsonObject]
    attachments: list[str]
    is_own: bool

    @classmethod
    def of(cls, value: JsonObject) -> Message:
        """From the stored object (§20.1 collection ``Messages``)."""
        return cls(
            id=value["id"],
            content=value.get("content"),
            created_by=value["createdBy"],
            created_at=value["createdAt"],
            recipients=value["recipients"],
            attachments=value["attachments"],
            is_own=value["isOwn"],
        )


class Mailbox:
    """Sending and receiving."""

    def __init__(self, account: Account, relationships: Relationships, files: Files) -> None:
        self._account = account
        self._relationships = relationships
        self._files = files

    def all(self) -> list[Message]:
        return [Message.of(value) for value in self._account.store.all(COLLECTION)]

    def get(self, message_id: str) -> Message:
        """From the local store; raises ``error.transport.recordNotFound``."""
        return Message.of(self._account.store.get(COLLECTION, message_id))

    def send(self, recipients: Sequence[str], content: Any, *, attachments: Sequence[File] = ()) -> Message:
        """Encrypt for every recipient, count the counters up, send (§17 Send, §24.1)."""
        relationships = {address: self._usable_relationship(address) for address in recipients}
        sealed = seal_message(
            content,
            {address: self._relationships.secrets(one) for address, one in relationships.items()},
            created_at=iso(utc_now()),
            attachments=[file.reference for file in attachments],
        )
        for address, counted in sealed.counted_secrets.items():  # first, so that no counter is ever used twice
            self._relationships.store_secrets(relationships[address], counted)
        body = {
            "attachments": [{"id": file.id} for file in attachments],
            "body": sealed.body,
            "recipients": sealed.recipients(),
        }
        answer = self._account.api.post("/Messages", body)
        entries = [
            {"address": who, "encryptedKey": cipher.json(), "relationshipId": relationships[who].id}
            for who, cipher in sealed.encrypted_keys.items()
        ]
        value = {
            "id": answer["id"],
            "attachments": [file.id for file in attachments],
            "content": content,
            "createdAt": answer["createdAt"],
            "createdBy": self._account.address,
            "createdByDevice": self._account.device_id,
            "isOwn": True,
            "recipients": entries,
            "secretKey": sealed.key.json(),
        }
        return self._keep(value)

    def load(self, message_id: str) -> Message:
        """Fetch, decrypt, verify and keep a received message with its attachments' metadata (§17 Receive)."""
        answer = self._account.api.get(f"/Messages/{message_id}")
        relationship = self._relationships.with_peer(answer["createdBy"])
        if relationship is None:
            raise ProtocolError("error.transport.recordNotFound", f"no relationship to {answer['createdBy']}")
        opened = open_message(answer, self._account.address, self._relationships.secrets(relationship))
        for attachment in opened.attachments:
            self._files.load(attachment.id, attachment.key)
        return self._keep(self._received(answer, opened, relationship))

    def update_delivery(self, message_id: str) -> Message:
        """Read who has received an own message (§17 Own messages)."""
        answers = self._account.api.get("/Messages", {"ids": [message_id]})
        value = self._account.store.get(COLLECTION, message_id)
        for seen in answers[0]["recipients"]:
            Cipher.parse_base64(seen["encryptedKey"])  # must be parseable even for anonymised recipients
            received = {name: seen[name] for name in ("receivedAt", "receivedByDevice") if seen.get(name)}
            for entry in value["recipients"]:
                if entry["address"] == seen["address"]:
                    entry.update(received)
        self._account.store.update(COLLECTION, value)
        return self.get(message_id)

    def _usable_relationship(self, address: str) -> Relationship:
        relationship = self._relationships.with_peer(address)
        if relationship is None or relationship.status not in ("Active", "Terminated"):
            raise ProtocolError(f"{_ERRORS}hasNeitherActiveNorTerminatedRelationship", address)
        if (relationship.peer_deletion or {}).get("deletionStatus") == "Deleted":
            raise ProtocolError(f"{_ERRORS}peerIsDeleted", address)
        return relationship

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
        self._account.store.create(COLLECTION, sorted_object(kept))
        return self.get(value["id"])
