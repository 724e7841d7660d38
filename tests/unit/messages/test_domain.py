"""The rules of messages, without HTTP and storage."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.addresses import Address
from backbone.ids import DeviceId, FileId, MessageId, RelationshipId
from functions.messages import domain
from functions.messages.domain import Destination, Dispatch, Message, Opened, Recipient
from tests.support.api import new_caller

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
PSEUDONYM = Address("did:e:localhost:dids:3a29ae5c1f591bbd9a2aaa")


def test_a_message_is_its_senders_and_of_this_instant() -> None:
    sender = new_caller()

    message = domain.compose(sender, body=b"x", attachments=[FileId("FILb"), FileId("FILa"), FileId("FILb")], now=NOW)

    assert (message.created_by, message.created_by_device, message.created_at) == (
        sender.address,
        sender.device_id,
        NOW,
    )
    assert message.attachments == ("FILb", "FILa")
    assert MessageId.is_valid(message.id)
    assert len(message.id) == 20


@given(
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2090, 1, 1)),  # noqa: DTZ001  # made aware below
    st.integers(min_value=1, max_value=10**12),
)
def test_ids_sort_like_their_instants(instant: datetime, milliseconds: int) -> None:
    earlier = instant.replace(tzinfo=UTC)
    later = earlier + timedelta(milliseconds=milliseconds)

    assert MessageId.first_at(earlier) <= MessageId.at(earlier) < MessageId.first_at(later)


@pytest.mark.parametrize("status", ["Active", "Pending", "Terminated"])
def test_a_usable_relationship_is_no_reason_to_refuse(status: str) -> None:
    assert domain.refusal([status]) is None


@pytest.mark.parametrize("status", ["Rejected", "Revoked", "DeletionProposed", "ReadyForDeletion"])
def test_the_first_unusable_relationship_is_the_reason(status: str) -> None:
    refusal = domain.refusal(["Active", status, None])

    assert refusal is not None
    assert refusal.position == 1
    assert isinstance(refusal.error, domain.RelationshipToRecipientNotActive)


def test_no_relationship_is_a_reason_of_its_own() -> None:
    refusal = domain.refusal([None, "Rejected"])

    assert refusal is not None
    assert isinstance(refusal.error, domain.NoRelationshipToRecipientExists)


def dispatch(*flags: tuple[bool, bool]) -> Dispatch:
    return Dispatch(tuple(Destination(new_caller().address, RelationshipId.new(), *both) for both in flags))


def test_a_dispatch_is_visible_until_the_sender_has_decomposed_all() -> None:
    assert dispatch((True, False), (False, True)).is_visible
    assert not dispatch((True, False), (True, True)).is_visible


def test_a_dispatch_is_over_when_all_have_decomposed_all() -> None:
    assert not dispatch((True, True), (True, False)).is_over
    assert dispatch((True, True), (True, True)).is_over


@pytest.mark.parametrize("by_recipient", [True, False])
def test_one_side_leaves_the_address_alone(by_recipient: bool) -> None:
    before = dispatch((False, False), (False, False))

    after = domain.decompose(before, 1, by_recipient=by_recipient, pseudonym=PSEUDONYM)

    assert after.destinations[0] == before.destinations[0]
    assert after.destinations[1].address == before.destinations[1].address
    assert after.destinations[1].decomposed_by_recipient is by_recipient
    assert after.destinations[1].decomposed_by_sender is not by_recipient


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_both_sides_make_the_address_anonymous(order: tuple[bool, bool]) -> None:
    changed = dispatch((False, False))

    for by_recipient in order:
        changed = domain.decompose(changed, 0, by_recipient=by_recipient, pseudonym=PSEUDONYM)

    assert changed.destinations[0].address == PSEUDONYM


def test_decomposing_twice_changes_nothing() -> None:
    once = domain.decompose(dispatch((False, False)), 0, by_recipient=True, pseudonym=PSEUDONYM)

    assert domain.decompose(once, 0, by_recipient=True, pseudonym=PSEUDONYM) == once


def test_the_sender_is_shown_pseudonyms_where_he_has_decomposed() -> None:
    sender, sent = new_caller(), dispatch((True, False), (False, True))
    message = Message(MessageId.at(NOW), NOW, sender.address, DeviceId.new(), b"x", ())
    recipients = tuple(
        Recipient(position, one.address, one.relationship_id, b"key") for position, one in enumerate(sent.destinations)
    )

    shown = Opened(message, recipients, sent).shown(PSEUDONYM).recipients

    assert [one.address for one in shown] == [PSEUDONYM, recipients[1].address]


def test_about_every_31st_message_is_a_milestone() -> None:
    milestones = sum(domain.is_milestone(MessageId.at(NOW)) for _ in range(6200))

    assert 120 < milestones < 300
