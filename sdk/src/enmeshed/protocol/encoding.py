"""Encodings of client-protocol.md §1 and §4: base64url, base64, compact JSON, dates."""

import base64
import binascii
import functools
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

import nacl.exceptions

from enmeshed.errors import ProtocolError, UnreadableError

JsonObject = dict[str, Any]
_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


def b64u(data: bytes) -> str:
    """base64url without padding, the default encoding of bytes inside JSON (§1)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64u(text: str) -> bytes:
    """Decode base64url as strictly as libsodium: no padding, no foreign characters, no stray bits (§1)."""
    if not isinstance(text, str) or len(text) % 4 == 1 or any(foreign in text for foreign in "+/="):
        raise UnreadableError("error.client.invalidBase64Url", repr(text)[:80])
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadableError("error.client.invalidBase64Url", repr(text)[:80]) from error
    if b64u(data[len(data) // 3 * 3 :]) != text[len(text) // 4 * 4 :]:
        raise UnreadableError("error.client.invalidBase64Url", "unused bits are not zero")
    return data


def b64(data: bytes) -> str:
    """Standard base64 with padding: only for hashed passwords and the salt of a reference (§1)."""
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes:
    """Decode standard base64 with padding (§1)."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadableError("error.client.invalidBase64", str(error)) from error


def compact_json(value: Any) -> str:
    """The text JavaScript's ``JSON.stringify`` makes, keys in the given order (§1).

    Equal as long as no floats with an integral value are used (JavaScript writes ``1`` for ``1.0``).
    """
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError("error.client.notJson", str(error)) from error
    return _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def sorted_object(value: JsonObject) -> JsonObject:
    """Keys sorted by code unit, members without a value left out: generic objects (§1)."""
    return {key: value[key] for key in sorted(value) if value[key] is not None}


def parse_object(text: str | bytes) -> JsonObject:
    """Parse a JSON object; anything else is a protocol error."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("error.client.invalidJson", str(error)) from error
    if not isinstance(value, dict):
        raise UnreadableError("error.client.invalidJson", "not an object")
    return value


def b64json(value: JsonObject) -> str:
    """``B64JSON``: the transport form of almost every crypto object (§1, §3.2)."""
    return b64u(compact_json(value).encode())


def unb64json(text: str) -> JsonObject:
    """Decode ``B64JSON`` (§1)."""
    return parse_object(unb64u(text))


def member(value: JsonObject, *names: str) -> Any:
    """The first of the named members that is present; parsers accept short and long names (§3.1)."""
    if isinstance(value, dict):
        for name in names:
            if value.get(name) is not None:
                return value[name]
    raise UnreadableError("error.client.missingMember", f"none of {', '.join(names)}")


def iso(moment: datetime) -> str:
    """ISO 8601 UTC with milliseconds and ``Z`` (§4)."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def parse_iso(text: str) -> datetime:
    """Any ISO 8601 form, converted to UTC; without offset it is UTC (§4)."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnreadableError("error.client.invalidDate", repr(text)[:80]) from error


def utc_now() -> datetime:
    """The present moment; the only clock of the client."""
    return datetime.now(UTC)


def text_member(value: JsonObject, *names: str) -> str:
    """:func:`member` that must be text."""
    found = member(value, *names)
    if not isinstance(found, str):
        raise UnreadableError("error.client.wrongType", f"{names[0]} is no text")
    return found


def list_member(value: JsonObject, name: str) -> list[Any]:
    """:func:`member` that must be a list."""
    found = member(value, name)
    if not isinstance(found, list):
        raise UnreadableError("error.client.wrongType", f"{name} is no list")
    return found


def reads(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """Mark a function that takes apart what others wrote: whatever is wrong with it is an :class:`UnreadableError`."""

    @functools.wraps(function)
    def guarded(*arguments: _Parameters.args, **options: _Parameters.kwargs) -> _Result:
        try:
            return function(*arguments, **options)
        except ProtocolError:
            raise
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise UnreadableError("error.client.unreadable", f"{type(error).__name__}: {error}") from error
        except nacl.exceptions.CryptoError as error:
            raise UnreadableError("error.client.unreadable", str(error)) from error

    return guarded
