"""What the tests of this folder begin with."""

import base64
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.dynamodb import Item, Table, client, decode
from backbone.events import carried_by
from backbone.settings import settings
from functions.tokens import api as tokens_api
from tests.support.api import Answer, InProcessApi

TOKENS = "/api/v2/Tokens"
UNKNOWN = "TOKthisisnonexisting"
INVALID = (400, "error.platform.validation.invalidPropertyValue")
INVALID_PAGE_SIZE = (400, "error.platform.validation.pagination.invalidPageSize")
UNPARSABLE = (400, "error.platform.inputCannotBeParsed")
NOT_FOUND = (404, "error.platform.recordNotFound")
FORBIDDEN = (403, "error.platform.forbidden")
LOCKED = (400, "error.platform.token.tooManyFailedPasswordAttempts")
ALREADY_FILLED = (400, "error.platform.token.contentUpdateNotPossibleBecauseContentAlreadyExists")
CONTENT = "AQID"  # three bytes; the same in base64 and base64url
PASSWORD = base64.b64encode(b"\xfb\xff secret").decode()
WRONG_PASSWORD = base64.b64encode(b"wrong").decode()
ATTEMPTS = 100


def in_the_future(**delta: float) -> str:
    """A timestamp as clients send it."""
    return clock.render(clock.now() + timedelta(**delta))


def given_token(api: InProcessApi, creator: Caller | None, **members: Any) -> str:
    """A new token with content, without if it is anonymous; gives its id."""
    standard: dict[str, Any] = {"expiresAt": in_the_future(minutes=4)}
    if creator is not None:
        standard["content"] = CONTENT
    created = api.post(TOKENS, {**standard, **members}, caller=creator).result
    return str(created["id"])


def get(api: InProcessApi, token_id: str, caller: Caller | None, password: str | None = None) -> Answer:
    """GET a token."""
    query = {"password": password} if password is not None else {}
    return api.get(f"{TOKENS}/{token_id}", query=query, caller=caller)


def fill(api: InProcessApi, token_id: str, caller: Caller, **members: Any) -> Answer:
    """POST UpdateContent."""
    return api.post(f"{TOKENS}/{token_id}/UpdateContent", {"newContent": CONTENT, **members}, caller=caller)


def given_failed_attempts(token_id: str, count: int) -> None:
    """Somebody has sent so many wrong passwords."""
    table().update(token_key(token_id), "SET accessFailedCount = :count", {"count": count})


def given_expired(token_id: str, **ago: float) -> None:
    """Time has passed."""
    expires_at = clock.now() - timedelta(**(ago or {"seconds": 1}))
    table().update(token_key(token_id), "SET expiresAt = :then", {"then": clock.render(expires_at)})


def failed_attempts(token_id: str) -> int:
    """How many wrong passwords have been counted."""
    return int(stored(token_id)["accessFailedCount"])


def allocations(token_id: str) -> list[str]:
    """Who has been let in and remembered."""
    return [item["allocatedBy"] for item in stored_items() if item["pk"] == token_id and item["sk"] != "T"]


def events_of(token_id: str) -> list[dict[str, Any]]:
    """The domain events the token carries."""
    return [{"name": event.name, **event.payload} for event in carried_by(stored(token_id))]


def table() -> Table:
    """The table of Tokens."""
    return Table(settings().tokens_table)


def token_key(token_id: str) -> dict[str, str]:
    """The item of a token."""
    return {"pk": token_id, "sk": "T"}


def stored(token_id: str) -> Item:
    """The item of a token."""
    item = table().get(token_key(token_id))
    assert item is not None
    return item


def stored_items() -> list[Item]:
    """Everything in the table."""
    return [decode(item) for item in client().scan(TableName=table().name)["Items"]]


def at(monkeypatch: pytest.MonkeyPatch, instant: datetime) -> None:
    """Let the clock stand still for the service; tokens are made and checked by the real one."""
    monkeypatch.setattr(tokens_api, "clock", SimpleNamespace(now=lambda: instant))
