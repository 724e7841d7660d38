"""What others see when an identity is deleted, on the deployed system."""

from collections.abc import Callable

import pytest

from enmeshed import BackboneError, Event
from infra.local.stack import LocalStack
from tests.e2e.conftest import eventually, relate
from tests.e2e.test_deletion import PROCESSES, _delete_identities, _start
from tests.people import Identity

NewIdentity = Callable[[], Identity]
PSEUDONYM = "did:e:localhost:dids:3a29ae5c1f591bbd9a2aaa"


def events_of(identity: Identity, number: int) -> list[Event]:
    """The next external events."""
    seen: list[Event] = []
    eventually(f"{number} events", lambda: len(seen.extend(identity.device.sync()) or seen) >= number)
    return seen


def test_peers_hear_of_every_step_of_a_deletion(new_identity: NewIdentity) -> None:
    """relationships.md §12: Identity to be deleted → PeerToBeDeleted with deletionDate = grace period end; Cancel
    deletion → PeerDeletionCancelled to the same peers."""
    alice, bob = new_identity(), new_identity()
    relationship_id = relate(alice, bob)

    process = _start(alice, days=3)
    [told] = events_of(bob, 1)
    alice.device.connection.put(f"{PROCESSES}/{process['id']}/Cancel")
    [taken_back] = events_of(bob, 1)

    assert (told.type, told.payload["relationshipId"]) == ("PeerToBeDeleted", relationship_id)
    assert told.payload["deletionDate"].rstrip("Z").startswith(process["gracePeriodEndsAt"].rstrip("0Z"))
    assert (taken_back.type, taken_back.payload) == ("PeerDeletionCancelled", {"relationshipId": relationship_id})


def test_peers_hear_of_feature_flags(new_identity: NewIdentity) -> None:
    """relationships.md §6: On FeatureFlagsOfIdentityChanged(X) … each get PeerFeatureFlagsChanged"""
    alice, bob, carol = new_identity(), new_identity(), new_identity()
    relate(alice, bob)
    carol.device.templates.load(alice.device.templates.create({"for": "guests"}).reference.truncated)

    alice.device.connection.request("PATCH", "/Identities/Self/FeatureFlags", json={"aFeature": True})

    for one in (bob, carol):
        [event] = events_of(one, 1)
        assert (event.type, event.payload) == ("PeerFeatureFlagsChanged", {"peerAddress": alice.address})


def test_survivors_keep_what_they_have_without_the_name(stack: LocalStack, new_identity: NewIdentity) -> None:
    """relationships.md §12, messages.md §11: Identity deleted → PeerDeleted and RelationshipStatusChanged to peers;
    its address replaced by the pseudonym"""
    alice, bob, carol = new_identity(), new_identity(), new_identity()
    with_bob, with_carol = relate(alice, bob), relate(alice, carol)
    alice.device.messages.send([bob.address, carol.address], {"text": "from Alice"})
    to_bob = eventually("the message", lambda: bob.device.sync().messages)[0].id
    bob.device.messages.send([alice.address], {"text": "from Bob"})
    from_bob = eventually("the answer", lambda: alice.device.sync().messages)[0].id
    template = alice.device.templates.create({"purpose": "test"})

    _start(alice)
    _delete_identities(stack)

    events = events_of(bob, 3)
    assert [event.type for event in events] == ["PeerToBeDeleted", "PeerDeleted", "RelationshipStatusChanged"]
    assert {event.payload["relationshipId"] for event in events} == {with_bob}
    seen = bob.device.connection.get(f"/Relationships/{with_bob}")
    assert (seen["status"], seen["to"], seen["from"]) == ("DeletionProposed", PSEUDONYM, bob.address)
    assert seen["auditLog"][-1]["reason"] == "DecompositionDueToIdentityDeletion"
    assert [entry["createdBy"] for entry in seen["auditLog"]] == [bob.address, PSEUDONYM, PSEUDONYM]
    received, sent = (bob.device.connection.get(f"/Messages/{id}") for id in (to_bob, from_bob))
    assert received["createdBy"] == PSEUDONYM
    assert [recipient["address"] for recipient in sent["recipients"]] == [PSEUDONYM]
    with pytest.raises(BackboneError):
        bob.device.connection.get(f"/RelationshipTemplates/{template.id}")

    assert bob.device.connection.put(f"/Relationships/{with_bob}/Decompose")["status"] == "ReadyForDeletion"
    eventually("the disappearance", lambda: not bob.device.connection.get("/Messages"))
    assert carol.device.connection.get(f"/Relationships/{with_carol}")["status"] == "DeletionProposed"
    assert [message["createdBy"] for message in carol.device.connection.get("/Messages")] == [PSEUDONYM]


def test_of_two_deleted_identities_not_even_the_messages_are_left(stack: LocalStack, new_identity: NewIdentity) -> None:
    """messages.md §11: message deleted once sender and all recipients are pseudonyms."""
    alice, bob = new_identity(), new_identity()
    relate(alice, bob)
    message = alice.device.messages.send([bob.address], {"text": "x" * 40_000})
    eventually("the message", lambda: bob.device.sync().messages)

    _start(alice)
    _start(bob)
    _delete_identities(stack)

    table, bucket = (stack.environment()[f"BACKBONE_{name}"] for name in ("MESSAGES_TABLE", "PAYLOAD_BUCKET"))
    dynamodb, s3 = stack.client("dynamodb"), stack.client("s3")
    key = {"pk": {"S": message.id}, "sk": {"S": "M"}}
    eventually("the end of the message", lambda: "Item" not in dynamodb.get_item(TableName=table, Key=key))
    prefix = f"messages/{message.id}"
    eventually("the end of its body", lambda: not s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents"))
