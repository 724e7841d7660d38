"""Events raised by Announcements.  Contract: misc.md, section 2.2."""

from backbone.addresses import Address
from backbone.events.base import DomainEvent
from backbone.events.texts import TextInLanguage
from backbone.ids import AnnouncementId


class AnnouncementText(TextInLanguage):
    """An announcement in one language."""


class AnnouncementCreated(DomainEvent):
    """The operator announces something to these recipients, or to everybody if there are none.  → push."""

    id: AnnouncementId
    severity: str
    is_silent: bool
    texts: list[AnnouncementText]
    recipients: list[Address]

    @property
    def event_id(self) -> str:
        return f"{self.id}/Created"
