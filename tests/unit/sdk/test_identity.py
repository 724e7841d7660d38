"""Relationships, messages and external events of two identities against a Backbone in memory."""

from dataclasses import replace
from typing import Any

import pytest

from enmeshed import BackboneError, ProtocolError, Reference
from enmeshed.protocol.crypto import SignatureKeyPair
from enmeshed.protocol.encoding import unb64json
from enmeshed.protocol.messages import open_message
from enmeshed.protocol.relationship_secrets import RequestSecrets
from enmeshed.protocol.tokens import CONTENT_TEMPLATE
from tests.people import Identity
from tests.unit.sdk.fake_backbone import BASE_URL, CLIENT_ID, CLIENT_SECRET, Call, FakeBackbone
from tests.unit.sdk.flows import GREETING, REQUEST, connect, hello, new_identity


def test_a_new_identity_has_the_address_of_its_key_and_a_datawallet(backbone: FakeBackbone, alice: Identity) -> None:
    """client-protocol.md §9."""
    assert alice.address in backbone.identities
    assert [item["collection"] for item in backbone.wallets[alice.address]] == ["Devices", "Devices"]
    assert [item["payloadCategory"] for item in backbone.wallets[alice.address]] == ["TechnicalData", "Userdata"]
    assert alice.device.datawallet.local_index == 1


def test_an_address_that_differs_from_the_own_computation_is_refused(backbone: FakeBackbone) -> None:
    """client-protocol.md §5, §9.4."""
    with pytest.raises(ProtocolError):
        Identity.create(
            BASE_URL, CLIENT_ID, CLIENT_SECRET, address_hostname="example.com", transport=backbone.transport
        )


def test_a_wrong_client_secret_is_reported_as_such(backbone: FakeBackbone) -> None:
    """client-protocol.md §9.3."""
    with pytest.raises(BackboneError) as caught:
        Identity.create(BASE_URL, CLIENT_ID, "wrong", transport=backbone.transport)
    assert caught.value.code == "error.transport.general.platformClientInvalid"


def test_a_template_is_read_with_its_reference(alice: Identity, bob: Identity) -> None:
    """client-protocol.md §14."""
    template = alice.device.templates.create(GREETING, max_number_of_allocations=1)
    loaded = bob.device.templates.load(template.reference.url)
    assert (loaded.content, loaded.identity.address, loaded.is_own) == (GREETING, alice.address, False)
    assert loaded.template_key == template.template_key


def test_a_known_template_is_not_fetched_again(backbone: FakeBackbone, alice: Identity, bob: Identity) -> None:
    """client-protocol.md §14 Load."""
    reference = alice.device.templates.create(GREETING).reference
    bob.device.templates.load(reference)
    backbone.calls.clear()
    bob.device.templates.load(reference)
    assert backbone.calls == []


def test_a_template_signed_with_another_key_is_refused(alice: Identity, bob: Identity) -> None:
    """client-protocol.md §14 Load: the signature must fit the identity key inside the template."""
    session = alice.device.session
    session.keep(replace(session.keys, identity_key=SignatureKeyPair.generate()))
    reference = alice.device.templates.create(GREETING).reference
    with pytest.raises(ProtocolError) as caught:
        bob.device.templates.load(reference)
    assert caught.value.code == "error.transport.signatureNotValid"


def test_a_protected_template_needs_its_password(alice: Identity, bob: Identity) -> None:
    """client-protocol.md §12."""
    reference = alice.device.templates.create(GREETING, password="1234", password_location=4).reference.truncated
    assert Reference.parse(reference).password_protection is not None
    with pytest.raises(ProtocolError) as caught:
        bob.device.templates.load(reference)
    assert caught.value.code == "error.transport.noPasswordProvided"
    with pytest.raises(BackboneError) as refused:
        bob.device.templates.load(reference, password="4321")
    assert refused.value.status == 404
    assert bob.device.templates.load(reference, password="1234").content == GREETING


def test_a_personalised_template_is_only_for_one_reader(backbone: FakeBackbone, alice: Identity, bob: Identity) -> None:
    """client-protocol.md §13."""
    reference = alice.device.templates.create(GREETING, for_identity=bob.address).reference
    assert reference.for_identity_truncated == bob.address[-4:]
    assert bob.device.templates.load(reference).content == GREETING
    with pytest.raises(ProtocolError) as caught:
        new_identity(backbone).device.templates.load(reference)
    assert caught.value.code == "error.transport.general.notIntendedForYou"


def test_a_template_is_also_found_through_a_token(alice: Identity, bob: Identity) -> None:
    """client-protocol.md §19."""
    template = alice.device.templates.create(GREETING)
    content = {"@type": CONTENT_TEMPLATE, "secretKey": template.reference.key.json(), "templateId": template.id}
    token = alice.device.tokens.create(content, password="pässwörd")
    assert bob.device.templates.load(token.reference.truncated, password="pässwörd").id == template.id


def test_both_sides_of_a_relationship_have_the_same_session_keys(alice: Identity, bob: Identity) -> None:
    """client-protocol.md §15, §25."""
    relationship_id = connect(alice.device, bob.device)
    of_alice, of_bob = alice.device.relationships, bob.device.relationships
    received = of_alice.get(relationship_id)
    assert (received.peer.address, received.creation_content, received.status) == (bob.address, REQUEST, "Active")
    assert of_bob.get(relationship_id).status == "Active"
    keys_a, keys_b = of_alice.secrets(received), of_bob.secrets(of_bob.get(relationship_id))
    assert (keys_a.tx.key, keys_a.tx.nonce) == (keys_b.rx.key, keys_b.rx.nonce)
    assert (keys_b.tx.key, keys_b.tx.nonce) == (keys_a.rx.key, keys_a.rx.nonce)


@pytest.mark.parametrize(("operation", "status"), [("reject", "Rejected"), ("revoke", "Revoked")])
def test_a_relationship_that_is_not_accepted_keeps_its_request_secrets(
    alice: Identity, bob: Identity, operation: str, status: str
) -> None:
    """client-protocol.md §15 R on event, §16."""
    template = bob.device.templates.load(alice.device.templates.create(GREETING).reference)
    relationship = bob.device.relationships.request(template, REQUEST)
    alice.device.sync()
    actor, other = (alice.device, bob.device) if operation == "reject" else (bob.device, alice.device)
    assert getattr(actor.relationships, operation)(relationship.id).status == status
    assert [one.status for one in other.sync().relationships] == [status]
    stored = bob.device.session.vault.load(relationship.secret_id)
    assert stored["@type"] == RequestSecrets.TYPE


def test_only_the_peer_may_accept(alice: Identity, bob: Identity) -> None:
    """client-protocol.md §16."""
    template = bob.device.templates.load(alice.device.templates.create(GREETING).reference)
    relationship = bob.device.relationships.request(template, REQUEST)
    with pytest.raises(ProtocolError) as caught:
        bob.device.relationships.accept(relationship.id)
    assert caught.value.code == "error.transport.relationships.operationOnlyAllowedForPeer"


def test_messages_arrive_in_both_directions(alice: Identity, bob: Identity) -> None:
    """client-protocol.md §17; more than one page of external events (§20.4.3)."""
    connect(alice.device, bob.device)
    for text in ("one", "zwöi", "three", "four", "five"):
        alice.device.messages.send([bob.address], hello(text))
    result = bob.device.sync()
    assert [message.content["value"] for message in result.messages] == ["one", "zwöi", "three", "four", "five"]
    assert result.failed == []
    bob.device.messages.send([alice.address], hello("back"))
    [answer] = alice.device.sync().messages
    assert (answer.content, answer.created_by, answer.is_own) == (hello("back"), bob.address, False)


def test_the_counter_of_a_sender_never_repeats(backbone: FakeBackbone, alice: Identity, bob: Identity) -> None:
    """client-protocol.md §24.1: the creation response has counter 0, the messages follow."""
    connect(alice.device, bob.device)
    sent = [alice.device.messages.send([bob.address], hello(str(number))) for number in range(3)]
    counters = [unb64json(backbone.records[one.id]["recipients"][0]["encryptedKey"])["cnt"] for one in sent]
    assert counters == [1, 2, 3]


def test_a_message_to_several_recipients_is_signed_for_each(backbone: FakeBackbone, alice: Identity) -> None:
    """client-protocol.md §17 Send."""
    others = [new_identity(backbone) for _ in range(2)]
    for other in others:
        connect(alice.device, other.device)
    alice.device.messages.send([other.address for other in others], hello("all"))
    assert [other.device.sync().messages[0].content for other in others] == [hello("all"), hello("all")]


def test_a_message_is_refused_if_anything_about_it_is_wrong(
    backbone: FakeBackbone, alice: Identity, bob: Identity
) -> None:
    """client-protocol.md §17 Receive."""
    relationship_id = connect(alice.device, bob.device)
    record = backbone.records[alice.device.messages.send([bob.address], hello("x")).id]
    secrets = bob.device.relationships.secrets(bob.device.relationships.get(relationship_id))
    assert open_message(record, bob.address, secrets).content == hello("x")
    forged = replace(secrets, peer_signature=SignatureKeyPair.generate().public)
    renamed = {**record, "recipients": [{**record["recipients"][0], "address": alice.address}]}
    for message, address, keys, code in (
        (record, bob.address, forged, "signatureNotValid"),
        (record, alice.address, secrets, "ownAddressNotInList"),
        (renamed, alice.address, secrets, "signatureListMismatch"),
    ):
        with pytest.raises(ProtocolError) as caught:
            open_message(message, address, keys)
        assert caught.value.code == f"error.transport.messages.{code}"


def test_no_message_without_a_relationship(alice: Identity, bob: Identity) -> None:
    """client-protocol.md §17 Send."""
    with pytest.raises(ProtocolError) as caught:
        alice.device.messages.send([bob.address], hello("x"))
    assert caught.value.code == "error.transport.messages.hasNeitherActiveNorTerminatedRelationship"


def test_attachments_are_loaded_with_their_message(alice: Identity, bob: Identity) -> None:
    """client-protocol.md §17, §18."""
    connect(alice.device, bob.device)
    file = alice.device.files.upload(b"content", filename="a.txt", mimetype="text/plain", title="A")
    alice.device.messages.send([bob.address], hello("see"), attachments=[file])
    [message] = bob.device.sync().messages
    received = bob.device.files.get(message.attachments[0])
    assert (received.metadata.title, received.owner) == ("A", alice.address)
    assert bob.device.files.download(received) == b"content"


def test_a_changed_file_is_noticed(backbone: FakeBackbone, alice: Identity) -> None:
    """client-protocol.md §18 Read."""
    file = alice.device.files.upload(b"content")
    backbone.blobs[file.id] += b" "
    with pytest.raises(ProtocolError) as caught:
        alice.device.files.download(file)
    assert caught.value.code == "error.transport.files.cipherMismatch"


def test_an_event_that_fails_is_reported_and_does_not_stop_the_others(
    backbone: FakeBackbone, alice: Identity, bob: Identity
) -> None:
    """client-protocol.md §20.4.4, §24.19."""
    connect(alice.device, bob.device)
    backbone.raise_event(bob.address, "SomethingNew", peerAddress=alice.address)
    backbone.raise_event(bob.address, "MessageReceived", id="MSGdoesNotExist")
    alice.device.messages.send([bob.address], hello("x"))
    result = bob.device.sync()
    codes = ["error.transport.unknown", "error.platform.recordNotFound"]
    assert [failure.error_code for failure in result.failed] == codes
    assert [message.content for message in result.messages] == [hello("x")]
    assert [event["results"] for event in backbone.events[bob.address][-3:]] == [[codes[0]], [codes[1]], [None]]


def test_syncing_repeats_while_there_are_new_events(backbone: FakeBackbone, alice: Identity, bob: Identity) -> None:
    """client-protocol.md §20.4.5."""
    connect(alice.device, bob.device)
    alice.device.messages.send([bob.address], hello("first"))
    pattern, finalize = backbone.routes[-1]
    late = ["second"]

    def send_before_finalizing(call: Call, run: str) -> Any:
        while late:
            alice.device.messages.send([bob.address], hello(late.pop()))
        return finalize(call, run)

    backbone.routes[-1] = (pattern, send_before_finalizing)
    assert [message.content["value"] for message in bob.device.sync().messages] == ["first", "second"]
