"""Texts for users inside of events."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class TextInLanguage(BaseModel):
    """Title and body in one language."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)

    language: str
    title: str
    body: str
