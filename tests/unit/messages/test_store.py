"""The conditions under which messages are stored, on both engines."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.dynamodb import Table, Write
from backbone.http import Page
from backbone.ids import DeviceId, RelationshipId
from backbone.settings import settings
from functions.messages import domain, items
from functions.messages.decomposition_store import DecompositionStore
from functions.messages.domain import MaxNumberOfUnreceivedMessagesReached, Recipient, RelationshipToRecipientNotActive
from functions.messages.mailbox_store import MailboxStore
from functions.messages.store import MessageStore
from tests.support.api import new_caller
from tests.unit.messages.journeys import KEY, given_message
from tests.unit.messages.test_decomposition import decomposed

store = MessageStore()


def _limit(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setenv("BACKBONE_MAX_UNRECEIVED_MESSAGES", str(number))
    settings.cache_clear()


def test_the_limit_is_a_condition(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _limit(monkeypatch, 2)
    sender, recipient = new_caller(), new_caller()
    first = given_message(sender, [recipient])
    given_message(sender, [recipient])

    with pytest.raises(MaxNumberOfUnreceivedMessagesReached):
        given_message(sender, [recipient])
    store.receive([store.get(recipient.address, first.id)], recipient, now=clock.now())
    given_message(sender, [recipient])

    assert store.unreceived(sender.address, [recipient.address]) == [2]


def test_a_closed_relationship_is_a_condition(engine: str) -> None:
    sender, recipient, other = new_caller(), new_caller(), new_caller()
    over, open_ = RelationshipId.new(), RelationshipId.new()
    DecompositionStore().close(over, recipient.address, sender.address)
    DecompositionStore().close(RelationshipId.new(), sender.address, recipient.address)

    with pytest.raises(RelationshipToRecipientNotActive):
        given_message(sender, [other, recipient], relationship_ids=[open_, over])
    with pytest.raises(RelationshipToRecipientNotActive):
        given_message(recipient, [sender], relationship_ids=[over])
    message = given_message(sender, [recipient], relationship_ids=[open_])

    assert store.get(recipient.address, message.id).message == message


def test_a_receipt_is_noted_once(engine: str) -> None:
    sender, recipient = new_caller(), new_caller()
    message = given_message(sender, [recipient])
    unreceived = store.get(recipient.address, message.id)
    other_device = Caller(recipient.address, DeviceId.new(), "test")
    now = clock.now()

    (first,) = store.receive([unreceived], recipient, now=now)
    (second,) = store.receive([unreceived], other_device, now=now + timedelta(seconds=1))

    assert first == second
    assert first.recipients[0].received_by_device == recipient.device_id
    assert store.unreceived(sender.address, [recipient.address]) == [0]


def test_some_of_many_are_received_already(engine: str) -> None:
    one, other, recipient = new_caller(), new_caller(), new_caller()
    messages = [given_message(sender, [recipient]) for sender in (one, other, one, one)]
    unreceived = [store.get(recipient.address, message.id) for message in messages]
    earlier = clock.now()
    store.receive(unreceived[2:3], recipient, now=earlier)

    received = store.receive(unreceived, recipient, now=earlier + timedelta(seconds=1))

    assert [one.message.id for one in received] == [message.id for message in messages]
    assert [one.recipients[0].received_at == earlier for one in received] == [False, False, True, False]
    assert store.unreceived(one.address, [recipient.address]) == [0]
    assert store.unreceived(other.address, [recipient.address]) == [0]


def test_what_vanishes_before_its_receipt_is_left_out(engine: str) -> None:
    sender, recipient = new_caller(), new_caller()
    message = given_message(sender, [recipient])
    unreceived = store.get(recipient.address, message.id)
    Table(settings().messages_table).delete(items.entry_key(recipient.address, message.id))

    assert store.receive([unreceived], recipient, now=clock.now()) == []


@pytest.fixture
def steps_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages to more than two recipients are stored in steps."""
    monkeypatch.setattr("functions.messages.store.RECIPIENTS_PER_TRANSACTION", 2)


def _crash_before_the_end(sender: Caller, recipients: list[Caller], monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(writes: Sequence[Write]) -> None:  # message and dispatch
        raise RuntimeError("the function is gone")

    with monkeypatch.context() as crashing:
        crashing.setattr("backbone.quotas.allowance.transact", crash)
        with pytest.raises(RuntimeError):
            given_message(sender, recipients[:4])


@pytest.mark.usefixtures("steps_of_two")
def test_a_message_to_many_is_visible_when_it_is_complete(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sender, *recipients = (new_caller() for _ in range(6))
    _crash_before_the_end(sender, recipients, monkeypatch)

    complete = given_message(sender, recipients)

    for one in (sender, *recipients):
        (entry,) = MailboxStore().page(one.address, Page(1, 50), now=clock.now()).items
        assert items.message_id_of(entry) == complete.id
        assert store.get(one.address, complete.id).message == complete
    assert len(store.get(sender.address, complete.id).recipients) == 5


@pytest.mark.usefixtures("steps_of_two")
def test_a_message_to_many_that_is_refused_late_is_taken_back(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _limit(monkeypatch, 1)
    sender, *recipients = (new_caller() for _ in range(5))
    given_message(sender, recipients[3:4])

    with pytest.raises(MaxNumberOfUnreceivedMessagesReached):
        given_message(sender, recipients)

    assert store.unreceived(sender.address, [one.address for one in recipients]) == [0, 0, 0, 1]
    assert MailboxStore().page(recipients[0].address, Page(1, 50), now=clock.now()).items == []


@pytest.mark.usefixtures("steps_of_two")
def test_what_a_crash_has_counted_does_not_stand_in_the_way(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _limit(monkeypatch, 1)
    sender, *recipients = (new_caller() for _ in range(5))
    _crash_before_the_end(sender, recipients, monkeypatch)
    addresses = [one.address for one in recipients]
    assert store.unreceived(sender.address, addresses) == [1, 1, 1, 1]

    given_message(sender, recipients[:2], created_at=clock.now())

    assert store.unreceived(sender.address, addresses) == [1, 1, 1, 1]
    with pytest.raises(MaxNumberOfUnreceivedMessagesReached):
        given_message(sender, recipients[:2], created_at=clock.now())


@pytest.mark.usefixtures("steps_of_two")
def test_what_a_message_to_many_has_counted_stays_counted_until_received(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _limit(monkeypatch, 1)
    sender, *recipients = (new_caller() for _ in range(4))
    message = given_message(sender, recipients)

    with pytest.raises(MaxNumberOfUnreceivedMessagesReached):
        given_message(sender, recipients[:1], created_at=clock.now())
    store.receive([store.get(recipients[0].address, message.id)], recipients[0], now=clock.now())
    given_message(sender, recipients[:1], created_at=clock.now())

    assert store.unreceived(sender.address, [recipients[0].address]) == [1]


def test_a_recipient_keeps_his_place_and_key(engine: str) -> None:
    sender, one, other = new_caller(), new_caller(), new_caller()
    ids = [RelationshipId.new(), RelationshipId.new()]
    message = given_message(sender, [one, other], relationship_ids=ids)

    opened = store.get(sender.address, message.id)

    assert opened.recipients == (
        Recipient(0, one.address, ids[0], KEY),
        Recipient(1, other.address, ids[1], KEY),
    )
    assert opened.dispatch is not None
    assert domain.message_created(message, opened.recipients).recipients[1].relationship_id == ids[1]


def test_a_recipient_who_decomposes_during_the_read_is_found_where_he_went(engine: str) -> None:
    sender, one = new_caller(), new_caller()
    relationship_id = RelationshipId.new()
    message = given_message(sender, [one], relationship_ids=[relationship_id])
    before = Table(settings().messages_table).get(items.entry_key(sender.address, message.id))
    decomposed(one, sender, relationship_id)
    assert before is not None

    (opened,) = store.open([before])

    assert [recipient.address for recipient in opened.recipients] == [one.address]
