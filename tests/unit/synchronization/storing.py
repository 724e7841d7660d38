"""What the tests of the store do again and again."""

from dataclasses import replace

from backbone import clock
from backbone.caller import Caller
from backbone.http import Page, PageOf
from backbone.ids import ExternalEventId
from functions.synchronization import datawallet
from functions.synchronization.datawallet import Draft
from functions.synchronization.domain import Change, ExternalEvent, Head, Modification
from functions.synchronization.store import SyncStore
from tests.support.api import new_caller
from tests.support.engine import BUCKET, aws

WHOLE = Page(1, 1_000)
LARGE = b"x" * 20_000
"""A payload that goes to S3."""


def given_datawallet(store: SyncStore) -> Caller:
    """A device of an identity with a datawallet of version 1."""
    caller = new_caller()
    nothing = Head(caller.address)
    store.change(lambda: replace(Change.of(nothing, clock.now()), head=replace(nothing, version=1)))
    return caller


def drafts(count: int, payload: bytes | None = b"payload") -> list[Draft]:
    """Modifications of so many objects."""
    return [Draft("Create", "Files", f"FIL{number}", None, 1, payload) for number in range(count)]


def append(store: SyncStore, caller: Caller, new: list[Draft]) -> Change:
    """Append without asking for the local index."""
    return store.change(
        lambda: datawallet.append(Change.of(store.head(caller.address), clock.now()), new, device=caller.device_id)
    )


def given_events(store: SyncStore, caller: Caller, count: int) -> None:
    """So many fresh events at once, on a feed without any."""
    now = clock.now()
    events = tuple(
        ExternalEvent(ExternalEventId.new(), n, "TokenLocked", {"tokenId": "T"}, now, -1) for n in range(count)
    )

    def decide() -> Change:
        head = store.head(caller.address)
        return replace(Change.of(head, now), head=replace(head, event_index=count - 1, fresh=count), events=events)

    store.change(decide)


def page_of_head(
    store: SyncStore, head: Head, caller: Caller, page: Page = WHOLE, after: int = -1
) -> PageOf[Modification]:
    """A page of the datawallet as of this head."""
    return store.modifications(head, caller, page, after=after, now=clock.now())


def listed(store: SyncStore, caller: Caller, page: Page = WHOLE, after: int = -1) -> list[Modification]:
    """The datawallet as it is now."""
    return list(page_of_head(store, store.head(caller.address), caller, page, after).items)


def stored_keys() -> set[str]:
    """All objects in S3."""
    return {found["Key"] for found in aws("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])}
