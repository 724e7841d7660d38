"""What goes over the wire between operators and Announcements.  Contract: admin-api.md, sections 12.1 and 12.3.

Requests are only bound here; all rules are the domain's, because their order runs across members.
"""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from backbone.http import JsonBool, NamedEnum, RequestModel, ResponseModel, Timestamp
from backbone.ids import AnnouncementId
from functions.announcements import domain
from functions.announcements.domain import Announcement


class Severity(NamedEnum):
    """How much it matters."""

    Low = 0
    Medium = 1
    High = 2


class TextIn(RequestModel):
    """The announcement in one language."""

    language: str
    title: str
    body: str


class ActionIn(RequestModel):
    """A link to follow; its name by language."""

    display_name: dict[str, str]
    link: str


class NewAnnouncement(RequestModel):
    """The body of POST."""

    severity: Severity
    is_silent: JsonBool
    texts: list[TextIn]
    expires_at: Timestamp | None = None
    recipients: list[str] = Field(default=[])
    actions: list[ActionIn] = Field(default=[])
    iql_query: str | None = None

    def announce(self, *, now: datetime) -> Announcement:
        """The announcement that is asked for.  Raises what `domain.announce` does."""
        return domain.announce(
            severity=domain.Severity(self.severity.name),
            is_silent=self.is_silent,
            texts=[(text.language, domain.Text(text.title, text.body)) for text in self.texts],
            actions=[domain.Action(action.display_name, action.link) for action in self.actions],
            recipients=self.recipients,
            expires_at=self.expires_at,
            iql_query=self.iql_query,
            now=now,
        )


class TextOut(ResponseModel):
    """The announcement in one language."""

    language: str
    title: str
    body: str


class ActionOut(ResponseModel):
    """A link to follow; its name by language."""

    display_name: Mapping[str, str]
    link: str


class AnnouncementOut(ResponseModel):
    """An announcement with all that is known of it; without recipients, it is for everybody."""

    id: AnnouncementId
    created_at: Timestamp
    expires_at: Timestamp | None
    severity: str
    is_silent: bool
    texts: list[TextOut]
    recipients: list[str]
    actions: list[ActionOut]
    iql_query: str | None

    @classmethod
    def of(cls, announcement: Announcement) -> "AnnouncementOut":
        """The wire form."""
        return cls(
            id=announcement.id,
            created_at=announcement.created_at,
            expires_at=announcement.expires_at,
            severity=announcement.severity,
            is_silent=announcement.is_silent,
            texts=[
                TextOut(language=language, title=text.title, body=text.body)
                for language, text in announcement.texts.items()
            ],
            recipients=sorted(announcement.recipients),
            actions=[ActionOut(display_name=action.display_name, link=action.link) for action in announcement.actions],
            iql_query=announcement.iql_query,
        )
