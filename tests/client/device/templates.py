"""Relationship templates of a device, client-protocol.md §14."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.client import ids
from tests.client.addresses import PublicIdentity
from tests.client.crypto import ExchangeKeyPair, SecretKey
from tests.client.device.account import Account
from tests.client.device.tokens import load_token, password_query
from tests.client.encoding import JsonObject, iso, member, parse_iso, sorted_object, utc_now
from tests.client.errors import ProtocolError
from tests.client.passwords import PasswordProtection
from tests.client.references import TEMPLATE, TOKEN, Reference
from tests.client.templates import TemplateContent, TemplateKey, open_template, seal_template
from tests.client.tokens import CONTENT_TEMPLATE

COLLECTION = "Templates"
LIFETIME = timedelta(days=1)


@dataclass(frozen=True)
class Template:
    """A template this device made or loaded."""

    id: str
    content: Any
    identity: PublicIdentity
    template_key: TemplateKey
    is_own: bool
    created_by: str
    expires_at: datetime | None
    reference: Reference

    @classmethod
    def of(cls, value: JsonObject, base_url: str) -> Template:
        """From the stored object (§20.1 collection ``Templates``)."""
        for_identity, protection = value.get("forIdentity"), value.get("passwordProtection")
        return cls(
            id=value["id"],
            content=value.get("content"),
            identity=PublicIdentity.parse(value["identity"]),
            template_key=TemplateKey.parse(value["templateKey"]),
            is_own=value["isOwn"],
            created_by=value["createdBy"],
            expires_at=parse_iso(value["expiresAt"]) if value.get("expiresAt") else None,
            reference=Reference(
                value["id"],
                SecretKey.parse(value["secretKey"]),
                base_url,
                for_identity[-4:] if for_identity else None,
                PasswordProtection.parse(protection) if protection else None,
            ),
        )


class Templates:
    """Creating and loading."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def create(
        self,
        content: Any,
        *,
        expires_at: datetime | None = None,
        max_number_of_allocations: int | None = None,
        for_identity: str | None = None,
        password: str | None = None,
        password_location: int | None = None,
    ) -> Template:
        """Make, sign, encrypt and upload a template; by default it lives for a day (§14 Create)."""
        account = self._account
        key, exchange = SecretKey.generate(), ExchangeKeyPair.generate()
        inner = TemplateContent(content, account.identity, TemplateKey(ids.template_key_id(), exchange.public))
        protection = PasswordProtection.for_password(password, password_location) if password else None
        common = {
            "expiresAt": iso(expires_at or utc_now() + LIFETIME),
            "maxNumberOfAllocations": max_number_of_allocations,
            "forIdentity": for_identity,
        }
        sealed = seal_template(inner, account.admin_key, key)
        password_hash = protection.hash(password) if protection else None
        body = {**common, "password": password_hash, "content": sealed}
        answer = account.api.post("/RelationshipTemplates", {k: v for k, v in body.items() if v is not None})
        account.secrets.save(inner.template_key.id, exchange.json(verbose=True))
        created = {
            "createdBy": account.address,
            "createdByDevice": account.device_id,
            "createdAt": answer["createdAt"],
        }
        return self._keep(answer["id"], inner, key, {**common, **created}, protection, password, is_own=True)

    def load(self, reference: str | Reference, *, password: str | None = None) -> Template:
        """Fetch, decrypt and verify a template by its reference, or by that of a token for it (§14 Load, §19).

        A template that is already in the local store is not fetched again.
        """
        parsed = Reference.parse(reference) if isinstance(reference, str) else reference
        if parsed.id.startswith(TOKEN):
            parsed = self._reference_in_token(parsed, password)
        parsed.check_kind(TEMPLATE).check_reader(self._account.address)
        known = self._account.store.find(COLLECTION, parsed.id)
        if known is not None:
            return Template.of(known, self._account.api.base_url)
        answer = self._account.api.get(f"/RelationshipTemplates/{parsed.id}", password_query(parsed, password))
        inner = open_template(answer["content"], parsed.key)
        is_own = answer["createdBy"] == self._account.address
        return self._keep(parsed.id, inner, parsed.key, answer, parsed.password_protection, password, is_own=is_own)

    def get(self, template_id: str) -> Template:
        """A template of the local store; raises ``error.transport.recordNotFound``."""
        return Template.of(self._account.store.get(COLLECTION, template_id), self._account.api.base_url)

    def _reference_in_token(self, token: Reference, password: str | None) -> Reference:
        content = load_token(self._account.api, token, address=self._account.address, password=password)
        if content.get("@type") != CONTENT_TEMPLATE:
            raise ProtocolError("error.client.wrongTokenContent", str(content.get("@type")))
        protection, for_identity = content.get("passwordProtection"), content.get("forIdentity")
        return Reference(
            member(content, "templateId"),
            SecretKey.parse(member(content, "secretKey")),
            self._account.api.base_url,
            for_identity[-4:] if for_identity else None,
            PasswordProtection.parse(protection) if protection else None,
        )

    def _keep(
        self,
        template_id: str,
        inner: TemplateContent,
        key: SecretKey,
        answer: JsonObject,
        protection: PasswordProtection | None,
        password: str | None,
        *,
        is_own: bool,
    ) -> Template:
        value = {
            "@type": "RelationshipTemplate",
            "id": template_id,
            "content": inner.content,
            "createdAt": answer["createdAt"],
            "createdBy": answer["createdBy"],
            "createdByDevice": answer["createdByDevice"],
            "expiresAt": answer.get("expiresAt"),
            "forIdentity": answer.get("forIdentity"),
            "identity": inner.identity.json(),
            "isOwn": is_own,
            "maxNumberOfAllocations": answer.get("maxNumberOfAllocations"),
            "passwordProtection": protection.json_with(password) if protection and password else None,
            "secretKey": key.json(),
            "templateKey": inner.template_key.json(),
        }
        self._account.store.create(COLLECTION, sorted_object(value))
        return self.get(template_id)
