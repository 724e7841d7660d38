"""Envelope of a message, client-protocol.md §17."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enmeshed.errors import UnreadableError
from enmeshed.protocol.crypto import LABEL_RELATIONSHIP, Cipher, SecretKey, Signature, SignatureKeyPair
from enmeshed.protocol.encoding import JsonObject, compact_json, member, parse_object, reads
from enmeshed.protocol.references import Reference
from enmeshed.protocol.relationship_secrets import RelationshipSecrets


@dataclass(frozen=True)
class SealedMessage:
    """A message ready to be sent, and the secrets to store for each recipient afterwards (§24.1)."""

    body: str
    key: SecretKey
    encrypted_keys: Mapping[str, Cipher]
    counted_secrets: Mapping[str, RelationshipSecrets]

    def recipients(self) -> list[JsonObject]:
        """``recipients`` of ``POST /Messages`` (§17 Send, step 7)."""
        return [{"address": who, "encryptedKey": cipher.base64()} for who, cipher in self.encrypted_keys.items()]


@dataclass(frozen=True)
class OpenedMessage:
    """What a recipient reads; ``created_at`` is the sender's word, the Backbone's counts (§17)."""

    content: Any
    created_at: str
    recipients: Sequence[str]
    attachments: Sequence[Reference]
    key: SecretKey


def seal_message(
    content: Any,
    secrets: Mapping[str, RelationshipSecrets],
    *,
    created_at: str,
    attachments: Sequence[Reference] = (),
    key: SecretKey | None = None,
    nonce: bytes | None = None,
) -> SealedMessage:
    """Encrypt and sign for the recipients whose relationship secrets are given by address (§17 Send, 1–6)."""
    key = key or SecretKey.generate()
    encrypted = {who: own.encrypt(compact_json(key.json()).encode()) for who, own in secrets.items()}
    inner = compact_json(
        {
            "@type": "MessageContentWrapper",
            "attachments": [_attachment(reference) for reference in attachments],
            "content": content,
            "createdAt": created_at,
            "recipients": list(secrets),
        }
    )
    signatures = [{"recipient": who, "signature": _signature(inner, own.signature)} for who, own in secrets.items()]
    signed = compact_json({"@type": "MessageSigned", "message": inner, "signatures": signatures})
    return SealedMessage(
        body=key.encrypt(signed.encode(), nonce).base64(),
        key=key,
        encrypted_keys={who: cipher for who, (cipher, _) in encrypted.items()},
        counted_secrets={who: counted for who, (_, counted) in encrypted.items()},
    )


@reads
def open_message(message: JsonObject, own_address: str, secrets: RelationshipSecrets) -> OpenedMessage:
    """Decrypt and check a message as the Backbone delivered it (§17 Receive)."""
    own_entry = next((entry for entry in message["recipients"] if entry["address"] == own_address), None)
    if own_entry is None:
        raise UnreadableError("error.transport.messages.ownAddressNotInList")
    key = SecretKey.parse(parse_object(secrets.decrypt(Cipher.parse_base64(own_entry["encryptedKey"]))))
    signed = parse_object(key.decrypt(Cipher.parse_base64(message["body"])))
    inner = member(signed, "message")
    signature = next((entry for entry in signed["signatures"] if entry["recipient"] == own_address), None)
    if signature is None:
        raise UnreadableError("error.transport.messages.signatureListMismatch")
    if not secrets.peer_signature.verifies(inner.encode(), Signature.parse(parse_object(signature["signature"]))):
        raise UnreadableError("error.transport.messages.signatureNotValid")
    wrapper = parse_object(inner)
    if own_address not in wrapper["recipients"]:
        raise UnreadableError("error.transport.messages.plaintextMismatch")
    return OpenedMessage(
        content=wrapper.get("content"),
        created_at=wrapper["createdAt"],
        recipients=wrapper["recipients"],
        attachments=[_reference(entry) for entry in wrapper["attachments"]],
        key=key,
    )


def _signature(inner: str, key: SignatureKeyPair) -> str:
    """The signature is written as a *string* inside the signed text (§17 Send, step 4)."""
    return compact_json(key.sign(inner.encode(), LABEL_RELATIONSHIP).json())


def _attachment(file: Reference) -> JsonObject:
    base_url = {"backboneBaseUrl": file.base_url} if file.base_url else {}
    return {**base_url, "id": file.id, "key": file.key.json()}


def _reference(entry: JsonObject) -> Reference:
    return Reference(member(entry, "id"), SecretKey.parse(member(entry, "key")), entry.get("backboneBaseUrl"))
