"""Which part of an index a condition leaves.

Every range here is of range keys as items.py makes them; both ends belong to it.  A range may leave more than the
condition does (`covers` tells), never less.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from functions.overview.domain import Comparison, Condition, Contains, Field, Kind, OneOf, Operator, Value
from functions.overview.items import LARGEST_NUMBER, SEPARATOR, sortable, tail

_LAST = "\U0010ffff"
_PRESENT = "\x02"
"""Between the range keys of missing values and all others."""
_DIDS = ":dids:"
_LENGTH_OF_TAIL = 22


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Range keys from `low` to `high`."""

    low: str = SEPARATOR
    high: str = _LAST

    def without(self, position: str, *, descending: bool) -> "KeyRange":
        """What comes behind a position."""
        if descending:
            before = position[:-1] + chr(ord(position[-1]) - 1) + _LAST
            return KeyRange(self.low, min(self.high, before))
        return KeyRange(max(self.low, position + " "), self.high)

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be in it."""
        return self.low > self.high


ALL = (KeyRange(),)
Ranges = tuple[KeyRange, ...]


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A condition as ranges of the index of one field, ascending.  `covers`: there is nothing left to check."""

    field: Field
    ranges: Ranges
    covers: bool = True


def narrowing_of(condition: Condition) -> Narrowing | None:
    """What a condition means for the index of its field; None if it would have to be searched as a whole."""
    match condition:
        case Comparison(Field.ADDRESS, Operator.EQ, str(address)):
            return Narrowing(Field.ADDRESS, (KeyRange(tail(address) or _LAST, tail(address)),), covers=False)
        case Comparison(field, Operator.EQ, value) if field is not Field.ADDRESS:
            return _of_values(field, (value,))
        case Comparison(field, Operator.NE, None) if field.may_be_missing:
            return Narrowing(field, (KeyRange(_PRESENT, _LAST),))
        case OneOf(field, values) if field is not Field.ADDRESS:
            return _of_values(field, values)
        case Comparison(field, operator, value) if field.kind is not Kind.TEXT and operator is not Operator.NE:
            return _of_order(field, operator, value)
        case Contains(Field.ADDRESS, text) if text.partition(_DIDS)[2]:
            # This stands in an address only once, and the rest of the text begins the part behind it.
            begin = text.partition(_DIDS)[2]
            ranges = (KeyRange(begin, begin + _LAST),) if len(begin) <= _LENGTH_OF_TAIL else ()
            return Narrowing(Field.ADDRESS, ranges, covers=False)
    return None


def _of_values(field: Field, values: Iterable[Value]) -> Narrowing | None:
    numbers = [value for value in values if isinstance(value, int)]
    if any(not 0 <= number <= LARGEST_NUMBER for number in numbers):
        return None
    begins = sorted({sortable(field, value) + SEPARATOR for value in values})
    return Narrowing(field, tuple(KeyRange(begin, begin + _LAST) for begin in begins))


def _of_order(field: Field, operator: Operator, value: Value) -> Narrowing | None:
    if isinstance(value, int) and not 0 <= value <= LARGEST_NUMBER:
        return None
    border = sortable(field, value) + SEPARATOR
    ranges = {
        Operator.GT: KeyRange(border + _LAST, _LAST),
        Operator.GE: KeyRange(border, _LAST),
        Operator.LT: KeyRange(_PRESENT, border),
        Operator.LE: KeyRange(_PRESENT, border + _LAST),
    }
    return Narrowing(field, (ranges[operator],))


def intersection(some: Ranges, others: Ranges) -> Ranges:
    """What is in both."""
    pairs = (KeyRange(max(a.low, b.low), min(a.high, b.high)) for a in some for b in others)
    return tuple(sorted((pair for pair in pairs if not pair.is_empty), key=lambda each: each.low))
