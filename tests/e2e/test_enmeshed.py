"""The client library on the deployed system: the checklist of client-protocol.md §25, and what else it does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from enmeshed import (
    Account,
    Backbone,
    BackboneError,
    Event,
    ForbiddenError,
    LoginRefusedError,
    MemoryStorage,
    NotFoundError,
    PreconditionError,
    QuotaExhaustedError,
    Relationship,
    UnreadableError,
)
from enmeshed.account import register
from enmeshed.http import Credentials
from enmeshed.protocol.crypto import Cipher, SignatureKeyPair
from enmeshed.protocol.encoding import b64u, unb64json
from enmeshed.protocol.ids import device_password
from enmeshed.protocol.primitives import sha512
from infra.local.stack import CLIENT_ID, CLIENT_SECRET, LocalStack
from tests.e2e.conftest import eventually
from tests.e2e.test_tags_and_announcements import announce
from tests.people import new_secret

MAIL = {"@type": "ArbitraryMessageContent", "value": "hällo 😀"}
NewAccount = Callable[[], Account]


@pytest.fixture
def backbone(stack: LocalStack) -> Backbone:
    return Backbone(stack.base_url, CLIENT_ID, CLIENT_SECRET)


@pytest.fixture
def new_account(backbone: Backbone) -> NewAccount:
    return lambda: Account.open(MemoryStorage(), backbone, create=True)


def next_events(account: Account, *types: str) -> list[Event]:
    """Synchronise until events of these types came."""
    seen: list[Event] = []

    def complete() -> bool:
        seen.extend(account.sync())
        return {event.type for event in seen} >= set(types)

    eventually(f"{types}", complete)
    return seen


def change(account: Account, status: str) -> Relationship:
    """Synchronise until a relationship has a status."""

    def current() -> Relationship | None:
        account.sync()
        return next((one for one in account.relationships.all() if one.status == status), None)

    return eventually(status, current)


def relate(templator: Account, requestor: Account) -> Relationship:
    """An active relationship."""
    template = templator.templates.create({"@type": "ArbitraryRelationshipTemplateContent", "value": "hello"})
    requestor.relationships.request(requestor.templates.load(template.reference))
    templator.relationships.accept(change(templator, "Pending"))
    return change(requestor, "Active")


# ------------------------------------------------------------------ identities
def test_an_identity_has_the_address_of_its_key_and_logs_in_with_its_password(
    stack: LocalStack, new_account: NewAccount, backbone: Backbone
) -> None:
    """§25: registration accepted; address returned = address computed; wrong password 400, right one a token"""
    alice = new_account()
    assert alice.address.startswith("did:e:localhost:dids:")
    credentials = alice.session.keys.credentials
    assert alice.connection.login()
    refused = backbone.connect(Credentials(credentials.username, "wrong"))
    with pytest.raises(LoginRefusedError) as caught:
        refused.login()
    assert (caught.value.status, caught.value.code) == (400, "error.transport.request.noAuthGrant")
    assert backbone.version() in (6, 7)
    assert backbone.is_healthy()
    assert backbone.deletion_of(credentials.username) is None


def test_a_registration_signed_with_another_key_is_refused(backbone: Backbone) -> None:
    """§25: registration with the challenge signed by another key is refused"""

    class Thief(SignatureKeyPair):
        def sign(self, content: bytes, label: int = 2) -> object:  # type: ignore[override]
            return SignatureKeyPair.generate().sign(content, label)

    with pytest.raises(BackboneError) as caught:
        register(backbone, Thief(SignatureKeyPair.generate().private), device_password())
    assert caught.value.code == "error.platform.validation.device.invalidSignature"
    with pytest.raises(BackboneError) as wrong:
        register(Backbone(backbone.base_url, CLIENT_ID, "wrong"), SignatureKeyPair.generate(), device_password())
    assert wrong.value.code == "error.transport.general.platformClientInvalid"


# ------------------------------------------------------------------ templates and relationships
def test_templates_are_for_those_who_may_read_them(new_account: NewAccount) -> None:
    """§25: decrypts with the key of the reference, signature verifies; personalised; protected"""
    alice, bob, carol = new_account(), new_account(), new_account()
    open_to_all = alice.templates.create({"value": 1}, expires_in=timedelta(hours=1))
    assert bob.templates.load(open_to_all.reference.truncated).content == {"value": 1}
    personal = alice.templates.create({"value": 2}, for_identity=bob.address, password="1234")
    assert personal.reference.truncated != personal.reference.url
    assert personal.reference.for_identity_truncated == bob.address[-4:]
    with pytest.raises(PreconditionError):
        carol.templates.load(personal.reference, password="1234")
    with pytest.raises(PreconditionError) as caught:
        bob.templates.load(personal.reference.url)
    assert caught.value.code == "error.transport.noPasswordProvided"
    with pytest.raises(NotFoundError):
        bob.templates.load(personal.reference, password="4321")
    token = alice.templates.create_token(personal)
    assert bob.templates.load(token.reference, password="1234").content == {"value": 2}
    with pytest.raises(PreconditionError):
        alice.templates.create_token(personal, password="another")
    alice.templates.delete(open_to_all)
    with pytest.raises(NotFoundError):
        carol.templates.load(open_to_all.reference)
    assert [one.id for one in alice.templates.all()] == [personal.id]


def test_the_creator_hears_when_a_template_is_used_up(new_account: NewAccount) -> None:
    alice, bob, carol = new_account(), new_account(), new_account()
    template = alice.templates.create({"value": 1}, max_number_of_allocations=1)
    bob.templates.load(template.reference)
    with pytest.raises(BackboneError) as caught:
        carol.templates.load(template.reference)
    assert caught.value.code.endswith("maxNumberOfAllocationsExhausted")
    [event] = next_events(alice, "RelationshipTemplateAllocationsExhausted")
    assert event.subject == alice.templates.get(template.id)


def test_both_sides_have_the_same_keys_and_contents(new_account: NewAccount) -> None:
    """§25: A's tx key/nonce = B's rx key/nonce and vice versa; creation content unchanged"""
    alice, bob = new_account(), new_account()
    template = alice.templates.create({"value": 1})
    content = {"@type": "ArbitraryRelationshipCreationContent", "value": {"from": "Bob 😀"}}
    requested = bob.relationships.request(bob.templates.load(template.reference), content)
    pending = change(alice, "Pending")
    assert (pending.creation_content, pending.peer.address) == (content, bob.address)
    assert pending.is_requested_by_peer
    assert not requested.is_requested_by_peer
    alice.relationships.accept(pending)
    active = change(bob, "Active")
    keys_a, keys_b = alice.relationships.secrets(alice.relationships.get(active.id)), bob.relationships.secrets(active)
    assert (keys_a.tx.key, keys_a.tx.nonce) == (keys_b.rx.key, keys_b.rx.nonce)
    assert (keys_b.tx.key, keys_b.tx.nonce) == (keys_a.rx.key, keys_a.rx.nonce)
    assert [entry.reason for entry in active.audit_log] == ["Creation", "AcceptanceOfCreation"]
    with pytest.raises(PreconditionError) as caught:
        bob.relationships.request(bob.templates.load(template.reference))
    assert caught.value.code == "error.transport.relationships.relationshipCurrentlyExists"


def test_a_relationship_goes_through_all_its_operations(new_account: NewAccount) -> None:
    """client-protocol.md §16"""
    alice, bob = new_account(), new_account()
    for answer in ("reject", "revoke"):
        template = bob.templates.load(alice.templates.create({"value": answer}).reference)
        requested = bob.relationships.request(template)
        change(alice, "Pending")
        actor, other = (alice, bob) if answer == "reject" else (bob, alice)
        status = getattr(actor.relationships, answer)(requested.id).status
        assert change(other, status).id == requested.id
    relationship = relate(alice, bob)
    with pytest.raises(PreconditionError) as caught:
        alice.relationships.request_reactivation(relationship)
    assert caught.value.code == "error.transport.relationships.wrongRelationshipStatus"
    alice.relationships.terminate(relationship)
    change(bob, "Terminated")
    bob.messages.send(alice.address, MAIL)
    for answer in ("reject_reactivation", "revoke_reactivation"):
        bob.relationships.request_reactivation(relationship)
        next_events(alice, "RelationshipReactivationRequested")
        actor, other = (bob, alice) if answer.startswith("revoke") else (alice, bob)
        getattr(actor.relationships, answer)(relationship)
        next_events(other, "RelationshipReactivationCompleted")
    with pytest.raises(PreconditionError) as caught:
        alice.relationships.accept_reactivation(relationship)
    assert caught.value.code == "error.transport.relationships.reactivationNotRequested"
    alice.relationships.request_reactivation(relationship)
    next_events(bob, "RelationshipReactivationRequested")
    bob.relationships.accept_reactivation(relationship)
    change(alice, "Active")
    bob.relationships.terminate(relationship)
    change(alice, "Terminated")
    alice.relationships.decompose(relationship)
    assert relationship.id not in {one.id for one in alice.relationships.all()}
    assert alice.messages.all() == []
    change(bob, "DeletionProposed")
    with pytest.raises(PreconditionError) as caught:
        bob.messages.send(alice.address, MAIL)
    assert caught.value.code == "error.transport.messages.hasNeitherActiveNorTerminatedRelationship"
    bob.relationships.decompose(relationship)
    relate(bob, alice)


# ------------------------------------------------------------------ messages and files
def test_messages_reach_several_recipients_with_their_attachments(new_account: NewAccount, tmp_path: Path) -> None:
    """§25: body and encryptedKey come back byte-identical; recipient decrypts with cnt; upload bytes equal"""
    alice, bob, carol = new_account(), new_account(), new_account()
    relationships = [relate(alice, peer) for peer in (bob, carol)]
    path = tmp_path / "grüße.txt"
    path.write_bytes(b"content" * 1000)
    seen: list[tuple[int, int]] = []
    file = alice.files.upload(path, mimetype="text/plain", tags=["x:a"], progress=lambda *step: seen.append(step))
    assert seen[-1][0] == seen[-1][1] > 7000
    stored = alice.connection.request("GET", f"/Files/{file.id}").content
    assert b64u(sha512(stored)) == file.cipher_hash
    sent = alice.messages.send(relationships, MAIL, attachments=[file])
    answer = alice.connection.get(f"/Messages/{sent.id}")
    assert [unb64json(one["encryptedKey"])["cnt"] for one in answer["recipients"]] == [1, 1]
    assert len({Cipher.parse_base64(one["encryptedKey"]).ciphertext for one in answer["recipients"]}) == 2
    for peer in (bob, carol):
        [event] = next_events(peer, "MessageReceived")
        assert event.message is not None
        assert (event.message.content, event.message.created_at) == (MAIL, sent.created_at)
        [attachment] = peer.messages.attachments(event.message)
        assert (attachment.filename, attachment.metadata.tags, attachment.is_own) == ("grüße.txt", ["x:a"], False)
        assert peer.files.download(attachment, tmp_path / "copy") == path.read_bytes()
        assert (tmp_path / "copy").read_bytes() == path.read_bytes()
    assert all(one.received_at for one in alice.messages.refresh(sent).recipients)
    assert bob.messages.mark_as_read(bob.messages.all()[0]).read_at is not None


def test_a_file_changes_its_owner(new_account: NewAccount) -> None:
    """client-protocol.md §18, §25: metadata unchanged"""
    alice, bob = new_account(), new_account()
    file = alice.files.upload(b"photo", title="Photo", expires_in=timedelta(days=1))
    token = alice.files.create_token(file, password="123456", password_location=50)
    at_bob = bob.files.load(token.reference.url, password="123456")
    assert (at_bob.metadata.title, at_bob.owner, at_bob.ownership_token) == ("Photo", alice.address, None)
    assert not bob.files.validate_ownership_token(at_bob, "wrong")
    [event] = next_events(alice, "FileOwnershipLocked")
    assert event.file is not None
    assert event.file.ownership_is_locked
    with pytest.raises(ForbiddenError):
        bob.files.claim_ownership(at_bob, str(file.ownership_token))
    assert bob.files.get(file.id).owner == alice.address
    unlocked = alice.files.regenerate_ownership_token(file)
    assert not unlocked.ownership_is_locked
    claimed = bob.files.claim_ownership(at_bob, str(unlocked.ownership_token))
    assert (claimed.owner, claimed.is_own, bool(claimed.ownership_token)) == (bob.address, True, True)
    next_events(alice, "FileOwnershipClaimed")
    assert not alice.files.get(file.id).is_own
    with pytest.raises(PreconditionError):
        alice.files.regenerate_ownership_token(file)


def test_tokens_hold_anything_for_whom_they_are_meant(new_account: NewAccount) -> None:
    """§25: token with password: GET without password → 404"""
    alice, bob, carol = new_account(), new_account(), new_account()
    kept = alice.tokens.create({"any": ["thing"]}, for_identity=bob.address, password="open sesame")
    fleeting = alice.tokens.create({"any": 1}, ephemeral=True)
    assert [one.id for one in alice.tokens.all()] == [kept.id]
    assert bob.connection.request("GET", f"/Tokens/{kept.id}").status == 404
    loaded = bob.tokens.load(kept.reference, password="open sesame", ephemeral=False)
    assert (loaded.content, loaded.is_own, bob.tokens.get(kept.id)) == ({"any": ["thing"]}, False, loaded)
    with pytest.raises(PreconditionError):
        carol.tokens.load(kept.reference, password="open sesame")
    with pytest.raises(UnreadableError):
        carol.tokens.load(fleeting.reference.truncated[:-8])
    alice.tokens.delete(kept)
    alice.tokens.delete(fleeting.id)
    with pytest.raises(NotFoundError):
        carol.tokens.load(fleeting.reference)


# ------------------------------------------------------------------ devices
def test_devices_share_everything_in_both_directions(new_account: NewAccount, backbone: Backbone) -> None:
    """§25: onboarded, new password, whole datawallet; indexes in order; Delete comes back as null"""
    alice, bob = new_account(), new_account()
    relationship = relate(alice, bob)
    secret = new_secret(alice, name="Second")
    second = Account.onboard(MemoryStorage(), backbone, secret)
    with pytest.raises(LoginRefusedError):
        backbone.connect(Credentials(secret.username, secret.password)).login()
    assert second.relationships.get(relationship.id) == alice.relationships.get(relationship.id)
    file = second.files.upload(b"by the second")
    sent = second.messages.send(relationship, MAIL, attachments=[file])
    second.messages.mark_as_read(sent)
    template = alice.templates.create({"value": 1})
    second.sync()
    alice.sync()
    alice.templates.delete(template)
    alice.sync()
    second.sync()
    assert alice.messages.get(sent.id) == second.messages.get(sent.id)
    assert alice.files.download(file.id) == b"by the second"
    assert second.templates.all() == alice.templates.all()
    items = list(alice.connection.items("/Datawallet/Modifications"))
    assert [item["index"] for item in items] == sorted(item["index"] for item in items)
    assert items[0]["index"] == 0
    deletions = [item for item in items if item["type"] == "Delete"]
    assert {(item["payloadCategory"], item["encryptedPayload"]) for item in deletions} == {(None, None)}


def test_a_device_that_was_never_used_can_be_deleted_and_no_other(new_account: NewAccount, backbone: Backbone) -> None:
    """§25: DELETE of a device that has logged in is refused; a fresh one answers 204"""
    alice = new_account()
    fresh = alice.devices.create(name="fresh")
    used = Account.onboard(MemoryStorage(), backbone, new_secret(alice))
    alice.devices.delete(fresh)
    with pytest.raises(BackboneError) as caught:
        alice.devices.delete(used.device_id)
    assert caught.value.code == "error.platform.validation.device.deviceCannotBeDeleted"
    used.devices.set_communication_language("de")
    used.devices.change_password()
    used.connection.forget_token()
    assert used.connection.get("/Devices/Self")["communicationLanguage"] == "de"
    assert used.push.register("dummy", "a handle of a phone", "an app").startswith("DPI")
    used.offboard()
    alice.sync()
    assert alice.devices.get(used.device_id).is_offboarded


def test_two_devices_sync_at_once_for_a_while(new_account: NewAccount, backbone: Backbone) -> None:
    """client-protocol.md §20: every event is taken once, both agree in the end"""
    alice, bob = new_account(), new_account()
    relationship = relate(alice, bob)
    second = Account.onboard(MemoryStorage(), backbone, new_secret(alice))
    failures: list[BaseException] = []

    def busy(account: Account, name: str) -> None:
        try:
            for number in range(5):
                account.templates.create({"by": name, "number": number})
                account.sync()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=busy, args=each) for each in ((alice, "first"), (second, "second"))]
    for thread in threads:
        thread.start()
    for number in range(5):
        bob.messages.send(relationship, {"number": number})
    for thread in threads:
        thread.join()
    assert failures == []

    def all_there() -> bool:
        for account in (alice, second, alice):
            account.sync()
        return len(alice.messages.all()) == 5

    eventually("all messages", all_there)
    assert {one.id for one in alice.messages.all()} == {one.id for one in second.messages.all()}
    assert {one.id for one in alice.templates.all()} == {one.id for one in second.templates.all()}


# ------------------------------------------------------------------ everything else
def test_challenges_prove_who_somebody_is(new_account: NewAccount) -> None:
    """§25: signed challenge with extra member @type is accepted; client-protocol.md §8"""
    alice, bob = new_account(), new_account()
    relationship = relate(alice, bob)
    for signed in (
        alice.challenges.create(),
        alice.challenges.create("Relationship", relationship=alice.relationships.get(relationship.id)),
    ):
        validation = bob.challenges.validate(signed)
        assert (validation.is_valid, validation.relationship) == (True, relationship)
        forged = {**signed, "signature": alice.challenges.create("Device")["signature"]}
        assert not bob.challenges.validate(forged).is_valid
    with pytest.raises(PreconditionError):
        bob.challenges.validate(alice.challenges.create("Device"))


def test_peers_hear_of_a_deletion_that_is_taken_back(new_account: NewAccount) -> None:
    alice, bob = new_account(), new_account()
    relationship = relate(alice, bob)
    process = alice.deletion.start(grace_period_in_days=3)
    assert alice.deletion.active == process
    with pytest.raises(PreconditionError):
        alice.deletion.start()
    next_events(bob, "PeerToBeDeleted")
    deletion = bob.relationships.get(relationship.id).peer_deletion
    assert deletion is not None
    assert (deletion.status, deletion.date) == ("ToBeDeleted", process.grace_period_ends_at)
    assert alice.sync() == []
    with pytest.raises(QuotaExhaustedError) as caught:
        alice.messages.send(bob.address, MAIL)
    assert caught.value.retry_at is not None
    assert caught.value.retry_at.year == 9999
    assert alice.deletion.cancel().status == "Cancelled"
    next_events(bob, "PeerDeletionCancelled")
    assert bob.relationships.get(relationship.id).peer_deletion is None
    with pytest.raises(PreconditionError):
        alice.deletion.cancel()


def test_news_of_the_operator_and_what_peers_can_do(stack: LocalStack, new_account: NewAccount) -> None:
    alice, bob = new_account(), new_account()
    relationship = relate(alice, bob)
    announcement = announce(stack, "--title", "en=News", "--body", "en=Text", "--recipient", alice.address)
    assert announcement in {one.id for one in alice.announcements.all("de")}
    assert announcement not in {one.id for one in bob.announcements.all()}
    assert alice.tags.get() == alice.tags.get()
    alice.session.storage.put("_state", "tags", {**_tags(alice), "askedAt": "2020-01-01T00:00:00.000Z"})
    assert "en" in alice.tags.get()["supportedLanguages"]
    alice.feature_flags.set({"calls": True, "video": False})
    assert bob.feature_flags.of(alice.address) == {"calls": True, "video": False}
    next_events(bob, "PeerFeatureFlagsChanged")
    with pytest.raises(BackboneError) as caught:
        alice.notifications.send([relationship], "NoSuchCode")
    assert caught.value.code == "error.platform.validation.notification.codeDoesNotExist"
    alice.notifications.send([bob.address], "TestCode")
    with pytest.raises(PreconditionError):
        alice.notifications.send([], "TestCode")
    assert alice.quotas.all() == []


def _tags(account: Account) -> dict[str, object]:
    found = account.session.storage.find("_state", "tags")
    assert found is not None
    return found


def test_who_listens_hears_at_once(new_account: NewAccount) -> None:
    """§25: SSE is served; client-protocol.md §20.5"""
    alice, bob = new_account(), new_account()
    relationship = relate(alice, bob)
    bob.messages.send(relationship, {"number": 1})
    heard: list[object] = []

    def listen() -> None:
        for event in alice.listen():
            heard.append(event.message and event.message.content)
            if len(heard) == 2:
                return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    eventually("the first message", lambda: heard)
    bob.messages.send(relationship, {"number": 2})
    thread.join(timeout=60)
    assert heard == [{"number": 1}, {"number": 2}]
