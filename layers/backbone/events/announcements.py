"""Events raised by Announcements.  Contract: misc.md, section 2.2."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from backbone.addresses import Address
from backbone.events.base import DomainEvent
from backbone.ids import AnnouncementId


class AnnouncementText(BaseModel):
    """Title and body in one language."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)

    language: str
    title: str
    body: str


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
