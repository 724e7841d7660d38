"""Identity addresses.  Contract: devices.md, section 6; http-common.md, section 11."""

import hashlib
import re
from functools import lru_cache
from typing import Any, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from backbone.rules import broken_rule

MAX_LENGTH = 80
_FORMAT = re.compile(r"did:e:(?:[a-z0-9-]+\.)*[a-z]{2,}:dids:[0-9a-f]{20}[0-9a-f]{2}")
_DELETED_IDENTITY = "deleted identity".encode("utf-16-le")


def _checksum(main: str) -> str:
    return hashlib.sha256(main.encode("ascii")).hexdigest()[:2]


class Address(str):
    """`did:e:<domain>:dids:<20 hex digits><2 hex digits checksum>`."""

    __slots__ = ()

    @classmethod
    def of_public_key(cls, public_key: bytes, domain: str) -> Self:
        """The address that belongs to a raw public key on a Backbone with this DID domain."""
        part = hashlib.sha256(hashlib.sha512(public_key).digest()).hexdigest()[:20]
        main = f"did:e:{domain}:dids:{part}"
        return cls((main + _checksum(main)).lower())

    @classmethod
    def is_valid(cls, text: str) -> bool:
        """Format and checksum; the domain may be anybody's."""
        return len(text) <= MAX_LENGTH and _FORMAT.fullmatch(text) is not None and _checksum(text[:-2]) == text[-2:]

    @classmethod
    def parse(cls, text: str) -> Self:
        """`text` as address.  A violation becomes 400 `invalidPropertyValue`."""
        if not cls.is_valid(text):
            raise broken_rule("The address is not valid.")
        return cls(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": f"^{_FORMAT.pattern}$", "maxLength": MAX_LENGTH}


@lru_cache
def anonymised_address(domain: str) -> Address:
    """The pseudonym that replaces the addresses of deleted identities."""
    return Address.of_public_key(_DELETED_IDENTITY, domain)
