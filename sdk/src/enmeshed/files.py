"""Files: encrypted, signed, with an owner who can change (§18)."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from enmeshed.errors import NotFoundError, PreconditionError, UnreadableError
from enmeshed.expiry import NEVER, expiry
from enmeshed.http import response_of
from enmeshed.protocol.crypto import SecretKey
from enmeshed.protocol.encoding import JsonObject, iso, member, parse_iso, sorted_object
from enmeshed.protocol.files import (
    MAX_PLAINTEXT_BYTES,
    FileMetadata,
    open_content,
    open_metadata,
    owner_signature_of,
    seal_file,
)
from enmeshed.protocol.references import FILE, TOKEN, Reference
from enmeshed.protocol.tokens import CONTENT_FILE
from enmeshed.session import Attempt, Session
from enmeshed.tokens import Token, Tokens, reference_of

COLLECTION = "Files"
CLAIM = "fileClaim"
MAX_DOWNLOAD_BYTES = 2 * MAX_PLAINTEXT_BYTES
CHUNK_BYTES = 64 * 1024

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class File:
    """A file this account uploaded or knows the metadata of; ``reference`` is what others need to load it."""

    id: str
    owner: str
    is_own: bool
    created_by: str
    created_at: datetime
    expires_at: datetime
    metadata: FileMetadata
    cipher_hash: str
    reference: Reference
    ownership_token: str | None
    ownership_is_locked: bool

    @classmethod
    def of(cls, value: JsonObject, base_url: str) -> File:
        """From the stored object (§20.1 collection ``Files``)."""
        return cls(
            id=value["id"],
            owner=value["owner"],
            is_own=value["isOwn"],
            created_by=value["createdBy"],
            created_at=parse_iso(value["createdAt"]),
            expires_at=parse_iso(value["expiresAt"]),
            metadata=FileMetadata.parse({**value, "secretKey": value["cipherKey"]}),
            cipher_hash=value["cipherHash"],
            reference=reference_of(value, base_url),
            ownership_token=value.get("ownershipToken"),
            ownership_is_locked=value.get("ownershipIsLocked") or False,
        )

    @property
    def filename(self) -> str:
        return self.metadata.filename

    @property
    def mimetype(self) -> str:
        return self.metadata.mimetype

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return self.metadata.filesize


class Files:
    """The files of an account: ``account.files``."""

    def __init__(self, session: Session, tokens: Tokens) -> None:
        self._session = session
        self._tokens = tokens

    def all(self) -> list[File]:
        """Files this account knows, oldest first. No network calls."""
        return [File.of(value, self._session.base_url) for value in self._session.objects.all(COLLECTION)]

    def get(self, file_id: str) -> File:
        """A file this device knows; raises :class:`RecordNotFoundError`. No network calls."""
        return File.of(self._session.objects.get(COLLECTION, file_id), self._session.base_url)

    # ------------------------------------------------------------------ uploading
    def upload(
        self,
        content: bytes | str | os.PathLike[str] | BinaryIO,
        *,
        filename: str | None = None,
        mimetype: str = "application/octet-stream",
        title: str | None = None,
        description: str | None = None,
        tags: list[str] | None = None,
        expires_in: timedelta | None = None,
        expires_at: datetime | None = None,
        progress: Progress | None = None,
    ) -> File:
        """Encrypt, sign and upload (§18.5).

        :param content: the bytes, a path or an open file; at most 10 MiB
        :param filename: by default the name of the path
        :param tags: as official clients show them, e.g. ``x:invoice``
        :param expires_in: how long it is kept, or ``expires_at``: until when; by default for ever
        :param progress: called with the bytes sent and the bytes to send (more than the content has)
        :raises PreconditionError: ``error.transport.files.maxFileSizeExceeded``
        :raises QuotaExhaustedError: too many files, or too much space
        :raises BackboneError: the Backbone refused
        :raises NetworkError: no answer

        One call: ``POST Files``.
        """
        session = self._session
        sealed = seal_file(
            _bytes_of(content),
            session.device_key,
            filename=filename or _name_of(content),
            mimetype=mimetype,
            title=title,
            description=description,
            tags=tags,
        )
        fields = {
            "cipherHash": sealed.cipher_hash,
            "owner": session.address,
            "ownerSignature": sealed.owner_signature,
            "expiresAt": iso(expiry(expires_in, expires_at, NEVER)),
            "encryptedProperties": sealed.encrypted_properties,
        }
        stream = _Watched(sealed.content, progress)
        parts = [("content", ("cipher.bin", stream, "application/octet-stream"))]
        answer = session.connection.call(
            "POST", "/Files", files=parts + [(name, (None, value, None)) for name, value in fields.items()]
        )
        known = {"cipherHash": sealed.cipher_hash, "ownerSignature": sealed.owner_signature}
        return self._keep({**known, **answer}, sealed.key, sealed.metadata)

    # ------------------------------------------------------------------ reading
    def load(self, reference: str | Reference, *, password: str | None = None) -> File:
        """Fetch and decrypt the metadata of a file (§18 Read).

        :param reference: that of a file, or of a token for one, as object, truncated text or URL
        :param password: needed if the reference is that of a protected token
        :raises UnreadableError: no such reference, or wrong key
        :raises PreconditionError: ``error.transport.noPasswordProvided``, ``error.transport.general.notIntendedForYou``
        :raises NotFoundError: deleted, expired, or the password is wrong
        :raises BackboneError: the Backbone refused

        One call per reference on the way; none if this device knows the file already.
        """
        parsed = Reference.of(reference)
        if parsed.id.startswith(TOKEN):
            parsed = self._reference_in_token(parsed, password)
        parsed.check_kind(FILE)
        if self._session.objects.find(COLLECTION, parsed.id) is not None:
            return self.get(parsed.id)
        parsed.check_reader(self._session.address)
        answer = self._session.connection.get(f"/Files/{parsed.id}/metadata")
        metadata = open_metadata(answer["encryptedProperties"], parsed.key)
        return self._keep({**answer, "id": parsed.id}, parsed.key, metadata)

    def download(
        self, file: File | str, to: str | os.PathLike[str] | None = None, *, progress: Progress | None = None
    ) -> bytes:
        """Fetch the content, check both hashes, decrypt (§18 Read).

        :param file: a file this device knows, or its id
        :param to: where to write it as well; nothing is written unless everything is right
        :param progress: called with the bytes received and the bytes expected (0 if unknown)
        :returns: the content
        :raises UnreadableError: ``error.transport.files.cipherMismatch``, ``…plaintextHashMismatch``
        :raises NotFoundError: deleted or expired

        One call: ``GET Files/{id}``.
        """
        known = self.get(file if isinstance(file, str) else file.id)
        content = open_content(self._fetch(known.id, progress), known.metadata, known.cipher_hash)
        if to is not None:
            partial = Path(f"{os.fspath(to)}.part")
            partial.write_bytes(content)
            partial.replace(to)
        return content

    def _fetch(self, file_id: str, progress: Progress | None) -> bytes:
        received = bytearray()
        with self._session.connection.stream("GET", f"/Files/{file_id}") as answer:
            if answer.status_code >= 300:
                response_of(answer).raise_for_error()
            length = answer.headers.get("content-length", "")
            expected = int(length) if length.isdecimal() else 0
            for chunk in answer.iter_bytes(CHUNK_BYTES):
                received += chunk
                if len(received) > MAX_DOWNLOAD_BYTES:
                    raise UnreadableError("error.transport.files.cipherMismatch", "far too large")
                if progress is not None:
                    progress(len(received), expected)
        return bytes(received)

    def create_token(
        self,
        file: File | str,
        *,
        expires_in: timedelta | None = None,
        expires_at: datetime | None = None,
        for_identity: str | None = None,
        password: str | None = None,
        password_location: int | None = None,
    ) -> Token:
        """A token that leads to a file, for instance to protect it with a password (§19).

        Parameters, errors and calls as in :meth:`Tokens.create`; without expiry the token expires with the file.
        """
        value = self._session.objects.get(COLLECTION, file if isinstance(file, str) else file.id)
        return self._tokens.create(
            {"@type": CONTENT_FILE, "fileId": value["id"], "secretKey": value["secretKey"]},
            expires_at=expiry(expires_in, expires_at, parse_iso(value["expiresAt"])),
            for_identity=for_identity,
            password=password,
            password_location=password_location,
            ephemeral=True,
        )

    def delete(self, file: File | str) -> None:
        """Delete a file: an own one at the Backbone and on all devices, another's on all devices.

        One call for an own file: ``DELETE Files/{id}``; one that is gone already is no error. Raises
        :class:`ForbiddenError` if this identity owns the file but did not create it.
        """
        file_id = file if isinstance(file, str) else file.id
        if self._session.objects.get(COLLECTION, file_id)["isOwn"]:
            self._tokens.delete_at_backbone(f"/Files/{file_id}")
        self._session.objects.delete(COLLECTION, file_id)

    # ------------------------------------------------------------------ ownership
    def validate_ownership_token(self, file: File | str, ownership_token: str) -> bool:
        """Whether a token would make this identity the owner; a wrong one **locks** the file until its owner
        regenerates the token. One call: ``POST Files/{id}/ValidateOwnershipToken``.
        """
        file_id = file if isinstance(file, str) else file.id
        body = {"ownershipToken": ownership_token}
        valid: bool = self._session.connection.post(f"/Files/{file_id}/ValidateOwnershipToken", body)["isValid"]
        return valid

    def claim_ownership(self, file: File | str, ownership_token: str) -> File:
        """Become the owner of a loaded file with the token its owner handed over (§18).

        Calls: ``PATCH Files/{id}/ClaimOwnership``, ``GET Files/{id}/metadata``. Raises :class:`ForbiddenError` if the
        token is wrong (which **locks** the file) or the file is locked, :class:`RecordNotFoundError`.
        """
        session, file_id = self._session, file if isinstance(file, str) else file.id
        session.objects.get(COLLECTION, file_id)
        with session.attempt(CLAIM, {"fileId": file_id}) as attempt:
            body = {"ownershipToken": ownership_token}
            token = session.connection.patch(f"/Files/{file_id}/ClaimOwnership", body)["newOwnershipToken"]
            with session.storage.transaction():
                attempt.done()
                self._change(file_id, owner=session.address, isOwn=True, ownershipToken=token, ownershipIsLocked=None)
        return self.refresh_owner(file_id, own_token=token)

    def regenerate_ownership_token(self, file: File | str) -> File:
        """A new ownership token for an own file; unlocks it (§18).

        One call: ``PATCH Files/{id}/RegenerateOwnershipToken``. Raises :class:`PreconditionError`
        ``error.runtime.files.notOwnedByYou``.
        """
        file_id = file if isinstance(file, str) else file.id
        if not self._session.objects.get(COLLECTION, file_id)["isOwn"]:
            raise PreconditionError("error.runtime.files.notOwnedByYou", file_id)
        answer = self._session.connection.patch(f"/Files/{file_id}/RegenerateOwnershipToken")
        return self._change(file_id, ownershipToken=answer["newOwnershipToken"], ownershipIsLocked=None)

    def refresh_owner(self, file_id: str, *, own_token: str | None = None) -> File:
        """Ask the Backbone who owns a file now (§18, §20.4). One call: ``GET Files/{id}/metadata``."""
        self._session.objects.get(COLLECTION, file_id)
        owner = self._session.connection.get(f"/Files/{file_id}/metadata")["owner"]
        is_own = owner == self._session.address
        token = own_token if is_own else None
        return self._change(file_id, owner=owner, isOwn=is_own, ownershipToken=token, ownershipIsLocked=None)

    def mark_locked(self, file_id: str) -> File | None:
        """After ``FileOwnershipLocked`` (§20.4); an unknown file is nobody's concern. No network calls."""
        if self._session.objects.find(COLLECTION, file_id) is None:
            return None
        return self._change(file_id, ownershipIsLocked=True)

    def recover(self, attempt: JsonObject) -> None:
        """Find out whether a file was claimed though no answer came. At most two calls."""
        file_id = attempt["fileId"]
        if self._session.objects.find(COLLECTION, file_id) is not None:
            try:
                if self.refresh_owner(file_id).is_own:
                    self.regenerate_ownership_token(file_id)
            except NotFoundError:
                pass
        Attempt(self._session.storage, attempt["id"]).done()

    # ------------------------------------------------------------------ helpers
    def _change(self, file_id: str, **members: object) -> File:
        value = self._session.objects.get(COLLECTION, file_id)
        self._session.objects.update(COLLECTION, sorted_object({**value, **members}))
        return self.get(file_id)

    def _reference_in_token(self, token: Reference, password: str | None) -> Reference:
        content = self._tokens.read(token, password=password)
        if content.get("@type") != CONTENT_FILE:
            raise PreconditionError("error.runtime.invalidTokenContent", str(content.get("@type")))
        key = SecretKey.parse(member(content, "secretKey"))
        return Reference(member(content, "fileId"), key, self._session.base_url)

    def _keep(self, answer: JsonObject, key: SecretKey, metadata: FileMetadata) -> File:
        sealed = metadata.json()
        value = {
            **sealed,
            "@type": "File",
            "id": answer["id"],
            "cipherHash": answer["cipherHash"],
            "cipherKey": sealed["secretKey"],
            "createdAt": answer["createdAt"],
            "createdBy": answer["createdBy"],
            "createdByDevice": answer["createdByDevice"],
            "expiresAt": answer["expiresAt"],
            "isOwn": answer["owner"] == self._session.address,
            "owner": answer["owner"],
            "ownerSignature": owner_signature_of(answer).json(),
            "ownershipToken": answer.get("ownershipToken"),
            "secretKey": key.json(),
        }
        self._session.objects.create(COLLECTION, sorted_object(value))
        return self.get(answer["id"])


class _Watched(io.BytesIO):
    """Bytes that tell how many of them were read."""

    def __init__(self, content: bytes, progress: Progress | None) -> None:
        super().__init__(content)
        self._total = len(content)
        self._progress = progress

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if self._progress is not None and data:
            self._progress(self.tell(), self._total)
        return data


def _bytes_of(content: bytes | str | os.PathLike[str] | BinaryIO) -> bytes:
    if isinstance(content, bytes | bytearray):
        return bytes(content)
    if isinstance(content, str | os.PathLike):
        with Path(content).open("rb") as file:
            return _bytes_of(file)
    return content.read(MAX_PLAINTEXT_BYTES + 1)  # one more than allowed is enough to refuse it


def _name_of(content: object) -> str:
    path = content if isinstance(content, str | os.PathLike) else getattr(content, "name", None)
    return Path(path).name if isinstance(path, str | os.PathLike) else "file.bin"
