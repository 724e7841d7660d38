"""Server-sent events on the deployed system, heard by the library that official clients use (npm `eventsource`)."""

import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from backbone import clock, dynamodb
from backbone.ids import DeviceId
from backbone.settings import settings
from functions.push.mailbox_store import MailboxStore
from infra.local.stack import LocalStack
from tests.e2e.conftest import PATIENCE_SECONDS
from tests.people import Identity
from tests.unit.push.sse import Listening

SCRIPTS = Path(__file__).parent / "official"
RECONNECTIONS = 20


class Listener:
    """What a running `listen.cjs` prints."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.lines: list[dict[str, Any]] = []
        self._new: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._new.put(json.loads(line))

    def next(self, what: str) -> dict[str, Any]:
        """The next line about this; others are passed over, but remembered."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (remaining := deadline - time.monotonic()) > 0:
            try:
                line = self._new.get(timeout=remaining)
            except queue.Empty:
                break
            self.lines.append(line)
            if line["what"] == what:
                return line
        raise AssertionError(f"no {what} within {PATIENCE_SECONDS} s, but {self.lines}")

    def all(self, what: str) -> list[dict[str, Any]]:
        """Every line about this so far."""
        return [line for line in self.lines if line["what"] == what]


@contextmanager
def listening(identity: Identity, url: str) -> Iterator[Listener]:
    """A device that listens, once its connection is open."""
    command = ["node", "listen.cjs", url, identity.device.connection.token]
    process = subprocess.Popen(command, cwd=SCRIPTS, stdout=subprocess.PIPE, text=True)
    try:
        listener = Listener(process)
        listener.next("ConnectionOpened")
        yield listener
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def post(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Identity], bool]]:
    """Puts an event into the mailbox of an identity's device, as the consumer of domain events does."""
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    dynamodb.client.cache_clear()

    def put(identity: Identity) -> bool:
        device, event_id = Listening(DeviceId(identity.device.device_id)), str(time.monotonic_ns())
        return MailboxStore().post(device, event_name="ExternalEventCreated", event_id=event_id, now=clock.now())

    yield put
    settings.cache_clear()
    dynamodb.client.cache_clear()


def test_no_event_is_lost_or_told_twice_through_many_reconnections(
    stack: LocalStack, new_identity: Callable[[], Identity], post: Callable[[Identity], bool]
) -> None:
    """events.md §7.6: a reconnect gap loses events for the app runtime until the next event, unless missed events are
    replayed"""
    identity = new_identity()
    with listening(identity, f"{stack.base_url}/api/v1/sse") as listener:
        for number in range(RECONNECTIONS):
            # Now while the client waits for an answer, now while it pauses before it asks again.
            time.sleep((0, 0.1, 0.5)[number % 3])
            assert post(identity)
            listener.next("ExternalEventCreated")

        told = listener.all("ExternalEventCreated")
        assert [int(event["id"].rpartition("-")[2]) for event in told] == list(range(1, RECONNECTIONS + 1))
        assert {event["data"] for event in told} == {"_"}
        assert len(listener.all("open")) == RECONNECTIONS + 1
        assert not any(error["closed"] for error in listener.all("error"))


@pytest.mark.parametrize("path", ["/api/v1/sse", "/api/v2/sse"])
def test_the_stream_is_where_the_reference_has_it_too(
    stack: LocalStack, new_identity: Callable[[], Identity], path: str
) -> None:
    """operations.md: SSE is reachable under the Consumer API host at `/api/v1/sse` and `/api/v2/sse` in production
    layout.  §2.1: sse-server, host port 8092"""
    authorized = {"authorization": f"Bearer {new_identity().device.connection.token}"}

    for base_url in (stack.base_url, stack.events_url):
        stream = httpx.get(base_url + path, headers=authorized)
        assert (stream.status_code, stream.headers["content-type"]) == (200, "text/event-stream")
        assert "event: ConnectionOpened\ndata: _\n\n" in stream.text
        assert httpx.get(base_url + path).status_code == 401
    assert httpx.get(f"{stack.events_url}/health").text == "Healthy"
    assert httpx.get(f"{stack.events_url}/api/v2/Version").status_code == 404
