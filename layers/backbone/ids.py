"""Typed ids.  Contract: http-common.md, section 11.

An id is a three-letter prefix and 17 random characters.  Incoming ids are checked leniently: right prefix, at most 20
characters, right alphabet; a shorter one is valid and simply not found.
"""

import secrets
import string
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from backbone.rules import broken_rule

ALPHABET = string.ascii_letters + string.digits
ERROR_ID_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ123456789"
LENGTH = 20
_ALPHABET = frozenset(ALPHABET)
_SORTED_ALPHABET = "".join(sorted(ALPHABET))
_TIME_LENGTH = 7
_TIME_BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
"""Milliseconds from here fit into seven characters until the year 2131."""


def random_text(length: int, alphabet: str = ALPHABET) -> str:
    """`length` characters drawn uniformly by the operating system's generator."""
    return "".join(secrets.choice(alphabet) for _ in range(length))


def new_error_id() -> str:
    """`ERR` + 17 characters without those that look alike (http-common.md, section 3.2)."""
    return "ERR" + random_text(17, ERROR_ID_ALPHABET)


class Id(str):
    """Base of all ids; a subclass names its prefix."""

    __slots__ = ()
    prefix: ClassVar[str]

    @classmethod
    def new(cls) -> Self:
        """A fresh id."""
        return cls(cls.prefix + random_text(LENGTH - len(cls.prefix)))

    @classmethod
    def is_valid(cls, text: str) -> bool:
        """The lenient rule of the contract."""
        return text.startswith(cls.prefix) and len(text) <= LENGTH and _ALPHABET.issuperset(text)

    @classmethod
    def parse(cls, text: str) -> Self:
        """`text` as id.  A violation becomes 400 `invalidPropertyValue`."""
        if not cls.is_valid(text):
            raise broken_rule(f"'{cls.__name__}' is not valid.")
        return cls(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        pattern = f"^{cls.prefix}[A-Za-z0-9]{{0,{LENGTH - len(cls.prefix)}}}$"
        return {"type": "string", "pattern": pattern}


IdT = TypeVar("IdT", bound=Id)


class ChallengeId(Id):
    """`CHL…`"""

    prefix = "CHL"


class DeviceId(Id):
    """`DVC…`"""

    prefix = "DVC"


class DevicePushIdentifier(Id):
    """`DPI…`, by which an app knows which of its accounts a push is for."""

    prefix = "DPI"


class Username(Id):
    """`USR…`, the log-in name of a device."""

    prefix = "USR"


class TierId(Id):
    """`TIR…`"""

    prefix = "TIR"


QUEUED_FOR_DELETION_TIER = TierId("TIR00000000000000001")
"""The tier of every identity that is going to be deleted."""


class RelationshipId(Id):
    """`REL…`"""

    prefix = "REL"


class RelationshipTemplateId(Id):
    """`RLT…`"""

    prefix = "RLT"


class MessageId(Id):
    """`MSG…`; ids made by `at` sort like their instants (docs/decisions/message-ids.md)."""

    prefix = "MSG"

    @classmethod
    def at(cls, instant: datetime) -> Self:
        """A fresh id of a message created at `instant`: 7 characters of time, 10 of chance."""
        return cls(cls._of_time(instant) + random_text(LENGTH - len(cls.prefix) - _TIME_LENGTH))

    @property
    def instant(self) -> datetime:
        """When `at` made it."""
        number = 0
        for digit in self[len(self.prefix) :][:_TIME_LENGTH]:
            number = number * len(_SORTED_ALPHABET) + _SORTED_ALPHABET.index(digit)
        return _TIME_BEGIN + timedelta(milliseconds=number)

    @classmethod
    def first_at(cls, instant: datetime) -> Self:
        """The smallest id of this instant: a border between earlier and later messages."""
        return cls(cls._of_time(instant).ljust(LENGTH, _SORTED_ALPHABET[0]))

    @classmethod
    def _of_time(cls, instant: datetime) -> str:
        number = max(0, (instant - _TIME_BEGIN) // timedelta(milliseconds=1))
        digits = ""
        for _ in range(_TIME_LENGTH):
            number, digit = divmod(number, len(_SORTED_ALPHABET))
            digits = _SORTED_ALPHABET[digit] + digits
        return cls.prefix + digits


class FileId(Id):
    """`FIL…`"""

    prefix = "FIL"


class UploadId(Id):
    """`UPL…`, a body that is stored before a function sees it (`backbone.http.uploads`)."""

    prefix = "UPL"

    def as_id_of(self, kind: type[IdT]) -> IdT:
        """The id of what the body becomes: the same each time it is asked for."""
        return kind(kind.prefix + self[len(self.prefix) :])


class SyncRunId(Id):
    """`SYR…`"""

    prefix = "SYR"


class ExternalEventId(Id):
    """`SYI…`"""

    prefix = "SYI"


class DatawalletModificationId(Id):
    """`DWM…`"""

    prefix = "DWM"


class TokenId(Id):
    """`TOK…`"""

    prefix = "TOK"


class IdentityDeletionProcessId(Id):
    """`IDP…`"""

    prefix = "IDP"


class DeletionAuditLogEntryId(Id):
    """`IDA…`"""

    prefix = "IDA"


class AnnouncementId(Id):
    """`ANC…`"""

    prefix = "ANC"


class TierQuotaDefinitionId(Id):
    """`TQD…`"""

    prefix = "TQD"


class QuotaId(Id):
    """`QUO…`, an individual quota."""

    prefix = "QUO"
