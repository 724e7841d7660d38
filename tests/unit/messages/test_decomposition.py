"""What decomposition hides.  Contract: messages.md, sections 4, 5 A and 11."""

from dataclasses import dataclass

import pytest

from backbone import clock, dynamodb
from backbone.addresses import Address, anonymised_address
from backbone.caller import Caller
from backbone.dynamodb import Table
from backbone.events import EventEnvelope
from backbone.events.relationships import RelationshipStatusChanged
from backbone.ids import RelationshipId
from backbone.settings import settings
from functions.messages import items
from functions.messages.consumers import consumers
from functions.messages.decomposition_store import DecompositionStore, MessageOnItsWay
from functions.messages.domain import RelationshipToRecipientNotActive
from functions.messages.store import MessageStore
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import given_relationship
from tests.support.engine import DOMAIN
from tests.unit.messages.journeys import given_message, listed, post, read, sent

pytestmark = pytest.mark.slow

PSEUDONYM = "did:e:localhost:dids:3a29ae5c1f591bbd9a2aaa"


def decomposed(by: Caller, peer: Caller | Address, relationship_id: RelationshipId, **changes: object) -> None:
    """The event of a decomposition reaches Messages."""
    event = RelationshipStatusChanged.model_validate(
        {
            "relationship_id": relationship_id,
            "new_status": "DeletionProposed",
            "initiator": by.address,
            "peer": peer.address if isinstance(peer, Caller) else peer,
            "was_due_to_identity_deletion": False,
            "audit_position": 4,
            **changes,
        }
    )
    consumers.handle(EventEnvelope.of(event, clock.now()))


@dataclass
class Scene:
    """S has sent a message to R1 and R2 (§4)."""

    api: InProcessApi
    s: Caller
    r1: Caller
    r2: Caller
    to_r1: RelationshipId
    to_r2: RelationshipId
    message_id: str

    def seen_by(self, reader: Caller) -> list[str] | None:
        """The recipients' addresses as the reader sees them; None when he does not see the message."""
        answer = read(self.api, reader, self.message_id)
        in_list = listed(self.api, reader)
        assert in_list == ([self.message_id] if answer.status == 200 else [])
        assert listed(self.api, reader, {"ids": self.message_id}) == in_list
        if answer.status == 404:
            return None
        return [recipient["address"] for recipient in answer.result["recipients"]]


@pytest.fixture
def scene(api: InProcessApi) -> Scene:
    s, r1, r2 = new_caller(), new_caller(), new_caller()
    to_r1 = given_relationship(s.address, r1.address).id
    to_r2 = given_relationship(r2.address, s.address).id
    return Scene(api, s, r1, r2, to_r1, to_r2, sent(api, s, r1, r2))


def test_at_first_everybody_sees_real_addresses(scene: Scene) -> None:
    """messages.md §4: nothing decomposed: yes, both real addresses | yes | yes"""
    assert scene.seen_by(scene.s) == [scene.r1.address, scene.r2.address]
    assert scene.seen_by(scene.r1) == [scene.r1.address]
    assert scene.seen_by(scene.r2) == [scene.r2.address]


def test_the_sender_sees_a_pseudonym_where_he_has_decomposed(scene: Scene) -> None:
    """messages.md §11: Sender decomposed relation to one of two recipients → still sees the message with that address =
    pseudonym (§4: the recipients see it as before)"""
    before = read(scene.api, scene.r1, scene.message_id).result["recipients"][0]

    decomposed(scene.s, scene.r1, scene.to_r1)

    assert scene.seen_by(scene.s) == [PSEUDONYM, scene.r2.address]
    shown = read(scene.api, scene.s, scene.message_id).result["recipients"][0]
    assert shown == {**before, "address": PSEUDONYM}
    assert scene.seen_by(scene.r1) == [scene.r1.address]
    assert scene.seen_by(scene.r2) == [scene.r2.address]


def test_a_recipient_who_has_decomposed_sees_nothing_and_is_still_named(scene: Scene) -> None:
    """messages.md §11: Recipient decomposed → sender still sees message with real address; recipient gets 404 /
    omitted. Other recipients are unaffected"""
    decomposed(scene.r1, scene.s, scene.to_r1)

    assert scene.seen_by(scene.s) == [scene.r1.address, scene.r2.address]
    assert scene.seen_by(scene.r1) is None
    assert scene.seen_by(scene.r2) == [scene.r2.address]


def test_a_sender_who_has_decomposed_everything_sees_nothing(scene: Scene) -> None:
    """messages.md §11: Sender decomposed relations to all recipients → message gone for sender, still visible to
    recipients who have not decomposed."""
    decomposed(scene.s, scene.r1, scene.to_r1)
    decomposed(scene.s, scene.r2, scene.to_r2)

    assert scene.seen_by(scene.s) is None
    assert scene.seen_by(scene.r1) == [scene.r1.address]
    assert scene.seen_by(scene.r2) == [scene.r2.address]
    assert read(scene.api, scene.r1, scene.message_id).result["createdBy"] == scene.s.address


@pytest.mark.parametrize("recipient_first", [True, False])
def test_what_both_have_decomposed_is_anonymous(scene: Scene, recipient_first: bool) -> None:
    """messages.md §4: both decomposed S-R1: S sees it, R1 pseudonym (now also stored) | R1 no | R2 yes"""
    sides = [(scene.r1, scene.s), (scene.s, scene.r1)]
    for initiator, peer in sides if recipient_first else reversed(sides):
        decomposed(initiator, peer, scene.to_r1)

    assert scene.seen_by(scene.s) == [PSEUDONYM, scene.r2.address]
    assert scene.seen_by(scene.r1) is None
    assert scene.seen_by(scene.r2) == [scene.r2.address]
    assert _traces(scene.r1.address, but="UNRECEIVED#") == []


def test_in_the_end_nobody_sees_it_and_nobody_is_named(scene: Scene) -> None:
    """messages.md §4: everything decomposed by all: no | no | no; §5 A, 4: createdBy := pseudonym; the message stays
    stored"""
    decomposed(scene.s, scene.r1, scene.to_r1)
    decomposed(scene.r2, scene.s, scene.to_r2)
    decomposed(scene.r1, scene.s, scene.to_r1, new_status="ReadyForDeletion")
    decomposed(scene.s, scene.r2, scene.to_r2, new_status="ReadyForDeletion")

    assert [scene.seen_by(one) for one in (scene.s, scene.r1, scene.r2)] == [None, None, None]
    for one in (scene.s, scene.r1, scene.r2):
        assert _traces(one.address, but="UNRECEIVED#") == []
    assert Table(settings().messages_table).get({"pk": scene.message_id, "sk": "M"})["createdBy"] == PSEUDONYM  # type: ignore[index]


def _traces(address: Address, *, but: str) -> list[object]:
    """Items that name an address; events and heads of mailboxes aside."""
    found = map(dynamodb.decode, dynamodb.client().scan(TableName=settings().messages_table)["Items"])
    return [
        item
        for item in found
        if not item["pk"].startswith(but) and item["sk"] != "HEAD" and address in str({**item, "events": None})
    ]


def test_the_pseudonym_is_the_contracts(scene: Scene) -> None:
    """messages.md §5, Pseudonym: localhost"""
    assert anonymised_address(DOMAIN) == PSEUDONYM


@pytest.mark.parametrize("times", [2, 3])
def test_hearing_it_again_changes_nothing(scene: Scene, times: int) -> None:
    """messages.md §5 A, 2: Under at-least-once delivery treat it as a no-op"""
    for _ in range(times):
        decomposed(scene.s, scene.r1, scene.to_r1)
        decomposed(scene.r1, scene.s, scene.to_r1, new_status="ReadyForDeletion")

    assert scene.seen_by(scene.s) == [PSEUDONYM, scene.r2.address]


@pytest.mark.parametrize(
    "changes",
    [
        {"new_status": status, "was_due_to_identity_deletion": due}
        for status in ("Pending", "Active", "Rejected", "Revoked", "Terminated")
        for due in (False, True)
    ],
)
def test_other_changes_of_status_hide_nothing(scene: Scene, changes: dict[str, object]) -> None:
    """messages.md §5: Only for NewStatus DeletionProposed or ReadyForDeletion; all others are ignored"""
    decomposed(scene.r1, scene.s, scene.to_r1, **changes)

    assert scene.seen_by(scene.r1) == [scene.r1.address]


def test_only_messages_of_this_relationship_are_hidden(scene: Scene) -> None:
    """messages.md §10, 10: Recipient entries store the relationship id; selecting by it avoids this"""
    earlier = given_message(scene.s, [scene.r1])

    decomposed(scene.r1, scene.s, scene.to_r1)

    assert listed(scene.api, scene.r1) == [earlier.id]


def test_a_peer_may_be_anonymous_already(scene: Scene) -> None:
    """messages.md §5: Peer can already be the pseudonym if the other side was deleted before"""
    decomposed(scene.s, anonymised_address(DOMAIN), scene.to_r1)

    assert scene.seen_by(scene.s) == [PSEUDONYM, scene.r2.address]


def test_the_anonymous_no_longer_count_as_unreceived(scene: Scene) -> None:
    """messages.md §3.1, 4: counted are entries with this address, and an anonymous one has it no longer"""
    decomposed(scene.r1, scene.s, scene.to_r1)
    hidden_only = MessageStore().unreceived(scene.s.address, [scene.r1.address])
    decomposed(scene.s, scene.r1, scene.to_r1)

    assert hidden_only == [1]
    assert MessageStore().unreceived(scene.s.address, [scene.r1.address]) == [0]


def test_a_message_on_its_way_during_decomposition_is_refused(scene: Scene) -> None:
    """data-model.md, messages: the counters know what is decomposed, so nothing appears after the event"""
    decomposed(scene.r1, scene.s, scene.to_r1)

    # The relationship still looks active to this sender, as it does to one who has read it a moment ago.
    answer = post(scene.api, scene.s, scene.r2, scene.r1)

    assert answer.error == (400, RelationshipToRecipientNotActive().code)
    assert listed(scene.api, scene.r2) == [scene.message_id]


def test_a_new_relationship_of_the_pair_carries_messages_again(scene: Scene) -> None:
    """messages.md §3.1, 4: the youngest relationship decides"""
    decomposed(scene.r1, scene.s, scene.to_r1)
    given_relationship(scene.r1.address, scene.s.address)

    again = sent(scene.api, scene.s, scene.r1)

    assert listed(scene.api, scene.r1) == [again]


def test_recent_messages_are_found_while_the_index_lags(moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """data-model.md, messages: the index is eventually consistent, the mailbox is not"""
    sender, recipient = new_caller(), new_caller()
    relationship_id = RelationshipId.new()
    message = given_message(sender, [recipient], relationship_ids=[relationship_id], created_at=clock.now())
    query_all = Table.query_all
    monkeypatch.setattr(
        Table, "query_all", lambda self, *a, **options: [] if "index" in options else query_all(self, *a, **options)
    )

    for initiator in (sender, recipient):
        keys = DecompositionStore().exchanged(relationship_id, initiator.address, now=clock.now())
        assert list(keys) == [items.entry_key(recipient.address, message.id)]


def test_a_message_to_many_that_is_still_being_stored_is_looked_at_later(moto: None) -> None:
    """data-model.md, messages: the event comes again"""
    sender, recipient = new_caller(), new_caller()
    relationship_id = RelationshipId.new()
    message = given_message(sender, [recipient], relationship_ids=[relationship_id], created_at=clock.now())
    table = Table(settings().messages_table)
    table.delete(items.entry_key(sender.address, message.id))

    with pytest.raises(MessageOnItsWay):
        decomposed(recipient, sender, relationship_id)
