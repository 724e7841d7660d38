"""Cryptographic primitives on plain bytes, client-protocol.md §2."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import nacl.bindings as sodium
import nacl.exceptions

from enmeshed.errors import ProtocolError, UnreadableError

KEY_LENGTH = 32
NONCE_LENGTH = 24
SALT_LENGTH = 16
MAX_COUNTER = 2**32 - 1
ARGON2ID_OPSLIMIT = 3
ARGON2ID_MEMLIMIT_BYTES = 20 * 1024 * 1024


class SessionKeys(NamedTuple):
    """What one side of a key exchange gets: it reads with ``rx`` and writes with ``tx``."""

    rx: bytes
    tx: bytes


def sign(content: bytes, private_key: bytes) -> bytes:
    """Ed25519 over the raw content, no prehash; the private key is seed ‖ public key (§2)."""
    if not content:
        raise ProtocolError("error.client.nothingToSign", "content must have at least 1 byte")
    return sodium.crypto_sign(content, private_key)[: sodium.crypto_sign_BYTES]


def verify(content: bytes, signature: bytes, public_key: bytes) -> bool:
    """Whether an Ed25519 signature fits (§2)."""
    if len(signature) != sodium.crypto_sign_BYTES:
        return False
    try:
        sodium.crypto_sign_open(signature + content, public_key)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


def kx_requestor(public_key: bytes, private_key: bytes, peer_public_key: bytes) -> SessionKeys:
    """Key exchange of the requestor, libsodium's "server" (§2 kx)."""
    return _session_keys(sodium.crypto_kx_server_session_keys, public_key, private_key, peer_public_key)


def kx_templator(public_key: bytes, private_key: bytes, peer_public_key: bytes) -> SessionKeys:
    """Key exchange of the templator, libsodium's "client" (§2 kx)."""
    return _session_keys(sodium.crypto_kx_client_session_keys, public_key, private_key, peer_public_key)


def _session_keys(agree: Callable[[bytes, bytes, bytes], tuple[bytes, bytes]], *keys: bytes) -> SessionKeys:
    try:
        return SessionKeys(*agree(*keys))
    except (nacl.exceptions.CryptoError, ValueError) as error:
        raise UnreadableError("error.client.unusableExchangeKey", str(error)) from error


def kdf(base_key: bytes, key_id: int, context: str) -> bytes:
    """``crypto_kdf_derive_from_key`` with 32 bytes of output (§2 kdf)."""
    return hashlib.blake2b(
        b"",
        digest_size=KEY_LENGTH,
        key=base_key,
        salt=key_id.to_bytes(8, "little") + bytes(8),
        person=context.encode("ascii") + bytes(8),
    ).digest()


def encrypt(plaintext: bytes, nonce: bytes, key: bytes) -> bytes:
    """XChaCha20-Poly1305-IETF with empty additional data; the tag comes last (§2)."""
    return sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, None, nonce, key)


def decrypt(ciphertext: bytes, nonce: bytes, key: bytes) -> bytes:
    """Inverse of :func:`encrypt`; refuses a ciphertext that was tampered with (§2)."""
    try:
        return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, None, nonce, key)
    except (nacl.exceptions.CryptoError, nacl.exceptions.ValueError) as error:
        raise UnreadableError("error.client.decryptionFailed", str(error)) from error


def counter_nonce(base_nonce: bytes, counter: int) -> bytes:
    """Base nonce plus counter: little-endian addition aligned with bytes 20–23, carry lost (§2)."""
    if not 0 <= counter <= MAX_COUNTER:
        raise UnreadableError("error.client.counterOutOfRange", str(counter))
    total = int.from_bytes(base_nonce, "little") + (counter << 160)
    return (total % (1 << 192)).to_bytes(NONCE_LENGTH, "little")


def derive_password(password: str, salt: bytes) -> bytes:
    """Argon2id v1.3 of a password or PIN (§2, §12)."""
    return sodium.crypto_pwhash_alg(
        KEY_LENGTH,
        password.encode(),
        salt,
        ARGON2ID_OPSLIMIT,
        ARGON2ID_MEMLIMIT_BYTES,
        sodium.crypto_pwhash_ALG_ARGON2ID13,
    )


def sha256(data: bytes) -> bytes:
    """SHA-256 (§2)."""
    return hashlib.sha256(data).digest()


def sha512(data: bytes) -> bytes:
    """SHA-512 (§2)."""
    return hashlib.sha512(data).digest()
