"""Files over HTTP.  Contract: files.md, section 3."""

from typing import Annotated

from backbone import clock
from backbone.caller import Caller
from backbone.errors import Forbidden, RecordNotFound
from backbone.http import Api, Created, NoContent, Page, PageOf, Raw, RequestContext
from backbone.http.documentation import Answer
from backbone.ids import FileId, UploadId
from backbone.quotas import Allowance, Metric
from backbone.settings import settings
from functions.files import domain
from functions.files.domain import Change, File
from functions.files.models import (
    CreatedFileOut,
    FileMetadataOut,
    FilesQuery,
    NewFile,
    NewOwnershipTokenOut,
    OwnershipTokenIn,
    TokenValidityOut,
)
from functions.files.store import CONTENT_TYPE, FileStore, StoredFile

TEMPORARY_REDIRECT = 307

api = Api("files")
store = FileStore()


def uploaded_before(upload: UploadId, caller: Caller) -> Created[CreatedFileOut] | None:
    """The answer to an upload that is repeated; None if there is no file yet."""
    try:
        file = store.get(upload.as_id_of(FileId), now=clock.now()).file
    except RecordNotFound:
        return None
    if not file.belongs_to_its_creator(caller):
        raise RecordNotFound("Upload")  # its token is somebody else's
    return _created(file)


@api.post(
    "/api/v2/Files",
    limited_by=(Metric.NUMBER_OF_FILES, Metric.USED_FILE_STORAGE_SPACE),
    large=uploaded_before,
)
def upload_file(new: NewFile, caller: Caller, allowance: Allowance, context: RequestContext) -> Created[CreatedFileOut]:
    """Keep a file; the caller owns it, whatever the form says (section 3.1)."""
    file, event = domain.upload(
        caller,
        cipher_size=new.content.size,
        cipher_hash=new.cipher_hash,
        expires_at=new.expires_at,
        owner_signature=new.owner_signature,
        now=clock.now(),
        new_id=lambda: context.upload.as_id_of(FileId) if context.upload else FileId.new(),
    )
    store.add(file, new.content.content, new.encrypted_properties, event, allowance)
    return _created(file)


def _created(file: File) -> Created[CreatedFileOut]:
    return Created(CreatedFileOut.of(file), location=f"/api/v2/Files/{file.id}")


@api.get("/api/v2/Files/{id}")
def download_file(
    id: FileId, caller: Caller
) -> Annotated[
    Raw,
    Answer(200, "The content.", bytes, media_type=CONTENT_TYPE),
    Answer(TEMPORARY_REDIRECT, "The content is large: get it here, within a minute.", headers=("Location",)),
]:
    """The content, for whoever knows the id; large ones come from S3 (docs/decisions/large-uploads.md)."""
    stored = store.get(id, now=clock.now())
    if stored.file.cipher_size > settings().max_inline_download_bytes:
        return Raw(TEMPORARY_REDIRECT, headers={"Location": stored.content_url(), "Cache-Control": "no-store"})
    return Raw(200, stored.content(), CONTENT_TYPE)


@api.get("/api/v2/Files/{id}/Metadata")
@api.get("/api/v2/Files/{id}/metadata")  # what the official clients call (section 1)
def get_file_metadata(id: FileId, caller: Caller) -> FileMetadataOut:
    """All but content and ownership token, for whoever knows the id."""
    return _metadata(store.get(id, now=clock.now()))


@api.get("/api/v2/Files")
def list_files(query: FilesQuery, page: Page, caller: Caller) -> PageOf[FileMetadataOut]:
    """What the caller created, whoever owns it now."""
    now = clock.now()
    if query.ids:
        return store.find_all(query.ids, caller.address, page, now=now).map(_metadata)
    return store.find_all_of(caller.address, page, now=now).map(_metadata)


@api.delete("/api/v2/Files/{id}")
def delete_file(id: FileId, caller: Caller) -> NoContent:
    """For the creator, not for the owner (Surprise 2)."""
    file = store.get(id, now=clock.now()).file
    file.check_deletable_by(caller)
    store.delete(file)
    return NoContent()


@api.patch("/api/v2/Files/{id}/RegenerateOwnershipToken")
def regenerate_ownership_token(id: FileId, caller: Caller) -> NewOwnershipTokenOut:
    """The owner gets a new token, which also unlocks the file."""
    change = store.change(id, lambda file: domain.regenerate_token(file, caller), now=clock.now())
    return NewOwnershipTokenOut(new_ownership_token=change.after.ownership_token)


@api.patch("/api/v2/Files/{id}/ClaimOwnership")
def claim_ownership(id: FileId, claim: OwnershipTokenIn, caller: Caller) -> NewOwnershipTokenOut:
    """Whoever has the token becomes the owner; a wrong one locks the file."""
    now = clock.now()
    change = store.change(
        id, lambda file: domain.claim_ownership(file, claim.ownership_token, caller, now=now), now=now
    )
    if not change.accepted:
        raise Forbidden
    return NewOwnershipTokenOut(new_ownership_token=change.after.ownership_token)


@api.post("/api/v2/Files/{id}/ValidateOwnershipToken")
def validate_ownership_token(id: FileId, validation: OwnershipTokenIn, caller: Caller) -> TokenValidityOut:
    """Whether a claim would succeed; a wrong token of somebody else's locks the file."""
    now = clock.now()

    def decide(file: File) -> Change:
        return domain.validate_token(file, validation.ownership_token, caller, now=now)

    return TokenValidityOut(is_valid=store.change(id, decide, now=now).accepted)


def _metadata(stored: StoredFile) -> FileMetadataOut:
    return FileMetadataOut.of(stored.file, stored.encrypted_properties())
