"""Relationship templates: how somebody else can ask for a relationship (§14)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from enmeshed.errors import NotFoundError, PreconditionError
from enmeshed.expiry import expiry
from enmeshed.protocol import ids
from enmeshed.protocol.addresses import PublicIdentity
from enmeshed.protocol.crypto import ExchangeKeyPair, SecretKey
from enmeshed.protocol.encoding import JsonObject, iso, member, parse_iso, sorted_object
from enmeshed.protocol.passwords import PasswordProtection
from enmeshed.protocol.references import TEMPLATE, TOKEN, Reference
from enmeshed.protocol.templates import TemplateContent, TemplateKey, open_template, seal_template
from enmeshed.protocol.tokens import CONTENT_TEMPLATE
from enmeshed.session import Session
from enmeshed.tokens import Token, Tokens, password_query, reference_of

COLLECTION = "Templates"
LIFETIME = timedelta(days=1)
TOKEN_LIFETIME_WITHOUT_EXPIRY = timedelta(days=12)
_ERRORS = "error.runtime.relationshipTemplates."


@dataclass(frozen=True)
class Template:
    """A template this identity made or loaded; ``reference`` is what others need to load it."""

    id: str
    content: Any
    identity: PublicIdentity
    template_key: TemplateKey
    is_own: bool
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    max_number_of_allocations: int | None
    for_identity: str | None
    reference: Reference

    @classmethod
    def of(cls, value: JsonObject, base_url: str) -> Template:
        """From the stored object (§20.1 collection ``Templates``)."""
        return cls(
            id=value["id"],
            content=value.get("content"),
            identity=PublicIdentity.parse(value["identity"]),
            template_key=TemplateKey.parse(value["templateKey"]),
            is_own=value["isOwn"],
            created_by=value["createdBy"],
            created_at=parse_iso(value["createdAt"]),
            expires_at=parse_iso(value["expiresAt"]) if value.get("expiresAt") else None,
            max_number_of_allocations=value.get("maxNumberOfAllocations"),
            for_identity=value.get("forIdentity"),
            reference=reference_of(value, base_url),
        )


@dataclass(frozen=True)
class PublicReference:
    """A template for everybody who uses a client."""

    title: str
    description: str
    reference: Reference


class Templates:
    """The templates of an account: ``account.templates``."""

    def __init__(self, session: Session, tokens: Tokens) -> None:
        self._session = session
        self._tokens = tokens

    def all(self) -> list[Template]:
        """Own and loaded templates, oldest first. No network calls."""
        return [Template.of(value, self._session.base_url) for value in self._session.objects.all(COLLECTION)]

    def get(self, template_id: str) -> Template:
        """A template this device knows; raises :class:`RecordNotFoundError`. No network calls."""
        return Template.of(self._session.objects.get(COLLECTION, template_id), self._session.base_url)

    def create(
        self,
        content: Any,
        *,
        expires_in: timedelta | None = None,
        expires_at: datetime | None = None,
        max_number_of_allocations: int | None = None,
        for_identity: str | None = None,
        password: str | None = None,
        password_location: int | None = None,
    ) -> Template:
        """Make, sign, encrypt and upload a template (§14 Create).

        :param content: any JSON; official clients want an object with ``@type`` ``RelationshipTemplateContent`` or
            ``ArbitraryRelationshipTemplateContent``
        :param expires_in: how long it can be used, or ``expires_at``: until when; a day without either
        :param max_number_of_allocations: how many identities may load it
        :param for_identity: the only address that may load it
        :param password: what readers have to know; 4 to 16 digits make a PIN of it
        :param password_location: 0 to 99, a hint where readers find the password (§12)
        :raises PreconditionError: ``error.client.notAdmin`` on a device without the identity's key
        :raises QuotaExhaustedError: too many templates
        :raises BackboneError: the Backbone refused
        :raises NetworkError: no answer

        One call: ``POST RelationshipTemplates``.
        """
        session = self._session
        key, exchange = SecretKey.generate(), ExchangeKeyPair.generate()
        inner = TemplateContent(content, session.identity, TemplateKey(ids.template_key_id(), exchange.public))
        protection = PasswordProtection.for_password(password, password_location) if password else None
        common = {
            "expiresAt": iso(expiry(expires_in, expires_at, LIFETIME)),
            "maxNumberOfAllocations": max_number_of_allocations,
            "forIdentity": for_identity,
        }
        sealed = seal_template(inner, session.admin_key, key)
        password_hash = protection.hash(password) if protection else None
        body = {**common, "password": password_hash, "content": sealed}
        answer = session.connection.post("/RelationshipTemplates", {k: v for k, v in body.items() if v is not None})
        created = {"createdAt": answer["createdAt"], "createdBy": session.address, "createdByDevice": session.device_id}
        with session.storage.transaction():
            session.vault.save(inner.template_key.id, exchange.json(verbose=True))
            return self._keep(answer["id"], inner, key, {**common, **created}, protection, password, is_own=True)

    def load(self, reference: str | Reference, *, password: str | None = None) -> Template:
        """Fetch, decrypt and verify a template (§14 Load, §19).

        :param reference: that of a template, or of a token for one, as object, truncated text or URL
        :param password: needed if the reference says so
        :raises UnreadableError: no such reference; wrong key; the signature or the creator does not fit
        :raises PreconditionError: ``error.transport.noPasswordProvided``, ``error.transport.general.notIntendedForYou``
        :raises NotFoundError: deleted, expired, for somebody else, or the password is wrong
        :raises BackboneError: e.g. ``…relationshipTemplate.maxNumberOfAllocationsExhausted``

        One call per reference on the way; none if this device knows the template already.
        """
        parsed = Reference.of(reference)
        if parsed.id.startswith(TOKEN):
            parsed = self._reference_in_token(parsed, password)
        parsed.check_kind(TEMPLATE)
        known = self._session.objects.find(COLLECTION, parsed.id)
        if known is not None:
            return Template.of(known, self._session.base_url)
        parsed.check_reader(self._session.address)
        query = password_query(parsed, password)
        answer = self._session.connection.get(f"/RelationshipTemplates/{parsed.id}", query)
        inner = open_template(answer["content"], parsed.key)
        inner.identity.check(answer["createdBy"])
        is_own = answer["createdBy"] == self._session.address
        return self._keep(parsed.id, inner, parsed.key, answer, parsed.password_protection, password, is_own=is_own)

    def public_references(self) -> list[PublicReference]:
        """Templates that the operator recommends to users of this client; often none.

        One call: ``GET /api/poc/PublicRelationshipTemplateReferences``.
        """
        try:
            answers = self._session.connection.get("/api/poc/PublicRelationshipTemplateReferences")
        except NotFoundError:
            return []
        return [
            PublicReference(each["title"], each["description"], Reference.parse(each["truncatedReference"]))
            for each in answers
        ]

    def create_token(
        self,
        template: Template | str,
        *,
        expires_in: timedelta | None = None,
        expires_at: datetime | None = None,
        for_identity: str | None = None,
        password: str | None = None,
        password_location: int | None = None,
    ) -> Token:
        """A token that leads to an own template, e.g. because its reference is shorter-lived (§19).

        A personalised or protected template needs a token for the same identity and with the same password, which are
        taken over if they are not given. Parameters, errors and calls as in :meth:`Tokens.create`; without expiry the
        token expires with the template.

        :raises PreconditionError: the template is not an own one, or identity or password differ
        """
        template_id = template if isinstance(template, str) else template.id
        value = self._session.objects.get(COLLECTION, template_id)
        protection = value.get("passwordProtection") or {}
        for_identity = for_identity or value.get("forIdentity")
        password = password or protection.get("password")
        self._check_inherited(value, for_identity, password)
        until = parse_iso(value["expiresAt"]) if value.get("expiresAt") else None
        return self._tokens.create(
            _token_content(value),
            expires_at=expiry(expires_in, expires_at or until, TOKEN_LIFETIME_WITHOUT_EXPIRY),
            for_identity=for_identity,
            password=password,
            password_location=password_location or protection.get("passwordLocationIndicator"),
            ephemeral=True,
        )

    def delete(self, template: Template | str) -> None:
        """Delete a template: an own one at the Backbone and on all devices, a loaded one on all devices.

        Relationships made from it stay. One call for an own template: ``DELETE RelationshipTemplates/{id}``; one that
        is gone at the Backbone already is no error. Raises :class:`RecordNotFoundError`, :class:`BackboneError`.
        """
        template_id = template if isinstance(template, str) else template.id
        value = self._session.objects.get(COLLECTION, template_id)
        if value["isOwn"]:
            self._tokens.delete_at_backbone(f"/RelationshipTemplates/{template_id}")
        self.forget(value)

    def forget(self, value: JsonObject) -> None:
        """Delete a stored template and its key here and on the other devices. No network calls."""
        with self._session.storage.transaction():
            self._session.objects.delete(COLLECTION, value["id"])
            self._session.vault.forget(value["templateKey"]["id"])

    def _check_inherited(self, value: JsonObject, for_identity: str | None, password: str | None) -> None:
        protection = value.get("passwordProtection") or {}
        if not value["isOwn"]:
            raise PreconditionError(f"{_ERRORS}cannotCreateTokenForPeerTemplate", value["id"])
        if value.get("forIdentity") not in (None, for_identity):
            raise PreconditionError(f"{_ERRORS}personalizationMustBeInherited", value["id"])
        if protection.get("password") not in (None, password):
            raise PreconditionError(f"{_ERRORS}passwordProtectionMustBeInherited", value["id"])

    def _reference_in_token(self, token: Reference, password: str | None) -> Reference:
        content = self._tokens.read(token, password=password)
        if content.get("@type") != CONTENT_TEMPLATE:
            raise PreconditionError("error.runtime.invalidTokenContent", str(content.get("@type")))
        return reference_of({**content, "id": member(content, "templateId")}, self._session.base_url)

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
        self._session.objects.create(COLLECTION, sorted_object(value))
        return self.get(template_id)


def _token_content(value: JsonObject) -> JsonObject:
    """``TokenContentRelationshipTemplate`` (§19); the protection without the password itself (§12.5)."""
    stored = value.get("passwordProtection")
    return sorted_object(
        {
            "@type": CONTENT_TEMPLATE,
            "forIdentity": value.get("forIdentity"),
            "passwordProtection": PasswordProtection.parse(stored).json() if stored else None,
            "secretKey": value["secretKey"],
            "templateId": value["id"],
        }
    )
