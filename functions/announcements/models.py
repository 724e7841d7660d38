"""What goes over the wire.  Contract: misc.md, section 2.1."""

from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from backbone.http import QueryModel, ResponseModel, Timestamp
from backbone.languages import CODES
from backbone.rules import broken_rule
from functions.announcements.domain import Action, Announcement


def _known(code: str) -> str:
    if code not in CODES:
        raise broken_rule("'language' must be a two-letter language code in lower case.")
    return code


class LanguageQuery(QueryModel):
    """The language to read announcements in."""

    language: Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": sorted(CODES)})]


class ActionOut(ResponseModel):
    """A link to follow.  `iqlQuery` is always null."""

    display_name: str
    link: str
    iql_query: None = None

    @classmethod
    def of(cls, action: Action, language: str) -> "ActionOut":
        """The wire form in a language, or else in English."""
        return cls(display_name=action.name_in(language), link=action.link)


class AnnouncementOut(ResponseModel):
    """An announcement in one language; an expired one is listed for thirty days more."""

    id: str
    created_at: Timestamp
    expires_at: Timestamp | None
    severity: str
    title: str
    body: str
    actions: list[ActionOut]
    iql_query: str | None

    @classmethod
    def of(cls, announcement: Announcement, language: str) -> "AnnouncementOut":
        """The wire form in a language; each text falls back to English for itself."""
        text = announcement.text_in(language)
        return cls(
            id=announcement.id,
            created_at=announcement.created_at,
            expires_at=announcement.expires_at,
            severity=announcement.severity,
            title=text.title,
            body=text.body,
            actions=[ActionOut.of(action, language) for action in announcement.actions],
            iql_query=announcement.iql_query,
        )
