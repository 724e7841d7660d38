"""Building blocks of request and response models.  Contract: http-common.md, sections 4.1 and 6.

Requests: property names match case-insensitively, unknown ones are ignored, numbers may be JSON strings, enums are
names or numbers, bytes are base64url or base64.  Responses: camelCase, nulls written, bytes as base64url without
padding, timestamps with exactly three fraction digits.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import IO, Annotated, Any, ClassVar, Self, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from backbone import clock
from backbone.encoding import from_base64, from_standard_base64, to_base64url

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")


def _integer(minimum: int, maximum: int) -> BeforeValidator:
    def read(value: object) -> int:
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("The value is not an integer.")
        if not minimum <= value <= maximum:
            raise ValueError("The value is out of range.")
        return value

    return BeforeValidator(read)


def _number(value: object) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("The value is not a number.")
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError("The value is out of range.") from error


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("The value is not a boolean.")
    return value


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("The value is not a string.")
    return from_base64(value)


def _standard_bytes(value: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError("The value is not a string.")
    return from_standard_base64(value)


def _instant(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError("The value is not a date.")
    try:
        instant = datetime.fromisoformat(value.strip())
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        return clock.to_milliseconds(instant)
    except (ValueError, OverflowError) as error:
        raise ValueError("The value is not a date.") from error


def _range(bits: int, *, signed: bool) -> tuple[BeforeValidator, WithJsonSchema]:
    minimum, maximum = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    schema = {"type": "integer", "minimum": minimum, "maximum": maximum}
    return _integer(minimum, maximum), WithJsonSchema(schema)


UInt8 = Annotated[int, *_range(8, signed=False)]
UInt16 = Annotated[int, *_range(16, signed=False)]
Int32 = Annotated[int, *_range(32, signed=True)]
Int64 = Annotated[int, *_range(64, signed=True)]
Double = Annotated[float, BeforeValidator(_number)]
JsonBool = Annotated[bool, BeforeValidator(_boolean)]
Base64 = Annotated[
    bytes,
    BeforeValidator(_bytes),
    PlainSerializer(to_base64url, return_type=str),
    WithJsonSchema({"type": "string", "format": "byte", "pattern": "^[A-Za-z0-9_-]*$"}),
]
StandardBase64 = Annotated[
    bytes, BeforeValidator(_standard_bytes), WithJsonSchema({"type": "string", "contentEncoding": "base64"})
]
Timestamp = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(clock.render, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class NamedEnum(Enum):
    """An enum that is read by name (any case) or number and written by name.

    Members are `Name = number`; the number is the reference's storage value, used on the wire by .NET clients only.
    """

    @classmethod
    def read(cls, value: object) -> Self:
        """The member for a JSON value.  Raises `ValueError`."""
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            for member in cls:
                if member.name.lower() == value.strip().lower():
                    return member
            if _INTEGER.fullmatch(value.strip()):
                return cls(int(value))
        if isinstance(value, int) and not isinstance(value, bool):
            return cls(value)
        raise ValueError(f"The value is not a {cls.__name__}.")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.read, serialization=core_schema.plain_serializer_function_ser_schema(lambda member: member.name)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "enum": [member.name for member in cls]}


class _Incoming(BaseModel):
    """A model whose wire names are matched case-insensitively."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)
    _wire_names: ClassVar[dict[str, str]]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        aliases = [field.alias or name for name, field in cls.model_fields.items()]
        cls._wire_names = {alias.lower(): alias for alias in aliases}

    @model_validator(mode="before")
    @classmethod
    def _match_names(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {cls._wire_names.get(str(name).lower(), name): value for name, value in data.items()}


class RequestModel(_Incoming):
    """A JSON request body, or an object inside one."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file in a form.  Its name and the content type it claims do not matter here."""

    size: int
    content: IO[bytes]

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "format": "binary"}


class FormModel(_Incoming):
    """A multipart form: text fields are `str`, files `UploadedFile`.  The first of several fields of a name counts."""

    model_config = ConfigDict(arbitrary_types_allowed=True)


class QueryModel(_Incoming):
    """The query parameters of an endpoint.  A list field takes a repeated key; an empty value counts as not given."""

    @classmethod
    def wire_values(cls, sent: Mapping[str, list[str]]) -> dict[str, Any]:
        """The value of each field, from all the values sent under each name.

        An endpoint whose query is not a flat list of names overrides this.
        """
        lists = {
            (field.alias or name).lower()
            for name, field in cls.model_fields.items()
            if get_origin(field.annotation) in (list, tuple)
        }
        values: dict[str, Any] = {}
        for name, given in sent.items():
            if name.lower() in lists:
                values[name] = [value for value in given if value != ""]
            elif given[-1] != "":
                values[name] = given[-1]
        return values


class HeaderModel(_Incoming):
    """Request headers of an endpoint; fields name them with `Field(alias="X-…")`."""


class ResponseModel(BaseModel):
    """An object in a response."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)
