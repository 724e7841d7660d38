"""Where announcements are kept."""

from datetime import UTC, datetime, timedelta

import pytest

from backbone import clock
from backbone.dynamodb import Table, client, decode
from backbone.errors import RecordNotFound
from backbone.events import carried_by
from backbone.settings import settings
from functions.announcements.domain import (
    MAX_ACTIONS,
    MAX_IQL_QUERY_LENGTH,
    MAX_LINK_LENGTH,
    MAX_TEXT_BYTES,
    Action,
    Severity,
    Text,
)
from functions.announcements.store import AnnouncementStore
from tests.support.api import new_caller
from tests.support.builders import given_announcement

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
store = AnnouncementStore()


def items() -> list[dict[str, object]]:
    return [decode(item) for item in client().scan(TableName=settings().announcements_table)["Items"]]


def test_what_is_added_comes_back_as_it_was(engine: str) -> None:
    to = new_caller().address
    announcement = given_announcement(
        to,
        severity=Severity.HIGH,
        is_silent=True,
        texts=[("en", Text("Title", "Body")), ("de", Text("Titel", "Text"))],
        actions=[Action({"en": "Go", "de": "Los"}, "https://a"), Action({"en": "Stop"}, "https://b")],
        iql_query="query",
        expires_at=NOW,
    )

    assert store.visible_to(to, now=NOW) == [announcement]
    assert store.get(announcement.id, now=NOW) == announcement


def test_each_identity_sees_its_own_and_everybodys(engine: str) -> None:
    """misc.md: announcement for everybody visible to all; with recipients visible to these only"""
    alice, bob, carol = (new_caller().address for _ in range(3))
    for_all = given_announcement(created_at=NOW)
    for_two = given_announcement(alice, bob, created_at=NOW + timedelta(seconds=1))
    for_bob = given_announcement(bob, created_at=NOW + timedelta(seconds=2))

    assert store.visible_to(alice, now=NOW) == [for_all, for_two]
    assert store.visible_to(bob, now=NOW) == [for_all, for_two, for_bob]
    assert store.visible_to(carol, now=NOW) == [for_all]
    assert store.all(now=NOW) == [for_all, for_two, for_bob]


def test_the_largest_announcement_fits_an_item(engine: str) -> None:
    """Every limit of the domain at once, in characters of four bytes."""
    wide = "\N{GRINNING FACE}"

    announcement = given_announcement(
        *(new_caller().address for _ in range(100)),
        is_silent=True,
        texts=[("en", Text("T", wide * ((MAX_TEXT_BYTES - 20) // 4)))],
        actions=[Action({"en": wide * 30, "de": wide * 30}, wide * MAX_LINK_LENGTH)] * MAX_ACTIONS,
        iql_query=wide * MAX_IQL_QUERY_LENGTH,
    )

    assert store.get(announcement.id, now=NOW) == announcement


@pytest.mark.parametrize("count", [98, 99, 100])
def test_a_hundred_recipients_are_not_too_many(engine: str, count: int) -> None:
    """misc.md §2.2: recipients 0..100"""
    recipients = [new_caller().address for _ in range(count)]

    announcement = given_announcement(*recipients)

    assert store.visible_to(recipients[0], now=NOW) == [announcement]
    assert store.visible_to(recipients[-1], now=NOW) == [announcement]
    store.delete(announcement)
    assert [item["sk"] for item in items()] == ["N"]


def test_everything_of_an_announcement_expires_thirty_days_after_it(engine: str) -> None:
    """misc.md §2.2: Housekeeping deletes announcements with `expiresAt <= now - 30 days`"""
    given_announcement(new_caller().address, expires_at=NOW, created_at=NOW)

    gone_at = {item["sk"][:2]: item["ttl"] for item in items()}  # type: ignore[index]
    assert gone_at.pop("N") == clock.epoch_seconds(NOW + timedelta(days=1))
    assert set(gone_at.values()) == {clock.epoch_seconds(NOW + timedelta(days=30))}


def test_without_expiry_it_stays(engine: str) -> None:
    announcement = given_announcement()

    item = Table(settings().announcements_table).get({"pk": "A", "sk": f"E#{announcement.id}"})
    assert item is not None
    assert "ttl" not in item


def test_the_event_is_committed_with_the_announcement_but_not_read_along(engine: str) -> None:
    announcement = given_announcement()

    table = Table(settings().announcements_table)
    notice, item = table.get({"pk": announcement.id, "sk": "N"}), table.get({"pk": "A", "sk": f"E#{announcement.id}"})
    assert [event.name for event in carried_by(notice)] == ["AnnouncementCreated"]
    assert item is not None
    assert "events" not in item


def test_what_is_deleted_is_gone_for_all_and_cannot_be_deleted_again(engine: str) -> None:
    alice = new_caller().address
    addressed, for_all = given_announcement(alice), given_announcement()

    store.delete(addressed)
    store.delete(for_all)

    assert store.visible_to(alice, now=NOW) == []
    for announcement in (addressed, for_all):
        with pytest.raises(RecordNotFound):
            store.get(announcement.id, now=NOW)
        with pytest.raises(RecordNotFound):
            store.delete(announcement)


def test_an_announcement_without_its_last_recipient_is_not_for_everybody(engine: str) -> None:
    """misc.md, surprise 4: avoid by remembering that it was addressed"""
    alice, bob = new_caller().address, new_caller().address
    shared, own = given_announcement(alice, bob), given_announcement(alice)

    store.forget_recipient(alice)
    store.forget_recipient(alice)

    assert store.visible_to(alice, now=NOW) == []
    assert [each.id for each in store.visible_to(bob, now=NOW)] == [shared.id]
    assert store.get(shared.id, now=NOW).recipients == {bob}
    assert store.get(own.id, now=NOW).is_addressed
    assert store.get(own.id, now=NOW).recipients == frozenset()
