"""Files of a device, client-protocol.md §18."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.client.crypto import SecretKey
from tests.client.device.account import Account
from tests.client.encoding import JsonObject, iso, sorted_object, utc_now
from tests.client.files import FileMetadata, open_content, open_metadata, owner_signature_of, seal_file
from tests.client.references import FILE, Reference

COLLECTION = "Files"
LIFETIME = timedelta(days=1)


@dataclass(frozen=True)
class File:
    """A file this device uploaded or knows the metadata of."""

    id: str
    owner: str
    metadata: FileMetadata
    cipher_hash: str
    reference: Reference
    ownership_token: str | None

    @classmethod
    def of(cls, value: JsonObject, base_url: str) -> File:
        """From the stored object (§20.1 collection ``Files``)."""
        metadata = FileMetadata.parse({**value, "secretKey": value["cipherKey"]})
        reference = Reference(value["id"], SecretKey.parse(value["secretKey"]), base_url)
        token = value.get("ownershipToken")
        return cls(value["id"], value["owner"], metadata, value["cipherHash"], reference, token)


class Files:
    """Upload, metadata, download."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def upload(
        self,
        content: bytes,
        *,
        filename: str = "file.bin",
        mimetype: str = "application/octet-stream",
        title: str | None = None,
        description: str | None = None,
        tags: list[str] | None = None,
        expires_at: datetime | None = None,
    ) -> File:
        """Encrypt and upload, the multipart fields in the TypeScript client's order (§18.5)."""
        account = self._account
        sealed = seal_file(
            content,
            account.device_key,
            filename=filename,
            mimetype=mimetype,
            title=title,
            description=description,
            tags=tags,
        )
        fields = {
            "cipherHash": sealed.cipher_hash,
            "owner": account.address,
            "ownerSignature": sealed.owner_signature,
            "expiresAt": iso(expires_at or utc_now() + LIFETIME),
            "encryptedProperties": sealed.encrypted_properties,
        }
        parts = [("content", ("cipher.bin", sealed.content, "application/octet-stream"))]
        answer = account.api.call(
            "POST", "/Files", files=parts + [(name, (None, value, None)) for name, value in fields.items()]
        )
        known = {"cipherHash": sealed.cipher_hash, "ownerSignature": sealed.owner_signature}
        return self._keep({**known, **answer}, sealed.key, sealed.metadata)

    def load(self, file_id: str, key: SecretKey) -> File:
        """Fetch and decrypt the metadata; a known file is not kept twice (§18 Read)."""
        answer = self._account.api.get(f"/Files/{file_id}/metadata")
        metadata = open_metadata(answer["encryptedProperties"], key)
        if self._account.store.find(COLLECTION, file_id) is not None:
            return self.get(file_id)
        return self._keep(answer, key, metadata)

    def load_reference(self, reference: str | Reference) -> File:
        """The file a reference points to (§13, §18)."""
        parsed = (Reference.parse(reference) if isinstance(reference, str) else reference).check_kind(FILE)
        parsed.check_reader(self._account.address)
        return self.load(parsed.id, parsed.key)

    def get(self, file_id: str) -> File:
        """From the local store; raises ``error.transport.recordNotFound``."""
        return File.of(self._account.store.get(COLLECTION, file_id), self._account.api.base_url)

    def download(self, file: File) -> bytes:
        """Fetch, check both hashes and decrypt (§18 Read)."""
        response = self._account.api.request("GET", f"/Files/{file.id}")
        response.raise_for_error()
        return open_content(response.content, file.metadata, file.cipher_hash)

    def reload_owner(self, file_id: str) -> None:
        """After ``FileOwnershipClaimed`` the metadata decides who owns the file (§18, §20.4)."""
        value = self._account.store.get(COLLECTION, file_id)
        owner = self._account.api.get(f"/Files/{file_id}/metadata")["owner"]
        self._account.store.update(COLLECTION, {**value, "owner": owner, "isOwn": owner == self._account.address})

    def mark_locked(self, file_id: str) -> None:
        """After ``FileOwnershipLocked`` (§20.4)."""
        value = self._account.store.find(COLLECTION, file_id)
        if value is not None:
            self._account.store.update(COLLECTION, {**value, "ownershipIsLocked": True})

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
            "isOwn": answer["owner"] == self._account.address,
            "owner": answer["owner"],
            "ownerSignature": owner_signature_of(answer).json(),
            "ownershipToken": answer.get("ownershipToken"),
            "secretKey": key.json(),
        }
        self._account.store.create(COLLECTION, sorted_object(value))
        return self.get(answer["id"])
