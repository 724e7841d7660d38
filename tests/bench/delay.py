"""From the response to the action until its external event can be read, on the deployed system, idle and under load.

Official clients stop asking after about 2.5 s (client-protocol.md, section 20).
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from enmeshed import Events
from infra.local.stack import CLIENT_ID, CLIENT_SECRET, LocalStack
from tests.people import Identity

SAMPLES = 25
GIVE_UP_SECONDS = 10
LOAD_PROCESSES = 2
_BUSY = "while True: sum(range(1000))"


@dataclass(frozen=True)
class Delay:
    """Seconds: median, 95th percentile, worst."""

    circumstances: str
    median: float
    p95: float
    worst: float


def delays() -> list[Delay]:
    """Measure on a stack of its own."""
    with LocalStack() as stack:
        alice, bob = (Identity.create(stack.base_url, CLIENT_ID, CLIENT_SECRET) for _ in range(2))
        _relate(alice, bob)
        idle = _sample("idle machine", alice, bob)
        with _load():
            loaded = _sample(f"{LOAD_PROCESSES} processes keep {LOAD_PROCESSES} cores busy", alice, bob)
    return [idle, loaded]


def _relate(alice: Identity, bob: Identity) -> None:
    template = alice.device.templates.create({})
    bob.device.relationships.request(bob.device.templates.load(template.reference.truncated), {})
    (request,) = _wait(alice).relationships
    alice.device.relationships.accept(request.id)
    _wait(bob)


def _wait(identity: Identity) -> Events:
    began = time.monotonic()
    while time.monotonic() - began < GIVE_UP_SECONDS:
        result = identity.device.sync()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError("no external event")


def _sample(circumstances: str, alice: Identity, bob: Identity) -> Delay:
    seconds = []
    for number in range(SAMPLES):
        bob.device.messages.send([alice.address], {"number": number})
        began = time.monotonic()
        while (
            alice.device.connection.post("/SyncRuns", {"type": "ExternalEventSync", "duration": 0})["status"]
            != "Created"
        ):
            if time.monotonic() - began > GIVE_UP_SECONDS:
                raise AssertionError("no external event")
            time.sleep(0.01)
        seconds.append(time.monotonic() - began)
        _wait(alice)
    seconds.sort()
    return Delay(circumstances, statistics.median(seconds), seconds[int(0.95 * (len(seconds) - 1))], seconds[-1])


@contextmanager
def _load() -> Iterator[None]:
    with ExitStack() as processes:
        for _ in range(LOAD_PROCESSES):
            process = subprocess.Popen([sys.executable, "-c", _BUSY])
            processes.callback(process.wait)
            processes.callback(process.kill)
        yield
