"""Envelope of a relationship template, client-protocol.md §14."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from enmeshed.errors import UnreadableError
from enmeshed.protocol.addresses import PublicIdentity
from enmeshed.protocol.crypto import Cipher, ExchangePublicKey, SecretKey, Signature, SignatureKeyPair
from enmeshed.protocol.encoding import JsonObject, compact_json, member, parse_object, reads


@dataclass(frozen=True)
class TemplateKey:
    """``RelationshipTemplatePublicKey``: the template's exchange key and the name of its secret (§3.1)."""

    id: str
    public: ExchangePublicKey

    def json(self, verbose: bool = False) -> JsonObject:
        fields: JsonObject = {"id": self.id, **self.public.json()}
        return {**fields, "@type": "RelationshipTemplatePublicKey"} if verbose else fields

    @classmethod
    def parse(cls, value: JsonObject) -> TemplateKey:
        return cls(member(value, "id"), ExchangePublicKey.parse(value))


@dataclass(frozen=True)
class TemplateContent:
    """What is inside the envelope of a template."""

    content: Any
    identity: PublicIdentity
    template_key: TemplateKey


def seal_template(
    template: TemplateContent, identity_key: SignatureKeyPair, key: SecretKey, *, nonce: bytes | None = None
) -> str:
    """``content`` of ``POST /RelationshipTemplates`` (§14 Create, steps 1–4)."""
    inner = compact_json(
        {
            "@type": "RelationshipTemplateContentWrapper",
            "content": template.content,
            "identity": template.identity.json(),
            "templateKey": template.template_key.json(),
        }
    )
    signed = {
        "@type": "RelationshipTemplateSigned",
        "deviceSignature": identity_key.sign(inner.encode()).json(),  # the identity's, despite its name
        "serializedTemplate": inner,
    }
    return key.encrypt(compact_json(signed).encode(), nonce).base64()


@reads
def open_template(envelope: str, key: SecretKey) -> TemplateContent:
    """Decrypt a template and verify its signature with the identity key inside it (§14 Load).

    As in the TypeScript client nothing ties that key to ``createdBy`` or to the address (§24.17).
    """
    signed = parse_object(key.decrypt(Cipher.parse_base64(envelope)))
    inner = member(signed, "serializedTemplate")
    wrapper = parse_object(inner)
    identity = PublicIdentity.parse(member(wrapper, "identity"))
    if not identity.public_key.verifies(inner.encode(), Signature.parse(member(signed, "deviceSignature"))):
        raise UnreadableError("error.transport.signatureNotValid", "relationship template")
    return TemplateContent(wrapper.get("content"), identity, TemplateKey.parse(member(wrapper, "templateKey")))
