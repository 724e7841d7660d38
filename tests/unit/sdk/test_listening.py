"""Server-sent events: what a stream says, and what happens when it ends."""

from collections.abc import Callable

import httpx
import pytest

from enmeshed import EnmeshedError, ForbiddenError
from enmeshed.http import Connection, new_http_client
from enmeshed.listening import server_sent_events
from tests.people import Identity
from tests.unit.sdk.fake_backbone import SSE_OPENED, FakeBackbone
from tests.unit.sdk.flows import connect, hello

Answer = Callable[[httpx.Request], httpx.Response]


def connection(*answers: httpx.Response | Exception) -> Connection:
    """Gives one answer after the other."""
    left = list(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Connection("http://x", "id", "secret", client=new_http_client(transport=httpx.MockTransport(handle)))


def stream(text: str) -> httpx.Response:
    return httpx.Response(200, content=text.encode(), headers={"content-type": "text/event-stream"})


def test_events_are_heard_over_ends_of_streams_and_failures() -> None:
    """events.md §7.3, §7.6: an end, a failure and a 5xx lead to another connection after a pause."""
    pauses: list[float] = []
    answers: list[httpx.Response | Exception] = [
        stream("event: ConnectionOpened\ndata: _\n\n: a comment\nevent:keep-alive\ndata: _\n\n"),
        httpx.ConnectError("gone"),
        httpx.Response(503),
        stream("retry: 500\nid: 7\nevent: ExternalEventCreated\ndata: _\n\nevent: cut off in the mid"),
        stream("event: ExternalEventCreated\r\ndata: _\r\n\r\n"),
        httpx.Response(403),
    ]
    heard: list[str] = []
    with pytest.raises(ForbiddenError):
        heard.extend(server_sent_events(connection(*answers), sleep=pauses.append))
    assert heard == ["ConnectionOpened", "keep-alive", "ExternalEventCreated", "ExternalEventCreated"]
    assert pauses == [3.0, 3.0, 3.0, 0.5, 0.5]


def test_listening_ends_when_it_is_told_to() -> None:
    answers = [stream("event: a\ndata: _\n\nevent: b\ndata: _\n\n")]
    heard: list[str] = []
    heard.extend(server_sent_events(connection(*answers), sleep=lambda _: None, is_stopped=lambda: bool(heard)))
    assert heard == ["a"]


def test_what_came_while_nobody_listened_is_yielded_first(
    backbone: FakeBackbone, alice: Identity, bob: Identity
) -> None:
    """events.md §7.4: events are not repeated, so each connection begins with a synchronisation."""
    connect(alice.device, bob.device)
    bob.device.messages.send(alice.address, hello("before"))
    news = b"event: ExternalEventCreated\ndata: _\n\n"
    backbone.streams = [SSE_OPENED, SSE_OPENED + news]
    pauses: list[float] = []

    def write(pause: float) -> None:
        pauses.append(pause)
        bob.device.messages.send(alice.address, hello(f"during pause {len(pauses)}"))

    alice.device.session.sleep = write
    heard = alice.device.listen()
    assert [getattr(next(heard).message, "content") for _ in range(2)] == [hello("before"), hello("during pause 1")]  # noqa: B009


def test_a_refusal_is_reported() -> None:
    with pytest.raises(EnmeshedError):
        next(server_sent_events(connection(httpx.Response(401), httpx.Response(401)), sleep=lambda _: None))
