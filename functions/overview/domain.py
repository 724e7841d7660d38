"""What operators ask of the overview of identities, and what they get.  Contract: admin-api.md, section 10.

A `Query` is what an OData request means, without its syntax.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from backbone.addresses import Address

Value = str | int | datetime | None


class Kind(StrEnum):
    """What the values of a field are."""

    TEXT = "text"
    NUMBER = "number"
    INSTANT = "instant"


class Field(StrEnum):
    """What is known of an identity, by its name in OData."""

    ADDRESS = "address"
    CREATED_AT = "createdAt"
    LAST_LOGIN_AT = "lastLoginAt"
    CREATED_WITH_CLIENT = "createdWithClient"
    DATAWALLET_VERSION = "datawalletVersion"
    IDENTITY_VERSION = "identityVersion"
    NUMBER_OF_DEVICES = "numberOfDevices"
    TIER = "tier/id"

    @property
    def kind(self) -> Kind:
        """What its values are."""
        return _KINDS.get(self, Kind.TEXT)

    @property
    def may_be_missing(self) -> bool:
        """Whether there are identities without a value."""
        return self in (Field.LAST_LOGIN_AT, Field.DATAWALLET_VERSION)


_KINDS = {
    Field.CREATED_AT: Kind.INSTANT,
    Field.LAST_LOGIN_AT: Kind.INSTANT,
    Field.DATAWALLET_VERSION: Kind.NUMBER,
    Field.IDENTITY_VERSION: Kind.NUMBER,
    Field.NUMBER_OF_DEVICES: Kind.NUMBER,
}


@dataclass(frozen=True, slots=True)
class IdentityOverview:
    """One line of the overview."""

    address: Address
    client_id: str
    tier_id: str
    created_at: datetime
    identity_version: int
    number_of_devices: int
    last_login_at: datetime | None = None
    datawallet_version: int | None = None

    def value(self, field: Field) -> Value:
        """One of its values."""
        values: dict[Field, Value] = {
            Field.ADDRESS: self.address,
            Field.TIER: self.tier_id,
            Field.CREATED_WITH_CLIENT: self.client_id,
            Field.NUMBER_OF_DEVICES: self.number_of_devices,
            Field.CREATED_AT: self.created_at,
            Field.LAST_LOGIN_AT: self.last_login_at,
            Field.DATAWALLET_VERSION: self.datawallet_version,
            Field.IDENTITY_VERSION: self.identity_version,
        }
        return values[field]


class Operator(StrEnum):
    """How a value is compared."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field against a value.  A missing value is unequal to every other one and neither more nor less than any."""

    field: Field
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class OneOf:
    """A field is one of some values."""

    field: Field
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    """Some text is anywhere in a field, or `at_start` of it."""

    field: Field
    text: str
    at_start: bool = False


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class And:
    """All of them; of none, everything."""

    conditions: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them; of none, nothing."""

    conditions: "tuple[Condition, ...]"


Condition = Comparison | OneOf | Contains | Not | And | Or
EVERYTHING, NOTHING = And(()), Or(())


def all_of(conditions: Iterable[Condition]) -> Condition:
    """All of them, in the simplest form."""
    flat = tuple(part for condition in conditions for part in parts_of(condition))
    return flat[0] if len(flat) == 1 else And(flat)


def any_of(conditions: Iterable[Condition]) -> Condition:
    """Any of them, in the simplest form: values of the same field are collected."""
    values: dict[Field, list[Value]] = {}
    others: list[Condition] = []
    for condition in conditions:
        if isinstance(condition, Or):
            others += condition.conditions
        elif isinstance(condition, OneOf):
            values.setdefault(condition.field, []).extend(condition.values)
        elif isinstance(condition, Comparison) and condition.operator is Operator.EQ and condition.value is not None:
            values.setdefault(condition.field, []).append(condition.value)
        else:
            others.append(condition)
    groups = [OneOf(field, tuple(dict.fromkeys(group))) for field, group in values.items()]
    flat = (*groups, *others)
    return flat[0] if len(flat) == 1 else Or(flat)


def parts_of(condition: Condition) -> tuple[Condition, ...]:
    """The conditions that must hold together."""
    return condition.conditions if isinstance(condition, And) else (condition,)


def fields_of(condition: Condition) -> Iterator[Field]:
    """What a condition looks at."""
    if isinstance(condition, And | Or):
        for part in condition.conditions:
            yield from fields_of(part)
    elif isinstance(condition, Not):
        yield from fields_of(condition.condition)
    else:
        yield condition.field


@dataclass(frozen=True, slots=True)
class Order:
    """By which field; identities with the same value by their addresses.  Missing values count as the smallest."""

    field: Field = Field.ADDRESS
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """Which identities, in which order, which part of them and what of them.

    `top` is None for all; `after` is the position of the last one that was answered before.
    """

    condition: Condition = EVERYTHING
    order: Order = Order()
    top: int | None = None
    skip: int = 0
    after: str | None = None
    counted: bool = False
    selected: frozenset[Field] | None = None
    with_tier: bool = False


class QueryRefused(Exception):
    """A query that no request could answer; `advice` is what to ask instead."""

    def __init__(self, advice: str) -> None:
        super().__init__(advice)
        self.advice = advice
