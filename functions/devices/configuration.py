"""The operator's notification texts, as configured.  Contract: devices.md, section 12.6; operations.md, section 4.

The file has the form of the reference's settings (`Modules:Devices:Application:Notifications`); names of settings match
in any case.  It is checked when packages are built (`python -m infra.configuration`) and when the function starts.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from backbone.configuration import Section
from backbone.events.texts import TextInLanguage
from backbone.languages import CODES, DEFAULT

SECTIONS = ("Modules:Devices:Application:Notifications",)
FILE = Path(__file__).with_name("configuration.json")
MAX_TEXT_BYTES = 100 * 1024
"""All translations of a notification; the event that carries them must fit on the bus (256 KB)."""


class Translation(Section):
    """A notification in one language."""

    title: Annotated[str, Field(min_length=1)]
    body: Annotated[str, Field(min_length=1)]


class NotificationText(Section):
    """A notification in all its languages."""

    code: Annotated[str, Field(min_length=3)]
    translations: dict[str, Translation]

    def in_all_languages(self) -> tuple[TextInLanguage, ...]:
        """As the event of a notification carries it."""
        return tuple(
            TextInLanguage(language=language, title=translation.title, body=translation.body)
            for language, translation in self.translations.items()
        )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if unknown := sorted(set(self.translations) - CODES):
            raise ValueError(f"{self.code}: {unknown[0]!r} is not a two-letter language code in lower case")
        if DEFAULT not in self.translations:
            raise ValueError(f"{self.code}: the translation {DEFAULT!r} is missing")
        if sum(len(f"{each.title}{each.body}".encode()) for each in self.translations.values()) > MAX_TEXT_BYTES:
            raise ValueError(f"{self.code}: all translations together must not be larger than {MAX_TEXT_BYTES} bytes")
        return self


class NotificationsConfiguration(Section):
    """All notifications there are."""

    texts: tuple[NotificationText, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        codes = [text.code for text in self.texts]
        if len(set(codes)) < len(codes):
            raise ValueError("Texts names a code twice")
        return self


def read(sections: Mapping[str, Any]) -> NotificationsConfiguration:
    """Check these sections of the operator's file.  Raises `pydantic.ValidationError`."""
    return NotificationsConfiguration.model_validate(sections.get(SECTIONS[0], {}))


@lru_cache(maxsize=1)
def notification_texts() -> Mapping[str, NotificationText]:
    """The notifications of this process, by code."""
    configured = read(json.loads(FILE.read_text(encoding="utf-8")))
    return {text.code: text for text in configured.texts}
