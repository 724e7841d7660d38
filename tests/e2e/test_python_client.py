"""Two identities and their devices, encrypting for real, against the deployed system."""

from collections.abc import Callable

import pytest

from enmeshed import BackboneError, Connection, Modification
from infra.local.stack import CLIENT_ID, CLIENT_SECRET, LocalStack
from tests.e2e.conftest import eventually, relate
from tests.people import Identity

NewIdentity = Callable[[], Identity]
LARGE = "x" * 400_000


def test_two_identities_exchange_encrypted_messages_in_both_directions(new_identity: NewIdentity) -> None:
    alice, bob = new_identity(), new_identity()
    relate(alice, bob)

    bob.device.messages.send([alice.address], {"text": "to Alice"})
    alice.device.messages.send([bob.address], {"text": "to Bob"})

    (to_alice,) = eventually("Bob's message", lambda: alice.device.sync().messages)
    (to_bob,) = eventually("Alice's message", lambda: bob.device.sync().messages)
    assert to_alice.content == {"text": "to Alice"}
    assert to_bob.content == {"text": "to Bob"}


def test_one_action_makes_exactly_one_external_event(new_identity: NewIdentity) -> None:
    """events.md §10: message in Active relationship -> recipient: one MessageReceived; none to sender"""
    alice, bob = new_identity(), new_identity()
    relate(alice, bob)

    for number in range(5):
        bob.device.messages.send([alice.address], {"number": number})

    seen: list[str] = []
    eventually("five messages", lambda: len(seen.extend(e.type for e in alice.device.sync()) or seen) >= 5)
    assert seen == ["MessageReceived"] * 5
    assert alice.device.sync() == bob.device.sync() == []
    # In any order: the contract promises none between events (synchronization.md §8.2).
    assert sorted(message.content["number"] for message in alice.device.messages.all()) == [0, 1, 2, 3, 4]


def test_a_second_device_sees_what_the_first_one_did(new_identity: NewIdentity) -> None:
    """client-protocol.md §25: a second device onboarded with the shared secret reads the whole datawallet"""
    alice, bob = new_identity(), new_identity()
    relate(alice, bob)
    bob.device.messages.send([alice.address], {"text": "before"})
    eventually("the message", lambda: alice.device.sync().messages)

    second = alice.add_device()
    second.sync()

    assert [message.content for message in second.messages.all()] == [{"text": "before"}]
    second.messages.send([bob.address], {"text": "from the second device"})
    (message,) = eventually("its message", lambda: bob.device.sync().messages)
    assert message.content == {"text": "from the second device"}
    assert bob.device.connection.get(f"/Messages/{message.id}")["createdByDevice"] == second.device_id


def test_a_rejected_and_a_revoked_request_leave_the_way_free(new_identity: NewIdentity) -> None:
    alice, bob = new_identity(), new_identity()
    for answer in ("reject", "revoke", "accept"):
        template = alice.device.templates.create({"try": answer})
        loaded = bob.device.templates.load(template.reference.truncated)
        requested = bob.device.relationships.request(loaded, {"try": answer})
        eventually("the request", lambda: alice.device.sync().relationships)
        if answer == "revoke":
            bob.device.relationships.revoke(requested.id)
            eventually("the revocation", lambda: alice.device.sync().relationships)
        else:
            getattr(alice.device.relationships, answer)(requested.id)
            eventually("the answer", lambda: bob.device.sync().relationships)

    statuses = {relationship.status for relationship in bob.device.relationships.all()}
    assert statuses == {"Rejected", "Revoked", "Active"}


def test_a_password_protects_a_template(new_identity: NewIdentity) -> None:
    alice, bob = new_identity(), new_identity()
    template = alice.device.templates.create({"secret": True}, password="open sesame")

    with pytest.raises(BackboneError) as refusal:
        bob.device.templates.load(template.reference.truncated, password="wrong")
    loaded = bob.device.templates.load(template.reference.truncated, password="open sesame")

    assert refusal.value.code == "error.platform.recordNotFound"
    assert loaded.content == {"secret": True}


def test_payloads_beyond_an_item_travel_unchanged(new_identity: NewIdentity) -> None:
    """Large payloads live in S3; nothing in the API shows it."""
    alice, bob = new_identity(), new_identity()
    template = alice.device.templates.create({"large": LARGE})
    assert bob.device.templates.load(template.reference.truncated).content == {"large": LARGE}
    relate(alice, bob)

    bob.device.messages.send([alice.address], {"large": LARGE})
    (message,) = eventually("the message", lambda: alice.device.sync().messages)
    assert message.content == {"large": LARGE}

    object_id = "ATT00000000000000001"
    alice.device.datawallet.push_now([Modification("Attributes", object_id, "Create", "Content", {"large": LARGE})])
    second = alice.add_device()
    assert [m.payload for m in second.datawallet.pull() if m.object_identifier == object_id] in ([], [{"large": LARGE}])


def test_three_hundred_modifications_in_one_push_arrive_in_order(new_identity: NewIdentity) -> None:
    """synchronization.md §11: n items -> 201, indices consecutive in request order"""
    alice = new_identity()
    modifications = [
        Modification("Attributes", f"ATT{number:017d}", "Create", "Content", {"number": number})
        for number in range(300)
    ]

    alice.device.datawallet.push_now(modifications)

    items = list(alice.device.connection.items("/Datawallet/Modifications"))
    numbers = [item["index"] for item in items]
    assert len([item for item in items if item["collection"] == "Attributes"]) == 300
    assert numbers == sorted(numbers)


def test_a_changed_password_is_the_only_one_that_works(stack: LocalStack, new_identity: NewIdentity) -> None:
    """devices.md §16: PUT Password -> 204, old password no longer accepted by /connect/token"""
    alice = new_identity()
    old = alice.device.connection.credentials
    assert old is not None
    body = {"oldPassword": old.password, "newPassword": "another one"}
    assert alice.device.connection.request("PUT", "/Devices/Self/Password", json=body).status == 204

    refused = Connection(stack.base_url, CLIENT_ID, CLIENT_SECRET).request_token(old)

    assert (refused.status, refused.body["error"]) == (400, "invalid_grant")
