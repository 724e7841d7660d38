"""Reads the options of an OData query.  Contract: admin-api.md, section 10.

Names count in any case and with or without `$` (clients send `$orderBy`, `$orderby` and `orderby`).
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence

from functions.overview.domain import EVERYTHING, Condition, Field, Order, Query
from functions.overview.odata_filter import ODataError, parse_field, parse_filter

MAX_TOP = 100
MAX_SKIP = 2**31 - 1
_OPTIONS = ("filter", "orderby", "top", "skip", "count", "expand", "select", "skiptoken", "format")
_NAVIGATION = "tier"
_MAX_TOKEN_BYTES = 1_000
_END_OF_ADDRESS = re.compile(r"[0-9a-f]\Z")


def parse_options(sent: Mapping[str, Sequence[str]]) -> Query:
    """The query that these parameters ask.  Raises `ODataError`."""
    options = _options(sent)
    return Query(
        condition=_condition(options),
        order=_order(options.get("orderby", "")),
        top=_top(options.get("top", "")),
        skip=_number("skip", options.get("skip", ""), MAX_SKIP) or 0,
        after=_position(options.get("skiptoken", "")),
        counted=_flag("count", options.get("count", "")),
        selected=_selected(options.get("select", "")),
        with_tier=_expands_tier(options.get("expand", "")),
    )


def token_of(position: str) -> str:
    """The `$skiptoken` to go on from a position."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _options(sent: Mapping[str, Sequence[str]]) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, values in sent.items():
        option = name.lower().removeprefix("$")
        if option not in _OPTIONS:
            if name.startswith("$"):
                raise ODataError(f"The query option '{name[:50]}' is not supported.")
            continue  # a service may have options of its own: OData 4.01, Part 2, 5.2
        if option in options or len(values) > 1:
            raise ODataError(f"The query option '${option}' is given more than once.")
        options[option] = values[0].strip()
    if options.get("format", "json").partition(";")[0].lower() not in ("", "json", "application/json"):
        raise ODataError("The only format is JSON.")
    return options


def _condition(options: Mapping[str, str]) -> Condition:
    text = options.get("filter", "")
    return parse_filter(text) if text else EVERYTHING


def _number(option: str, text: str, maximum: int) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"\d{1,20}", text, re.ASCII) or int(text) > maximum:
        raise ODataError(f"'{text[:50]}' is not a valid value of '${option}'.")
    return int(text)


def _top(text: str) -> int | None:
    top = _number("top", text, MAX_SKIP)
    if top is not None and top > MAX_TOP:
        raise ODataError(f"The limit of '{MAX_TOP}' for '$top' has been exceeded. The value of the request is '{top}'.")
    return top


def _flag(option: str, text: str) -> bool:
    if text.lower() not in ("", "true", "false"):
        raise ODataError(f"'{text[:50]}' is not a valid value of '${option}'.")
    return text.lower() == "true"


def _order(text: str) -> Order:
    if not text:
        return Order()
    first, *others = [_single_order(part) for part in text.split(",", 10)]
    # Whatever comes behind an address, or repeats the order of those with the same value, changes nothing.
    implied = first.field is Field.ADDRESS or others in ([], [Order(Field.ADDRESS, first.descending)])
    if first.field is Field.TIER or not implied:
        raise ODataError("Identities can be sorted by one property other than the tier.")
    return first


def _single_order(text: str) -> Order:
    name, *direction = text.split() or [""]
    if direction and (len(direction) > 1 or direction[0].lower() not in ("asc", "desc")):
        raise ODataError(f"'{text[:50]}' is not an order.")
    return Order(parse_field(name), descending=bool(direction) and direction[0].lower() == "desc")


def _selected(text: str) -> frozenset[Field] | None:
    names = [name.strip() for name in text.split(",")] if text else []
    if not names or "*" in names:
        return None
    return frozenset(_property(name) for name in names if name.lower() != _NAVIGATION)


def _property(name: str) -> Field:
    field = parse_field(name)
    if field is Field.TIER:
        raise ODataError("What '$select' names are properties of an identity; the tier comes with '$expand'.")
    return field


def _expands_tier(text: str) -> bool:
    if text and text.lower() not in (_NAVIGATION, f"{_NAVIGATION}()"):
        raise ODataError("The only property to expand is 'tier', with all that is in it.")
    return bool(text)


def _position(token: str) -> str | None:
    if not token:
        return None
    try:
        position = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise ODataError("The value of '$skiptoken' is not one of ours.") from None
    if len(position.encode()) > _MAX_TOKEN_BYTES or not _END_OF_ADDRESS.search(position):
        raise ODataError("The value of '$skiptoken' is not one of ours.")
    return position
