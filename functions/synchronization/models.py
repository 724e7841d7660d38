"""What goes over the wire."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from backbone.http import (
    Base64,
    HeaderModel,
    Int32,
    Int64,
    NamedEnum,
    QueryModel,
    RequestModel,
    ResponseModel,
    Timestamp,
    UInt16,
)
from backbone.ids import ExternalEventId
from backbone.rules import broken_rule
from functions.synchronization.datawallet import Draft
from functions.synchronization.domain import Change, ExternalEvent, Modification, SyncRun, SyncRunType
from functions.synchronization.sync_runs import DEFAULT_DURATION

SUPPORTED_VERSION = "X-Supported-Datawallet-Version"


class ModificationType(NamedEnum):
    """What a modification does."""

    Create = 0
    Update = 1
    Delete = 2
    CacheChanged = 3


class RequestedRunType(NamedEnum):
    """Types of sync runs as sent."""

    ExternalEventSync = 0
    DatawalletVersionUpgrade = 1


def _at_most(length: int, code: str | None = None) -> AfterValidator:
    def check(text: str | None) -> str | None:
        if text is not None and len(text) > length:
            message = f"The value must not be longer than {length} characters."
            raise broken_rule(message, code) if code else broken_rule(message)
        return text

    return AfterValidator(check)


def _positive(version: int) -> int:
    if version == 0:
        raise broken_rule("The datawallet version must be greater than 0.")
    return version


class SupportedVersion(HeaderModel):
    """The highest datawallet version the client understands; 0 if it does not say."""

    version: UInt16 = Field(default=0, alias=SUPPORTED_VERSION)


class StatedVersion(HeaderModel):
    """The same where it must be stated: only a push asks for it (synchronization.md, section 10, 5)."""

    version: Annotated[UInt16, AfterValidator(_positive)] = Field(
        default=0, alias=SUPPORTED_VERSION, validate_default=True
    )


class ModificationsQuery(QueryModel):
    """From which modification on."""

    local_index: Int32 | None = None


class ModificationIn(RequestModel):
    """A modification to append."""

    type: ModificationType
    object_identifier: Annotated[str, _at_most(100)]
    collection: Annotated[str, _at_most(50)]
    payload_category: Annotated[str | None, _at_most(50)] = None
    encrypted_payload: Base64 | None = None
    datawallet_version: UInt16

    def draft(self) -> Draft:
        """The domain's form."""
        return Draft(
            type=self.type.name,
            collection=self.collection,
            object_identifier=self.object_identifier,
            payload_category=self.payload_category,
            datawallet_version=self.datawallet_version,
            encrypted_payload=self.encrypted_payload,
        )


def _not_empty(modifications: list[ModificationIn]) -> list[ModificationIn]:
    if not modifications:
        raise broken_rule("There must be at least one modification.")
    return modifications


class PushRequest(RequestModel):
    """Modifications to append outside a sync run."""

    local_index: Int64
    modifications: Annotated[list[ModificationIn], AfterValidator(_not_empty)]


class StartRequest(RequestModel):
    """Which run to start, for how many seconds."""

    type: RequestedRunType | None = None
    duration: UInt16 | None = None

    @property
    def run_type(self) -> SyncRunType:
        """The domain's form."""
        return SyncRunType((self.type or RequestedRunType.ExternalEventSync).name)

    @property
    def run_duration(self) -> timedelta:
        """0 is a duration, too: such a run expires at once."""
        return DEFAULT_DURATION if self.duration is None else timedelta(seconds=self.duration)


class ExternalEventResult(RequestModel):
    """How a client got on with an event; without error code it went well."""

    external_event_id: ExternalEventId
    error_code: Annotated[str | None, _at_most(100, code="MaximumLengthValidator")] = None


class FinalizeExternalEventSyncRequest(RequestModel):
    """The outcome of a run."""

    external_event_results: list[ExternalEventResult] = Field(default_factory=list)
    datawallet_modifications: list[ModificationIn] = Field(default_factory=list)


class FinalizeDatawalletVersionUpgradeRequest(RequestModel):
    """The outcome of an upgrade."""

    new_datawallet_version: Annotated[UInt16, AfterValidator(_positive)] = Field(default=0, validate_default=True)
    datawallet_modifications: list[ModificationIn] = Field(default_factory=list)


class DatawalletOut(ResponseModel):
    """The datawallet itself."""

    version: int


class ModificationOut(ResponseModel):
    """A modification with its payload."""

    id: str
    datawallet_version: int
    index: int
    object_identifier: str
    payload_category: str | None
    created_at: Timestamp
    created_by_device: str
    collection: str
    type: str
    encrypted_payload: Base64 | None

    @classmethod
    def of(cls, modification: Modification) -> "ModificationOut":
        """The wire form."""
        return cls(
            id=modification.id,
            datawallet_version=modification.datawallet_version,
            index=modification.index,
            object_identifier=modification.object_identifier,
            payload_category=modification.payload_category,
            created_at=modification.created_at,
            created_by_device=modification.created_by_device,
            collection=modification.collection,
            type=modification.type,
            encrypted_payload=modification.encrypted_payload,
        )


class AppendedOut(ResponseModel):
    """A modification just appended."""

    id: str
    index: int
    created_at: Timestamp

    @classmethod
    def all_of(cls, change: Change) -> "list[AppendedOut]":
        """In the order of the request."""
        return [cls(id=each.id, index=each.index, created_at=each.created_at) for each in change.appended]


class PushedOut(ResponseModel):
    """The answer to a push."""

    new_index: int
    modifications: list[AppendedOut]

    @classmethod
    def of(cls, change: Change) -> "PushedOut":
        """The wire form."""
        return cls(new_index=change.head.modification_index, modifications=AppendedOut.all_of(change))


class SyncRunOut(ResponseModel):
    """A sync run."""

    id: str
    type: str
    expires_at: Timestamp
    index: int
    created_at: Timestamp
    created_by: str
    created_by_device: str
    event_count: int

    @classmethod
    def of(cls, run: SyncRun) -> "SyncRunOut":
        """The wire form."""
        return cls(
            id=run.id,
            type=run.type.value,
            expires_at=run.expires_at,
            index=run.index,
            created_at=run.created_at,
            created_by=run.created_by,
            created_by_device=run.created_by_device,
            event_count=run.event_count,
        )


class StartedOut(ResponseModel):
    """The answer to a start: `Created` with a run, or `NoNewEvents`."""

    status: str
    sync_run: SyncRunOut | None


class RefreshedOut(ResponseModel):
    """The answer to a refresh."""

    expires_at: Timestamp


class ExternalEventOut(ResponseModel):
    """An event to process."""

    id: str
    type: str
    index: int
    created_at: Timestamp
    sync_error_count: int
    payload: dict[str, str]

    @classmethod
    def of(cls, event: ExternalEvent) -> "ExternalEventOut":
        """The wire form."""
        return cls(
            id=event.id,
            type=event.type,
            index=event.index,
            created_at=event.created_at,
            sync_error_count=event.error_count,
            payload=event.payload,
        )


class UpgradedOut(ResponseModel):
    """The answer to the end of an upgrade; the index is null if the datawallet has no modification at all."""

    new_datawallet_modification_index: int | None
    datawallet_modifications: list[AppendedOut]

    @classmethod
    def of(cls, change: Change) -> "UpgradedOut":
        """The wire form."""
        return cls(
            new_datawallet_modification_index=change.head.highest_index,
            datawallet_modifications=AppendedOut.all_of(change),
        )


class SyncedOut(UpgradedOut):
    """The answer to the end of a sync.  Events that failed before are not new (synchronization.md, section 10, 4)."""

    new_unsynced_external_events_exist: bool

    @classmethod
    def of(cls, change: Change) -> "SyncedOut":
        """The wire form."""
        return cls(
            new_datawallet_modification_index=change.head.highest_index,
            datawallet_modifications=AppendedOut.all_of(change),
            new_unsynced_external_events_exist=change.head.fresh > 0,
        )
