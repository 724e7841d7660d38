"""Mailboxes and their numbering.  docs/data-model.md, messages."""

from datetime import datetime, timedelta

import pytest

from backbone import clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.dynamodb import Item, Table
from backbone.events import EventEnvelope
from backbone.events.messages import MessageCreated
from backbone.http import Page
from backbone.ids import MessageId, RelationshipId
from backbone.settings import settings
from functions.messages import items
from functions.messages.consumers import consumers
from functions.messages.domain import SENDING_TIME
from functions.messages.mailbox_store import MailboxStore
from tests.support.api import new_caller
from tests.support.builders import LONG_AGO
from tests.unit.messages.journeys import KEY, given_message, put_all

pytestmark = pytest.mark.slow

mailboxes = MailboxStore()


def given_entries(owner: Address, number: int, *, first_at: datetime = LONG_AGO, unsettled: bool = False) -> list[str]:
    """Received entries without their messages, a millisecond apart."""
    ids = [MessageId.at(first_at + timedelta(milliseconds=n)) for n in range(number)]
    entry = {"position": 0, "relationshipId": RelationshipId.new(), "encryptedKey": KEY, "unsettled": unsettled or None}
    put_all({**items.entry_key(owner, message_id), **entry} for message_id in ids)
    return [str(message_id) for message_id in ids]


def _table() -> Table:
    return Table(settings().messages_table)


def ids_of(entries: list[Item]) -> list[str]:
    return [str(items.message_id_of(entry)) for entry in entries]


def pages(owner: Address, size: int, now: datetime | None = None) -> tuple[list[str], set[int]]:
    """All entries, page after page, and the totals that full pages claimed."""
    found: list[str] = []
    totals: set[int] = set()
    for number in range(1, 1000):
        page = mailboxes.page(owner, Page(number, size), now=now or clock.now())
        if not page.items:
            return found, totals
        totals.add(page.total_records)
        found += ids_of(list(page.items))
    raise AssertionError("no end")


@pytest.mark.parametrize("size", [35, 50, 64, 200])
def test_pages_cover_a_mailbox_whatever_their_size(moto: None, size: int) -> None:
    owner = new_caller().address
    ids = given_entries(owner, 130)

    assert pages(owner, size) == (ids, {130})
    assert pages(owner, size) == (ids, {130})  # numbered by now


def test_new_entries_appear_behind_the_anchors(engine: str) -> None:
    owner = new_caller().address
    ids = given_entries(owner, 120)
    mailboxes.number(owner, now=clock.now())

    ids += given_entries(owner, 45, first_at=LONG_AGO + timedelta(hours=1))

    assert pages(owner, 20) == (ids, {165})


def test_the_last_minute_is_not_numbered(engine: str) -> None:
    """A message may still come before another one that is stored already."""
    owner = new_caller().address
    now = clock.now()
    ids = given_entries(owner, 60, first_at=now - timedelta(seconds=1))

    mailboxes.number(owner, now=now)
    before = _table().get({"pk": items.box(owner), "sk": "HEAD"})
    late = given_entries(owner, 1, first_at=now - timedelta(seconds=30))
    mailboxes.number(owner, now=now + SENDING_TIME + timedelta(seconds=1))
    after = _table().get({"pk": items.box(owner), "sk": "HEAD"})

    assert before is None
    assert after == {
        "pk": items.box(owner),
        "sk": "HEAD",
        "epoch": 0,
        "anchored": 50,
        "sent": 0,
        "last": (late + ids)[49],
    }
    assert pages(owner, 50) == (late + ids, {61})


def test_anchors_of_an_earlier_epoch_are_void(engine: str) -> None:
    owner = new_caller().address
    ids = given_entries(owner, 160)
    mailboxes.number(owner, now=clock.now())

    for gone in ids[10:30]:
        _table().delete(items.entry_key(owner, MessageId(gone)))
    mailboxes.forget_numbers(owner)

    assert pages(owner, 50) == (ids[:10] + ids[30:], {140})
    assert pages(owner, 50) == (ids[:10] + ids[30:], {140})


def test_who_numbers_too_late_numbers_nothing(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbering of a mailbox that shrinks meanwhile loses against the new epoch."""
    owner = new_caller().address
    given_entries(owner, 60)
    walk = MailboxStore._entries

    def shrinking(self: MailboxStore, *arguments: object) -> object:
        yield from walk(self, *arguments)  # type: ignore[arg-type]
        self.forget_numbers(owner)

    monkeypatch.setattr(MailboxStore, "_entries", shrinking)
    mailboxes.number(owner, now=clock.now())

    head = _table().get({"pk": items.box(owner), "sk": "HEAD"})
    assert head is not None
    assert (head["epoch"], head["anchored"]) == (1, 0)


def test_more_anchors_than_a_transaction_holds(moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.messages.mailbox_store.TRANSACTION_LIMIT", 2)
    owner = new_caller().address
    ids = given_entries(owner, 160)

    mailboxes.number(owner, now=clock.now())

    head = _table().get({"pk": items.box(owner), "sk": "HEAD"})
    assert head is not None
    assert (head["anchored"], head["last"]) == (150, ids[149])
    assert pages(owner, 80) == (ids, {160})


def test_an_unsettled_entry_without_message_is_invisible_and_goes(engine: str) -> None:
    owner = new_caller().address
    ids = given_entries(owner, 2)
    dead = given_entries(owner, 1, unsettled=True)
    fresh = given_entries(owner, 1, unsettled=True, first_at=clock.now())

    assert sorted(pages(owner, 50)[0]) == sorted(ids)
    assert mailboxes.named(owner, [MessageId(dead[0]), MessageId(fresh[0])], Page(1, 50), now=clock.now()).items == []
    assert _table().get(items.entry_key(owner, MessageId(dead[0]))) is None
    assert _table().get(items.entry_key(owner, MessageId(fresh[0]))) is not None


def _created(message_id: MessageId, sender: Caller, recipient: Caller) -> EventEnvelope:
    event = MessageCreated.model_validate(
        {
            "message_id": message_id,
            "created_by": sender.address,
            "recipients": [{"address": recipient.address, "relationship_id": RelationshipId.new()}],
        }
    )
    return EventEnvelope.of(event, clock.now())


@pytest.mark.parametrize(("last_character", "numbered"), [("0", True), ("1", True), ("2", False), ("z", False)])
def test_every_31st_message_numbers_its_mailboxes(moto: None, last_character: str, numbered: bool) -> None:
    sender, recipient = new_caller(), new_caller()
    for owner in (sender, recipient):
        given_entries(owner.address, 50)

    consumers.handle(_created(MessageId("MSG" + 16 * "x" + last_character), sender, recipient))

    for owner in (sender, recipient):
        assert (_table().get({"pk": items.box(owner.address), "sk": "HEAD"}) is not None) is numbered


def test_stored_messages_sort_by_time(moto: None) -> None:
    sender, recipient = new_caller(), new_caller()
    instants = [LONG_AGO + timedelta(days=days) for days in (3, 1, 2)]
    ids = [given_message(sender, [recipient], created_at=instant).id for instant in instants]

    assert pages(recipient.address, 50)[0] == [ids[1], ids[2], ids[0]]
