"""The rules of the datawallet.  Contract: synchronization.md, section 2.

Indices are handed out without gaps and in the order sent: clients derive the key of each payload from its index
(section 8.2), so one wrong index makes it unreadable for all other devices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from backbone.errors import RecordNotFound
from backbone.events.synchronization import DatawalletModified, DatawalletVersionUpgraded
from backbone.ids import DatawalletModificationId, DeviceId
from backbone.quotas import counted
from functions.synchronization import compaction
from functions.synchronization.domain import Change, Head, Modification
from functions.synchronization.errors import (
    CannotDowngrade,
    CannotPushDuringActiveSyncRun,
    DatawalletNotUpToDate,
    InsufficientSupportedDatawalletVersion,
    VersionOfModificationTooHigh,
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A modification as a client sends it."""

    type: str
    collection: str
    object_identifier: str
    payload_category: str | None
    datawallet_version: int
    encrypted_payload: bytes | None


def version_of(head: Head) -> int:
    """Raises `RecordNotFound` while there is no datawallet."""
    if head.version is None:
        raise RecordNotFound("Datawallet")
    return head.version


def ensure_supported(head: Head, supported_version: int) -> None:
    """Refuse a client that is older than the datawallet; no datawallet suits every client."""
    if head.version is not None and supported_version < head.version:
        raise InsufficientSupportedDatawalletVersion(head.version)


def push(
    head: Head,
    drafts: Sequence[Draft],
    *,
    local_index: int,
    supported_version: int,
    device: DeviceId,
    now: datetime,
) -> Change:
    """Append outside a sync run (section 2.3, checks 3 to 8)."""
    if head.run is not None:  # expired or not: only its end lets others push (section 10, 1)
        raise CannotPushDuringActiveSyncRun
    version_of(head)
    ensure_supported(head, supported_version)
    if head.highest_index is not None and head.highest_index != local_index:
        raise DatawalletNotUpToDate(local_index, head.highest_index)
    return append(Change.of(head, now), drafts, device=device)


def upgrade(change: Change, new_version: int) -> Change:
    """Raise the version; the first upgrade creates the datawallet (section 3.8)."""
    version = change.head.version
    if version is not None and new_version < version:
        raise CannotDowngrade(version)
    if version == new_version:
        return change
    upgraded = DatawalletVersionUpgraded(identity=change.head.owner, version=new_version)
    return replace(change, head=replace(change.head, version=new_version), raised=(*change.raised, upgraded))


def append(
    change: Change,
    drafts: Sequence[Draft],
    *,
    device: DeviceId,
    new_id: Callable[[], DatawalletModificationId] = DatawalletModificationId.new,
) -> Change:
    """Give the drafts the next indices.  All or nothing."""
    version = version_of(change.head)
    if any(draft.datawallet_version > version for draft in drafts):
        raise VersionOfModificationTooHigh(version)
    if not drafts:
        return change
    appended = tuple(
        Modification(
            id=new_id(),
            index=index,
            type=draft.type,
            collection=draft.collection,
            object_identifier=draft.object_identifier,
            payload_category=draft.payload_category,
            datawallet_version=draft.datawallet_version,
            created_at=change.at,
            created_by_device=device,
            encrypted_payload=draft.encrypted_payload,
        )
        for index, draft in enumerate(drafts, start=change.head.modification_index + 1)
    )
    newest = appended[-1].index
    pushed = counted(change.head.pushed, len(appended), change.at)
    modified = DatawalletModified(identity=change.head.owner, modified_by_device=device, index=newest)
    return replace(
        change,
        head=compaction.scheduled(replace(change.head, modification_index=newest, pushed=pushed), change.at),
        appended=appended,
        raised=(*change.raised, modified),
    )
