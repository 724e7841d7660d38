"""Sections of the operator's configuration file.  Decision: docs/decisions/configuration-file.md.

What is too large for parameters of the template (tags, pages) comes as a file in the form of the reference's settings.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_pascal


class Section(BaseModel):
    """An object in the file.  Names match in any case, as in the reference; an unknown one is a mistake."""

    model_config = ConfigDict(alias_generator=to_pascal, extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _match_names(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        names = {str(field.alias).lower(): field.alias for field in cls.model_fields.values()}
        return {names.get(str(name).lower(), name): value for name, value in data.items()}
