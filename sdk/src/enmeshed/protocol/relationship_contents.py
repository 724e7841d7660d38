"""Creation content and creation response of a relationship, client-protocol.md §15."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from enmeshed.errors import UnreadableError
from enmeshed.protocol.addresses import PublicIdentity
from enmeshed.protocol.crypto import LABEL_RELATIONSHIP, Cipher, ExchangeKeyPair, Signature, SignatureKeyPair
from enmeshed.protocol.encoding import JsonObject, b64json, compact_json, member, parse_object, reads, unb64json
from enmeshed.protocol.relationship_secrets import PublicRequest, PublicResponse, RelationshipSecrets, RequestSecrets


@dataclass(frozen=True)
class CreationContent:
    """What a requestor says, and who it is."""

    content: Any
    identity: PublicIdentity
    template_id: str


def seal_creation_content(
    creation: CreationContent, secrets: RequestSecrets, device_key: SignatureKeyPair, *, nonce: bytes | None = None
) -> str:
    """``creationContent`` of ``POST /Relationships`` (§15 R, steps 3–5)."""
    inner = compact_json(
        {
            "@type": "RelationshipCreationContentWrapper",
            "content": creation.content,
            "identity": creation.identity.json(),
            "templateId": creation.template_id,
        }
    )
    signed = _signed("serializedCreationContent", inner, device_key, secrets.signature)
    cipher = secrets.request_key.encrypt(signed, nonce)
    return b64json(
        {
            "@type": "RelationshipCreationContentCipher",
            "cipher": cipher.json(),
            "publicCreationContentCrypto": secrets.public_request.json(),
        }
    )


@reads
def receive_creation_content(
    envelope: str, template_key: ExchangeKeyPair
) -> tuple[CreationContent, RelationshipSecrets]:
    """The templator's half of the handshake: derive fresh secrets, decrypt and verify (§15 T, steps 1–3)."""
    secrets = RelationshipSecrets.for_templator(template_key, public_request_of(envelope))
    return open_creation_content(envelope, secrets), secrets


@reads
def public_request_of(envelope: str) -> PublicRequest:
    """The requestor's public keys, which travel in clear (§15 R, step 5)."""
    return PublicRequest.parse(member(unb64json(envelope), "publicCreationContentCrypto"))


@reads
def open_creation_content(envelope: str, secrets: RelationshipSecrets) -> CreationContent:
    """Decrypt with the request secret; verify ``relationshipSignature``, not ``deviceSignature`` (§15 T.3)."""
    signed = parse_object(secrets.request_key.decrypt(Cipher.parse(member(unb64json(envelope), "cipher"))))
    inner = member(signed, "serializedCreationContent")
    signature = Signature.parse(member(signed, "relationshipSignature"))
    if not secrets.peer_signature.verifies(inner.encode(), signature):
        raise UnreadableError("error.transport.signatureNotValid", "relationship creation content")
    wrapper = parse_object(inner)
    identity = PublicIdentity.parse(member(wrapper, "identity"))
    return CreationContent(wrapper.get("content"), identity, member(wrapper, "templateId"))


def seal_creation_response(
    relationship_id: str, secrets: RelationshipSecrets, device_key: SignatureKeyPair
) -> tuple[str, RelationshipSecrets]:
    """``creationResponseContent`` of ``PUT /Relationships/{id}/Accept``, and the secrets to store (§15 T, accept).

    The first thing encrypted with the transmit key, so its counter is 0.
    """
    inner = compact_json({"@type": "RelationshipCreationResponseContentWrapper", "relationshipId": relationship_id})
    cipher, counted = secrets.encrypt(
        _signed("serializedCreationResponseContent", inner, device_key, secrets.signature)
    )
    envelope = b64json(
        {
            "@type": "RelationshipCreationResponseContentCipher",
            "cipher": cipher.json(),
            "publicCreationResponseContentCrypto": secrets.public_response.json(),
        }
    )
    return envelope, counted


@reads
def public_response_of(envelope: str) -> PublicResponse:
    """The templator's public keys: all the requestor reads of an acceptance (§15 R, on event)."""
    return PublicResponse.parse(member(unb64json(envelope), "publicCreationResponseContentCrypto"))


@reads
def open_creation_response(envelope: str, secrets: RelationshipSecrets) -> str:
    """The relationship id inside an acceptance. Clients never look (§15); tests may."""
    signed = parse_object(secrets.decrypt(Cipher.parse(member(unb64json(envelope), "cipher"))))
    inner = member(signed, "serializedCreationResponseContent")
    if not secrets.peer_signature.verifies(inner.encode(), Signature.parse(member(signed, "relationshipSignature"))):
        raise UnreadableError("error.transport.signatureNotValid", "relationship creation response")
    relationship_id: str = member(parse_object(inner), "relationshipId")
    return relationship_id


def _signed(name: str, inner: str, device_key: SignatureKeyPair, relationship_key: SignatureKeyPair) -> bytes:
    """The signed text; this level carries no ``@type`` (§15 R, step 4)."""
    signed: JsonObject = {
        "deviceSignature": device_key.sign(inner.encode()).json(),
        "relationshipSignature": relationship_key.sign(inner.encode(), LABEL_RELATIONSHIP).json(),
        name: inner,
    }
    return compact_json(signed).encode()
