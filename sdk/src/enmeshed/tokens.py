"""Tokens: any content, encrypted, for whoever has the reference (§19)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from enmeshed.backbone import Backbone
from enmeshed.errors import NotFoundError, PreconditionError
from enmeshed.expiry import expiry
from enmeshed.http import Connection
from enmeshed.protocol import ids
from enmeshed.protocol.crypto import SecretKey
from enmeshed.protocol.encoding import JsonObject, iso, parse_iso, sorted_object, utc_now
from enmeshed.protocol.passwords import PasswordProtection
from enmeshed.protocol.references import TOKEN, Reference
from enmeshed.protocol.tokens import open_token, seal_token
from enmeshed.session import Session

COLLECTION = "Tokens"
LIFETIME = timedelta(days=1)
EMPTY_TOKEN_LIFETIME = timedelta(minutes=2)


@dataclass(frozen=True)
class Token:
    """A token this identity made or loaded; ``reference`` is what others need to load it."""

    id: str
    content: Any
    is_own: bool
    created_by: str
    created_at: datetime
    expires_at: datetime
    for_identity: str | None
    reference: Reference

    @classmethod
    def of(cls, value: JsonObject, base_url: str) -> Token:
        """From the stored object (§20.1 collection ``Tokens``)."""
        return cls(
            id=value["id"],
            content=value.get("content"),
            is_own=value["isOwn"],
            created_by=value["createdBy"],
            created_at=parse_iso(value["createdAt"]),
            expires_at=parse_iso(value["expiresAt"]),
            for_identity=value.get("forIdentity"),
            reference=reference_of(value, base_url),
        )


class Tokens:
    """The tokens of an account: ``account.tokens``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def all(self) -> list[Token]:
        """Own and loaded tokens that were not ephemeral, oldest first. No network calls."""
        return [Token.of(value, self._session.base_url) for value in self._session.objects.all(COLLECTION)]

    def get(self, token_id: str) -> Token:
        """A token this device knows; raises :class:`RecordNotFoundError`. No network calls."""
        return Token.of(self._session.objects.get(COLLECTION, token_id), self._session.base_url)

    def create(
        self,
        content: Any,
        *,
        expires_in: timedelta | None = None,
        expires_at: datetime | None = None,
        for_identity: str | None = None,
        password: str | None = None,
        password_location: int | None = None,
        ephemeral: bool = False,
    ) -> Token:
        """Encrypt and upload any content (§19).

        :param content: a JSON object
        :param expires_in: how long it can be loaded, or ``expires_at``: until when; a day without either
        :param for_identity: the only address that may load it
        :param password: what readers have to know; 4 to 16 digits make a PIN of it
        :param password_location: 0 to 99, a hint where readers find the password (§12)
        :param ephemeral: do not keep it on the own devices
        :raises QuotaExhaustedError: too many tokens
        :raises BackboneError: the Backbone refused
        :raises NetworkError: no answer

        One call: ``POST Tokens``.
        """
        session, key = self._session, SecretKey.generate()
        protection = PasswordProtection.for_password(password, password_location) if password else None
        body = sorted_object(
            {
                "content": seal_token(content, key),
                "expiresAt": iso(expiry(expires_in, expires_at, LIFETIME)),
                "forIdentity": for_identity,
                "password": protection.hash(password) if protection else None,
            }
        )
        answer = session.connection.post("/Tokens", body)
        value = {
            "id": answer["id"],
            "content": content,
            "createdAt": answer["createdAt"],
            "createdBy": session.address,
            "createdByDevice": session.device_id,
            "expiresAt": body["expiresAt"],
            "forIdentity": for_identity,
            "isOwn": True,
            "passwordProtection": protection.json_with(password) if protection and password else None,
            "secretKey": key.json(),
        }
        return self._keep(value, ephemeral)

    def load(self, reference: str | Reference, *, password: str | None = None, ephemeral: bool = True) -> Token:
        """Fetch and decrypt a token (§19).

        :param reference: as object, truncated text or URL
        :param password: needed if the reference says so
        :param ephemeral: do not keep it on the own devices
        :raises UnreadableError: no such reference, or wrong key
        :raises PreconditionError: ``error.transport.noPasswordProvided``, ``…notIntendedForYou``,
            ``…tokens.emptyToken``
        :raises NotFoundError: deleted, expired, for somebody else, or the password is wrong
        :raises BackboneError: e.g. ``error.platform.token.tooManyFailedPasswordAttempts``

        One call: ``GET Tokens/{id}``; none if this device keeps the token already.
        """
        parsed = Reference.of(reference).check_kind(TOKEN)
        known = self._session.objects.find(COLLECTION, parsed.id)
        if known is not None:
            return Token.of(known, self._session.base_url)
        answer, content = _fetch(self._session.connection, parsed, self._session.address, password)
        protection = parsed.password_protection
        value = {
            "id": parsed.id,
            "content": content,
            "createdAt": answer["createdAt"],
            "createdBy": answer["createdBy"],
            "createdByDevice": answer["createdByDevice"],
            "expiresAt": answer["expiresAt"],
            "forIdentity": answer.get("forIdentity"),
            "isOwn": answer["createdBy"] == self._session.address,
            "passwordProtection": protection.json_with(password) if protection and password else None,
            "secretKey": parsed.key.json(),
        }
        return self._keep(value, ephemeral)

    def read(self, reference: str | Reference, *, password: str | None = None) -> JsonObject:
        """The content of a token, nothing kept. Parameters, errors and calls as in :meth:`load`."""
        return _fetch(self._session.connection, Reference.of(reference), self._session.address, password)[1]

    def fill(self, reference: str | Reference, content: JsonObject) -> None:
        """Put content into an empty token, as that of a new device (§11.3).

        Calls: ``GET Tokens/{id}``, ``POST Tokens/{id}/UpdateContent``. Raises :class:`PreconditionError`
        ``error.client.tokenNotEmpty``, :class:`NotFoundError`, :class:`BackboneError`.
        """
        parsed = Reference.of(reference).check_kind(TOKEN)
        connection = self._session.connection
        if connection.get(f"/Tokens/{parsed.id}", password_query(parsed, None)).get("content"):
            raise PreconditionError("error.client.tokenNotEmpty", parsed.id)
        protection = parsed.password_protection
        body = {"id": parsed.id, "newContent": seal_token(content, parsed.key)}
        if protection is not None:
            body["password"] = protection.hash(None)
        connection.post(f"/Tokens/{parsed.id}/UpdateContent", body)

    def delete(self, token: Token | str) -> None:
        """Delete a token: an own one at the Backbone and on all devices, a loaded one on all devices.

        ``token`` may be the id of an own ephemeral token, too. One call for an own token: ``DELETE Tokens/{id}``; one
        that is gone already is no error. Raises :class:`BackboneError`.
        """
        token_id = token if isinstance(token, str) else token.id
        value = self._session.objects.find(COLLECTION, token_id)
        if value is None or value["isOwn"]:
            self.delete_at_backbone(f"/Tokens/{token_id}")
        if value is not None:
            self._session.objects.delete(COLLECTION, token_id)

    def delete_at_backbone(self, path: str) -> None:
        """One call: ``DELETE``; what is gone already is gone."""
        try:
            self._session.connection.delete(path)
        except NotFoundError:
            return

    def _keep(self, value: JsonObject, ephemeral: bool) -> Token:
        kept = sorted_object({"@type": "Token", **value})
        if not ephemeral:
            self._session.objects.create(COLLECTION, kept)
        return Token.of(kept, self._session.base_url)


def create_empty_token(backbone: Backbone, *, with_password: bool = False) -> Reference:
    """What a new device asks for and shows, for instance as QR code; see :meth:`Devices.share` (§11.3).

    :param with_password: protect it with a random password that is part of the reference; official clients of version
        7.0 fill no others, newer ones know no such references
    :raises BackboneError: the Backbone refused
    :raises NetworkError: no answer

    One anonymous call: ``POST Tokens``. It can be filled for two minutes.
    """
    protection = (
        replace(PasswordProtection.for_password(" "), password=ids.device_password()) if with_password else None
    )
    body = {"expiresAt": iso(utc_now() + EMPTY_TOKEN_LIFETIME)}
    if protection is not None:
        body["password"] = protection.hash(None)
    answer = backbone.anonymous.post("/Tokens", body)
    return Reference(answer["id"], SecretKey.generate(), backbone.base_url, None, protection)


def read_token(backbone: Backbone, reference: str | Reference, *, password: str | None = None) -> JsonObject:
    """The content of a token, read by nobody in particular (§19).

    One anonymous call: ``GET Tokens/{id}``. Errors as in :meth:`Tokens.load`; personalised tokens are refused.
    """
    return _fetch(backbone.anonymous, Reference.of(reference), None, password)[1]


def _fetch(
    connection: Connection, reference: Reference, address: str | None, password: str | None
) -> tuple[JsonObject, JsonObject]:
    reference.check_kind(TOKEN).check_reader(address)
    answer = connection.get(f"/Tokens/{reference.id}", password_query(reference, password))
    return answer, open_token(answer, reference.key)


def password_query(reference: Reference, password: str | None) -> dict[str, Any] | None:
    """The query of a GET: the hashed password if the reference asks for one (§12.3)."""
    protection = reference.password_protection
    return None if protection is None else {"password": protection.hash(password)}


def reference_of(value: JsonObject, base_url: str) -> Reference:
    """The reference to a stored template, token or file (§13)."""
    for_identity, protection = value.get("forIdentity"), value.get("passwordProtection")
    return Reference(
        value["id"],
        SecretKey.parse(value["secretKey"]),
        base_url,
        for_identity[-4:] if for_identity else None,
        PasswordProtection.parse(protection) if protection else None,
    )
