"""What is true of announcements.  Contract: misc.md, section 2; admin-api.md, section 12."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from backbone.addresses import Address
from backbone.errors import BackboneError, InvalidPropertyValue
from backbone.events.announcements import AnnouncementCreated, AnnouncementText
from backbone.ids import AnnouncementId
from backbone.languages import CODES, DEFAULT

KEPT_AFTER_EXPIRY = timedelta(days=30)
MAX_RECIPIENTS = 100
MAX_LINK_LENGTH = 300
MAX_DISPLAY_NAME_LENGTH = 30
MAX_DISPLAY_NAMES_LENGTH = 300
"""All display names of an action together, as JSON."""
MAX_IQL_QUERY_LENGTH = 1000
MAX_TEXT_BYTES = 100 * 1024
"""All texts together, as JSON; the event that carries them must fit on the bus (256 KB)."""
MAX_ACTIONS = 100
"""An announcement is one item (400 KB)."""

LINK_TOO_LONG = "MaximumLengthValidator"  # not namespaced, but that is the contract's code


class InvalidIqlQueryLength(BackboneError):
    """Longer than 1000 characters."""

    def __init__(self) -> None:
        code = "error.platform.validation.invalidIqlQueryLengthForAnnouncement"
        super().__init__(code, f"The IQL query must not have more than {MAX_IQL_QUERY_LENGTH} characters.")


class InvalidAnnouncementLanguage(BackboneError):
    """A display name in a language that the protocol does not know."""

    def __init__(self) -> None:
        super().__init__("error.platform.validation.invalidAnnouncementLanguage", "This language is not known.")


class NonSilentAnnouncementCannotHaveIqlQuery(BackboneError):
    """Whoever is notified could not see why."""

    def __init__(self) -> None:
        code = "error.platform.validation.nonSilentAnnouncementCannotHaveIqlQuery"
        super().__init__(code, "Only a silent announcement can have an IQL query.")


class Severity(StrEnum):
    """How much it matters."""

    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"


@dataclass(frozen=True, slots=True)
class Text:
    """What is announced."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Action:
    """A link to follow; its name by language."""

    display_name: Mapping[str, str]
    link: str

    def name_in(self, language: str) -> str:
        """In this language or else in English."""
        return self.display_name.get(language, self.display_name[DEFAULT])


@dataclass(frozen=True, slots=True)
class Announcement:
    """News from the operator for everybody, or for the identities it is addressed to.

    That it is addressed is a fact of its own: when the last recipient has gone, it is still not for everybody.
    """

    id: AnnouncementId
    created_at: datetime
    expires_at: datetime | None
    severity: Severity
    is_silent: bool
    texts: Mapping[str, Text]
    actions: Sequence[Action]
    iql_query: str | None
    is_addressed: bool
    recipients: frozenset[Address]

    def text_in(self, language: str) -> Text:
        """In this language or else in English."""
        return self.texts.get(language, self.texts[DEFAULT])

    @property
    def disposable_at(self) -> datetime | None:
        """When housekeeping may remove it; None: never."""
        try:
            return self.expires_at + KEPT_AFTER_EXPIRY if self.expires_at else None
        except OverflowError:
            return None

    def is_listed(self, now: datetime) -> bool:
        """Expired ones are still delivered until housekeeping may remove them (misc.md, surprise 3)."""
        return self.disposable_at is None or now < self.disposable_at


def announce(
    *,
    severity: Severity,
    is_silent: bool,
    texts: Sequence[tuple[str, Text]],
    actions: Sequence[Action] = (),
    recipients: Sequence[str] = (),
    expires_at: datetime | None = None,
    iql_query: str | None = None,
    now: datetime,
    new_id: Callable[[], AnnouncementId] = AnnouncementId.new,
) -> Announcement:
    """A new announcement.  Checks come in the contract's order (admin-api.md, section 12.3)."""
    if iql_query and len(iql_query) > MAX_IQL_QUERY_LENGTH:
        raise InvalidIqlQueryLength
    by_language = dict(texts)
    if DEFAULT not in by_language:
        raise InvalidPropertyValue("There must be an English text.")
    if len(recipients) > MAX_RECIPIENTS:
        raise InvalidPropertyValue(f"There must not be more than {MAX_RECIPIENTS} recipients.")
    _check_texts(texts)
    if not all(map(Address.is_valid, recipients)) or len(set(recipients)) < len(recipients):
        raise InvalidPropertyValue("Each recipient must be a valid address, named once.")
    if len(actions) > MAX_ACTIONS:
        raise InvalidPropertyValue(f"There must not be more than {MAX_ACTIONS} actions.")
    for action in actions:
        _check_action(action)
    if any(language not in CODES for action in actions for language in action.display_name):
        raise InvalidAnnouncementLanguage
    if iql_query and not is_silent:
        raise NonSilentAnnouncementCannotHaveIqlQuery
    return Announcement(
        id=new_id(),
        created_at=now,
        expires_at=expires_at,
        severity=severity,
        is_silent=is_silent,
        texts=by_language,
        actions=tuple(actions),
        iql_query=iql_query or None,
        is_addressed=bool(recipients),
        recipients=frozenset(map(Address, recipients)),
    )


def _check_texts(texts: Sequence[tuple[str, Text]]) -> None:
    languages = [language for language, _ in texts]
    if len(set(languages)) < len(languages) or not CODES.issuperset(languages):
        raise InvalidPropertyValue("Each text must be in a known language of its own.")
    if not all(text.title.strip() and text.body.strip() for _, text in texts):
        raise InvalidPropertyValue("Title and body must not be empty.")
    as_json = json.dumps([(text.title, text.body) for _, text in texts], ensure_ascii=False)
    if len(as_json.encode()) > MAX_TEXT_BYTES:
        raise InvalidPropertyValue(f"All texts together must not be larger than {MAX_TEXT_BYTES} bytes.")


def _check_action(action: Action) -> None:
    if not action.link.strip():
        raise InvalidPropertyValue("The link of an action must not be empty.")
    names = action.display_name.values()
    lengths_fit = all(1 <= len(name) <= MAX_DISPLAY_NAME_LENGTH for name in names)
    if DEFAULT not in action.display_name or not lengths_fit or any("\n" in name or "\r" in name for name in names):
        raise InvalidPropertyValue("An action needs an English name; names have 1 to 30 characters in one line.")
    as_json = sum(len(f'"{language}":"{name}",') for language, name in action.display_name.items()) + 1
    if as_json > MAX_DISPLAY_NAMES_LENGTH:
        raise InvalidPropertyValue("All names of an action together must not have more than 300 characters.")
    if len(action.link) > MAX_LINK_LENGTH:
        raise InvalidPropertyValue(
            f"The link of an action must not have more than {MAX_LINK_LENGTH} characters.", LINK_TOO_LONG
        )


def announcement_created(announcement: Announcement) -> AnnouncementCreated:
    """The event that it raises."""
    return AnnouncementCreated(
        id=announcement.id,
        severity=announcement.severity,
        is_silent=announcement.is_silent,
        texts=[
            AnnouncementText(language=language, title=text.title, body=text.body)
            for language, text in announcement.texts.items()
        ],
        recipients=sorted(announcement.recipients),
    )
