"""Password protection of templates and tokens, client-protocol.md §12."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from enmeshed.errors import PreconditionError, UnreadableError
from enmeshed.protocol.encoding import JsonObject, b64, b64u, member, unb64u
from enmeshed.protocol.primitives import SALT_LENGTH, derive_password

_PASSWORD_TYPE = re.compile(r"pw|pin(?:[4-9]|1[0-6])")


@dataclass(frozen=True)
class PasswordProtection:
    """What a reader must know to hash the right password; salt and password never reach the Backbone (§12)."""

    password_type: str
    salt: bytes
    location_indicator: int | None = None
    password: str | None = field(default=None, repr=False)
    """The password itself, in references of empty tokens of older official clients: whoever has them may read."""

    def __post_init__(self) -> None:
        if not _PASSWORD_TYPE.fullmatch(self.password_type):
            raise UnreadableError("ParsingError", f"password type {self.password_type!r}")
        if len(self.salt) != SALT_LENGTH:
            raise UnreadableError("ValidationError", f"salt of {len(self.salt)} bytes")
        if self.location_indicator is not None and not 0 <= self.location_indicator <= 99:
            raise UnreadableError("ParsingError", f"password location indicator {self.location_indicator}")

    @classmethod
    def for_password(cls, password: str, location_indicator: int | None = None) -> PasswordProtection:
        """A fresh salt and the type that fits: ``pin4`` … ``pin16`` for digits only, else ``pw`` (§12)."""
        is_pin = password.isascii() and password.isdigit() and 4 <= len(password) <= 16
        return cls(f"pin{len(password)}" if is_pin else "pw", os.urandom(SALT_LENGTH), location_indicator)

    def hash(self, password: str | None) -> str:
        """The member/query parameter ``password``: standard base64 of the Argon2id hash (§12)."""
        password = password or self.password
        if not password:
            raise PreconditionError("error.transport.noPasswordProvided")
        return b64(derive_password(password, self.salt))

    def json(self) -> JsonObject:
        """The form inside a token content, sorted (§12.5)."""
        indicator = {} if self.location_indicator is None else {"passwordLocationIndicator": self.location_indicator}
        return {**indicator, "passwordType": self.password_type, "salt": b64u(self.salt)}

    def json_with(self, password: str) -> JsonObject:
        """The form in the local store (``passwordProtection`` of templates and tokens, §20.1), sorted."""
        return {"password": password, **self.json()}

    @classmethod
    def parse(cls, value: JsonObject) -> PasswordProtection:
        indicator = value.get("passwordLocationIndicator")
        return cls(member(value, "passwordType"), unb64u(member(value, "salt")), indicator)
