"""Where files are kept."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any

from backbone import clock, dynamodb, payloads
from backbone.addresses import Address
from backbone.dynamodb import ConditionFailed, Item, Key, Table, TransactionFailed, Write, batch_get, transact
from backbone.errors import RecordNotFound
from backbone.events import DomainEvent, carried, farewell
from backbone.events.files import FileRemoved
from backbone.http import Page, PageOf, page_of
from backbone.ids import DeviceId, FileId, random_text
from backbone.payloads import PayloadGone
from backbone.quotas import Allowance, Metric
from backbone.settings import settings
from functions.files.domain import Change, File

CONTENT, PROPERTIES = "content", "encryptedProperties"
CONTENT_TYPE = "application/octet-stream"
BY_CREATOR = "byCreator"
_NOTICES_KEPT_FOR = timedelta(days=1)
_NOTICE_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file and access to what its item carries along."""

    file: File
    _item: Item

    def encrypted_properties(self) -> bytes:
        """A call to S3 when they are large.  Raises `RecordNotFound` if the file has just been deleted."""
        return self._load(PROPERTIES)

    def content(self) -> bytes:
        """A call to S3.  Raises `RecordNotFound` when there is no content (§3.2)."""
        return self._load(CONTENT)

    def content_url(self) -> str:
        """Where S3 hands out the content for a minute.  No call."""
        return payloads.lent_url(self._item, CONTENT, CONTENT_TYPE)

    def _load(self, name: str) -> bytes:
        try:
            return payloads.load(self._item, name) or b""
        except PayloadGone:
            raise RecordNotFound("File") from None


class FileStore:
    """Table `files`.  pk = `FIL…`.  TTL on `ttl`, thirty days after expiry.

    Contents are in S3 (`files/<id>/content`), large encrypted properties, too.  Two indexes, eventually consistent:
    `byCreator` (createdBy, createdAt; expiresAt) and, of files that are not their creator's any more, `byClaimant`
    (claimedBy; keys only).  A claim leaves a notice for a day, pk = `CLAIMED#<FIL…>#<random>`, which carries its event.
    """

    @property
    def _table(self) -> Table:
        return Table(settings().files_table)

    def add(
        self,
        file: File,
        content: IO[bytes],
        encrypted_properties: bytes,
        event: DomainEvent,
        allowance: Allowance,
    ) -> None:
        """Put the content to S3, then 1 transaction of item and counts, then settle the content.

        2 WCU per KB, 4 for the counts of files and bytes, 1 for the index.  A crash before the item leaves an object
        that expires by itself, a crash after it a complete file.  Raises `QuotaExhausted`, if it is known in time
        before anything is put to S3.
        """
        allowance.check()
        removed = FileRemoved(
            file_id=file.id, created_by=file.created_by, created_at=file.created_at, cipher_size=file.cipher_size
        )
        item = {
            **_key(file.id),
            "createdAt": clock.render(file.created_at),
            "createdBy": file.created_by,
            "createdByDevice": file.created_by_device,
            "owner": file.owner,
            "ownerSignature": file.owner_signature,
            "ownershipToken": file.ownership_token,
            "ownershipIsLocked": file.ownership_is_locked,
            "cipherSize": file.cipher_size,
            "cipherHash": file.cipher_hash,
            "expiresAt": clock.render(file.expires_at),
            "ttl": clock.epoch_seconds(file.disposable_at) if file.disposable_at else None,
            "events": carried([event], file.created_at),
            "onRemoval": farewell(removed),
            **payloads.attributes("files", file.id, content=content, encryptedProperties=encrypted_properties),
        }
        writing = self._table.putting(item, condition="attribute_not_exists(pk)")
        size = {Metric.USED_FILE_STORAGE_SPACE: file.cipher_size}
        allowance.spend([writing], now=file.created_at, amounts=size)
        payloads.settle([writing])

    def get(self, file_id: FileId, *, now: datetime) -> StoredFile:
        """1 consistent read (1 RCU per 4 KB).  Raises `RecordNotFound` when absent or expired."""
        return _existing(self._table.get(_key(file_id)), now)

    def change(self, file_id: FileId, decide: Callable[[File], Change], *, now: datetime) -> Change:
        """1 consistent read and, if the file changes, 1 write (1 WCU per KB); a claim: 1 transaction (4 WCU, 2 more per
        further KB, and 1 for the index).

        `decide` sees the file as it is when the write succeeds: it is asked again when somebody else was faster, on
        what that one left, without another read.  Raises `RecordNotFound`, and what `decide` raises.
        """
        item = self._table.get(_key(file_id))
        while True:
            before = _existing(item, now).file
            change = decide(before)
            if change.after == before:
                return change
            try:
                self._update(before, change, now)
            except ConditionFailed as lost:
                item = lost.item  # their progress; nobody waits for nobody
            else:
                return change

    def _update(self, before: File, change: Change, now: datetime) -> None:
        after = change.after
        values: dict[str, Any] = {
            "owner": after.owner,
            "ownershipToken": after.ownership_token,
            "ownershipIsLocked": after.ownership_is_locked,
            "claimedBy": after.owner if after.owner != after.created_by else None,
            "lastOwnershipClaimAt": clock.render(after.last_ownership_claim_at)
            if after.last_ownership_claim_at
            else None,
            "events": carried(change.events, now) if change.claimed is None else None,
        }
        kept = {name: value for name, value in values.items() if value is not None}
        gone = [f"#{name}" for name in values if name not in kept]
        update = self._table.updating(
            _key(before.id),
            f"SET {', '.join(f'#{name} = :{name}' for name in kept)}" + (f" REMOVE {', '.join(gone)}" if gone else ""),
            {**kept, "token": before.ownership_token, "locked": before.ownership_is_locked},
            # Whatever changes a file changes its token or its lock.
            condition="#ownershipToken = :token AND #ownershipIsLocked = :locked",
        )
        if change.claimed is None:
            dynamodb.write(update)
        else:
            self._note_claim(update, change, now)

    def _note_claim(self, update: Write, change: Change, now: datetime) -> None:
        """The event of a claim names the former owner, so it is kept for a day and not for as long as the file."""
        notice = {
            "pk": f"CLAIMED#{change.after.id}#{random_text(_NOTICE_CHARACTERS)}",
            "ttl": clock.epoch_seconds(now + _NOTICES_KEPT_FOR),
            "events": carried(change.events, now),
        }
        try:
            transact([update, self._table.putting(notice)])
        except TransactionFailed as lost:
            raise ConditionFailed(lost.failed[0]) from None

    def delete(self, file: File) -> None:
        """1 write (1 WCU per KB, and 1 per index).  The blobs function removes content and properties.

        Raises `RecordNotFound` when somebody else has just deleted it.
        """
        try:
            self._table.delete(_key(file.id), condition="attribute_exists(pk)")
        except ConditionFailed:
            raise RecordNotFound("File") from None

    def find_all(self, ids: Sequence[FileId], creator: Address, page: Page, *, now: datetime) -> PageOf[StoredFile]:
        """Those of the given files that `creator` created, oldest first.

        1 batch read per 100 ids (1 RCU per 4 KB of each).
        """
        found = (item for item in self._items(dict.fromkeys(ids)) if item["createdBy"] == creator)
        files = [stored for item in found if not (stored := _stored(item)).file.is_expired(now)]
        return page_of(sorted(files, key=lambda stored: (stored.file.created_at, stored.file.id)), page)

    def find_all_of(self, creator: Address, page: Page, *, now: datetime) -> PageOf[StoredFile]:
        """All that `creator` created, oldest first.

        A query of the index (0.5 RCU per 27 files, for the page as for their number), then 1 batch read of the page.
        """
        listed = list(
            self._table.query_all(
                "createdBy = :creator",
                {"creator": creator, "now": clock.render(now)},
                index=BY_CREATOR,
                filter="expiresAt > :now",
                consistent=False,
                project="pk",
            )
        )
        items = self._items(FileId(entry["pk"]) for entry in page_of(listed, page).items)
        return PageOf([_stored(item) for item in items], page, len(listed), exact=bool(items))

    def _items(self, ids: Iterable[FileId]) -> list[Item]:
        return [item for item in batch_get(*((self._table, _key(file_id)) for file_id in ids)) if item]


def _key(file_id: FileId) -> Key:
    return {"pk": file_id}


def _existing(item: Item | None, now: datetime) -> StoredFile:
    if item is None or (stored := _stored(item)).file.is_expired(now):
        raise RecordNotFound("File")
    return stored


def _stored(item: Item) -> StoredFile:
    claimed_at = item.get("lastOwnershipClaimAt")
    file = File(
        id=FileId(item["pk"]),
        created_at=clock.parse(item["createdAt"]),
        created_by=Address(item["createdBy"]),
        created_by_device=DeviceId(item["createdByDevice"]),
        modified_by=Address(item["createdBy"]),
        owner=Address(item["owner"]),
        owner_signature=item["ownerSignature"],
        cipher_size=item["cipherSize"],
        cipher_hash=item["cipherHash"],
        expires_at=clock.parse(item["expiresAt"]),
        ownership_token=item["ownershipToken"],
        ownership_is_locked=item["ownershipIsLocked"],
        last_ownership_claim_at=clock.parse(claimed_at) if claimed_at else None,
    )
    return StoredFile(file, item)
