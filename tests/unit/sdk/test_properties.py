"""Whatever contents are: they come back. Whatever is received: it is read, or refused with the documented error."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enmeshed import ProtocolError, Reference
from enmeshed.protocol.addresses import PublicIdentity, address_of
from enmeshed.protocol.crypto import Cipher, ExchangeKeyPair, SecretKey, SignatureKeyPair
from enmeshed.protocol.datawallet import Modification
from enmeshed.protocol.encoding import (
    JsonObject,
    b64json,
    b64u,
    compact_json,
    iso,
    parse_iso,
    parse_object,
    unb64json,
    unb64u,
)
from enmeshed.protocol.files import (
    MAX_PLAINTEXT_BYTES,
    FileMetadata,
    open_content,
    open_metadata,
    owner_signature_of,
    seal_file,
)
from enmeshed.protocol.messages import open_message, seal_message
from enmeshed.protocol.onboarding import DeviceSharedSecret
from enmeshed.protocol.passwords import PasswordProtection
from enmeshed.protocol.primitives import sha512
from enmeshed.protocol.relationship_contents import (
    CreationContent,
    public_response_of,
    receive_creation_content,
    seal_creation_content,
    seal_creation_response,
)
from enmeshed.protocol.relationship_secrets import RelationshipSecrets, RequestSecrets
from enmeshed.protocol.templates import TemplateContent, TemplateKey, open_template, seal_template
from enmeshed.protocol.tokens import open_token, seal_token

KEY = SecretKey(bytes(range(32)))
ALICE, BOB = SignatureKeyPair.from_seed(bytes(32)), SignatureKeyPair.from_seed(bytes([1] * 32))
TEMPLATE = ExchangeKeyPair(bytes([2] * 32))
ADDRESS_A, ADDRESS_B = (address_of(key.public, "localhost") for key in (ALICE, BOB))

text = st.text(st.characters())  # every plane, lone surrogates included
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
json_objects = st.dictionaries(text, json_values, max_size=5)
many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def identity(key: SignatureKeyPair) -> PublicIdentity:
    return PublicIdentity(address_of(key.public, "localhost"), key.public)


@cache
def handshake() -> tuple[RequestSecrets, str, RelationshipSecrets, RelationshipSecrets]:
    """Request secrets and the creation content of Bob, then the secrets of Alice and of Bob."""
    request = RequestSecrets.create(ALICE.public, TemplateKey("TRPRTK1", TEMPLATE.public))
    creation = seal_creation_content(CreationContent({"a": 1}, identity(BOB), "RLT1"), request, BOB)
    _, alice = receive_creation_content(creation, TEMPLATE)
    response, _ = seal_creation_response("REL1", alice, ALICE)
    return request, creation, alice, request.accepted(public_response_of(response))


def a_message(content: Any) -> JsonObject:
    """A message of Alice as the Backbone delivers it to Bob."""
    alice = handshake()[2]
    sealed = seal_message(content, {ADDRESS_B: alice}, created_at="2026-01-01T00:00:00.000Z")
    return {"body": sealed.body, "recipients": sealed.recipients()}


# ------------------------------------------------------------------ what was written is read
@many
@given(content=json_values)
def test_contents_come_back(content: Any) -> None:
    """client-protocol.md §14, §15, §17, §19, §20.1."""
    template = TemplateContent(content, identity(ALICE), TemplateKey("TRPRTK1", TEMPLATE.public))
    assert open_template(seal_template(template, ALICE, KEY), KEY) == template
    assert open_message(a_message(content), ADDRESS_B, handshake()[3]).content == content
    request = handshake()[0]
    envelope = seal_creation_content(CreationContent(content, identity(BOB), "RLT1"), request, BOB)
    assert receive_creation_content(envelope, TEMPLATE)[0].content == content
    token = {"content": seal_token({"x": content}, KEY), "createdBy": "a", "createdByDevice": "b"}
    assert open_token(token, KEY) == {"x": content}
    item = Modification("Settings", "LCLSET1", "Create", "Userdata", {"value": content})
    received = {**item.encrypt(7, KEY), "index": 7}
    assert Modification.decrypt(received, KEY) == item


@many
@given(data=st.binary(max_size=200), moment=st.datetimes(timezones=st.just(parse_iso("2026-01-01").tzinfo)))
def test_encodings_come_back(data: bytes, moment: Any) -> None:
    """client-protocol.md §1, §4."""
    assert unb64u(b64u(data)) == data
    assert iso(parse_iso(iso(moment))) == iso(moment)


@many
@given(
    key=st.binary(min_size=32, max_size=32),
    base_url=st.none() | st.sampled_from(["http://localhost:8090", "https://b.example.org/path", "https://x.de"]),
    for_identity=st.none() | st.text("0123456789abcdef", min_size=4, max_size=4),
    password=st.none() | st.tuples(text.filter(bool), st.none() | st.integers(0, 99)),
    shared=st.none() | st.text("abc&|1!", min_size=1).filter(lambda text: "|" not in text),
)
def test_references_come_back(
    key: bytes,
    base_url: str | None,
    for_identity: str | None,
    password: tuple[str, int | None] | None,
    shared: str | None,
) -> None:
    """client-protocol.md §13."""
    protection = PasswordProtection.for_password(*password) if password else None
    if protection and shared:
        protection = replace(protection, password=shared)
    reference = Reference("TOK" + 17 * "a", SecretKey(key), base_url, for_identity, protection)
    assert Reference.parse(reference.truncated) == reference
    if base_url:
        assert Reference.parse(reference.url) == Reference.parse(reference.url_for("app")) == reference


@pytest.mark.parametrize("size", [0, 1, 2, 3, 63, 64, 65, 1_000_003, MAX_PLAINTEXT_BYTES])
def test_files_of_all_sizes_come_back(size: int) -> None:
    """client-protocol.md §18."""
    content = bytes(size)
    sealed = seal_file(content, ALICE, filename="ä", mimetype="x/y")
    metadata = open_metadata(sealed.encrypted_properties, sealed.key)
    assert open_content(sealed.content, metadata, sealed.cipher_hash) == content


def test_a_file_that_is_too_large_is_refused() -> None:
    """client-protocol.md §18."""
    with pytest.raises(ProtocolError) as caught:
        seal_file(bytes(MAX_PLAINTEXT_BYTES + 1), ALICE, filename="a", mimetype="x/y")
    assert caught.value.code == "error.transport.files.maxFileSizeExceeded"


@pytest.mark.parametrize("content", [{1, 2}, float("nan"), object(), {"a": b"bytes"}])
def test_what_is_no_json_is_refused_before_anything_is_sent(content: Any) -> None:
    with pytest.raises(ProtocolError) as caught:
        seal_token({"x": content}, KEY)
    assert caught.value.code == "error.client.notJson"


# ------------------------------------------------------------------ what others wrote may be anything
def openers() -> dict[str, tuple[Any, Any]]:
    """Something valid to start from, and what reads it."""
    alice, bob = handshake()[2], handshake()[3]
    template = TemplateContent({"a": 1}, identity(ALICE), TemplateKey("TRPRTK1", TEMPLATE.public))
    file = seal_file(b"content", ALICE, filename="a", mimetype="x/y")
    metadata = open_metadata(file.encrypted_properties, file.key)
    token = {"content": seal_token({"a": 1}, KEY), "createdBy": "a", "createdByDevice": "b"}
    item = {**Modification("Settings", "1", "Create", "Userdata", {"a": 1}).encrypt(0, KEY), "index": 0}
    secret = DeviceSharedSecret(
        "DVC", "USR", "pw", identity(ALICE), KEY, KEY, 2, "2026-01-01", "DVC", identity_key=ALICE
    )
    response, _ = seal_creation_response("REL1", alice, ALICE)
    return {
        "template": (seal_template(template, ALICE, KEY), lambda value: open_template(value, KEY)),
        "message": (a_message({"a": 1}), lambda value: open_message(value, ADDRESS_B, bob)),
        "creation content": (handshake()[1], lambda value: receive_creation_content(value, TEMPLATE)),
        "creation response": (response, public_response_of),
        "token": (token, lambda value: open_token(value, KEY)),
        "modification": (item, lambda value: Modification.decrypt(value, KEY)),
        "metadata": (file.encrypted_properties, lambda value: open_metadata(value, file.key)),
        "owner signature": ({"ownerSignature": file.owner_signature}, owner_signature_of),
        "shared secret": (secret.json(), DeviceSharedSecret.parse),
        "content": (file.content.decode(), lambda value: read_content(value, metadata)),
        "reference": (Reference("TOK" + 17 * "a", KEY, "http://x").truncated, Reference.parse),
        "url": (Reference("TOK" + 17 * "a", KEY, "http://x").url, Reference.parse),
    }


def read_content(value: Any, metadata: FileMetadata) -> bytes:
    """With a hash that fits."""
    content = str(value).encode("utf-8", "surrogatepass")
    return open_content(content, metadata, b64u(sha512(content)))


OPENERS = openers()


def test_the_examples_are_readable() -> None:
    for value, read in OPENERS.values():
        read(copy.deepcopy(value))


def damage(value: Any, data: st.DataObject) -> Any:
    """Change something somewhere: a member, an item, or characters of a text."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 9)):
        name = data.draw(st.sampled_from(sorted(value)))
        return {**value, name: damage(value[name], data)}
    if isinstance(value, list) and value and data.draw(st.integers(0, 9)):
        place = data.draw(st.integers(0, len(value) - 1))
        return [*value[:place], damage(value[place], data), *value[place + 1 :]]
    if isinstance(value, str) and data.draw(st.integers(0, 3)):
        place, length = data.draw(st.integers(0, len(value))), data.draw(st.integers(0, 3))
        return value[:place] + data.draw(text) + value[place + length :]
    return data.draw(json_values)


@pytest.mark.parametrize("name", OPENERS)
@many
@given(data=st.data())
def test_damaged_things_give_nothing_but_the_documented_error(name: str, data: st.DataObject) -> None:
    """errors.py: :class:`ProtocolError`, in all its kinds."""
    value, read = OPENERS[name]
    with suppress(ProtocolError):
        read(damage(value, data))


@pytest.mark.parametrize("name", ["template", "message", "token", "modification", "metadata", "creation content"])
@many
@given(data=st.data())
def test_what_a_hostile_peer_encrypts_gives_nothing_but_the_documented_error(name: str, data: st.DataObject) -> None:
    """The ciphertext is authentic, its content is not what it should be."""
    value, read = OPENERS[name]
    alice, request = handshake()[2], handshake()[0]

    def rewritten(envelope: str, key: SecretKey) -> str:
        plaintext = parse_object(key.decrypt(Cipher.parse_base64(envelope)))
        return key.encrypt(compact_json(damage(plaintext, data)).encode()).base64()

    with suppress(ProtocolError):
        if name == "message":
            own_key = data.draw(st.booleans())
            if own_key:
                entry = value["recipients"][0]
                cipher, _ = alice.encrypt(compact_json(damage(KEY.json(), data)).encode())
                read({**value, "recipients": [{**entry, "encryptedKey": cipher.base64()}]})
            else:
                wrapper = compact_json(damage(_wrapper(), data))
                read(_signed_message(wrapper))
        elif name == "creation content":
            outer = unb64json(value)
            cipher = Cipher.parse(outer["cipher"])
            plaintext = parse_object(request.request_key.decrypt(cipher))
            outer["cipher"] = request.request_key.encrypt(compact_json(damage(plaintext, data)).encode()).json()
            read(b64json(outer))
        elif name == "token":
            read({**value, "content": rewritten(value["content"], KEY)})
        elif name == "modification":
            read({**value, "encryptedPayload": rewritten(value["encryptedPayload"], KEY.derive(0, "DataSync"))})
        elif name == "metadata":
            sealed = seal_file(b"content", ALICE, filename="a", mimetype="x/y")
            open_metadata(rewritten(sealed.encrypted_properties, sealed.key), sealed.key)
        else:
            read(rewritten(value, KEY))


def _wrapper() -> JsonObject:
    wrapper: JsonObject = {
        "@type": "MessageContentWrapper",
        "attachments": [{"backboneBaseUrl": "http://x", "id": "FIL", "key": KEY.json()}],
        "content": {"a": 1},
        "createdAt": "2026-01-01T00:00:00.000Z",
        "recipients": [ADDRESS_B],
    }
    return wrapper


def _signed_message(inner: str) -> JsonObject:
    """A message whose signature and encryption are right, whatever is inside."""
    alice = handshake()[2]
    key = SecretKey.generate()
    signature = compact_json(alice.signature.sign(inner.encode(), 1).json()) if inner else "{}"
    signed = {"message": inner, "signatures": [{"recipient": ADDRESS_B, "signature": signature}]}
    cipher, _ = alice.encrypt(compact_json(key.json()).encode())
    recipients = [{"address": ADDRESS_B, "encryptedKey": cipher.base64()}]
    return {"body": key.encrypt(json.dumps(signed).encode()).base64(), "recipients": recipients}
