"""Announcements for everybody: part by part, page by page, once per phone.  Contract: devices.md, section 12.1."""

from collections.abc import Iterator

import pytest

from backbone import clock
from backbone.consumers import Consumers
from backbone.dynamodb import client, decode
from backbone.events import EventEnvelope, carried_by
from backbone.events.announcements import AnnouncementCreated, AnnouncementText
from backbone.events.push import AnnouncementPageDue
from backbone.ids import AnnouncementId
from backbone.settings import settings
from functions.push import consumers as push
from functions.push.domain import PARTS, Platform
from functions.push.sender import PushFailed
from tests.unit.push.provider import Provider
from tests.unit.push.scenes import handle_of, new_handle, registered, someone

pytestmark = [pytest.mark.usefixtures("moto"), pytest.mark.slow]


def announced() -> AnnouncementCreated:
    texts = [AnnouncementText(language="en", title="Hi", body="all")]
    return AnnouncementCreated(id=AnnouncementId.new(), severity="High", is_silent=False, texts=texts, recipients=[])


class Chain:
    """The way from item to item: hands every event of the table to the consumer, as often as the test likes."""

    def __init__(self, consumers: Consumers) -> None:
        self._consumers = consumers
        self._handled: set[str] = set()
        self.pages: list[AnnouncementPageDue] = []
        self.failures = 0

    def go_on(self, *, times: int = 1) -> None:
        """Until nothing new happens."""
        while fresh := [envelope for envelope in self._told() if envelope.id not in self._handled]:
            for envelope in fresh:
                for _ in range(times):
                    self._handle(envelope)

    def _handle(self, envelope: EventEnvelope) -> None:
        try:
            self._consumers.handle(envelope)
        except PushFailed:
            self.failures += 1
        else:
            self._handled.add(envelope.id)
            event = envelope.event()
            assert isinstance(event, AnnouncementPageDue)
            self.pages.append(event)

    def once(self) -> None:
        """One attempt at everything that is told and not done."""
        for envelope in self._told():
            if envelope.id not in self._handled:
                self._handle(envelope)

    def _told(self) -> Iterator[EventEnvelope]:
        for item in client().scan(TableName=settings().push_table)["Items"]:
            yield from carried_by(decode(item))


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> Chain:
    monkeypatch.setattr(push, "PAGE_SIZE", 3)
    return Chain(push.consumers)


def announce(event: AnnouncementCreated) -> None:
    push.consumers.handle(EventEnvelope.of(event, clock.now()))


def test_everybody_hears_it_once_whatever_comes_twice(sns: Provider, chain: Chain) -> None:
    """devices.md §12.2: the announcement's recipients, or everybody if it has none; events.md §10: without -> all
    devices"""
    shared = new_handle()
    devices = [registered(someone()) for _ in range(36)]
    for _ in range(5):
        registered(someone(), shared)
    registered(someone("ToBeDeleted"), platform=Platform.DUMMY)
    event = announced()

    announce(event)
    announce(event)
    chain.go_on(times=2)

    assert sns.handles() == sorted([*map(handle_of, devices), shared])
    assert {each.content["payload"]["announcementId"] for each in sns.pushed} == {event.id}
    assert {page.part for page in chain.pages} == set(PARTS)
    assert any(page.after for page in chain.pages)


def test_who_cannot_be_reached_holds_up_nobody_else_and_is_tried_again(sns: Provider, chain: Chain) -> None:
    devices = [registered(someone()) for _ in range(30)]
    unreachable = devices[::5]
    sns.failing.update(map(handle_of, unreachable))
    announce(announced())

    for _ in range(12):
        chain.once()
    assert sns.handles() == sorted(handle_of(each) for each in devices if each not in unreachable)
    assert chain.failures > 0
    sns.failing.clear()
    chain.go_on()

    assert sns.handles() == sorted(map(handle_of, devices))


def test_nobody_to_tell_comes_to_an_end(sns: Provider, chain: Chain) -> None:
    announce(announced())
    chain.go_on()

    assert len(chain.pages) == len(PARTS)
    assert sns.pushed == []


def test_a_page_that_comes_a_month_too_late_is_dropped(sns: Provider) -> None:
    registered(someone())
    for part in PARTS:
        late = AnnouncementPageDue(announcement_id=AnnouncementId.new(), part=part)
        push.consumers.handle(EventEnvelope.of(late, clock.now()))

    assert sns.pushed == []


def test_a_page_can_be_told_from_every_other() -> None:
    """Its id is what repeats are dropped by, and at most 128 characters."""
    event = announced()
    pages = [
        AnnouncementPageDue(announcement_id=event.id, part=part, after=after) for part in "ab" for after in (None, "x")
    ]

    assert len({page.event_id for page in pages}) == 4
    longest = AnnouncementPageDue(announcement_id=event.id, part="f", after="apns#" + "f" * 32)
    assert len(longest.event_id) <= 128
