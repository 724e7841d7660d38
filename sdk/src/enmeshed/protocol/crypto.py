"""Crypto objects and their JSON forms, client-protocol.md §2–§3.

Every object has ``json(verbose)``: the *short form* without and the *verbose form* with its ``@type`` (§1),
fields in the order of §3.1, and ``parse`` which accepts both, with short or long member names.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import nacl.bindings as sodium

from enmeshed.errors import UnreadableError
from enmeshed.protocol import primitives
from enmeshed.protocol.encoding import JsonObject, b64json, b64u, member, unb64json, unb64u

ALGORITHM = 3  # Ed25519, X25519 and XChaCha20-Poly1305 all have the number 3 (§2)
LABEL_RELATIONSHIP = 1  # `alg` of signatures with a relationship key (§2)
LABEL_IDENTITY = 2  # `alg` of signatures with the identity key and with a device key (§2)


def _typed(fields: JsonObject, name: str, verbose: bool) -> JsonObject:
    return {**fields, "@type": name} if verbose else fields


def _check_algorithm(value: JsonObject) -> None:
    algorithm = member(value, "alg", "algorithm")
    if algorithm != ALGORITHM:
        raise UnreadableError("error.crypto.wrongEncryptionAlgorithm", f"algorithm {algorithm} is not supported")


def _bytes(value: JsonObject, length: int, *names: str) -> bytes:
    return _sized(unb64u(member(value, *names)), length, names[0])


def _sized(data: bytes, length: int, name: str) -> bytes:
    if len(data) != length:
        raise UnreadableError("error.client.wrongLength", f"{name} has {len(data)} instead of {length} bytes")
    return data


@dataclass(frozen=True)
class Signature:
    """``CryptoSignature``; ``label`` is a mere label of a hash and has no effect (§2)."""

    raw: bytes
    label: int = LABEL_IDENTITY

    def json(self, verbose: bool = False) -> JsonObject:
        return _typed({"sig": b64u(self.raw), "alg": self.label}, "CryptoSignature", verbose)

    def base64(self) -> str:
        """Transport form (§3.2)."""
        return b64json(self.json(verbose=True))

    @classmethod
    def parse(cls, value: JsonObject) -> Signature:
        label = member(value, "alg", "algorithm")
        if label not in (1, 2, 3):
            raise UnreadableError("error.client.unknownSignatureLabel", str(label))
        return cls(_bytes(value, 64, "sig", "signature"), label)


@dataclass(frozen=True)
class SignaturePublicKey:
    """``CryptoSignaturePublicKey`` (Ed25519, §3.1)."""

    raw: bytes

    def json(self, verbose: bool = False) -> JsonObject:
        return _typed({"pub": b64u(self.raw), "alg": ALGORITHM}, "CryptoSignaturePublicKey", verbose)

    def base64(self) -> str:
        """Transport form, e.g. ``identityPublicKey`` of a registration (§3.3)."""
        return b64json(self.json(verbose=True))

    def verifies(self, content: bytes, signature: Signature) -> bool:
        """Whether the signature is ours; its label is ignored (§2)."""
        return primitives.verify(content, signature.raw, self.raw)

    @classmethod
    def parse(cls, value: JsonObject) -> SignaturePublicKey:
        _check_algorithm(value)
        return cls(_bytes(value, 32, "pub", "publicKey"))


@dataclass(frozen=True)
class SignatureKeyPair:
    """``CryptoSignatureKeypair``; ``private`` is seed ‖ public key, 64 bytes (§2)."""

    private: bytes

    @property
    def public(self) -> SignaturePublicKey:
        return SignaturePublicKey(self.private[32:])

    @classmethod
    def generate(cls) -> SignatureKeyPair:
        return cls.from_seed(os.urandom(32))

    @classmethod
    def from_seed(cls, seed: bytes) -> SignatureKeyPair:
        return cls(sodium.crypto_sign_seed_keypair(seed)[1])

    def sign(self, content: bytes, label: int = LABEL_IDENTITY) -> Signature:
        return Signature(primitives.sign(content, self.private), label)

    def private_json(self, verbose: bool = False) -> JsonObject:
        return _typed({"prv": b64u(self.private), "alg": ALGORITHM}, "CryptoSignaturePrivateKey", verbose)

    def json(self, verbose: bool = False) -> JsonObject:
        fields = {"pub": self.public.json(), "prv": self.private_json()}
        return _typed(fields, "CryptoSignatureKeypair", verbose)

    @classmethod
    def parse_private(cls, value: JsonObject) -> SignatureKeyPair:
        """From a ``CryptoSignaturePrivateKey``, which holds the public key too."""
        _check_algorithm(value)
        return cls(_bytes(value, 64, "prv", "privateKey"))

    @classmethod
    def parse(cls, value: JsonObject) -> SignatureKeyPair:
        return cls.parse_private(member(value, "prv", "privateKey"))


@dataclass(frozen=True)
class ExchangePublicKey:
    """``CryptoExchangePublicKey`` (X25519), the only key whose ``@type`` comes first (§3.1)."""

    raw: bytes

    def json(self, verbose: bool = False) -> JsonObject:
        fields: JsonObject = {"pub": b64u(self.raw), "alg": ALGORITHM}
        return {"@type": "CryptoExchangePublicKey", **fields} if verbose else fields

    @classmethod
    def parse(cls, value: JsonObject) -> ExchangePublicKey:
        _check_algorithm(value)
        return cls(_bytes(value, 32, "pub", "publicKey"))


@dataclass(frozen=True)
class ExchangeKeyPair:
    """``CryptoExchangeKeypair`` and the key agreement in both roles (§2 kx)."""

    private: bytes

    @property
    def public(self) -> ExchangePublicKey:
        return ExchangePublicKey(sodium.crypto_scalarmult_base(self.private))

    @classmethod
    def generate(cls) -> ExchangeKeyPair:
        return cls(os.urandom(32))

    def agree_as_requestor(self, peer: ExchangePublicKey) -> primitives.SessionKeys:
        return primitives.kx_requestor(self.public.raw, self.private, peer.raw)

    def agree_as_templator(self, peer: ExchangePublicKey) -> primitives.SessionKeys:
        return primitives.kx_templator(self.public.raw, self.private, peer.raw)

    def json(self, verbose: bool = False) -> JsonObject:
        fields = {"pub": self.public.json(), "prv": {"prv": b64u(self.private), "alg": ALGORITHM}}
        return _typed(fields, "CryptoExchangeKeypair", verbose)

    @classmethod
    def parse(cls, value: JsonObject) -> ExchangeKeyPair:
        private = member(value, "prv", "privateKey")
        _check_algorithm(private)
        return cls(_bytes(private, 32, "prv", "privateKey"))


@dataclass(frozen=True)
class Cipher:
    """``CryptoCipher``: carries either a nonce or a counter, never both (§3.1)."""

    ciphertext: bytes
    nonce: bytes | None = None
    counter: int | None = None

    def __post_init__(self) -> None:
        if self.nonce is None and self.counter is None:
            raise UnreadableError("error.crypto.validation.noNonceNorCounter")
        if self.nonce is not None and self.counter is not None:
            raise UnreadableError("error.crypto.validation.nonceAndCounter")

    def json(self, verbose: bool = False) -> JsonObject:
        fields: JsonObject = {"cph": b64u(self.ciphertext), "alg": ALGORITHM}
        if self.nonce is not None:
            fields["nnc"] = b64u(self.nonce)
        else:
            fields["cnt"] = self.counter
        return _typed(fields, "CryptoCipher", verbose)

    def base64(self) -> str:
        """Transport form (§3.2)."""
        return b64json(self.json(verbose=True))

    @classmethod
    def parse(cls, value: JsonObject) -> Cipher:
        _check_algorithm(value)
        nonce: Any = value.get("nnc", value.get("nonce"))
        counter: Any = value.get("cnt", value.get("counter"))
        if counter is not None and (not isinstance(counter, int) or isinstance(counter, bool)):
            raise UnreadableError("error.client.counterOutOfRange", repr(counter))
        nonce_bytes = None if nonce is None else _sized(unb64u(nonce), primitives.NONCE_LENGTH, "nnc")
        return cls(unb64u(member(value, "cph", "cipher")), nonce_bytes, counter)

    @classmethod
    def parse_base64(cls, text: str) -> Cipher:
        return cls.parse(unb64json(text))


@dataclass(frozen=True)
class SecretKey:
    """``CryptoSecretKey`` (XChaCha20-Poly1305)."""

    raw: bytes

    @classmethod
    def generate(cls) -> SecretKey:
        return cls(os.urandom(primitives.KEY_LENGTH))

    def derive(self, key_id: int, context: str) -> SecretKey:
        """``kdf`` with this key as base (§2, contexts in §6)."""
        return SecretKey(primitives.kdf(self.raw, key_id, context))

    def encrypt(self, plaintext: bytes, nonce: bytes | None = None) -> Cipher:
        """Encrypt under a nonce, by default a random one (§2)."""
        nonce = os.urandom(primitives.NONCE_LENGTH) if nonce is None else nonce
        return Cipher(primitives.encrypt(plaintext, nonce, self.raw), nonce=nonce)

    def encrypt_counted(self, plaintext: bytes, base_nonce: bytes, counter: int) -> Cipher:
        """Encrypt under base nonce + counter; only the counter is transmitted (§2)."""
        nonce = primitives.counter_nonce(base_nonce, counter)
        return Cipher(primitives.encrypt(plaintext, nonce, self.raw), counter=counter)

    def decrypt(self, cipher: Cipher, base_nonce: bytes | None = None) -> bytes:
        """Decrypt; a cipher with a counter needs the agreed base nonce (§2)."""
        nonce = cipher.nonce
        if nonce is None:
            if base_nonce is None or cipher.counter is None:
                raise UnreadableError("error.client.noBaseNonce", "the cipher has a counter but no base nonce is known")
            nonce = primitives.counter_nonce(base_nonce, cipher.counter)
        return primitives.decrypt(cipher.ciphertext, nonce, self.raw)

    def json(self, verbose: bool = False) -> JsonObject:
        return _typed({"key": b64u(self.raw), "alg": ALGORITHM}, "CryptoSecretKey", verbose)

    def base64(self) -> str:
        """Transport form (§3.2)."""
        return b64json(self.json(verbose=True))

    @classmethod
    def parse(cls, value: JsonObject) -> SecretKey:
        _check_algorithm(value)
        return cls(_bytes(value, primitives.KEY_LENGTH, "key", "secretKey"))
