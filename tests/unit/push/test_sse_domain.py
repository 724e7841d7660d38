"""The rules of server-sent events."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.push.sse_domain import (
    CAPACITY,
    GONE_AFTER,
    KEPT,
    Entry,
    Mailbox,
    Position,
    collapsed,
    is_to_be_renewed,
    open_mailbox,
    stream,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WAIT = timedelta(seconds=25)
ID = "abcdefghij"


def mailbox(count: int, *, first: int = 1, read: int = 0) -> Mailbox:
    entries = tuple(Entry.of("ExternalEventCreated", f"SYI{number}") for number in range(count))
    return Mailbox(ID, NOW, first=first, read=read, entries=entries)


def test_an_answer_is_what_the_parsers_of_clients_expect() -> None:
    """events.md §7.3: `event: ExternalEventCreated` `data: _`; LF line ends; `data: _` is constant and needed"""
    text = stream([(Position(ID, 0), "ConnectionOpened"), (None, "keep-alive")], retry_milliseconds=250)

    assert text == (
        "retry: 250\n\n"
        "id: abcdefghij-0\nevent: ConnectionOpened\ndata: _\n\n"
        "event: keep-alive\ndata: _\n\n"
    )  # fmt: skip


def test_a_position_comes_back_as_it_went() -> None:
    assert Position.parse(str(Position(ID, 17))) == Position(ID, 17)


@given(st.text() | st.from_regex(r"[A-Za-z0-9]{8,12}-[0-9]{0,17}"))
def test_any_text_is_a_position_or_none(text: str) -> None:
    position = Position.parse(text)

    assert position is None or Position.parse(str(position)) == position


@pytest.mark.parametrize("text", ["", "abcdefghij", "abcdefghij-", "abcdefghij--1", "abcdefghij-1\n", "abcdefghij-١"])
def test_what_was_not_made_here_is_no_position(text: str) -> None:
    assert Position.parse(text) is None


def test_numbers_go_on_from_the_first() -> None:
    box = mailbox(3, first=10)

    assert box.last == 12
    assert [position.number for position, _ in box.after(10)] == [11, 12]
    assert box.after(12) == []


@pytest.mark.parametrize(
    ("position", "known"),
    [
        (Position(ID, 9), True),
        (Position(ID, 12), True),
        (Position(ID, 8), False),
        (Position(ID, 13), False),
        (Position("jihgfedcba", 10), False),
    ],
)
def test_a_position_is_known_if_nothing_after_it_has_gone(position: Position, known: bool) -> None:
    assert mailbox(3, first=10).knows(position) is known


def test_an_empty_mailbox_knows_its_beginning() -> None:
    assert open_mailbox(now=NOW, wait=WAIT, new_id=lambda: ID).knows(Position(ID, 0))


def test_a_client_is_gone_two_minutes_after_its_last_answer() -> None:
    box = open_mailbox(now=NOW, wait=WAIT)

    assert box.is_connected(NOW + WAIT + GONE_AFTER - timedelta(seconds=1))
    assert not box.is_connected(NOW + WAIT + GONE_AFTER)


def test_being_there_is_not_written_down_every_time() -> None:
    box = open_mailbox(now=NOW, wait=WAIT)

    renewals = [is_to_be_renewed(box, now=NOW + passed * WAIT, wait=WAIT) for passed in (1, 2, 3)]

    assert renewals == [False, False, True]


def test_what_was_read_is_dropped_when_it_pays_but_the_newest_is_kept() -> None:
    assert mailbox(2 * KEPT - 1).superfluous(2 * KEPT - 1) == 0
    assert mailbox(2 * KEPT).superfluous(2 * KEPT) == KEPT
    assert mailbox(2 * KEPT, first=100).superfluous(2 * KEPT + 99) == KEPT
    assert mailbox(CAPACITY).superfluous(CAPACITY) == CAPACITY - KEPT


def test_what_was_not_read_is_not_dropped() -> None:
    assert mailbox(CAPACITY).superfluous(0) == 0
    assert mailbox(CAPACITY).superfluous(20) == 20


def test_collapsing_leaves_the_newest_of_each_name_in_order() -> None:
    entries = [Entry.of(name, f"{name}{number}") for number, name in enumerate("ABACB")]

    assert collapsed(entries) == (entries[2], entries[3], entries[4])


def test_an_entry_is_the_same_for_the_same_event_only() -> None:
    entry = Entry.of("ExternalEventCreated", "SYI1/Created")

    assert entry == Entry.parse(str(entry)) == Entry.of("ExternalEventCreated", "SYI1/Created")
    assert entry != Entry.of("ExternalEventCreated", "SYI2/Created")
