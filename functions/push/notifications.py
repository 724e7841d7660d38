"""The catalogue of notifications.  Contract: devices.md, section 12.2.

Clients match on the event's name; members of the payload are camelCase.
"""

from collections.abc import Mapping
from typing import Any

from backbone.ids import AnnouncementId, DeviceId
from functions.push.domain import Notification, Text
from functions.push.texts import TEXTS


def datawallet_modified(by_device: DeviceId) -> Notification:
    """For all devices but the one that did it."""
    return _standard("DatawalletModificationsCreated", {"createdByDevice": by_device}, collapse_id="DatawalletModified")


def external_event_created() -> Notification:
    """There is something to synchronize."""
    return _standard("ExternalEventCreated", collapse_id="ExternalEventCreated")


def deletion_process_started() -> Notification:
    """The grace period runs."""
    return _standard("DeletionProcessStarted")


def deletion_process_cancelled() -> Notification:
    """The identity stays."""
    return _standard("DeletionProcessCancelledByOwner")


def grace_period_reminder(days_until_deletion: int) -> Notification:
    """It is going to be deleted in a few days."""
    return _standard("DeletionProcessGracePeriodReminder", {"daysUntilDeletion": days_until_deletion})


def deletion_starts() -> Notification:
    """The grace period is over."""
    return _standard("DeletionStarts")


def backup_device_used() -> Notification:
    """Somebody has logged in with it."""
    return _standard("BackupDeviceUsed")


def token_locked() -> Notification:
    """Too many wrong passwords."""
    return _standard("TokenLocked")


def new_announcement(announcement_id: AnnouncementId, texts: Mapping[str, Text]) -> Notification:
    """News from the operator, in the operator's words."""
    return Notification("NewAnnouncement", texts, {"announcementId": announcement_id})


def test_of(data: Any) -> Notification:
    """What developers send to themselves."""
    return _standard("Test", {"data": data})


def configured(code: str, texts: Mapping[str, Text]) -> Notification:
    """Nothing but a configured text (section 12.6)."""
    return Notification(None, texts, collapse_id=f"notification_{code}")


def _standard(
    event_name: str, payload: Mapping[str, Any] | None = None, *, collapse_id: str | None = None
) -> Notification:
    return Notification(event_name, TEXTS[event_name], payload or {}, collapse_id)
