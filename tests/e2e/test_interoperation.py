"""Identities and devices of which some use this library and some the official one, on the deployed system."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from enmeshed import Account, Backbone, MemoryStorage, Relationship, create_empty_token
from enmeshed.protocol.encoding import unb64u
from infra.local.stack import CLIENT_ID, CLIENT_SECRET, LocalStack
from tests.e2e.conftest import eventually
from tests.e2e.official_peer import OfficialError, OfficialPeer
from tests.e2e.test_enmeshed import change, next_events

TEMPLATE = {"@type": "ArbitraryRelationshipTemplateContent", "value": {"greeting": "hällo 😀"}}
CREATION = {"@type": "ArbitraryRelationshipCreationContent", "value": {"from": "ä"}}
MAIL = {"@type": "ArbitraryMessageContent", "value": {"text": "hällo 😀"}}
NewAccount = Callable[[], Account]


@pytest.fixture
def backbone(stack: LocalStack) -> Backbone:
    return Backbone(stack.base_url, CLIENT_ID, CLIENT_SECRET)


@pytest.fixture
def ours(backbone: Backbone) -> Account:
    return Account.open(MemoryStorage(), backbone, create=True, device_name="Python")


@pytest.fixture
def official(stack: LocalStack) -> Iterator[OfficialPeer]:
    peer = OfficialPeer(stack.base_url)
    peer.run('kept.a = await newAccount("official")')
    yield peer
    peer.close()


def address_of(official: OfficialPeer) -> str:
    return str(official.run("return kept.a.identity.address.toString()"))


def relate_to_ours(ours: Account, official: OfficialPeer) -> Relationship:
    """The official client asks, ours accepts."""
    reference = ours.templates.create(TEMPLATE).reference.truncated
    official.run(
        """
        const reference = RelationshipTemplateReference.from(given.reference);
        kept.template = await kept.a.relationshipTemplates.loadPeerRelationshipTemplateByReference(reference);
        const { template } = kept;
        await kept.a.relationships.sendRelationship({ template, creationContent: given.content });
        """,
        reference=reference,
        content=CREATION,
    )
    pending = change(ours, "Pending")
    assert pending.creation_content == CREATION
    ours.relationships.accept(pending)
    official.run('await syncUntil(kept.a, "the acceptance", (changed) => changed.relationships[0])')
    return ours.relationships.get(pending.id)


def exchange(ours: Account, official: OfficialPeer) -> None:
    """A message in each direction."""
    sent = ours.messages.send(address_of(official), MAIL)
    received = official.run(
        """
        const message = await syncUntil(kept.a, "the message", (changed) => changed.messages[0]);
        return { id: message.id.toString(), content: message.content.toJSON() };
        """
    )
    assert received == {"id": sent.id, "content": MAIL}
    official.run(
        "await kept.a.messages.sendMessage({ content: given.content, recipients: [CoreAddress.from(given.to)] })",
        content=MAIL,
        to=ours.address,
    )
    [event] = next_events(ours, "MessageReceived")
    assert event.message is not None
    assert event.message.content == MAIL


def test_the_official_client_asks_ours(ours: Account, official: OfficialPeer) -> None:
    relate_to_ours(ours, official)
    assert official.run("return kept.template.content.toJSON()") == TEMPLATE
    exchange(ours, official)


def test_ours_asks_the_official_client(ours: Account, official: OfficialPeer) -> None:
    reference = official.run(
        """
        const template = await kept.a.relationshipTemplates.sendRelationshipTemplate({
            content: given.content, expiresAt: expiresAt(), maxNumberOfAllocations: 1,
            passwordProtection: { password: "1234", passwordType: "pin4" }, forIdentity: CoreAddress.from(given.to)
        });
        return template.toRelationshipTemplateReference(baseUrl).truncate();
        """,
        content=TEMPLATE,
        to=ours.address,
    )
    template = ours.templates.load(reference, password="1234")
    assert template.content == TEMPLATE
    requested = ours.relationships.request(template, CREATION)
    received = official.run(
        """
        const pending = await syncUntil(kept.a, "the request", (changed) => changed.relationships[0]);
        await kept.a.relationships.accept(pending.id);
        return { id: pending.id.toString(), content: pending.creationContent.toJSON() };
        """
    )
    assert received == {"id": requested.id, "content": CREATION}
    change(ours, "Active")
    exchange(ours, official)


def test_all_operations_are_seen_by_the_other_side(ours: Account, official: OfficialPeer) -> None:
    relationship = relate_to_ours(ours, official)
    changed = 'await syncUntil(kept.a, "the change", (changed) => changed.relationships[0]);'
    status = "return (await kept.a.relationships.getRelationship(CoreId.from(given.id))).status"

    def theirs(operation: str) -> None:
        official.run(f"await kept.a.relationships.{operation}(CoreId.from(given.id))", id=relationship.id)

    ours.relationships.terminate(relationship)
    official.run(changed)
    assert official.run(status, id=relationship.id) == "Terminated"
    theirs("requestReactivation")
    next_events(ours, "RelationshipReactivationRequested")
    ours.relationships.reject_reactivation(relationship)
    official.run(changed)
    ours.relationships.request_reactivation(relationship)
    official.run(changed)
    theirs("acceptReactivation")
    change(ours, "Active")
    theirs("terminate")
    change(ours, "Terminated")
    ours.relationships.request_reactivation(relationship)
    official.run(changed)
    ours.relationships.revoke_reactivation(relationship)
    official.run(changed)
    theirs("requestReactivation")
    next_events(ours, "RelationshipReactivationRequested")
    ours.relationships.accept_reactivation(relationship)
    official.run(changed)
    ours.relationships.terminate(relationship)
    official.run(changed)
    ours.relationships.decompose(relationship)
    official.run(changed)
    assert official.run(status, id=relationship.id) == "DeletionProposed"
    theirs("decompose")


def test_files_go_both_ways(ours: Account, official: OfficialPeer) -> None:
    relate_to_ours(ours, official)
    content = bytes(range(256)) * 40
    file = ours.files.upload(content, filename="ä.bin", title="T", description="D", tags=["x:a"])
    ours.messages.send(address_of(official), MAIL, attachments=[file])
    seen = official.run(
        """
        const message = await syncUntil(kept.a, "the message", (changed) => changed.messages[0]);
        kept.file = await kept.a.files.getOrLoadFile(message.attachments[0], message.backboneBaseUrl);
        const content = await kept.a.files.downloadFileContent(kept.file);
        const { title, description, filename, tags } = kept.file;
        return { title, description, filename, tags, content: content.toBase64URL() };
        """
    )
    content_base64 = seen.pop("content")
    assert seen == {"title": "T", "description": "D", "filename": "ä.bin", "tags": ["x:a"]}
    assert unb64u(content_base64) == content
    official.run("await kept.a.files.claimFileOwnership(kept.file.id, given.token)", token=file.ownership_token)
    next_events(ours, "FileOwnershipClaimed")
    assert not ours.files.get(file.id).is_own
    reference, token = official.run(
        """
        const buffer = CoreBuffer.fromUtf8("from the official client");
        const file = await kept.a.files.sendFile({
            buffer, title: "Theirs", filename: "b.txt", filesize: buffer.length, mimetype: "text/plain",
            filemodified: CoreDate.from("2024-01-01T00:00:00.000Z"), tags: ["tag1"], expiresAt: expiresAt()
        });
        return [file.toFileReference(baseUrl).truncate(), file.ownershipToken];
        """
    )
    theirs = ours.files.load(reference)
    assert (theirs.metadata.title, theirs.metadata.tags) == ("Theirs", ["tag1"])
    assert ours.files.download(theirs) == b"from the official client"
    assert ours.files.claim_ownership(theirs, token).is_own
    official.run('await syncUntil(kept.a, "the change of owner", (changed) => changed.files[0])')


def test_tokens_go_both_ways(ours: Account, official: OfficialPeer) -> None:
    token = ours.tokens.create({"a": "ä"}, for_identity=address_of(official), password="open sesame")
    load = """
        const reference = TokenReference.from(given.reference);
        const token = await kept.a.tokens.loadPeerTokenByReference(reference, true, given.password);
        return token.content.toJSON();
        """
    with pytest.raises(OfficialError) as caught:
        official.run(load, reference=token.reference.truncated, password="wrong")
    assert caught.value.code == "error.platform.recordNotFound"
    assert official.run(load, reference=token.reference.truncated, password="open sesame") == {"a": "ä"}
    reference = official.run(
        """
        const token = await kept.a.tokens.sendToken({
            content: { a: "ä" }, expiresAt: expiresAt(), ephemeral: false, forIdentity: CoreAddress.from(given.to),
            passwordProtection: { password: "123456", passwordType: "pin6", passwordLocationIndicator: 50 }
        });
        return token.toTokenReference(baseUrl).truncate();
        """,
        to=ours.address,
    )
    assert ours.tokens.read(reference, password="123456") == {"a": "ä"}


SECOND = """
    kept.first = kept.a;
    const reference = TokenReference.from(given.reference);
    const anonymous = new AnonymousTokenController(kept.a.config);
    const token = await anonymous.loadPeerTokenByReference(reference, given.password);
    kept.a = await newAccount("second", token.content.sharedSecret);
    await kept.a.syncEverything();
    return kept.a.identity.address.toString();
    """


def everything(official: OfficialPeer) -> dict[str, list[str]]:
    """Ids of what an official device knows."""
    found: dict[str, list[str]] = official.run(
        """
        await kept.a.syncDatawallet();
        const ids = (things) => things.map((thing) => thing.id.toString()).sort();
        return {
            Devices: ids(await kept.a.devices.list()),
            Files: ids(await kept.a.files.getFiles()),
            Messages: ids(await kept.a.messages.getMessages()),
            Relationships: ids(await kept.a.relationships.getRelationships()),
            Templates: ids(await kept.a.relationshipTemplates.getRelationshipTemplates()),
            Tokens: ids(await kept.a.tokens.getTokens())
        };
        """
    )
    return found


def ours_of(account: Account) -> dict[str, list[str]]:
    """The same of one of ours."""
    account.sync()
    names = ("Devices", "Files", "Messages", "Relationships", "Templates", "Tokens")
    return {name: sorted(one["id"] for one in account.objects.all(name)) for name in names}


def test_an_official_device_joins_an_identity_of_ours(
    ours: Account, official: OfficialPeer, backbone: Backbone
) -> None:
    """The datawallet, read and written by both."""
    peer = Account.open(MemoryStorage(), backbone, create=True)
    peer.relationships.request(peer.templates.load(ours.templates.create(TEMPLATE).reference), CREATION)
    ours.relationships.accept(change(ours, "Pending"))
    change(peer, "Active")
    file = ours.files.upload(b"content", title="T")
    sent = ours.messages.send(peer.address, MAIL, attachments=[file])
    ours.tokens.create({"a": 1}, password="x")
    ours.sync()
    handed = ours.devices.create_token(ours.devices.create(name="Official"), password="1234")
    assert official.run(SECOND, reference=handed.reference.truncated, password="1234") == ours.address
    assert everything(official) == ours_of(ours)
    assert ours.devices.all()[-1].is_onboarded
    official.run(
        """
        const recipients = [CoreAddress.from(given.to)];
        await kept.a.messages.sendMessage({ content: given.content, recipients });
        await kept.a.relationshipTemplates.sendRelationshipTemplate({ content: given.content, expiresAt: expiresAt() });
        await kept.a.syncDatawallet();
        """,
        content=MAIL,
        to=peer.address,
    )
    assert ours_of(ours) == everything(official)
    assert [one.content for one in ours.messages.all()] == [MAIL, MAIL]
    assert len(next_events(peer, "MessageReceived")) >= 1
    eventually("both messages", lambda: len(peer.messages.all()) == 2 or (peer.sync() and False))
    peer.messages.send(ours.address, MAIL)
    official.run('await syncUntil(kept.a, "the message", (changed) => changed.messages[0])')
    assert ours_of(ours) == everything(official)
    assert [one.is_own for one in ours.messages.all()] == [True, True, False]
    assert ours.messages.all()[0].id == sent.id


def test_ours_fills_the_empty_token_of_an_official_device(ours: Account, official: OfficialPeer) -> None:
    """client-protocol.md §11.3; in version 7.0 the reference contains a password."""
    reference = official.run(
        """
        kept.anonymous = new AnonymousTokenController(kept.a.config);
        kept.empty = (await kept.anonymous.createEmptyToken()).toTokenReference(baseUrl);
        return kept.empty.truncate();
        """
    )
    ours.devices.share(ours.devices.create(name="Official"), reference)
    address = official.run(
        """
        const token = await kept.anonymous.loadPeerTokenByReference(kept.empty, kept.empty.passwordProtection.password);
        const second = await newAccount("second", token.content.sharedSecret);
        return second.identity.address.toString();
        """
    )
    assert address == ours.address


def test_one_of_ours_joins_an_official_identity(official: OfficialPeer, backbone: Backbone, ours: Account) -> None:
    relate_to_ours(ours, official)
    exchange(ours, official)
    reference = create_empty_token(backbone, with_password=True)
    official.run(
        """
        const reference = TokenReference.from(given.reference);
        const device = await kept.a.devices.sendDevice({ name: "Python", isAdmin: true });
        await kept.a.syncDatawallet();
        const sharedSecret = await kept.a.devices.getSharedSecret(device.id);
        const content = TokenContentDeviceSharedSecret.from({ sharedSecret });
        const { id, key: secretKey, passwordProtection } = reference;
        await kept.a.tokens.updateTokenContent({ id, secretKey, passwordProtection, content });
        """,
        reference=reference.truncated,
    )
    second = Account.onboard(MemoryStorage(), backbone, reference)
    assert second.address == address_of(official)
    assert ours_of(second) == everything(official)
    assert {one.content["value"]["text"] for one in second.messages.all()} == {"hällo 😀"}
    second.messages.send(ours.address, MAIL)
    [event] = next_events(ours, "MessageReceived")
    assert event.message is not None
    template = second.templates.create(TEMPLATE)
    second.files.upload(b"x", title="by Python")
    second.devices.rename(second.device_id, "renamed")
    assert ours_of(second) == everything(official)
    names = official.run("return (await kept.a.devices.list()).map((device) => device.name ?? null)")
    assert "renamed" in names
    stored = official.run(
        """
        const template = await kept.a.relationshipTemplates.getRelationshipTemplate(CoreId.from(given.id));
        return template.content.toJSON();
        """,
        id=template.id,
    )
    assert stored == TEMPLATE
    ours.relationships.terminate(ours.relationships.all()[0])
    change(second, "Terminated")
    assert ours_of(second) == everything(official)


def test_recovery_kits_work_both_ways(ours: Account, official: OfficialPeer, backbone: Backbone) -> None:
    kit = ours.devices.create_recovery_kit("recover")
    assert official.run(SECOND, reference=kit.reference.truncated, password="recover") == ours.address
    theirs = official.run(
        """
        const a = kept.first;
        const backup = await a.devices.sendDevice({ name: "Backup Device", isAdmin: true, isBackupDevice: true });
        await a.syncDatawallet();
        const token = await a.tokens.sendToken({
            content: TokenContentDeviceSharedSecret.from({ sharedSecret: await a.devices.getSharedSecret(backup.id) }),
            expiresAt: CoreDate.from("9999-12-31T00:00:00.000Z"), ephemeral: false,
            passwordProtection: { password: "recover", passwordType: "pw", passwordLocationIndicator: 0 }
        });
        return { kit: token.toTokenReference(baseUrl).truncate(), address: a.identity.address.toString() };
        """
    )
    recovered = Account.onboard(MemoryStorage(), backbone, theirs["kit"], password="recover")
    assert recovered.address == theirs["address"]


def test_an_official_peer_hears_of_a_deletion(ours: Account, official: OfficialPeer) -> None:
    relationship = relate_to_ours(ours, official)
    ours.deletion.start(grace_period_in_days=1)
    ask = """
        await kept.a.syncEverything();
        const relationship = await kept.a.relationships.getRelationship(CoreId.from(given.id));
        return relationship.peerDeletionInfo?.deletionStatus;
        """
    eventually("the news", lambda: official.run(ask, id=relationship.id) == "ToBeDeleted")
    official.run("await kept.a.identityDeletionProcess.initiateIdentityDeletionProcess(given.days)", days=1)
    ours.deletion.cancel()
    next_events(ours, "PeerToBeDeleted")
    deletion = ours.relationships.get(relationship.id).peer_deletion
    assert deletion is not None
    assert deletion.status == "ToBeDeleted"
