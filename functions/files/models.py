"""What goes over the wire."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from backbone.encoding import from_base64
from backbone.http import Base64, FormModel, QueryModel, RequestModel, ResponseModel, Timestamp, UploadedFile
from backbone.ids import FileId
from backbone.rules import broken_rule
from backbone.settings import settings
from functions.files.domain import File, is_ownership_token

MAX_CIPHER_HASH_BYTES = 128
MAX_OWNER_SIGNATURE_BYTES = 512
MAX_ENCRYPTED_PROPERTIES_BYTES = 1024 * 1024

CONTENT_SIZE_CODE = "InclusiveBetweenValidator"
"""The reference's code for a content of the wrong size: the bare name of its validator (Surprise 4)."""

_IDS = re.compile(r"ids(\[\d*\])?", re.IGNORECASE)


def _content(content: UploadedFile) -> UploadedFile:
    maximum = settings().max_file_bytes
    if not 1 <= content.size <= maximum:
        raise broken_rule(f"'content' must have 1 to {maximum} bytes.", CONTENT_SIZE_CODE)
    return content


def _bytes_of_field(name: str, *, at_least: int, at_most: int) -> BeforeValidator:
    def read(text: object) -> bytes:
        if not isinstance(text, str) or not text.strip():
            raise ValueError("The field is required.")
        try:
            # 500 in the reference (Surprise 5); a broken rule here, which is told after the content's.
            data = from_base64("".join(text.split()))
        except ValueError:
            raise broken_rule(f"'{name}' is neither base64url nor base64.") from None
        if not at_least <= len(data) <= at_most:
            raise broken_rule(f"'{name}' must have {at_least} to {at_most} bytes.")
        return data

    return BeforeValidator(read)


class NewFile(FormModel):
    """The form of POST.  Members are in the order their rules are checked (section 3.1)."""

    content: Annotated[UploadedFile, AfterValidator(_content)]
    cipher_hash: Annotated[bytes, _bytes_of_field("cipherHash", at_least=1, at_most=MAX_CIPHER_HASH_BYTES)]
    expires_at: Timestamp | None = None
    owner_signature: Annotated[bytes, _bytes_of_field("ownerSignature", at_least=1, at_most=MAX_OWNER_SIGNATURE_BYTES)]
    encrypted_properties: Annotated[
        bytes, _bytes_of_field("encryptedProperties", at_least=0, at_most=MAX_ENCRYPTED_PROPERTIES_BYTES)
    ]


def _ownership_token(text: str) -> str:
    if not is_ownership_token(text):
        raise broken_rule("'ownershipToken' is not valid.")
    return text


class OwnershipTokenIn(RequestModel):
    """The body of ClaimOwnership and ValidateOwnershipToken."""

    ownership_token: Annotated[str, AfterValidator(_ownership_token)]


class FilesQuery(QueryModel):
    """Which files to list; without ids, all that the caller created."""

    ids: tuple[FileId, ...] = ()

    @classmethod
    def wire_values(cls, sent: Mapping[str, list[str]]) -> dict[str, Any]:
        """`ids[0]=…` is another way of writing `ids=…` (section 3.4)."""
        return {"ids": [id for name, given in sent.items() if _IDS.fullmatch(name) for id in given if id]}


class CreatedFileOut(ResponseModel):
    """The answer to POST, the only one besides those of claim and regeneration that shows the token."""

    id: str
    created_at: Timestamp
    created_by: str
    created_by_device: str
    modified_at: Timestamp
    modified_by: str
    deleted_at: None = None
    deleted_by: None = None
    owner: str
    owner_signature: Base64
    cipher_hash: Base64
    ownership_token: str
    cipher_size: int
    expires_at: Timestamp

    @classmethod
    def of(cls, file: File) -> "CreatedFileOut":
        """The wire form."""
        return cls(
            id=file.id,
            created_at=file.created_at,
            created_by=file.created_by,
            created_by_device=file.created_by_device,
            modified_at=file.created_at,
            modified_by=file.modified_by,
            owner=file.owner,
            owner_signature=file.owner_signature,
            cipher_hash=file.cipher_hash,
            ownership_token=file.ownership_token,
            cipher_size=file.cipher_size,
            expires_at=file.expires_at,
        )


class FileMetadataOut(ResponseModel):
    """A file without content and ownership token.  Nothing modifies a file, nothing marks it as deleted (section 2)."""

    id: str
    created_at: Timestamp
    created_by: str
    created_by_device: str
    modified_at: Timestamp
    modified_by: str
    modified_by_device: str
    deleted_at: None = None
    deleted_by: None = None
    deleted_by_device: None = None
    owner: str
    owner_signature: Base64
    ownership_is_locked: bool
    cipher_size: int
    cipher_hash: Base64
    expires_at: Timestamp
    encrypted_properties: Base64

    @classmethod
    def of(cls, file: File, encrypted_properties: bytes) -> "FileMetadataOut":
        """The wire form."""
        return cls(
            id=file.id,
            created_at=file.created_at,
            created_by=file.created_by,
            created_by_device=file.created_by_device,
            modified_at=file.created_at,
            modified_by=file.modified_by,
            modified_by_device=file.created_by_device,
            owner=file.owner,
            owner_signature=file.owner_signature,
            ownership_is_locked=file.ownership_is_locked,
            cipher_size=file.cipher_size,
            cipher_hash=file.cipher_hash,
            expires_at=file.expires_at,
            encrypted_properties=encrypted_properties,
        )


class NewOwnershipTokenOut(ResponseModel):
    """The token that is valid from now on."""

    new_ownership_token: str


class TokenValidityOut(ResponseModel):
    """Whether a claim with the token would succeed."""

    is_valid: bool
