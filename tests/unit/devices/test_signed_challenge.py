"""Signed challenges.  Contract: devices.md, sections 5 and 6."""

import base64
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from nacl.signing import SigningKey

from backbone.addresses import Address
from backbone.encoding import from_base64
from backbone.errors import BackboneError
from backbone.readmodels.challenges import ChallengeView
from backbone.signatures import is_signed, public_key_bytes
from functions.devices.signed_challenge import SignedChallenge, address_of
from tests.support.keys import ClientKey

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHALLENGE = ChallengeView(expires_at=NOW + timedelta(minutes=1))

PUBLIC_KEY = (
    "eyJwdWIiOiJBNkVIdl9QT0VMNGRjTjBZNTB2QW1XZmsxakNicFExZkhkeUdaQkpWTWJnIiwiYWxnIjozLCJAdHlwZSI6IkNyeXB0b1NpZ25hdHVy"
    "ZVB1YmxpY0tleSJ9"
)
TEXT = '{"expiresAt":"2030-01-01T00:00:00.000Z","id":"CHLabcdefghijklmnopq","type":"Identity"}'
SIGNATURE = (
    "eyJzaWciOiJDVzZxVWtRRjlsQmhFR1lIOVlKLWgwdXhQR2NfUURhbWJSZm5ySUJTYnlTLVJlZHFpMVZMYVc3R3B0SE5qeGF4cUpVaXJQX2d3VmJO"
    "eW0zZE5JcUdEUSIsImFsZyI6MiwiQHR5cGUiOiJDcnlwdG9TaWduYXR1cmUifQ"
)


def _refusal(signed: SignedChallenge, key: bytes, challenge: ChallengeView | None = CHALLENGE) -> tuple[int, str]:
    with pytest.raises(BackboneError) as refusal:
        signed.check(key, challenge, now=NOW)
    return refusal.value.status, refusal.value.code


def _signed(key: ClientKey, text: str) -> SignedChallenge:
    sent = key.sign_text(text)
    return SignedChallenge.read(sent["challenge"], from_base64(sent["signature"]))


def test_the_contract_s_vector_is_signed() -> None:
    """devices.md §5.4: Made with the clients' libsodium"""
    signed = SignedChallenge.read(TEXT, from_base64(SIGNATURE))

    signed.check(from_base64(PUBLIC_KEY), CHALLENGE, now=NOW)

    assert signed.challenge_id == "CHLabcdefghijklmnopq"
    assert address_of(from_base64(PUBLIC_KEY), "localhost") == "did:e:localhost:dids:76a33ea3665eef489c70bb"
    assert address_of(from_base64(PUBLIC_KEY), "prod.enmeshed.eu") == (
        "did:e:prod.enmeshed.eu:dids:76a33ea3665eef489c7012"
    )


def test_our_test_client_makes_the_contract_s_vector() -> None:
    """devices.md §5.4: seed = bytes 00 01 ... 1f"""
    key = ClientKey(SigningKey(bytes(range(32))))
    signature = json.loads(from_base64(key.sign_text(TEXT)["signature"]))["sig"]

    assert key.raw == public_key_bytes(from_base64(PUBLIC_KEY))
    assert signature == json.loads(from_base64(SIGNATURE))["sig"]


def test_the_reference_s_vector_is_signed() -> None:
    """devices.md §5.4: From the reference's tests: message `Test`"""
    signature = {
        "sig": "Yzi2JHvS46CrJrJwuEq4TOY5LCQL8AAQjw6JojULaZuDCFKWBORS1cEWYpUnGXEjK/VvXTsoJ9J1S7JTMfzMAQ==",
        "alg": 2,
    }
    key = base64.b64decode("pvJlACBFHHNOnGjpEE0ZTGSm1UDkKJmxV8PPQb87JBM=")

    assert is_signed("Test", json.dumps(signature).encode(), key)
    assert not is_signed("test", json.dumps(signature).encode(), key)


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("49fWA+kzWNdCFdo92imTiQ4vUUJsPPLNlcB9udC4ooE=", "06a391378e5df5c1399f77"),
        ("fj0o9eOiPRswTZL6j9lE9TRvpDDnPRMF0gJeahz/W2c=", "fef1992c5e529adc413288"),
        ("Gl8XTo8qFuUM+ksXixwp4g/jf3H/hU1F8ETuYaHCM5I=", "01f4bab09d757578bb4994"),
        ("tB9KFp/YqHrom3m5qUuZsd6l30DkaNjN14SxRw7YZuI=", "56b3f2a0c202e27229aa87"),
        ("hg/cbeBvfNrMiJ0dW1AtWC4IQwG4gkuhzG2+z6bAoRU=", "ab7475ba4070f29ce286fd"),
        ("jRxGfZtQ8a90TmKCGk+dhuX1CBjgoXuldhNPwrjpWsw=", "b9d25bd0a2bbd3aa48437c"),
        ("kId+qWen/lKeTdyxcIQhkzvvvTU8wIJECfWUWbmRQRY=", "4664f42d7ca6480db07fdb"),
        ("l68K/zdNp1VLoswcHAqN6QUFwCMU6Yvzf7XiW2m1hRY=", "5845cf29fbda2897892a9a"),
        ("mJGmNbxiVZAPToRuk9O3NvdfsWl6V+7wzIc+/57bU08=", "e2208784ee2769c5d9684d"),
        ("NcqlzTEpSlKX9gmNBv41EjPRHpaNYwt0bxqh1bgyJzA=", "60326ff5075e0d7378990c"),
        ("PEODpwvi7KxIVa4qeUXia9apMFvPMktdDHiDitlfbjE=", "d459ff2144f0eac7aff554"),
        ("rIS4kAzHXT7GgCA6Qm1ANlwM3x12QMSkeprHb6tjPyc=", "ee5966a158f1dc4de5bd5c"),
    ],
)
def test_addresses_are_made_of_keys_as_the_contract_says(key: str, part: str) -> None:
    """devices.md §6: Worked examples and more pairs (same domain)"""
    public_key = json.dumps({"pub": key, "alg": 3}).encode()

    address = address_of(public_key, "prod.enmeshed.eu")

    assert address == f"did:e:prod.enmeshed.eu:dids:{part}"
    assert Address.is_valid(address)


@pytest.mark.parametrize(
    "text",
    [
        '{"id":"CHLa","expiresAt":"2030-01-01T00:00:00.000Z"}',
        '{"Id":"CHLa","ExpiresAt":"2030-01-01T00:00:00.1234567Z","CreatedBy":null}',
        '{"ID":"CHLa","EXPIRESAT":"2030-01-01T00:00:00+02:00","type":["anything"]}',
    ],
)
def test_the_members_of_the_text_match_in_any_case(text: str) -> None:
    """devices.md §5.2: member names case-insensitive; all other members are ignored"""
    key = ClientKey.new()
    signed = _signed(key, text)

    signed.check(key.public_key_json, CHALLENGE, now=NOW)

    assert signed.challenge_id == "CHLa"


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "{}",
        "[]",
        "null",
        "1",
        '"CHLa"',
        '{"id":"CHLa"}',
        '{"id":"CHLa","expiresAt":null}',
        '{"id":"CHLa","expiresAt":"soon"}',
        '{"id":"CHLa","expiresAt":1}',
        '{"id":1,"expiresAt":"2030-01-01T00:00:00Z"}',
        '{"expiresAt":"2030-01-01T00:00:00Z"}',
        "[" * 10_000,
        '{"id":"CHLa","expiresAt":"' + "9" * 10_000 + '"}',
    ],
)
def test_a_signed_text_that_cannot_be_read_is_an_invalid_property(text: str) -> None:
    """devices.md §5.3: correctly signed challenge text that is not JSON or lacks `id`/`expiresAt` gives 500 in the
    reference; nothing depends on it"""
    key = ClientKey.new()

    refusal = _refusal(_signed(key, text), key.public_key_json)

    assert refusal == (400, "error.platform.validation.invalidPropertyValue")


def _object(**members: Any) -> bytes:
    return json.dumps(members).encode()


GOOD_KEY = ClientKey.new()
GOOD_SIGNATURE = json.loads(from_base64(GOOD_KEY.sign_text(TEXT)["signature"]))["sig"]


@pytest.mark.parametrize(
    "public_key",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b"[]",
        b"null",
        _object(),
        _object(pub="A" * 43),
        _object(alg=3),
        _object(pub=1, alg=3),
        _object(pub="!", alg=3),
        _object(pub="AAAA", alg=3),
        _object(pub="A" * 43, alg=3),
    ],
)
def test_a_key_that_cannot_be_read_has_signed_nothing(public_key: bytes) -> None:
    """devices.md §5.3: public key bytes not JSON, members missing, key not 32 bytes (500 in the reference)"""
    refusal = _refusal(_signed(GOOD_KEY, TEXT), public_key)

    assert refusal == (400, "error.platform.validation.device.invalidSignature")


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"{",
        b"[" * 100_000,
        _object(sig=GOOD_SIGNATURE),
        _object(sig=GOOD_SIGNATURE[:-2], alg=2),
        _object(sig=GOOD_SIGNATURE + "AAAA", alg=2),
        _object(sig=None, alg=2),
        _object(sig="A" * 86, alg=2),
    ],
    ids=itertools.count(),  # the key and so the signature are drawn anew in every process
)
def test_a_signature_that_cannot_be_read_is_none(signature: bytes) -> None:
    """devices.md §5.3: Signature length other than 64 or mismatch -> 400 invalidSignature"""
    refusal = _refusal(SignedChallenge.read(TEXT, signature), GOOD_KEY.public_key_json)

    assert refusal == (400, "error.platform.validation.device.invalidSignature")


@pytest.mark.parametrize("alg", [1, 2, 3, 99, "x", None])
def test_the_numbers_of_algorithms_mean_nothing(alg: Any) -> None:
    """devices.md §15.2: `alg` numbers are never evaluated"""
    signed = SignedChallenge.read(TEXT, _object(sig=GOOD_SIGNATURE, alg=alg))

    signed.check(_object(pub=json.loads(GOOD_KEY.public_key_json)["pub"], alg=alg), CHALLENGE, now=NOW)


def test_a_challenge_can_be_used_until_the_instant_it_expires() -> None:
    """devices.md §5.3: `expiresAt < now` -> challengeHasExpired"""
    signed = _signed(GOOD_KEY, TEXT)
    key = GOOD_KEY.public_key_json

    signed.check(key, ChallengeView(expires_at=NOW), now=NOW)

    assert _refusal(signed, key, ChallengeView(expires_at=NOW - timedelta(milliseconds=1))) == (
        400,
        "error.platform.validation.device.challengeHasExpired",
    )
    assert _refusal(signed, key, None) == (404, "error.platform.recordNotFound")
