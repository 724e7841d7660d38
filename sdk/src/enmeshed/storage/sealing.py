"""Encryption of records at rest with a key of the caller."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Protocol

import nacl.bindings as sodium
import nacl.exceptions

from enmeshed.errors import StorageError, WrongStorageKeyError
from enmeshed.storage.interface import Record

KEY_LENGTH = 32
_NONCE_LENGTH = sodium.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES


class Sealing(Protocol):
    """How records and labels are written."""

    def seal(self, place: str, record: Record) -> bytes:
        """The bytes to keep; ``place`` (collection and id) is bound to them."""
        ...

    def open(self, place: str, data: bytes) -> Record:
        """Inverse of :meth:`seal`; raises :class:`WrongStorageKeyError`."""
        ...

    def label(self, label: str | None) -> str | None:
        """A label as it is kept and looked for."""
        ...


class Plain:
    """No encryption: records are JSON."""

    def seal(self, place: str, record: Record) -> bytes:
        return json.dumps(record, separators=(",", ":")).encode()

    def open(self, place: str, data: bytes) -> Record:
        try:
            record: Record = json.loads(data)
        except ValueError as error:
            raise WrongStorageKeyError("error.client.wrongStorageKey", f"{place} needs a key") from error
        return record

    def label(self, label: str | None) -> str | None:
        return label


class Sealed:
    """XChaCha20-Poly1305 over the JSON, the place as additional data; labels are keyed hashes.

    Collections and ids stay readable, as does the number of records; nothing else.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_LENGTH:
            raise StorageError("error.client.wrongStorageKey", f"the key has {len(key)} instead of {KEY_LENGTH} bytes")
        self._key = hashlib.blake2b(key=key, digest_size=32, person=b"enmeshed record ").digest()
        self._label_key = hashlib.blake2b(key=key, digest_size=32, person=b"enmeshed label  ").digest()

    def seal(self, place: str, record: Record) -> bytes:
        nonce = os.urandom(_NONCE_LENGTH)
        plaintext = json.dumps(record, separators=(",", ":")).encode()
        return nonce + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, place.encode(), nonce, self._key)

    def open(self, place: str, data: bytes) -> Record:
        nonce, ciphertext = data[:_NONCE_LENGTH], data[_NONCE_LENGTH:]
        try:
            plaintext = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, place.encode(), nonce, self._key)
        except (nacl.exceptions.CryptoError, ValueError) as error:
            raise WrongStorageKeyError("error.client.wrongStorageKey", f"{place} cannot be decrypted") from error
        record: Record = json.loads(plaintext)
        return record

    def label(self, label: str | None) -> str | None:
        return label and hashlib.blake2b(label.encode(), key=self._label_key, digest_size=16).hexdigest()


def sealing_with(key: bytes | None) -> Sealing:
    """Encryption with a key of 32 bytes, or none."""
    return Plain() if key is None else Sealed(key)
