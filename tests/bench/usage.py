"""What users do, and what that uses: the assumptions behind docs/cost.md, beside what `make bench` has measured."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from infra.inventory import services, template_of
from tests.bench.prices import MILLION, Usage

PERFORMANCE = Path(__file__).parents[2] / "docs" / "performance.md"
DAYS = 365 / 12
"""A month."""

LOG_LINE, METRIC_LINE = 300, 250  # bytes
RESPONSE_BYTES = 2_500  # with headers
OUTBOX_SECONDS = 0.02
CONSUMER_SECONDS = 0.03
INIT_SECONDS = 0.6
COLD_SHARE = 0.01
"""Of all invocations, those that start an environment: AWS's own number for production."""
BYTES_OF_A_MESSAGE = 5_000
"""What stays for ever: the message, two entries of mailboxes, two modifications of datawallets, and their indexes."""
LARGE_PAYLOADS, LARGE_BYTES = 4, 100_000
"""A user's payloads in S3 per month, and their size; each is fetched once."""
SHARE_WITH_PHONE = 0.5
MESSAGES_A_DAY, LOG_INS_A_DAY, SYNCS_A_DAY = 5, 24, 20

LOG_IN = "POST /connect/token"
SYNC = ("POST /api/v2/SyncRuns, no news", "GET /api/v2/Datawallet/Modifications, no news")
MESSAGE = (
    "POST /api/v2/Messages, 1 recipient",
    "POST /api/v2/Datawallet/Modifications, 1",
    "GET /api/v2/Messages/{id}, by its sender",
    "POST /api/v2/SyncRuns, one event",
    "GET /api/v2/Datawallet/Modifications, no news",
    "GET /api/v2/SyncRuns/{id}/ExternalEvents, one event",
    "GET /api/v2/Messages/{id}, first time",
    "PUT /api/v2/SyncRuns/{id}/FinalizeExternalEventSync, one event",
)
"""The sender sends, notes it in the datawallet, looks later whether it has come; the recipient syncs and fetches."""

_ROW = re.compile(r"^\| (?P<name>[A-Z]+ /.*?) \| \d+ \| (\d+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| [\d.]+ \|$", re.M)


@dataclass(frozen=True)
class Event:
    """An event on the bus: who is invoked (functions), and the units they use together."""

    name: str
    consumers: tuple[str, ...]
    read_units: float
    write_units: float


MESSAGE_CREATED = Event("MessageCreated", ("synchronization-consumer", "messages-consumer"), 2, 6)
EXTERNAL_EVENT_CREATED = Event("ExternalEventCreated", ("push-consumer",), 1.5, 2 * SHARE_WITH_PHONE)
DATAWALLET_MODIFIED = Event("DatawalletModified", ("push-consumer",), 1.5, 0)
EVENTS_OF_A_MESSAGE = (MESSAGE_CREATED, EXTERNAL_EVENT_CREATED, DATAWALLET_MODIFIED, DATAWALLET_MODIFIED)
"""docs/data-model.md has the units; the sender's and the recipient's datawallet change."""
LOG_IN_WRITE_UNITS = 3
"""In the overview of identities: the item and one index."""


@lru_cache(maxsize=1)
def measured() -> dict[str, Usage]:
    """What `make bench` has written down, by request."""
    rows = _ROW.findall(PERFORMANCE.read_text(encoding="utf-8"))
    return {name: Usage(int(trips), float(rru), float(wru), float(cpu)) for name, trips, rru, wru, cpu in rows}


@lru_cache(maxsize=1)
def memory() -> dict[str, float]:
    """The memory of each function in GB, as the templates have it."""
    found = {}
    for service in services():
        one = template_of(service)
        default = one["Globals"]["Function"]["MemorySize"]
        for resource in one["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                properties = resource["Properties"]
                name = properties["FunctionName"]["Fn::Sub"].removeprefix("${StackName}-")
                found[name] = properties.get("MemorySize", default) / 1024
    return found


@dataclass(frozen=True)
class Load:
    """What something uses: counts in millions, sizes in GB."""

    requests: float = 0
    invocations: float = 0
    gb_seconds: float = 0  # in millions, too
    reads: float = 0
    writes: float = 0
    events: float = 0
    pushes: float = 0
    object_writes: float = 0
    object_reads: float = 0
    logs: float = 0
    out: float = 0
    items_a_month: float = 0
    objects_a_month: float = 0

    def __add__(self, other: "Load") -> "Load":
        return Load(*(mine + its for mine, its in zip(self._all(), other._all(), strict=True)))

    def __mul__(self, times: float) -> "Load":
        return Load(*(mine * times for mine in self._all()))

    def _all(self) -> tuple[float, ...]:
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


def invoked(function: str, seconds: float) -> Load:
    """A million invocations of a function, with its starts and what it logs."""
    gigabytes = memory()[function]
    billed = gigabytes * (seconds + COLD_SHARE * INIT_SECONDS)
    return Load(invocations=1, gb_seconds=billed, logs=_gigabytes(LOG_LINE + METRIC_LINE))


def requested(name: str) -> Load:
    """A million of one kind of request."""
    usage = measured()[name]
    billed = usage.gb_seconds + COLD_SHARE * INIT_SECONDS
    return Load(
        requests=1,
        invocations=1,
        gb_seconds=billed,
        reads=usage.read_units,
        writes=usage.write_units,
        logs=_gigabytes(LOG_LINE + METRIC_LINE),
        out=_gigabytes(RESPONSE_BYTES),
    )


def published(event: Event) -> Load:
    """A million of one kind of event, handled by all its consumers."""
    load = invoked("outbox", OUTBOX_SECONDS) + Load(events=1, reads=event.read_units, writes=event.write_units)
    for consumer in event.consumers:
        load += invoked(consumer, CONSUMER_SECONDS)
    return load


def logged_in() -> Load:
    """A million log-ins, with their places in the overview."""
    return requested(LOG_IN) + invoked("overview", OUTBOX_SECONDS) + Load(writes=LOG_IN_WRITE_UNITS)


def synced() -> Load:
    """A million syncs that find nothing."""
    return requested(SYNC[0]) + requested(SYNC[1])


def sent() -> Load:
    """A million messages, sent, told of, fetched and synchronised."""
    load = Load(pushes=SHARE_WITH_PHONE, items_a_month=_gigabytes(BYTES_OF_A_MESSAGE))
    for name in MESSAGE:
        load += requested(name)
    for event in EVENTS_OF_A_MESSAGE:
        load += published(event)
    return load


def stored() -> Load:
    """A million payloads that are too large for items: put, its mark taken away, fetched once by a redirect."""
    size = _gigabytes(LARGE_BYTES)
    return invoked("blobs", OUTBOX_SECONDS) + Load(object_writes=2, object_reads=1, out=size, objects_a_month=size)


def month(users: float) -> Load:
    """What so many users use in a month."""
    days = users * DAYS / MILLION
    log_ins, syncs, messages = (days * each for each in (LOG_INS_A_DAY, SYNCS_A_DAY, MESSAGES_A_DAY))
    payloads = users * LARGE_PAYLOADS / MILLION
    return logged_in() * log_ins + synced() * syncs + sent() * messages + stored() * payloads


def _gigabytes(bytes_each: float) -> float:
    return bytes_each * MILLION / 1e9
