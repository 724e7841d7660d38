"""The recorded requests of a TypeScript client (``wire.json``): opened, and rebuilt to identical strings."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from enmeshed.protocol.addresses import PublicIdentity, address_of
from enmeshed.protocol.challenges import challenge_string, challenge_verifies, sign_challenge
from enmeshed.protocol.crypto import Cipher, SecretKey, SignaturePublicKey
from enmeshed.protocol.datawallet import Modification, creations
from enmeshed.protocol.encoding import JsonObject, b64u, unb64json, unb64u
from enmeshed.protocol.files import open_content, open_metadata, owner_signature_of, seal_content, seal_metadata
from enmeshed.protocol.messages import open_message, seal_message
from enmeshed.protocol.onboarding import DeviceSharedSecret
from enmeshed.protocol.passwords import PasswordProtection
from enmeshed.protocol.primitives import sha512
from enmeshed.protocol.references import Reference
from enmeshed.protocol.relationship_contents import (
    CreationContent,
    open_creation_content,
    open_creation_response,
    public_request_of,
    public_response_of,
    receive_creation_content,
    seal_creation_content,
    seal_creation_response,
)
from enmeshed.protocol.relationship_secrets import RelationshipSecrets, RequestSecrets
from enmeshed.protocol.secret_containers import DEVICE_CONTEXT, SECRET_CONTEXT, open_container
from enmeshed.protocol.templates import open_template, seal_template
from enmeshed.protocol.tokens import open_token, seal_token
from tests.unit.sdk.vectors import WireAccount, load, template_key_pair, wire_body, wire_object, wire_requests

WIRE = load("wire")
SECRETS = WIRE["relationshipSecrets"]
A, B = WireAccount("A"), WireAccount("B")


def nonce_of(envelope: str) -> bytes:
    cipher = unb64json(envelope)
    return unb64u(cipher.get("cipher", cipher)["nnc"])


def protection_of(value: JsonObject) -> PasswordProtection:
    return PasswordProtection.parse(value["passwordProtection"])


@pytest.mark.parametrize(("step", "account"), [("01", A), ("02", B)])
def test_the_registration_is_rebuilt(step: str, account: WireAccount) -> None:
    """client-protocol.md §8, §9, §3.3."""
    challenge = wire_response(step, "/Challenges$")
    body = wire_body(step, "POST", "/Identities$")
    key = account.identity_key
    assert body["identityPublicKey"] == key.public.base64()
    assert body["signedChallenge"] == sign_challenge({**challenge, "createdBy": None, "createdByDevice": None}, key)
    assert challenge_verifies(body["signedChallenge"], key.public)
    assert address_of(SignaturePublicKey.parse(unb64json(body["identityPublicKey"])), "localhost") == account.address


def wire_response(step: str, pattern: str) -> JsonObject:
    found = [
        exchange["response"]["body"]["result"]
        for exchange in WIRE["exchanges"]
        if exchange["step"].startswith(step) and re.search(pattern, exchange["request"]["pathAndQuery"])
    ]
    result: JsonObject = found[0]
    return result


def test_the_challenge_of_a_new_device_is_rebuilt() -> None:
    """client-protocol.md §8: with a token the signed challenge has a type."""
    challenge = wire_response("22", "/Challenges$")
    assert wire_body("22", "POST", "/Devices$")["signedChallenge"] == sign_challenge(challenge, A.identity_key)


def test_the_relationship_challenge_is_rebuilt_and_verifies() -> None:
    """client-protocol.md §8 type Relationship."""
    recorded, key = wire_object("relationshipChallenge"), RelationshipSecrets.parse(SECRETS["secretsOfA"]).signature
    challenge = wire_response("25", "/Challenges$")
    assert challenge_string(challenge, "Relationship") == recorded["challenge"]
    assert sign_challenge(challenge, key, "Relationship") == recorded
    assert challenge_verifies(recorded, RelationshipSecrets.parse(SECRETS["secretsOfB"]).peer_signature)


@pytest.mark.parametrize(("step", "name"), [("03", "template"), ("04", "templatePin")])
def test_templates_are_opened_and_rebuilt(step: str, name: str) -> None:
    """client-protocol.md §14."""
    envelope, recorded = wire_body(step, "POST", "RelationshipTemplates$")["content"], wire_object(name)
    key = SecretKey.parse(recorded["secretKey"])
    opened = open_template(envelope, key)
    assert opened.content == recorded["content"]
    assert opened.identity == PublicIdentity.parse(A.identity)
    assert opened.template_key.json() == recorded["templateKey"]
    assert seal_template(opened, A.identity_key, key, nonce=nonce_of(envelope)) == envelope


def test_passwords_of_templates_and_tokens_are_hashed_as_sent() -> None:
    """client-protocol.md §12."""
    pin = wire_object("templatePin")
    sent = wire_body("04", "POST", "RelationshipTemplates$")["password"]
    assert protection_of(pin).hash(pin["passwordProtection"]["password"]) == sent
    query = parse_qs(urlsplit(wire_requests("08", "GET", "RelationshipTemplates")[0]["pathAndQuery"]).query)
    assert query["password"] == [sent]
    for step, name in (("06", "tokenPw"), ("24", "recoveryKitToken")):
        token = wire_object(name)
        hashed = protection_of(token).hash(token["passwordProtection"]["password"])
        assert hashed == wire_body(step, "POST", "Tokens$")["password"]
    assert protection_of(pin).json_with("1234") == pin["passwordProtection"]


@pytest.mark.parametrize(("step", "name"), [("05", "token"), ("06", "tokenPw"), ("24", "recoveryKitToken")])
def test_tokens_are_opened_and_rebuilt(step: str, name: str) -> None:
    """client-protocol.md §19."""
    envelope, recorded = wire_body(step, "POST", "Tokens$")["content"], wire_object(name)
    key = SecretKey.parse(recorded["secretKey"])
    content = open_token({"content": envelope, "createdBy": A.address, "createdByDevice": A.device_id}, key)
    assert content == recorded["content"]
    assert seal_token(content, key, nonce=nonce_of(envelope)) == envelope


@pytest.mark.parametrize(
    ("step", "path", "member", "token", "secret"),
    [
        ("22", "UpdateContent$", "newContent", "emptyToken", "deviceSharedSecret"),
        ("24", "Tokens$", "content", "recoveryKitToken", "backupSharedSecret"),
    ],
)
def test_device_shared_secrets_are_rebuilt(step: str, path: str, member: str, token: str, secret: str) -> None:
    """client-protocol.md §11.2, §11.3, §11.5."""
    envelope, key = wire_body(step, "POST", path)[member], SecretKey.parse(wire_object(token)["secretKey"])
    parsed = DeviceSharedSecret.parse(wire_object(secret))
    assert seal_token(parsed.token_content(), key, nonce=nonce_of(envelope)) == envelope
    assert parsed.synchronization_key == A.master_key
    assert parsed.secret_base_key == A.secret_base_key
    assert parsed.identity_key == A.identity_key


def test_the_creation_content_is_opened_and_rebuilt() -> None:
    """client-protocol.md §15 R and T."""
    envelope = wire_body("09", "POST", "Relationships$")["creationContent"]
    request = RequestSecrets.parse(SECRETS["requestSecretsOfB"])
    creation = CreationContent(
        wire_object("relationshipAtB")["creationContent"],
        PublicIdentity.parse(B.identity),
        wire_object("template")["id"],
    )
    assert seal_creation_content(creation, request, B.device_key, nonce=nonce_of(envelope)) == envelope
    assert open_creation_content(envelope, RelationshipSecrets.parse(SECRETS["secretsOfA"])) == creation
    received, fresh = receive_creation_content(envelope, template_key_pair())
    assert received == creation
    assert fresh.request_key == request.request_key
    assert public_request_of(envelope) == request.public_request


def test_the_creation_response_is_opened_and_rebuilt() -> None:
    """client-protocol.md §15 T accept."""
    envelope = wire_body("11", "PUT", "/Accept$")["creationResponseContent"]
    secrets, relationship_id = RelationshipSecrets.parse(SECRETS["secretsOfA"]), wire_object("relationshipAtA")["id"]
    rebuilt, counted = seal_creation_response(relationship_id, secrets, A.device_key)
    assert rebuilt == envelope
    assert counted.tx.counter == secrets.tx.counter + 1
    assert open_creation_response(envelope, RelationshipSecrets.parse(SECRETS["secretsOfB"])) == relationship_id


def test_the_requestor_derives_the_recorded_secrets_from_the_response() -> None:
    """client-protocol.md §15 R, on event."""
    envelope = wire_body("11", "PUT", "/Accept$")["creationResponseContent"]
    accepted = RequestSecrets.parse(SECRETS["requestSecretsOfB"]).accepted(public_response_of(envelope))
    assert accepted.json() == SECRETS["secretsOfB"]


def test_the_templator_derives_the_recorded_keys_from_the_request() -> None:
    """client-protocol.md §15 T: its own keys are random, so the session keys are compared under the recorded ones."""
    recorded = RelationshipSecrets.parse(SECRETS["secretsOfA"])
    request = public_request_of(wire_body("09", "POST", "Relationships$")["creationContent"])
    rx, tx = recorded.exchange.agree_as_templator(request.exchange)
    assert SecretKey(tx).derive(1, "RELTEM01") == recorded.tx.key
    assert SecretKey(rx).derive(1, "RELREQ01") == recorded.rx.key
    assert recorded.rx.nonce == request.nonce
    assert recorded.json() == SECRETS["secretsOfA"]


@pytest.mark.parametrize(
    ("step", "name", "sender", "receiver", "peer"),
    [
        ("15", "message1", "secretsOfA", "secretsOfB", B),
        ("16", "message2", "secretsOfA", "secretsOfB", B),
        ("18", "message3", "secretsOfB", "secretsOfA", A),
    ],
)
def test_messages_are_opened_and_rebuilt(step: str, name: str, sender: str, receiver: str, peer: WireAccount) -> None:
    """client-protocol.md §17; both recorded messages of A have counter 0 (§24.1)."""
    body, recorded = wire_body(step, "POST", "Messages$"), wire_object(name)
    opened = open_message(body, peer.address, RelationshipSecrets.parse(SECRETS[receiver]))
    assert opened.content == recorded["content"]
    assert opened.key == SecretKey.parse(recorded["secretKey"])
    assert [reference.id for reference in opened.attachments] == recorded["attachments"]
    rebuilt = seal_message(
        recorded["content"],
        {peer.address: RelationshipSecrets.parse(SECRETS[sender])},
        created_at=opened.created_at,
        attachments=[file_reference()] if recorded["attachments"] else [],
        key=opened.key,
        nonce=nonce_of(body["body"]),
    )
    assert rebuilt.body == body["body"]
    assert rebuilt.recipients() == body["recipients"]


def file_reference() -> Reference:
    file = wire_object("file")
    return Reference(file["id"], SecretKey.parse(file["secretKey"]), WIRE["baseUrl"])


def uploaded_parts() -> dict[str, bytes]:
    raw = wire_requests("13", "POST", "Files$")[0]["rawBodyLatin1"]
    parts = {}
    for part in raw.split(raw.split("\r\n", 1)[0])[1:-1]:
        head, value = part.split("\r\n\r\n", 1)
        name = re.search('name="([^"]+)"', head)
        assert name is not None
        parts[name[1]] = value[:-2].encode("latin1")
    return parts


def test_the_file_is_opened_and_rebuilt() -> None:
    """client-protocol.md §18."""
    parts, file, plaintext = uploaded_parts(), wire_object("file"), wire_object("downloadedUtf8")
    content = str(plaintext).encode()
    properties, key = parts["encryptedProperties"].decode(), SecretKey.parse(file["secretKey"])
    metadata = open_metadata(properties, key)
    assert open_content(parts["content"], metadata, parts["cipherHash"].decode()) == content
    cipher_nonce = Cipher.parse(unb64json(b64u(parts["content"]))).nonce
    assert seal_content(content, metadata.cipher_key, nonce=cipher_nonce) == parts["content"]
    assert seal_metadata(metadata, key, nonce=nonce_of(properties)) == properties
    assert b64u(sha512(parts["content"])) == parts["cipherHash"].decode()
    signature = A.device_key.sign(sha512(content))
    assert signature.base64() == parts["ownerSignature"].decode()
    assert owner_signature_of({"ownerSignature": signature.base64()}) == signature


def recorded_modifications() -> list[tuple[WireAccount, int, JsonObject]]:
    """Every modification of the recording with its identity and its index, in order."""
    owners = {A.device_id: A, WireAccount("A2").device_id: A, B.device_id: B}
    found, index = [], {A.address: 0, B.address: 0}
    for request in (exchange["request"] for exchange in WIRE["exchanges"]):
        body = request.get("body") or {}
        items = body.get("datawalletModifications") or body.get("modifications") or []
        for item in items if request["method"] != "GET" else []:
            token = re.search(r"token of (DVC\w+)", request["headers"]["authorization"])
            assert token is not None
            owner = owners[token[1]]
            found.append((owner, index[owner.address], item))
            index[owner.address] += 1
    return found


def test_every_datawallet_modification_is_opened_and_rebuilt() -> None:
    """client-protocol.md §20.1: each under the key of its index."""
    recorded = recorded_modifications()
    assert len(recorded) > 35
    for owner, index, item in recorded:
        opened = Modification.decrypt({"payloadCategory": None, **item, "index": index}, owner.master_key)
        nonce = nonce_of(item["encryptedPayload"])
        assert opened.encrypt(index, owner.master_key, nonce=nonce) == item
        assert list(opened.encrypt(index, owner.master_key)) == list(item)


def test_created_objects_are_split_into_the_recorded_modifications() -> None:
    """client-protocol.md §20.1 Create: one per non-empty category, in order."""
    collections = {"Templates": ["template", "templatePin"], "Tokens": ["token", "tokenPw"], "Files": ["file"]}
    by_object: dict[str, list[Modification]] = {}
    for owner, index, item in recorded_modifications():
        if owner is A and item["type"] == "Create":
            opened = Modification.decrypt({**item, "index": index}, owner.master_key)
            by_object.setdefault(opened.object_identifier, []).append(opened)
    for collection, names in collections.items():
        for name in names:
            value = wire_object(name)
            assert list(creations(collection, value)) == by_object[value["id"]]


def test_secret_containers_open_with_their_own_key() -> None:
    """client-protocol.md §6 contexts DEVICE01 and SECRET01."""
    device_key = A.device_base_key.derive(1, DEVICE_CONTEXT)
    for name, container in A.data["storedDeviceSecretContainers"].items():
        assert open_container(container, device_key) == A.data["deviceSecrets"][name]
    expected = {
        wire_object("relationshipAtA")["relationshipSecretId"]: SECRETS["secretsOfA"],
        wire_object("template")["templateKey"]["id"]: SECRETS["templateKeypairOfA"],
    }
    opened = {
        container["name"]: open_container(container, A.secret_base_key.derive(container["nonce"], SECRET_CONTEXT))
        for container in WIRE["secretContainersOfA"]
    }
    assert {name: opened[name] for name in expected} == expected


def test_request_secrets_are_stored_in_the_recorded_form() -> None:
    """client-protocol.md §3.1 CryptoRelationshipRequestSecrets."""
    assert RequestSecrets.parse(SECRETS["requestSecretsOfB"]).json() == SECRETS["requestSecretsOfB"]
    assert list(RequestSecrets.parse(SECRETS["requestSecretsOfB"]).json()) == list(SECRETS["requestSecretsOfB"])
    assert list(RelationshipSecrets.parse(SECRETS["secretsOfB"]).json()) == list(SECRETS["secretsOfB"])
