"""Creating, loading and filling tokens, client-protocol.md §19 and §11.3."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.client.crypto import SecretKey
from tests.client.encoding import JsonObject, iso, sorted_object, utc_now
from tests.client.errors import ProtocolError
from tests.client.http import BackboneApi
from tests.client.passwords import PasswordProtection
from tests.client.references import TOKEN, Reference
from tests.client.tokens import open_token, seal_token

EMPTY_TOKEN_LIFETIME = timedelta(minutes=2)


def create_token(
    api: BackboneApi,
    content: JsonObject,
    *,
    expires_at: datetime,
    for_identity: str | None = None,
    password: str | None = None,
    password_location: int | None = None,
) -> Reference:
    """``POST /Tokens`` with encrypted content; the answer is all a reader needs (§19, §12)."""
    key = SecretKey.generate()
    protection = PasswordProtection.for_password(password, password_location) if password else None
    body = sorted_object(
        {
            "content": seal_token(content, key),
            "expiresAt": iso(expires_at),
            "forIdentity": for_identity,
            "password": protection.hash(password) if protection else None,
        }
    )
    token_id: str = api.post("/Tokens", body)["id"]
    return Reference(token_id, key, api.base_url, for_identity[-4:] if for_identity else None, protection)


def create_empty_token(api: BackboneApi) -> Reference:
    """What a new device asks for anonymously and shows as QR code (§11.3)."""
    answer = api.post("/Tokens", {"expiresAt": iso(utc_now() + EMPTY_TOKEN_LIFETIME)}, anonymous=True)
    return Reference(answer["id"], SecretKey.generate(), api.base_url)


def load_token(
    api: BackboneApi,
    reference: str | Reference,
    *,
    address: str | None = None,
    password: str | None = None,
) -> JsonObject:
    """Fetch a token, with or without log-in, and decrypt its content (§19)."""
    parsed = (Reference.parse(reference) if isinstance(reference, str) else reference).check_kind(TOKEN)
    parsed.check_reader(address)
    return open_token(api.get(f"/Tokens/{parsed.id}", password_query(parsed, password)), parsed.key)


def fill_token(api: BackboneApi, reference: str | Reference, content: JsonObject) -> None:
    """Put content into an empty token after checking that it is empty (§11.3)."""
    parsed = (Reference.parse(reference) if isinstance(reference, str) else reference).check_kind(TOKEN)
    if api.get(f"/Tokens/{parsed.id}").get("content"):
        raise ProtocolError("error.client.tokenNotEmpty", parsed.id)
    api.post(f"/Tokens/{parsed.id}/UpdateContent", {"id": parsed.id, "newContent": seal_token(content, parsed.key)})


def password_query(reference: Reference, password: str | None) -> dict[str, Any] | None:
    """The query of a GET: the hashed password if the reference asks for one (§12.3)."""
    protection = reference.password_protection
    return None if protection is None else {"password": protection.hash(password)}
