"""Languages a device can be spoken to in."""

from backbone.languages import CODES, DEFAULT
from functions.devices.errors import InvalidCommunicationLanguage

__all__ = ["CODES", "DEFAULT", "parse"]


def parse(code: str | None) -> str:
    """`code`, or the default for None.  Raises `InvalidCommunicationLanguage`."""
    if code is None:
        return DEFAULT
    if code not in CODES:
        raise InvalidCommunicationLanguage
    return code
