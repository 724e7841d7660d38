"""Bad input gives the documented exception and changes nothing, neither here nor at the Backbone."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from enmeshed import (
    Account,
    Backbone,
    EnmeshedError,
    MemoryStorage,
    NotFoundError,
    PreconditionError,
    RecordNotFoundError,
    UnreadableError,
)
from enmeshed.protocol.addresses import PublicIdentity, address_of
from enmeshed.protocol.crypto import SecretKey, SignatureKeyPair
from enmeshed.protocol.references import Reference
from enmeshed.protocol.templates import open_template, seal_template
from tests.people import Identity
from tests.unit.sdk.fake_backbone import BASE_URL, CLIENT_ID, CLIENT_SECRET, FakeBackbone
from tests.unit.sdk.flows import GREETING, connect, hello, new_identity

PAST = datetime(2020, 1, 1, tzinfo=UTC)
COLLECTIONS = ("Templates", "Tokens", "Files", "Relationships", "Messages", "Secrets", "Devices", "_queue", "_pending")


def state(backbone: FakeBackbone, account: Account) -> Any:
    """Everything that could have changed."""
    local = {name: account.session.storage.all(name) for name in COLLECTIONS}
    return copy.deepcopy((local, backbone.records, backbone.blobs, backbone.wallets))


def refused(
    backbone: FakeBackbone, account: Account, call: Callable[[], object], kind: type[EnmeshedError], code: str
) -> None:
    """The call raises this, and nothing else happens."""
    before = state(backbone, account)
    with pytest.raises(EnmeshedError) as caught:
        call()
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert state(backbone, account) == before


def test_references_that_lead_nowhere(backbone: FakeBackbone, alice: Identity, bob: Identity) -> None:
    """client-protocol.md §13."""
    account = bob.device
    invalid, unknown = "error.core-types.invalidTruncatedReference", "error.platform.recordNotFound"
    elsewhere = Reference("RLT" + 17 * "x", SecretKey.generate())
    path = Reference("../Devices/SelfRLT" + 17 * "x", SecretKey.generate())
    token, file = alice.device.tokens.create({"a": 1}).reference, alice.device.files.upload(b"x").reference
    wrong_key = Reference(alice.device.templates.create(GREETING).id, SecretKey.generate())
    cases: list[tuple[Callable[[], object], type[EnmeshedError], str]] = [
        (lambda: account.templates.load(""), UnreadableError, invalid),
        (lambda: account.templates.load("http://x/y#z"), UnreadableError, invalid),
        (lambda: account.templates.load(elsewhere), NotFoundError, unknown),
        (lambda: account.templates.load(path), UnreadableError, "ValidationError"),
        (lambda: account.templates.load(file), UnreadableError, "ValidationError"),
        (lambda: account.templates.load(token), PreconditionError, "error.runtime.invalidTokenContent"),
        (lambda: account.templates.load(wrong_key), UnreadableError, "error.client.decryptionFailed"),
        (lambda: account.files.load(token), PreconditionError, "error.runtime.invalidTokenContent"),
        (lambda: account.files.load(elsewhere), UnreadableError, "ValidationError"),
        (lambda: account.tokens.load(file), UnreadableError, "ValidationError"),
    ]
    for call, kind, code in cases:
        refused(backbone, account, call, kind, code)


def test_what_is_for_somebody_else_or_needs_a_password(backbone: FakeBackbone, alice: Identity, bob: Identity) -> None:
    """client-protocol.md §12, §13."""
    account, carol = bob.device, new_identity(backbone)
    template = alice.device.templates.create(GREETING, password="1234").reference
    for_carol = alice.device.templates.create(GREETING, for_identity=carol.address).reference
    token = alice.device.tokens.create({"a": 1}, for_identity=carol.address).reference
    intended, password = "error.transport.general.notIntendedForYou", "error.transport.noPasswordProvided"
    not_found = "error.platform.recordNotFound"
    refused(backbone, account, lambda: account.templates.load(template), PreconditionError, password)
    refused(backbone, account, lambda: account.templates.load(template, password="4321"), NotFoundError, not_found)
    refused(backbone, account, lambda: account.templates.load(for_carol), PreconditionError, intended)
    refused(backbone, account, lambda: account.tokens.load(token), PreconditionError, intended)


def test_an_impostor_is_found_out(backbone: FakeBackbone, alice: Identity, bob: Identity) -> None:
    """A template must name the identity that made it, and that identity's key."""
    account = bob.device
    template = alice.device.templates.create(GREETING)
    record, key = backbone.records[template.id], template.reference.key
    inner, mallory = open_template(record["content"], key), SignatureKeyPair.generate()
    own = PublicIdentity(address_of(mallory.public, "localhost"), mallory.public)
    stolen = PublicIdentity(alice.address, mallory.public)
    for identity in (own, stolen):
        forged = type(inner)(inner.content, identity, inner.template_key)
        record["content"] = seal_template(forged, mallory, key)
        refused(
            backbone,
            account,
            lambda: account.templates.load(template.reference),
            UnreadableError,
            "error.client.identityMismatch",
        )


def test_calls_that_make_no_sense(backbone: FakeBackbone, alice: Identity, bob: Identity) -> None:
    relationship_id = connect(alice.device, bob.device)
    account = bob.device
    loaded = account.templates.all()[0]
    expired, missing = "error.client.alreadyExpired", "error.transport.recordNotFound"
    relationships, messages = "error.transport.relationships.", "error.transport.messages."
    cases: list[tuple[Callable[[], object], type[EnmeshedError], str]] = [
        (lambda: account.templates.create(GREETING, expires_at=PAST), PreconditionError, expired),
        (lambda: account.tokens.create({}, expires_at=PAST), PreconditionError, expired),
        (lambda: account.files.upload(b"x", expires_at=PAST), PreconditionError, expired),
        (lambda: account.templates.get("RLTx"), RecordNotFoundError, missing),
        (lambda: account.relationships.accept("RELx"), RecordNotFoundError, missing),
        (
            lambda: account.relationships.accept(relationship_id),
            PreconditionError,
            f"{relationships}wrongRelationshipStatus",
        ),
        (
            lambda: account.relationships.accept_reactivation(relationship_id),
            PreconditionError,
            f"{relationships}wrongRelationshipStatus",
        ),
        (
            lambda: account.relationships.request(loaded),
            PreconditionError,
            f"{relationships}relationshipCurrentlyExists",
        ),
        (lambda: account.messages.send([], hello("x")), PreconditionError, "error.client.noRecipients"),
        (
            lambda: account.messages.send("did:e:x", hello("x")),
            PreconditionError,
            f"{messages}hasNeitherActiveNorTerminatedRelationship",
        ),
        (lambda: account.files.download("FILx"), RecordNotFoundError, missing),
        (lambda: account.files.claim_ownership("FILx", "x"), RecordNotFoundError, missing),
        (
            lambda: account.templates.create_token(loaded),
            PreconditionError,
            "error.runtime.relationshipTemplates.cannotCreateTokenForPeerTemplate",
        ),
        (lambda: account.devices.create_recovery_kit(""), PreconditionError, "error.transport.noPasswordProvided"),
        (lambda: account.deletion.cancel(), PreconditionError, NO_DELETION),
    ]
    for call, kind, code in cases:
        refused(backbone, account, call, kind, code)


NO_DELETION = "error.transport.identityDeletionProcess.noActiveIdentityDeletionProcess"


def test_a_message_that_is_refused_leaves_nothing_to_recover(
    backbone: FakeBackbone, alice: Identity, bob: Identity
) -> None:
    """Only what nobody knows about is remembered."""
    connect(alice.device, bob.device)
    code = "error.platform.validation.message.maxNumberOfUnreceivedMessagesReached"
    backbone.refuse("POST /api/v2/Messages", code)
    with pytest.raises(EnmeshedError) as caught:
        alice.device.messages.send(bob.address, hello("x"))
    assert caught.value.code == code
    assert alice.device.session.storage.all("_pending") == []
    assert alice.device.messages.all() == []


def test_a_token_with_something_else_makes_no_device(backbone: FakeBackbone, alice: Identity) -> None:
    client = Backbone(BASE_URL, CLIENT_ID, CLIENT_SECRET, transport=backbone.transport)
    storage = MemoryStorage()
    for content in ({"a": 1}, {"@type": "TokenContentDeviceSharedSecret", "sharedSecret": {"id": 1}}):
        with pytest.raises(EnmeshedError):
            Account.onboard(storage, client, alice.device.tokens.create(content).reference)
    with pytest.raises(EnmeshedError):
        Account.open(storage, client)
