"""The operator's tags, as configured.  Contract: misc.md, sections 1.4 and 7.10.

The file has the form of the reference's settings (`Modules:Tags:Application`); names of settings match in any case.
It is checked when packages are built (`python -m infra.configuration`) and once more when the function starts.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from backbone.configuration import Section
from backbone.http import camel_case
from backbone.languages import CODES, DEFAULT

SECTIONS = ("Modules:Tags:Application",)
FILE = Path(__file__).with_name("configuration.json")
_RESERVED = "x"
"""Tags that begin with `x:` are the users' own (misc.md, section 1.3)."""


class Tag(Section):
    """A tag and what it is divided into; a leaf has no children."""

    display_names: dict[str, str]
    children: "dict[str, Tag]" = Field(default_factory=dict)


class TagsConfiguration(Section):
    """Everything the endpoint shows."""

    supported_languages: tuple[str, ...]
    tags_for_attribute_value_types: dict[str, dict[str, Tag]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        for language in self.supported_languages:
            if language not in CODES:
                raise ValueError(f"SupportedLanguages: {language!r} is not a two-letter language code in lower case")
        if len(set(self.supported_languages)) < len(self.supported_languages):
            raise ValueError("SupportedLanguages names a language twice")
        if DEFAULT not in self.supported_languages:
            raise ValueError(f"SupportedLanguages must contain {DEFAULT!r}")
        for value_type, tags in self.tags_for_attribute_value_types.items():
            self._check_first_level(value_type, tags)
            for path, tag in _all_tags((value_type,), tags):
                self._check_languages(path, tag)
        return self

    def _check_first_level(self, value_type: str, tags: Mapping[str, Tag]) -> None:
        shown: dict[str, str] = {}
        for name in tags:
            if name.lower() == _RESERVED:
                raise ValueError(f"{value_type}: a first-level tag must not be named {name!r}")
            other = shown.setdefault(camel_case(name), name)
            if other != name:
                raise ValueError(f"{value_type}: the tags {other!r} and {name!r} would be shown under the same name")

    def _check_languages(self, path: tuple[str, ...], tag: Tag) -> None:
        wanted, given = set(self.supported_languages), set(tag.display_names)
        if missing := sorted(wanted - given):
            raise ValueError(f"{':'.join(path)}: display name missing for {', '.join(missing)}")
        if unknown := sorted(given - wanted):
            raise ValueError(f"{':'.join(path)}: display name for unsupported language {', '.join(unknown)}")


def _all_tags(above: tuple[str, ...], tags: Mapping[str, Tag]) -> Iterator[tuple[tuple[str, ...], Tag]]:
    for name, tag in tags.items():
        yield (*above, name), tag
        yield from _all_tags((*above, name), tag.children)


def read(sections: Mapping[str, Any]) -> TagsConfiguration:
    """Check these sections of the operator's file.  Raises `pydantic.ValidationError`."""
    return TagsConfiguration.model_validate(sections.get(SECTIONS[0], {}))


@lru_cache(maxsize=1)
def tags_configuration() -> TagsConfiguration:
    """The configuration of this process."""
    return read(json.loads(FILE.read_text(encoding="utf-8")))
