"""Does the client have it already?  Contract: misc.md, section 1.2."""

import base64
import hashlib
import re

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_LIST = re.compile(rf"\s*{_TAG}(?:\s*,\s*{_TAG})*\s*")
_WEAK = "W/"


def entity_tag(body: str) -> str:
    """The tag of a response body, quotes included."""
    digest = hashlib.md5(body.encode("utf-8"), usedforsecurity=False).digest()
    return f'"{base64.b64encode(digest).decode("ascii")}"'


def matches(if_none_match: str | None, current: str) -> bool:
    """Whether `If-None-Match` names the current tag, weakly compared.  `*` and what is malformed match nothing."""
    if if_none_match is None or not _LIST.fullmatch(if_none_match):
        return False
    return current in (tag.removeprefix(_WEAK) for tag in re.findall(_TAG, if_none_match))
