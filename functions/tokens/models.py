"""What goes over the wire."""

from collections.abc import Mapping
from itertools import count, takewhile
from typing import Annotated, Any

from pydantic import AfterValidator, field_validator

from backbone.addresses import Address
from backbone.http import Base64, QueryModel, RequestModel, ResponseModel, StandardBase64, Timestamp
from backbone.ids import TokenId
from backbone.rules import broken_rule
from functions.tokens.domain import MAX_CONTENT_BYTES, MAX_PASSWORD_BYTES, Token
from functions.tokens.store import FoundToken


def _password(password: bytes) -> bytes:
    if not 1 <= len(password) <= MAX_PASSWORD_BYTES:
        raise broken_rule(f"'password' must have 1 to {MAX_PASSWORD_BYTES} bytes.")
    return password


def _new_content(content: bytes) -> bytes:
    if not 1 <= len(content) <= MAX_CONTENT_BYTES:
        raise broken_rule(f"'newContent' must have 1 to {MAX_CONTENT_BYTES} bytes.")
    return content


class NewToken(RequestModel):
    """The body of POST.  What `content` and `expiresAt` may be depends on the caller: `domain.issue_token`."""

    for_identity: Address | None = None
    password: Annotated[Base64, AfterValidator(_password)] | None = None
    expires_at: Timestamp
    content: Base64 | None = None


class PasswordQuery(QueryModel):
    """What opens a token; an empty password is none.  Standard base64, unlike all else (Surprises, 4)."""

    password: Annotated[StandardBase64, AfterValidator(_password)] | None = None


class TokensQuery(QueryModel):
    """Which tokens to list: `ids`, or else `tokens.0.id`, `tokens.1.id`, … up to the first gap (§3.3)."""

    ids: list[TokenId]

    @classmethod
    def wire_values(cls, sent: Mapping[str, list[str]]) -> dict[str, Any]:
        """Passwords of the legacy form are ignored: they are not needed."""
        by_name = {name.lower(): values for name, values in sent.items()}
        if "ids" in by_name:
            return {"ids": [id for id in by_name["ids"] if id]}
        numbered = (by_name.get(f"tokens.{number}.id", [""])[-1] for number in count())
        return {"ids": list(takewhile(bool, numbered))}

    @field_validator("ids")
    @classmethod
    def _at_least_one(cls, ids: list[TokenId]) -> list[TokenId]:
        if not ids:
            raise broken_rule("There must be at least one token.")
        return ids


class Filling(RequestModel):
    """The body of UpdateContent."""

    new_content: Annotated[Base64, AfterValidator(_new_content)]
    password: Annotated[Base64, AfterValidator(_password)] | None = None


class CreatedTokenOut(ResponseModel):
    """What the creator learns."""

    id: str
    created_at: Timestamp


class TokenOut(ResponseModel):
    """A token without its content; neither its password nor its allocations are ever shown."""

    id: str
    created_by: str | None
    created_by_device: str | None
    for_identity: str | None
    created_at: Timestamp
    expires_at: Timestamp
    is_password_protected: bool

    @classmethod
    def of(cls, token: Token) -> "TokenOut":
        """The wire form."""
        return TokenOut(**_members(token))


class TokenWithContentOut(TokenOut):
    """A token; `content` is null while it is empty."""

    content: Base64 | None

    @classmethod
    def of_found(cls, found: FoundToken) -> "TokenWithContentOut":
        """The wire form."""
        return cls(**_members(found.token), content=found.content())


def _members(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "created_by": token.created_by,
        "created_by_device": token.created_by_device,
        "for_identity": token.for_identity,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "is_password_protected": bool(token.password),
    }
