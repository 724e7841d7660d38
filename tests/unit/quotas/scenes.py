"""What the tests of this folder begin with."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.consumers import Consumers
from backbone.dynamodb import Item, Key, Table
from backbone.events import DomainEvent, EventEnvelope, farewell_of
from backbone.http import api as http_api
from backbone.ids import TierId
from backbone.quotas import Metric
from backbone.settings import settings
from functions.quotas.consumers import consumers
from functions.relationships import templates_api
from functions.tokens import api as tokens_api
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import TIER, given_identity
from tests.unit.files.uploads import form, post
from tests.unit.tokens.scenes import in_the_future

QUOTAS, TOKENS, FILES, TEMPLATES = (
    "/api/v2/Quotas",
    "/api/v2/Tokens",
    "/api/v2/Files",
    "/api/v2/RelationshipTemplates",
)
CONTENT = "AQID"
EXHAUSTED = (429, "error.platform.quotaExhausted")
NOT_FOUND = (404, "error.platform.recordNotFound")
FORBIDDEN = (403, "error.platform.forbidden")
INVALID = (400, "error.platform.validation.invalidPropertyValue")
INVALID_ID = (400, "error.platform.validation.invalidId")
UNPARSABLE = (400, "error.platform.inputCannotBeParsed")
END_OF_TIME = "9999-12-31T23:59:59.9999999"


def refused(name: str) -> tuple[int, str]:
    """400 with a code of this module."""
    return 400, f"error.platform.quotas.{name}"


def active_caller(tier_id: str = TIER, status: str = "Active") -> Caller:
    """Somebody whose identity exists."""
    caller = new_caller()
    given_identity(caller.address, status, tier_id=TierId(tier_id))
    return caller


def create_token(api: InProcessApi, caller: Caller | None, **members: Any) -> Answer:
    """POST a token; an empty one if the caller is anonymous."""
    content = {} if caller is None else {"content": CONTENT}
    return api.post(TOKENS, {"expiresAt": in_the_future(minutes=4), **content, **members}, caller=caller)


def upload(api: InProcessApi, caller: Caller, content: bytes = b"content", **members: Any) -> Answer:
    """POST a file."""
    return post(api, form(content, **members), caller)


def create_template(api: InProcessApi, caller: Caller, **members: Any) -> Answer:
    """POST a template."""
    return api.post(TEMPLATES, {"content": CONTENT, **members}, caller=caller)


def at(monkeypatch: pytest.MonkeyPatch, instant: datetime) -> None:
    """Let the clock stand still for requests that create something."""
    still = SimpleNamespace(now=lambda: instant)
    for module in (tokens_api, templates_api):
        monkeypatch.setattr(module, "clock", still)
    monkeypatch.setattr(http_api, "clock", still)


def exhausted(answer: Answer) -> list[tuple[str, str]]:
    """What a refusal says is used up, and until when."""
    assert answer.error == EXHAUSTED
    data = answer.json["error"]["data"]
    assert all(set(each) == {"metricKey", "isExhaustedUntil"} for each in data)
    return [(each["metricKey"], each["isExhaustedUntil"]) for each in data]


def quotas_of(api: InProcessApi, caller: Caller) -> dict[str, list[dict[str, Any]]]:
    """GET Quotas, by metric."""
    groups = api.get(QUOTAS, caller=caller).result
    assert all(set(group) == {"metricKey", "quotas"} for group in groups)
    return {group["metricKey"]: group["quotas"] for group in groups}


def usages(api: InProcessApi, caller: Caller, metric: Metric) -> list[int]:
    """What GET Quotas says is used of each quota for a metric."""
    return [quota["usage"] for quota in quotas_of(api, caller)[metric]]


def remove(service: str, key: Key) -> Item:
    """Take an item away, like housekeeping does; gives it."""
    table = Table(getattr(settings(), f"{service}_table"))
    item = table.get(key)
    assert item is not None
    table.delete(key)
    return item


def tell_the_end_of(item: Item, *, times: int = 1, told: Consumers = consumers) -> None:
    """What stream, outbox and bus make of an item that has gone."""
    (event,) = farewell_of(item, clock.now())
    for _ in range(times):
        told.handle(event)


def tell(event: DomainEvent, *, times: int = 1) -> None:
    """An event reaches Quotas."""
    for _ in range(times):
        consumers.handle(EventEnvelope.of(event, clock.now()))
