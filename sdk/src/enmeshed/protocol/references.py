"""References to templates, tokens and files, client-protocol.md §13."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from enmeshed.errors import PreconditionError, ProtocolError, UnreadableError
from enmeshed.protocol.crypto import ALGORITHM, SecretKey
from enmeshed.protocol.encoding import b64, b64u, reads, unb64, unb64u
from enmeshed.protocol.passwords import PasswordProtection

INVALID = "error.core-types.invalidTruncatedReference"
TEMPLATE, TOKEN, FILE = "RLT", "TOK", "FIL"

_FOR_IDENTITY = re.compile(r"[0-9a-f]{4}")
_URL_PATH = re.compile(r"(?P<base>.*)/r/(?P<id>[^/]+)")
_ID_LENGTH = 20


@dataclass(frozen=True)
class Reference:
    """Id, key and what else a reader needs; printed as truncated reference or as URL (§13)."""

    id: str
    key: SecretKey
    base_url: str | None = None
    for_identity_truncated: str | None = None
    password_protection: PasswordProtection | None = field(default=None)

    def __post_init__(self) -> None:
        truncated = self.for_identity_truncated
        if truncated is not None and not _FOR_IDENTITY.fullmatch(truncated):
            raise UnreadableError("ParsingError", f"forIdentityTruncated {truncated!r}")

    @property
    def tail(self) -> str:
        """``alg|key|forIdentityTruncated|password``; the fragment of the URL form."""
        return f"{ALGORITHM}|{b64u(self.key.raw)}|{self.for_identity_truncated or ''}|{self._password_part()}"

    @property
    def truncated(self) -> str:
        """The truncated reference, e.g. for QR codes (§13)."""
        host = f"@{self.base_url}" if self.base_url else ""
        return b64u(f"{self.id}{host}|{self.tail}".encode())

    @property
    def url(self) -> str:
        """The URL form; its fragment never reaches the server (§13)."""
        return self.url_for()

    def url_for(self, app_id: str | None = None) -> str:
        """The URL form that opens a certain app."""
        if not self.base_url:
            raise ProtocolError("error.client.noBaseUrl", "a reference URL needs the Backbone's base URL")
        query = f"?app={app_id}" if app_id else ""
        return f"{self.base_url}/r/{self.id}{query}#{b64u(self.tail.encode())}"

    def check_kind(self, prefix: str) -> Reference:
        """Refuse a reference to another kind of object; unanchored as in the TypeScript client (§4, §24.15).

        But it becomes part of a path, so that it must consist of letters and digits.
        """
        if not re.search(prefix + "[A-Za-z0-9]{17}", self.id) or not self.id.isalnum() or not self.id.isascii():
            raise UnreadableError("ValidationError", f"{self.id} is no {prefix} id of {_ID_LENGTH} characters")
        return self

    def check_reader(self, address: str | None) -> None:
        """Stop when the reference is personalised for somebody else; anonymous readers always stop (§13)."""
        truncated = self.for_identity_truncated
        if truncated is not None and (address is None or not address.endswith(truncated)):
            raise PreconditionError("error.transport.general.notIntendedForYou")

    def _password_part(self) -> str:
        protection = self.password_protection
        if protection is None:
            return ""
        indicator = "" if protection.location_indicator is None else str(protection.location_indicator)
        parts = [protection.password_type, b64(protection.salt), indicator, protection.password or ""]
        return "&".join(parts).rstrip("&") if protection.password is None else "&".join(parts)

    @classmethod
    def of(cls, reference: str | Reference) -> Reference:
        """The reference itself, or what :meth:`parse` reads."""
        return cls.parse(reference) if isinstance(reference, str) else reference

    @classmethod
    @reads
    def parse(cls, text: str) -> Reference:
        """Parse either form; input starting with ``http`` is a URL (§13)."""
        return cls._parse_url(text) if text.startswith("http") else cls._parse_truncated(text)

    @classmethod
    def _parse_truncated(cls, text: str) -> Reference:
        parts = _decode(text).split("|")
        if len(parts) not in (3, 5):  # 3 is the old form: id, algorithm, key
            raise UnreadableError(INVALID, f"{len(parts)} parts")
        reference_id, _, base_url = parts[0].partition("@")
        return cls._of(reference_id, base_url or None, parts[1:])

    @classmethod
    def _parse_url(cls, text: str) -> Reference:
        url = urlsplit(text)
        path = _URL_PATH.fullmatch(url.path)
        parts = _decode(url.fragment).split("|")
        if path is None or len(parts) != 4:
            raise UnreadableError(INVALID, "not of the form <base URL>/r/<id>#<alg|key|forIdentity|password>")
        return cls._of(path["id"], f"{url.scheme}://{url.netloc}{path['base']}", parts)

    @classmethod
    def _of(cls, reference_id: str, base_url: str | None, tail: list[str]) -> Reference:
        algorithm, key, for_identity, password = (*tail, "", "")[:4]
        if not algorithm.isdecimal():
            raise UnreadableError(INVALID, f"algorithm {algorithm!r}")
        secret_key = SecretKey.parse({"key": key, "alg": int(algorithm)})
        return cls(reference_id, secret_key, base_url, for_identity or None, _parse_password(password))


def _decode(text: str) -> str:
    try:
        return unb64u(text).decode()
    except (UnreadableError, UnicodeDecodeError) as error:
        raise UnreadableError(INVALID, str(error)) from error


def _parse_password(text: str) -> PasswordProtection | None:
    if not text:
        return None
    kind, salt, indicator, password = (*text.split("&", 3), None, None, None)[:4]
    if salt is None or (indicator is not None and not indicator.isdecimal() and (indicator or not password)):
        raise UnreadableError("ParsingError", "password part")
    return PasswordProtection(str(kind), unb64(salt), int(indicator) if indicator else None, password)
