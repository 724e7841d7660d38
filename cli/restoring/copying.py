"""From a temporary table into the one that the stack knows, page by page, in parallel parts.

An item is copied as it is, but without its attribute `events`: the outbox would publish them again (and everybody would
hear of everything once more).  What it says of its own end (`onRemoval`) stays.  Nothing is deleted, so `blobs` deletes
nothing; the objects an item refers to are brought back before the item is.  Putting the same item twice does no harm,
so whoever has stopped goes on from the last page that was remembered.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from backbone import clock
from backbone.dynamodb import BATCH_WRITE_LIMIT, client, decode
from backbone.events.base import ATTRIBUTE, carried_by
from backbone.payloads import BLOB
from cli.output import progress
from cli.restoring import plan as plans
from cli.restoring.objects import Versions
from cli.restoring.plan import Plan, Segment, TablePlan

ON_THEIR_WAY = timedelta(minutes=1)
"""Events that were raised so shortly before the point in time may not have reached their consumers by then."""
EVENTS = "events/"
"""What they are kept below until everything is restored."""
_SAVE_EVERY_SECONDS = 5.0
_MODULUS = 2**128
_TTL = "ttl"
_THROTTLED = ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded")
_PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

WireItem = dict[str, Any]
"""An item in DynamoDB's own form, so that nothing changes by being read."""


class Copy:
    """The copying of one table."""

    def __init__(self, plan: Plan, table: TablePlan, versions: Versions) -> None:
        self._plan, self._table, self._versions = plan, table, versions
        self._lock = threading.Lock()
        self._saved_at = time.monotonic()
        self._stopped = threading.Event()

    def run(self, total: int) -> None:
        """Copy what has not been copied."""
        self._table.has_begun = True
        self._save()
        with progress(f"copying {self._table.service}", total=total) as advance:
            advance(self._table.total("copied"))
            with ThreadPoolExecutor(len(self._table.segments)) as threads:
                parts = enumerate(self._table.segments)
                running = [threads.submit(self._copy_segment, n, part, advance) for n, part in parts if not part.done]
                try:
                    finished, _ = wait(running, return_when=FIRST_EXCEPTION)
                finally:
                    self._stopped.set()
            for future in finished:
                future.result()
        self._save()

    def _copy_segment(self, number: int, segment: Segment, advance: Callable[[int], None]) -> None:
        for items, last_key in _pages(self._table.restoring, number, len(self._table.segments), segment.after):
            self._bring_back(items)
            self._keep_events(number, segment.pages, items)
            bare = [_without_events(item) for item in items]
            _put(self._table.target, bare)
            content = Content.of(_digests(bare, self._plan.compared_after))
            with self._lock:
                segment.copied += len(bare)
                segment.compared += content.items
                segment.digest = (segment.digest + content.digest) % _MODULUS
                segment.pages += 1
                segment.after, segment.done = last_key, last_key is None
            advance(len(bare))
            self._save_now_and_then()
            if self._stopped.is_set():
                return

    def _bring_back(self, items: list[WireItem]) -> None:
        for key in (key for item in items for key in item.get(BLOB, {"SS": ()})["SS"]):
            done = self._versions.bring_back(key)
            with self._lock:
                self._plan.brought_back += bool(done)
                if done is None:
                    self._plan.note_missing(key)

    def _keep_events(self, number: int, page: int, items: list[WireItem]) -> None:
        """Set aside those that were on their way; under the same key when a page is copied again.

        If only some tables are restored, consumers have seen them long ago.
        """
        if not self._plan.whole:
            return
        found = [form for item in items for form in events_on_their_way(item, self._plan.at)]
        if found:
            key = f"{plans.PREFIX}{EVENTS}{self._table.service}-{number}-{page:09}.json"
            plans.write(key, json.dumps(found).encode())

    def _save_now_and_then(self) -> None:
        with self._lock:
            is_due = time.monotonic() - self._saved_at > _SAVE_EVERY_SECONDS
        if is_due:
            self._save()

    def _save(self) -> None:
        with self._lock:
            plans.save(self._plan)
            self._saved_at = time.monotonic()


def events_on_their_way(item: WireItem, at: datetime) -> list[dict[str, Any]]:
    """The events of an item that consumers may not have seen at a point in time."""
    if ATTRIBUTE not in item:
        return []
    envelopes = carried_by(decode({ATTRIBUTE: item[ATTRIBUTE]}))
    return [envelope.to_dict() for envelope in envelopes if at - ON_THEIR_WAY <= envelope.time <= at + ON_THEIR_WAY]


@dataclass(frozen=True, slots=True)
class Content:
    """What a table holds of what is compared: how many items, and a sum over them."""

    items: int
    digest: int

    @classmethod
    def of(cls, digests: Iterable[int]) -> "Content":
        """What items with these digests make."""
        found = list(digests)
        return cls(len(found), sum(found) % _MODULUS)

    def __add__(self, other: "Content") -> "Content":
        return Content(self.items + other.items, (self.digest + other.digest) % _MODULUS)


def sum_of(table: TablePlan) -> Content:
    """What has been copied."""
    return Content(table.total("compared"), table.total("digest") % _MODULUS)


def content_of(table: TablePlan, compared_after: datetime) -> Content:
    """What is in the table that the functions use; reads all of it."""

    def read(number: int) -> Content:
        content = Content(0, 0)
        for page, _ in _pages(table.target, number, plans.SEGMENTS, None):
            content += Content.of(_digests(page, compared_after))
        return content

    with ThreadPoolExecutor(plans.SEGMENTS) as threads:
        return sum(threads.map(read, range(plans.SEGMENTS)), Content(0, 0))


def _digests(items: Iterable[WireItem], compared_after: datetime) -> Iterator[int]:
    return (found for item in items if (found := digest_of(item, compared_after)) is not None)


def digest_of(item: WireItem, compared_after: datetime) -> int | None:
    """A number that depends on all of an item; None if the item may expire before anybody compares it."""
    if _TTL in item and int(item[_TTL]["N"]) < clock.epoch_seconds(compared_after):
        return None
    text = json.dumps(item, sort_keys=True, separators=(",", ":"), default=bytes.hex)
    if '"SS"' in text:  # sets come in any order
        text = json.dumps({name: _ordered(value) for name, value in item.items()}, sort_keys=True, default=bytes.hex)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest())


def _ordered(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    if kind in ("SS", "NS", "BS"):
        return {kind: sorted(content)}
    if kind == "L":
        return {kind: [_ordered(one) for one in content]}
    if kind == "M":
        return {kind: {name: _ordered(one) for name, one in content.items()}}
    return value


def _without_events(item: WireItem) -> WireItem:
    return {name: value for name, value in item.items() if name != ATTRIBUTE}


def _pages(
    table: str, number: int, segments: int, after: WireItem | None
) -> Iterator[tuple[list[WireItem], WireItem | None]]:
    """The pages of a part of a table, each with the key to go on from."""
    request: dict[str, Any] = {"TableName": table, "Segment": number, "TotalSegments": segments}
    while True:
        start = {"ExclusiveStartKey": after} if after else {}
        answer = _patiently(lambda start=start: client().scan(**request, **start))  # type: ignore[misc]
        after = answer.get("LastEvaluatedKey")
        yield answer["Items"], after
        if after is None:
            return


def _put(table: str, items: list[WireItem]) -> None:
    for begin in range(0, len(items), BATCH_WRITE_LIMIT):
        request = {table: [{"PutRequest": {"Item": item}} for item in items[begin : begin + BATCH_WRITE_LIMIT]]}
        attempt = 0
        while request:
            answer = _patiently(lambda request=request: client().batch_write_item(RequestItems=request))  # type: ignore[misc]
            request = answer.get("UnprocessedItems") or {}
            if request:  # the table takes no more at the moment
                time.sleep(_PAUSES_SECONDS[min(attempt, len(_PAUSES_SECONDS) - 1)])
                attempt += 1


def _patiently(call: Callable[[], Any]) -> Any:
    """A new table takes 4,000 writes a second and grows only with time."""
    attempt = 0
    while True:
        try:
            return call()
        except ClientError as error:
            if error.response["Error"]["Code"] not in _THROTTLED:
                raise
        time.sleep(_PAUSES_SECONDS[min(attempt, len(_PAUSES_SECONDS) - 1)])
        attempt += 1
