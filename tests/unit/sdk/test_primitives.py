"""The client's cryptography against the recorded primitives (``primitives.json``)."""

from typing import Any

import pytest

from enmeshed.errors import ProtocolError
from enmeshed.protocol import primitives
from enmeshed.protocol.crypto import (
    Cipher,
    ExchangeKeyPair,
    SecretKey,
    Signature,
    SignatureKeyPair,
    SignaturePublicKey,
)
from enmeshed.protocol.encoding import b64, b64u, compact_json, unb64, unb64json, unb64u
from tests.unit.sdk.vectors import load

PRIMITIVES = load("primitives")
unhex = bytes.fromhex


def each(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", PRIMITIVES[name], ids=lambda vector: str(next(iter(vector.values())))[:16])


@each("encodings")
def test_bytes_are_encoded_as_base64_and_base64url(vector: dict[str, Any]) -> None:
    """client-protocol.md §1."""
    data = unhex(vector["hex"])
    assert (b64(data), b64u(data)) == (vector["base64"], vector["base64url"])
    assert unb64(vector["base64"]) == unb64u(vector["base64url"]) == data


@each("encodings_utf8")
def test_texts_are_encoded_as_utf8(vector: dict[str, Any]) -> None:
    """client-protocol.md §1."""
    assert vector["text"].encode() == unhex(vector["utf8Hex"])
    assert b64u(vector["text"].encode()) == vector["base64url"]


@pytest.mark.parametrize("text", ["QQ==", "Q+", "Q/", "QQ\n", "Q", "QR", " QQ"])
def test_padding_foreign_characters_and_stray_bits_are_refused(text: str) -> None:
    """client-protocol.md §1: decoders are as strict as libsodium's."""
    with pytest.raises(ProtocolError):
        unb64u(text)


def test_json_is_written_as_javascript_writes_it() -> None:
    """client-protocol.md §1."""
    assert compact_json({"b": 'ä"\\\n\x01', "a": [1, True], "c": "\ud800"}) == (
        '{"b":"ä\\"\\\\\\n\\u0001","a":[1,true],"c":"\\ud800"}'
    )


@each("hashes")
def test_hashes_equal_the_recorded_ones(vector: dict[str, Any]) -> None:
    """client-protocol.md §2."""
    data = unhex(vector["inputHex"])
    assert primitives.sha256(data).hex() == vector["sha256Hex"]
    assert primitives.sha512(data).hex() == vector["sha512Hex"]


@each("signatureKeys")
def test_signature_keys_have_the_recorded_bytes_and_json_forms(vector: dict[str, Any]) -> None:
    """client-protocol.md §2, §3.1, §3.2."""
    pair = SignatureKeyPair.from_seed(unhex(vector["seedHex"]))
    assert pair.private.hex() == vector["privateKeyHex"]
    assert pair.public.raw.hex() == vector["publicKeyHex"]
    assert compact_json(pair.public.json(verbose=True)) == vector["publicKeyJson"]
    assert compact_json(pair.public.json()) == vector["publicKeyJsonShort"]
    assert pair.public.base64() == vector["publicKeyBase64"]
    assert b64u(compact_json(pair.public.json()).encode()) == vector["publicKeyBase64Short"]
    assert compact_json(pair.private_json(verbose=True)) == vector["privateKeyJson"]
    assert b64u(compact_json(pair.private_json()).encode()) == vector["privateKeyBase64Short"]
    assert compact_json(pair.json(verbose=True)) == vector["keypairJson"]
    assert SignatureKeyPair.parse(pair.json()) == SignatureKeyPair.parse_private(pair.private_json()) == pair
    assert SignaturePublicKey.parse(unb64json(vector["publicKeyBase64Short"])) == pair.public


@each("signatureKeys")
def test_signatures_have_the_recorded_bytes_and_json_forms(vector: dict[str, Any]) -> None:
    """client-protocol.md §2, §3.1."""
    pair = SignatureKeyPair.from_seed(unhex(vector["seedHex"]))
    for recorded in vector["signatures"]:
        content = recorded["messageUtf8"].encode()
        signature = pair.sign(content, recorded["algorithmLabel"])
        assert signature.raw.hex() == recorded["signatureHex"]
        assert compact_json(signature.json(verbose=True)) == recorded["json"]
        assert compact_json(signature.json()) == recorded["jsonShort"]
        assert signature.base64() == recorded["base64"]
        assert b64u(compact_json(signature.json()).encode()) == recorded["base64Short"]
        assert pair.public.verifies(content, Signature.parse(unb64json(recorded["base64"]))) is recorded["verifies"]
        assert not pair.public.verifies(b"other", signature)


def test_nothing_cannot_be_signed() -> None:
    """client-protocol.md §2: content must be at least 1 byte."""
    with pytest.raises(ProtocolError):
        SignatureKeyPair.generate().sign(b"")


@each("exchange")
def test_both_sides_agree_on_the_recorded_session_keys(vector: dict[str, Any]) -> None:
    """client-protocol.md §2 kx, §3.1."""
    requestor = ExchangeKeyPair(unhex(vector["requestorPrivateKeyHex"]))
    templator = ExchangeKeyPair(unhex(vector["templatorPrivateKeyHex"]))
    assert requestor.public.raw.hex() == vector["requestorPublicKeyHex"]
    assert templator.public.raw.hex() == vector["templatorPublicKeyHex"]
    by_requestor = requestor.agree_as_requestor(templator.public)
    by_templator = templator.agree_as_templator(requestor.public)
    assert by_requestor.tx.hex() == by_templator.rx.hex() == vector["requestorTransmissionKeyHex"]
    assert by_requestor.rx.hex() == by_templator.tx.hex() == vector["requestorReceivingKeyHex"]
    assert by_templator.tx.hex() == vector["templatorTransmissionKeyHex"]
    assert by_templator.rx.hex() == vector["templatorReceivingKeyHex"]
    assert compact_json(requestor.public.json(verbose=True)) == vector["requestorPublicKeyJson"]
    assert compact_json(requestor.public.json()) == vector["requestorPublicKeyJsonShort"]
    assert compact_json(requestor.json(verbose=True)) == vector["requestorKeypairJson"]
    assert ExchangeKeyPair.parse(requestor.json()) == requestor
    secrets = {"rx": b64u(by_requestor.rx), "tx": b64u(by_requestor.tx), "alg": 3, "@type": "CryptoExchangeSecrets"}
    assert compact_json(secrets) == vector["requestorSecretsJson"]


@each("kdf")
def test_keys_are_derived_as_recorded(vector: dict[str, Any]) -> None:
    """client-protocol.md §2 kdf, §3.1."""
    key = SecretKey(unhex(vector["baseKeyHex"])).derive(vector["keyId"], vector["context"])
    assert key.raw.hex() == vector["derivedKeyHex"]
    assert compact_json(key.json(verbose=True)) == vector["secretKeyJson"]
    assert compact_json(key.json()) == vector["secretKeyJsonShort"]
    assert key.base64() == vector["secretKeyBase64"]
    assert SecretKey.parse(unb64json(vector["secretKeyBase64"])) == key


@each("passwordDerivation")
def test_passwords_are_hashed_as_recorded(vector: dict[str, Any]) -> None:
    """client-protocol.md §2 password derivation, §12."""
    salt = unhex(vector["saltHex"])
    derived = primitives.derive_password(vector["password"], salt)
    assert derived.hex() == vector["derivedHex"]
    assert b64(derived) == vector["hashedPasswordSentToBackbone"]
    assert b64(salt) == vector["saltBase64"]
    limits = (primitives.ARGON2ID_OPSLIMIT, primitives.ARGON2ID_MEMLIMIT_BYTES)
    assert limits == (vector["opslimit"], vector["memlimit"])


@each("encryption")
def test_encryption_under_a_nonce_gives_the_recorded_cipher(vector: dict[str, Any]) -> None:
    """client-protocol.md §2, §3.1 CryptoCipher."""
    key = SecretKey(unhex(vector["keyHex"]))
    cipher = key.encrypt(vector["plaintextUtf8"].encode(), unhex(vector["nonceHex"]))
    assert cipher.ciphertext.hex() == vector["cipherHex"]
    assert compact_json(cipher.json(verbose=True)) == vector["json"]
    assert compact_json(cipher.json()) == vector["jsonShort"]
    assert cipher.base64() == vector["base64"]
    assert key.decrypt(Cipher.parse_base64(vector["base64"])).decode() == vector["decrypted"]


@each("counterEncryption")
def test_encryption_under_a_counter_gives_the_recorded_cipher(vector: dict[str, Any]) -> None:
    """client-protocol.md §2 counter nonce."""
    key, base_nonce = SecretKey(unhex(vector["keyHex"])), unhex(vector["baseNonceHex"])
    assert primitives.counter_nonce(base_nonce, vector["counter"]).hex() == vector["effectiveNonceHex"]
    cipher = key.encrypt_counted(vector["plaintextUtf8"].encode(), base_nonce, vector["counter"])
    assert cipher.ciphertext.hex() == vector["cipherHex"]
    assert compact_json(cipher.json(verbose=True)) == vector["json"]
    assert cipher.base64() == vector["base64"]
    assert key.decrypt(Cipher.parse_base64(vector["base64"]), base_nonce).decode() == vector["decrypted"]


def test_a_cipher_that_was_tampered_with_is_refused() -> None:
    """client-protocol.md §2 authenticated encryption."""
    key = SecretKey.generate()
    cipher = key.encrypt(b"secret")
    forged = Cipher(cipher.ciphertext[:-1] + bytes([cipher.ciphertext[-1] ^ 1]), nonce=cipher.nonce)
    with pytest.raises(ProtocolError):
        key.decrypt(forged)


@pytest.mark.parametrize(
    ("members", "code"), [({}, "noNonceNorCounter"), ({"nnc": b64u(bytes(24)), "cnt": 0}, "nonceAndCounter")]
)
def test_a_cipher_carries_exactly_one_of_nonce_and_counter(members: dict[str, Any], code: str) -> None:
    """client-protocol.md §3.1 CryptoCipher."""
    with pytest.raises(ProtocolError) as caught:
        Cipher.parse({"cph": "AAAA", "alg": 3, **members})
    assert caught.value.code == f"error.crypto.validation.{code}"


def test_long_member_names_are_parsed_too() -> None:
    """client-protocol.md §3.1: parsers accept both."""
    key = SecretKey.generate()
    assert SecretKey.parse({"secretKey": b64u(key.raw), "algorithm": 3}) == key
    cipher = Cipher.parse({"cipher": "AAAA", "algorithm": 3, "counter": 7})
    assert cipher == Cipher(bytes(3), counter=7)
