"""Server-sent events: the Backbone says when there is news (§20.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx

from enmeshed.errors import EnmeshedError
from enmeshed.http import Connection, response_of
from enmeshed.patience import is_transient

PATH = "/api/v2/sse"
OPENED = "ConnectionOpened"
EXTERNAL_EVENT = "ExternalEventCreated"
MODIFICATIONS = "DatawalletModificationsCreated"
RECONNECT_SECONDS = 3.0
SILENCE_SECONDS = 300.0  # the Backbone sends a keep-alive every 240 s
_TIMEOUT = httpx.Timeout(60.0, read=SILENCE_SECONDS)


def server_sent_events(
    connection: Connection, *, sleep: Callable[[float], None], is_stopped: Callable[[], bool] = lambda: False
) -> Iterator[str]:
    """Names of events for ever, ``ConnectionOpened`` each time the connection is open.

    The end of a stream and failures of the network lead to another connection after a pause (what the Backbone asks
    for by ``retry:``, else 3 s), refusals raise.
    """
    pause = RECONNECT_SECONDS
    while not is_stopped():
        try:
            with connection.stream("GET", PATH, headers={"Accept": "text/event-stream"}, timeout=_TIMEOUT) as answer:
                if answer.status_code != 200:
                    response_of(answer).raise_for_error()
                for name, value in _fields(answer.iter_lines()):
                    if name == "event":
                        yield value
                    elif name == "retry" and value.isdecimal():
                        pause = int(value) / 1000
                    if is_stopped():
                        return
        except EnmeshedError as error:
            if not is_transient(error):
                raise
        sleep(pause)


def _fields(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """The fields of a stream; the name of an event is given once the event is complete."""
    event = ""
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if event:
                yield "event", event
            event = ""
        elif name == "event":
            event = value
        elif name == "retry":
            yield "retry", value
