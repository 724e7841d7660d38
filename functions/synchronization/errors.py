"""The refusals of this module.  Contract: synchronization.md, section 9."""

from backbone.errors import BackboneError, RecordNotFound

_DATAWALLET = "error.platform.validation.datawallet"
_SYNC_RUN = "error.platform.validation.syncRun"


class DatawalletNotUpToDate(BackboneError):
    """Another device has pushed modifications that the caller does not know."""

    def __init__(self, local_index: int, index: int) -> None:
        text = f"The local index ({local_index}) is not the index of the latest modification ({index})."
        super().__init__(f"{_DATAWALLET}.datawalletNotUpToDate", text)


class CannotPushDuringActiveSyncRun(BackboneError):
    """A sync run is open: only its finalization may append."""

    def __init__(self) -> None:
        code = f"{_DATAWALLET}.cannotPushDatawalletModificationsDuringActiveSyncRun"
        super().__init__(code, "Modifications cannot be pushed while a sync run is active.")


class InsufficientSupportedDatawalletVersion(BackboneError):
    """The client is older than the datawallet."""

    def __init__(self, version: int) -> None:
        code = f"{_DATAWALLET}.insufficientSupportedDatawalletVersion"
        super().__init__(code, f"The datawallet has version {version}, which the client does not support.")


class VersionOfModificationTooHigh(BackboneError):
    """A modification claims a version that the datawallet has not reached."""

    def __init__(self, version: int) -> None:
        code = "error.platform.datawallet.datawalletVersionOfModificationTooHigh"
        super().__init__(code, f"The datawallet has version {version}; a modification has a higher one.")


class CannotDowngrade(BackboneError):
    """The version of a datawallet only rises."""

    def __init__(self, version: int) -> None:
        code = "error.platform.datawallet.cannotDowngrade"
        super().__init__(code, f"The datawallet has version {version} already.")


class IdentityIsToBeDeleted(BackboneError):
    """An identity that is to be deleted starts no sync runs."""

    def __init__(self) -> None:
        code = f"{_SYNC_RUN}.cannotStartSyncRunWhileIdentityIsToBeDeleted"
        super().__init__(code, "A sync run cannot be started while the identity is to be deleted.")


class AnotherSyncRunIsRunning(BackboneError):
    """At most one sync run of an identity is open."""

    def __init__(self) -> None:
        code = f"{_SYNC_RUN}.cannotStartSyncRunWhenAnotherSyncRunIsRunning"
        super().__init__(code, "Another sync run is running.")


class SyncRunAlreadyFinalized(BackboneError):
    """Finalized by its device or cancelled by the start of another one."""

    def __init__(self) -> None:
        super().__init__(f"{_SYNC_RUN}.syncRunAlreadyFinalized", "The sync run is finalized already.")


class CannotFinalizeForeignSyncRun(BackboneError):
    """Only the device that started a run finalizes it."""

    def __init__(self) -> None:
        code = f"{_SYNC_RUN}.cannotFinalizeSyncRunStartedByAnotherDevice"
        super().__init__(code, "The sync run was started by another device.")


class CannotRefreshForeignSyncRun(BackboneError):
    """Only the device that started a run refreshes it."""

    def __init__(self) -> None:
        code = f"{_SYNC_RUN}.cannotRefreshExpirationTimeOfSyncRunStartedByAnotherDevice"
        super().__init__(code, "The sync run was started by another device.")


class CannotReadEventsOfForeignSyncRun(BackboneError):
    """Only the device that started a run reads its events."""

    def __init__(self) -> None:
        code = f"{_SYNC_RUN}.cannotReadExternalEventsOfASyncRunStartedByAnotherDevice"
        super().__init__(code, "The sync run was started by another device.")


class UnexpectedSyncRunType(BackboneError):
    """Each type of run has a finalization of its own."""

    def __init__(self) -> None:
        super().__init__(f"{_SYNC_RUN}.unexpectedSyncRunType", "The sync run has another type.")


class IdentityIsDeleted(RecordNotFound):
    """404: nothing is kept for this identity any more."""

    def __init__(self) -> None:
        super().__init__("Identity")
