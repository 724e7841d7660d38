"""Encrypted files and their metadata, client-protocol.md §18."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from enmeshed.errors import PreconditionError, UnreadableError
from enmeshed.protocol.crypto import Cipher, SecretKey, Signature, SignatureKeyPair
from enmeshed.protocol.encoding import (
    JsonObject,
    b64u,
    compact_json,
    member,
    parse_object,
    reads,
    sorted_object,
    unb64u,
)
from enmeshed.protocol.primitives import sha512

MAX_PLAINTEXT_BYTES = 10_485_760


@dataclass(frozen=True)
class FileMetadata:
    """What the sealed metadata of a file says (§18.4)."""

    filename: str
    mimetype: str
    filesize: int
    plaintext_hash: bytes
    cipher_key: SecretKey
    title: str | None = None
    description: str | None = None
    tags: list[str] | None = field(default=None)
    filemodified: str | None = None

    def json(self) -> JsonObject:
        return sorted_object(
            {
                "@type": "FileMetadata",
                "description": self.description,
                "filemodified": self.filemodified,
                "filename": self.filename,
                "filesize": self.filesize,
                "mimetype": self.mimetype,
                "plaintextHash": b64u(self.plaintext_hash),
                "secretKey": self.cipher_key.json(),
                "tags": self.tags,
                "title": self.title,
            }
        )

    @classmethod
    def parse(cls, value: JsonObject) -> FileMetadata:
        return cls(
            filename=member(value, "filename"),
            mimetype=member(value, "mimetype"),
            filesize=member(value, "filesize"),
            plaintext_hash=unb64u(member(value, "plaintextHash")),
            cipher_key=SecretKey.parse(member(value, "secretKey")),
            title=value.get("title"),
            description=value.get("description"),
            tags=value.get("tags"),
            filemodified=value.get("filemodified"),
        )


@dataclass(frozen=True)
class SealedFile:
    """The parts of an upload, without owner and expiry (§18.5)."""

    content: bytes
    cipher_hash: str
    owner_signature: str
    encrypted_properties: str
    key: SecretKey
    metadata: FileMetadata


def seal_content(content: bytes, key: SecretKey, *, nonce: bytes | None = None) -> bytes:
    """The uploaded bytes: JSON text of a cipher, not binary (§18.2, §24.3)."""
    cipher = key.encrypt(content, nonce)
    head, tail = compact_json(replace(cipher, ciphertext=b"").json(verbose=True)).encode().split(b'""', 1)
    return b"".join((head, b'"', b64u(cipher.ciphertext).encode(), b'"', tail))  # JSON encoders copy such texts thrice


def seal_metadata(metadata: FileMetadata, key: SecretKey, *, nonce: bytes | None = None) -> str:
    """``encryptedProperties`` (§18.4)."""
    return key.encrypt(compact_json(metadata.json()).encode(), nonce).base64()


def seal_file(
    content: bytes,
    device_key: SignatureKeyPair,
    *,
    filename: str,
    mimetype: str,
    title: str | None = None,
    description: str | None = None,
    tags: list[str] | None = None,
) -> SealedFile:
    """Everything an upload needs, under two fresh keys (§18.1–§18.4)."""
    if len(content) > MAX_PLAINTEXT_BYTES:
        raise PreconditionError("error.transport.files.maxFileSizeExceeded", f"{len(content)} bytes")
    plaintext_hash, cipher_key, key = sha512(content), SecretKey.generate(), SecretKey.generate()
    metadata = FileMetadata(filename, mimetype, len(content), plaintext_hash, cipher_key, title, description, tags)
    blob = seal_content(content, cipher_key)
    return SealedFile(
        content=blob,
        cipher_hash=b64u(sha512(blob)),
        owner_signature=device_key.sign(plaintext_hash).base64(),
        encrypted_properties=seal_metadata(metadata, key),
        key=key,
        metadata=metadata,
    )


@reads
def open_metadata(encrypted_properties: str, key: SecretKey) -> FileMetadata:
    """Decrypt ``encryptedProperties`` with the key of the file's reference (§18)."""
    return FileMetadata.parse(parse_object(key.decrypt(Cipher.parse_base64(encrypted_properties))))


@reads
def open_content(blob: bytes, metadata: FileMetadata, cipher_hash: str) -> bytes:
    """Check both hashes and decrypt downloaded bytes (§18 Read)."""
    if b64u(sha512(blob)) != cipher_hash:
        raise UnreadableError("error.transport.files.cipherMismatch")
    content = metadata.cipher_key.decrypt(Cipher.parse(parse_object(blob)))
    if sha512(content) != metadata.plaintext_hash:
        raise UnreadableError("error.transport.files.plaintextHashMismatch")
    return content


@reads
def owner_signature_of(file: JsonObject) -> Signature:
    """``ownerSignature`` must at least parse (§18 Read)."""
    return Signature.parse(parse_object(unb64u(file["ownerSignature"])))
