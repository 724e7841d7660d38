"""Events of Push itself.  Contract: devices.md, sections 11 and 12."""

from pydantic import JsonValue

from backbone.addresses import Address
from backbone.events.base import DomainEvent
from backbone.ids import AnnouncementId


class NotificationTestRequested(DomainEvent):
    """Somebody wants a push with this data on all own devices.  → push."""

    notification_id: str
    identity: Address
    data: JsonValue

    @property
    def event_id(self) -> str:
        return f"{self.notification_id}/NotificationTestRequested"


class AnnouncementPageDue(DomainEvent):
    """An announcement for everybody has come so far in one part of all registrations.  → push (goes on from there).

    `after` is the last target that has been reached, None at the beginning.
    """

    announcement_id: AnnouncementId
    part: str
    after: str | None = None

    @property
    def event_id(self) -> str:
        return f"{self.announcement_id}/Page/{self.part}/{self.after or ''}"
