"""What queries mean, in plain Python on a list: what the overview answers is compared with this."""

from collections.abc import Iterable
from typing import Any

from functions.overview.domain import (
    And,
    Comparison,
    Condition,
    Contains,
    IdentityOverview,
    Not,
    OneOf,
    Operator,
    Or,
    Order,
)


def meets(row: IdentityOverview, condition: Condition) -> bool:
    """Whether an identity meets a condition."""
    match condition:
        case And(parts):
            return all(meets(row, part) for part in parts)
        case Or(parts):
            return any(meets(row, part) for part in parts)
        case Not(opposite):
            return not meets(row, opposite)
        case OneOf(field, values):
            return row.value(field) in values
        case Contains(field, text, at_start):
            value = str(row.value(field))
            return value.startswith(text) if at_start else text in value
        case Comparison(field, operator, value):
            return _compare(row.value(field), operator, value)


def _compare(actual: Any, operator: Operator, value: Any) -> bool:
    if operator is Operator.EQ:
        return bool(actual == value)
    if operator is Operator.NE:
        return bool(actual != value)
    if actual is None or value is None:
        return False
    results = {
        Operator.GT: actual > value,
        Operator.GE: actual >= value,
        Operator.LT: actual < value,
        Operator.LE: actual <= value,
    }
    return bool(results[operator])


def ordered(rows: Iterable[IdentityOverview], order: Order) -> list[IdentityOverview]:
    """Missing values first, the same values by address."""

    def place(row: IdentityOverview) -> tuple[Any, ...]:
        value: Any = row.value(order.field)
        return (value is not None, value, row.address) if value is not None else (False, row.address)

    return sorted(rows, key=place, reverse=order.descending)
