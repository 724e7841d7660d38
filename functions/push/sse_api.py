"""Server-sent events over HTTP.  Contract: devices.md, section 12.8; events.md, section 7.

Both paths are the same stream: the first is used by the Connector, the second by the App.
"""

import random
from typing import Annotated, Literal

from pydantic import Field

from backbone.caller import Caller
from backbone.http import Api, HeaderModel, Raw, RequestContext, ResponseModel
from backbone.http.documentation import Answer
from backbone.observability import logger
from backbone.settings import settings
from functions.push import sse_connection
from functions.push.sse_domain import CONTENT_TYPE, KEEP_ALIVE, stream

TROUBLE_RETRY_MILLISECONDS = 5_000
_HEADERS = {"Cache-Control": "no-cache", "Connection": "keep-alive"}

sse_api = Api("push", function="Sse")


class EventOut(ResponseModel):
    """One event of the stream; `id` comes back as `Last-Event-ID`."""

    event: str
    data: Literal["_"]
    id: str


Stream = Annotated[Raw, Answer(200, "Events, as they come", EventOut, media_type=CONTENT_TYPE)]


class Resumption(HeaderModel):
    """Where the client stands, as the stream has told it."""

    last_event_id: str = Field(default="", alias="Last-Event-ID")


@sse_api.get("/api/v1/sse")
def listen_v1(caller: Caller, resumption: Resumption, context: RequestContext) -> Stream:
    """The path that Connectors use."""
    return _listen(caller, resumption, context)


@sse_api.get("/api/v2/sse")
def listen(caller: Caller, resumption: Resumption, context: RequestContext) -> Stream:
    """Events for the calling device, as they come.

    The answer ends after a while, or as soon as there was something; the client then asks again by itself.
    """
    return _listen(caller, resumption, context)


def _listen(caller: Caller, resumption: Resumption, context: RequestContext) -> Raw:
    # A client whose reconnection meets any status but 200 gives up for good (events.md, section 7.6).
    try:
        events = sse_connection.answer(caller, resumption.last_event_id, asked_at=context.arrived)
        retry = _retry_milliseconds()
    except Exception:
        logger.exception("no events could be read", event_id=707295)
        events, retry = [(None, KEEP_ALIVE)], TROUBLE_RETRY_MILLISECONDS
    return Raw(200, stream(events, retry_milliseconds=retry), CONTENT_TYPE, _HEADERS)


def _retry_milliseconds() -> int:
    """Clients that lost their connections together do not come back together."""
    return round(settings().sse_retry_milliseconds * random.uniform(0.75, 1.25))
