"""What the deletion of an identity does to messages.  Contract: messages.md, sections 5 B and 11."""

from datetime import timedelta
from functools import partial

import pytest

from backbone import clock
from backbone.dynamodb import Table
from backbone.ids import MessageId, RelationshipId
from backbone.readmodels import relationships
from backbone.settings import settings
from functions.messages import items
from functions.messages.decomposition_store import MessageOnItsWay
from functions.messages.domain import SENDING_TIME, Destination, Dispatch, NoRelationshipToRecipientExists
from functions.messages.mailbox_store import MailboxStore
from functions.messages.store import MessageStore
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import LONG_AGO, given_relationship
from tests.support.witness import witnessed
from tests.unit.messages.deletion_scenes import (
    PROCESS,
    PSEUDONYM,
    Circle,
    begun,
    left,
    orphaned,
    relationships_are_left,
    stored_items,
    traces,
)
from tests.unit.messages.journeys import BODY, given_message, listed, post, read
from tests.unit.messages.test_decomposition import decomposed
from tests.unit.messages.test_mailbox_store import given_entries

pytestmark = pytest.mark.slow


@pytest.fixture
def circle(api: InProcessApi) -> Circle:
    return Circle(api)


def table() -> Table:
    return Table(settings().messages_table)


def test_a_deleted_sender_is_anonymous_at_once(circle: Circle) -> None:
    """messages.md §5 B, 1: If createdBy = Initiator: createdBy := pseudonym (immediately, whatever the other
    relationships are)."""
    message_id = circle.sent()
    before = read(circle.api, circle.r1, message_id).result

    left(circle.s, circle.r1, circle.to_r1)

    assert circle.seen_by(circle.r1, message_id) == (PSEUDONYM, [circle.r1.address])
    assert circle.seen_by(circle.r2, message_id) == (PSEUDONYM, [circle.r2.address])
    assert circle.seen_by(circle.s, message_id) is None
    assert read(circle.api, circle.r1, message_id).result == {**before, "createdBy": PSEUDONYM}


def test_a_deleted_recipient_is_anonymous_in_his_place(circle: Circle) -> None:
    """messages.md §5 B, 2: If a recipient address = Initiator: that address := pseudonym. (§3.4: keep request order;
    §5: Anonymisation only replaces addresses: receivedAt, receivedByDevice, keys, body and attachments stay)"""
    message_id = circle.sent()
    read(circle.api, circle.r1, message_id)
    before = read(circle.api, circle.s, message_id).result
    first, second = before["recipients"]

    left(circle.r1, circle.s, circle.to_r1)

    after = read(circle.api, circle.s, message_id).result
    assert after == {**before, "recipients": [{**first, "address": PSEUDONYM}, second]}
    assert first["receivedAt"] is not None
    assert circle.seen_by(circle.r2, message_id) == (circle.s.address, [circle.r2.address])
    assert circle.seen_by(circle.r1, message_id) is None
    assert listed(circle.api, circle.s) == [message_id]


def test_all_messages_with_the_peer_lose_the_name(circle: Circle) -> None:
    """messages.md §11: Identity deleted → its address replaced by the pseudonym in all messages exchanged with the
    peer; message deleted once sender and all recipients are pseudonyms."""
    received, written = circle.sent(), circle.answered()

    left(circle.r1, circle.s, circle.to_r1)

    assert circle.seen_by(circle.s, received) == (circle.s.address, [PSEUDONYM, circle.r2.address])
    assert circle.seen_by(circle.s, written) == (PSEUDONYM, [circle.s.address])
    assert traces(circle.r1) == []


def test_the_last_one_makes_an_orphan(circle: Circle) -> None:
    """messages.md §5 B, 4: If now createdBy and all recipient addresses are the pseudonym: raise MessageOrphaned."""
    message_id = circle.sent()
    with witnessed() as seen:
        left(circle.r1, circle.s, circle.to_r1)
        left(circle.s, PSEUDONYM, circle.to_r1, "ReadyForDeletion")
        left(circle.s, circle.r2, circle.to_r2)
        assert seen.told("MessageOrphaned") == []

        left(circle.r2, PSEUDONYM, circle.to_r2, "ReadyForDeletion")

    assert seen.told("MessageOrphaned") == [{"messageId": message_id}]


def test_an_orphan_is_deleted_with_everything(circle: Circle) -> None:
    """messages.md §5: Consumer of MessageOrphaned {MessageId}: deletes the message with recipients and attachments."""
    kept, gone = circle.sent(), circle.answered()
    left(circle.r1, circle.s, circle.to_r1)
    left(circle.s, PSEUDONYM, circle.to_r1, "ReadyForDeletion")

    for _ in range(2):
        orphaned(gone)

    assert [item for item in stored_items() if gone in (item["pk"], item["sk"])] == []
    assert circle.seen_by(circle.r2, kept) == (PSEUDONYM, [circle.r2.address])


@pytest.mark.parametrize("sender_first", [True, False])
def test_the_order_of_deletions_does_not_matter(circle: Circle, sender_first: bool) -> None:
    message_id = circle.answered()
    steps = [(circle.r1, circle.s), (circle.s, circle.r1)]

    with witnessed() as seen:
        for who, peer in steps if sender_first else reversed(steps):
            left(who, peer, circle.to_r1)

    assert seen.told("MessageOrphaned") == [{"messageId": message_id}]
    assert traces(circle.s) == traces(circle.r1) == []


def test_hearing_it_again_changes_nothing(circle: Circle) -> None:
    message_id = circle.sent()
    left(circle.s, circle.r1, circle.to_r1)

    with witnessed() as seen:
        left(circle.s, circle.r1, circle.to_r1)

    assert seen.writes == 2, "the counters are closed again"
    assert circle.seen_by(circle.r1, message_id) == (PSEUDONYM, [circle.r1.address])


@pytest.mark.parametrize("survivor", ["sender", "recipient"])
def test_the_survivors_decomposition_hides_the_messages(circle: Circle, survivor: str) -> None:
    """messages.md §5: Receivers of a deleted sender's messages keep seeing them, with the pseudonym as createdBy; their
    own decomposition later hides them (flag set, address stays because the other flag never gets set)."""
    message_id = circle.answered()
    leaving, staying = (circle.s, circle.r1) if survivor == "sender" else (circle.r1, circle.s)
    left(leaving, staying, circle.to_r1)
    assert circle.seen_by(staying, message_id) is not None

    decomposed(staying, PSEUDONYM, circle.to_r1, new_status="ReadyForDeletion")

    assert circle.seen_by(staying, message_id) is None
    assert listed(circle.api, staying) == []
    assert table().get({"pk": message_id, "sk": "M"}) is not None
    assert [item["pk"] for item in stored_items() if PSEUDONYM in item["pk"]] == []


def test_a_sender_keeps_what_went_to_others(circle: Circle) -> None:
    """messages.md §4: S sees it while one recipient entry has isRelationshipDecomposedBySender = false"""
    message_id = circle.sent()
    left(circle.r1, circle.s, circle.to_r1)

    decomposed(circle.s, PSEUDONYM, circle.to_r1, new_status="ReadyForDeletion")

    assert circle.seen_by(circle.s, message_id) == (circle.s.address, [PSEUDONYM, circle.r2.address])


def test_who_had_decomposed_before_the_deletion_still_sees_nothing(circle: Circle) -> None:
    message_id = circle.answered()
    decomposed(circle.s, circle.r1, circle.to_r1)

    left(circle.r1, circle.s, circle.to_r1, "ReadyForDeletion")

    assert circle.seen_by(circle.s, message_id) is None
    stored = table().get({"pk": message_id, "sk": "M"})
    assert stored is not None
    assert stored["createdBy"] == PSEUDONYM


@pytest.mark.parametrize("initiator", ["s", "r1"])
def test_a_decomposition_that_comes_after_the_deletion_hides_nothing_from_others(
    circle: Circle, initiator: str
) -> None:
    """docs/events.md: events come in no order; the deleted one had decomposed, or his peer"""
    received, written = circle.sent(), circle.answered()
    left(circle.r1, circle.s, circle.to_r1, "ReadyForDeletion")

    who, peer = (circle.s, circle.r1) if initiator == "s" else (circle.r1, circle.s)
    decomposed(who, peer, circle.to_r1)

    assert circle.seen_by(circle.s, received) == (circle.s.address, [PSEUDONYM, circle.r2.address])
    assert (circle.seen_by(circle.s, written) is None) == (initiator == "s")
    assert circle.seen_by(circle.r2, received) == (circle.s.address, [circle.r2.address])


def test_nobody_counts_what_a_deleted_sender_has_sent(circle: Circle) -> None:
    message_id = circle.answered()
    left(circle.r1, circle.s, circle.to_r1)

    assert read(circle.api, circle.s, message_id).result["recipients"][0]["receivedAt"] is not None

    assert [
        item for item in stored_items() if item["pk"].startswith(f"UNRECEIVED#{circle.s.address}#{PSEUDONYM}")
    ] == []


def test_the_counters_go_when_nothing_can_be_on_its_way(circle: Circle) -> None:
    circle.sent()

    left(circle.r1, circle.s, circle.to_r1)

    now = clock.epoch_seconds(clock.now())
    counters = {item["pk"]: item for item in stored_items() if item["pk"].startswith("UNRECEIVED#")}
    ours = [item for pk, item in counters.items() if circle.r1.address in pk]
    assert len(ours) == 2
    for counter in ours:
        assert now < counter["ttl"] <= now + SENDING_TIME.total_seconds() + 1
        assert counter["closed"] == {circle.to_r1}
    assert "ttl" not in counters[f"UNRECEIVED#{circle.r2.address}#{circle.s.address}"]


def test_a_message_on_its_way_to_the_deleted_is_refused(circle: Circle) -> None:
    left(circle.r1, circle.s, circle.to_r1)

    # The sender has read the pair a moment ago.
    answer = post(circle.api, circle.s, circle.r1)

    assert answer.error[1].endswith("relationshipToRecipientNotActive")
    assert traces(circle.r1) == []


def test_later_there_is_no_relationship_at_all(circle: Circle) -> None:
    """messages.md §3.1, 4: none → noRelationshipToRecipientExists"""
    relationships.table().delete(relationships.pair_key(circle.s.address, circle.r1.address))

    assert post(circle.api, circle.s, circle.r1).error == (400, NoRelationshipToRecipientExists().code)


class TestTheEnd:
    """Messages has finished when the mailbox is empty after Relationships has finished."""

    def test_it_waits_for_relationships(self, circle: Circle) -> None:
        message_id = circle.sent()

        with witnessed() as seen:
            begun(circle.s)
            relationships_are_left(circle.s, service="tokens")

        assert seen.writes == 0
        assert circle.seen_by(circle.s, message_id) is not None

    @pytest.mark.parametrize("order", ["events first", "end first"])
    def test_then_nothing_is_left(self, circle: Circle, order: str) -> None:
        for _ in range(3):
            circle.sent()
            circle.answered()
        given_entries(circle.s.address, 120)
        MailboxStore().number(circle.s.address, now=clock.now())
        peers = ((circle.r1, circle.to_r1), (circle.r2, circle.to_r2))
        leave = [partial(left, circle.s, peer, relationship_id) for peer, relationship_id in peers]
        end = [partial(relationships_are_left, circle.s)]

        with witnessed() as seen:
            for step in [*leave, *end] if order == "events first" else [*end, *leave]:
                step()

        assert traces(circle.s) == []
        assert seen.told("IdentityDataDeleted")[-1] == {
            "identityAddress": circle.s.address,
            "deletionProcessId": PROCESS,
            "service": "messages",
            "aggregates": [],
        }
        assert len(listed(circle.api, circle.r1)) == 6

    def test_either_event_finishes_whichever_comes_last(self, circle: Circle) -> None:
        circle.sent()
        relationships_are_left(circle.s)

        with witnessed() as seen:
            begun(circle.s)

        assert [event["name"] for event in seen.events] == ["IdentityDataDeleted"]

    def test_somebody_without_messages_is_finished_at_once(self, api: InProcessApi) -> None:
        with witnessed() as seen:
            relationships_are_left(new_caller())

        assert len(seen.told("IdentityDataDeleted")) == 2, "of relationships, and ours"

    def test_others_are_not_touched(self, circle: Circle) -> None:
        stranger, friend = new_caller(), new_caller()
        given_message(stranger, [friend], relationship_ids=[given_relationship(stranger.address, friend.address).id])
        world = [str(item) for item in stored_items()]
        circle.sent()

        left(circle.s, circle.r1, circle.to_r1)
        left(circle.s, circle.r2, circle.to_r2)
        relationships_are_left(circle.s)

        assert set(world) <= {str(item) for item in stored_items()}

    def test_what_never_came_goes_with_the_mailbox(self, circle: Circle) -> None:
        """data-model.md, messages: what a crash leaves are entries without a message"""
        old = MessageId.at(LONG_AGO)
        table().put({**items.entry_key(circle.s.address, old), "position": 0, "unsettled": True, "encryptedKey": BODY})

        relationships_are_left(circle.s)

        assert traces(circle.s) == []

    def test_what_is_being_stored_is_looked_at_again(self, circle: Circle) -> None:
        fresh = MessageId.at(clock.now() + timedelta(seconds=1))
        table().put(
            {**items.entry_key(circle.s.address, fresh), "position": 0, "unsettled": True, "encryptedKey": BODY}
        )

        with pytest.raises(MessageOnItsWay):
            relationships_are_left(circle.s)

        assert table().get({"pk": f"DELETED#{PROCESS}", "sk": "DELETED"}) is None


def test_many_recipients_may_share_the_pseudonym(api: InProcessApi) -> None:
    """messages.md §2: after anonymisation several recipients may carry the same pseudonym"""
    sender, *others = (new_caller() for _ in range(4))
    ids = [given_relationship(sender.address, other.address).id for other in others]
    message = given_message(sender, others, relationship_ids=ids)

    for other, id in zip(others[:2], ids, strict=False):
        left(other, sender, id)

    shown = [recipient["address"] for recipient in read(api, sender, message.id).result["recipients"]]
    assert shown == [PSEUDONYM, PSEUDONYM, others[2].address]
    assert MessageStore().get(sender.address, message.id).message.body == BODY


def test_an_orphan_is_one_without_anybody() -> None:
    """messages.md §5 B, 4"""
    pseudonym, somebody = new_caller().address, new_caller().address
    nobody, other = (
        Destination(address, given) for address, given in zip((pseudonym, somebody), some_relationships(), strict=True)
    )

    assert not Dispatch((nobody,)).is_orphaned(pseudonym)
    assert not Dispatch((nobody, other)).without_sender().is_orphaned(pseudonym)
    assert Dispatch((nobody,)).without_sender().is_orphaned(pseudonym)
    assert Dispatch((nobody, other)).without_sender().without_recipient(1, pseudonym).is_orphaned(pseudonym)


def some_relationships() -> list[RelationshipId]:
    """Ids nobody has."""
    return [RelationshipId("REL1"), RelationshipId("REL2")]
