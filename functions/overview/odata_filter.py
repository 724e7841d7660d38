"""Reads `$filter`.  Contract: admin-api.md, section 10; the grammar is that of OData 4.01, Part 2, 5.1.1.

    contains(address,'x') and (tier/Id eq 'TIR…' or tier/Id eq 'TIR…') and createdAt ge 2024-01-01

Understood are `and`, `or`, `not`, parentheses, the six comparisons, `in`, `contains` and `startswith`; case does not
matter.  Everything else is refused by `ODataError`, whatever a stranger sends: size and depth are limited.
Why no library: docs/decisions/overview.md.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal

from backbone import clock
from functions.overview.domain import (
    EVERYTHING,
    NOTHING,
    Comparison,
    Condition,
    Contains,
    Field,
    Kind,
    Not,
    Operator,
    Value,
    all_of,
    any_of,
)

MAX_LENGTH = 8_000
"""In characters; API Gateway takes 10 KB of request line and headers."""
MAX_DEPTH = 30
MAX_LITERALS = 200
MAX_NUMBER = 10**12
MAX_EQUAL_TEXT = 100
"""In characters; no address, tier id or client id is longer, so that nothing equals a longer text."""

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^']|'')*')
      | (?P<instant>\d{4}-\d\d-\d\d(?:[Tt]\d\d:\d\d(?::\d\d(?:\.\d{1,12})?)?(?:[Zz]|[+-]\d\d:\d\d)?)?(?![\w:.]))
      | (?P<number>[+-]?\d{1,40}(?:\.\d{1,40})?(?![\w.]))
      | (?P<name>[A-Za-z_]\w*(?:/[A-Za-z_]\w*)*)
      | (?P<mark>[(),])
    )""",
    re.VERBOSE | re.ASCII,
)
_FIELDS = {str(field).lower(): field for field in Field}
_FLIPPED = {
    Operator.GT: Operator.LT,
    Operator.GE: Operator.LE,
    Operator.LT: Operator.GT,
    Operator.LE: Operator.GE,
}
_MORE, _LESS = (Operator.GT, Operator.GE), (Operator.LT, Operator.LE)


class ODataError(Exception):
    """400: a query that means nothing here.  The message is for the caller."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int

    def is_word(self, *words: str) -> bool:
        return self.kind == "name" and self.text.lower() in words

    def is_mark(self, mark: str) -> bool:
        return self.kind == "mark" and self.text == mark


@dataclass(frozen=True, slots=True)
class _Literal:
    """A value as written; `finer`: it is a little more than `value`, by less than a field can hold."""

    value: str | Decimal | datetime | None
    finer: bool = False


def parse_filter(text: str) -> Condition:
    """What a `$filter` means.  Raises `ODataError`."""
    if len(text) > MAX_LENGTH:
        raise ODataError(f"The filter has more than {MAX_LENGTH} characters.")
    return _Parser(list(_tokens(text))).parse()


def parse_field(name: str) -> Field:
    """A field by its name in any case.  Raises `ODataError`."""
    field = _FIELDS.get(name.lower())
    if field is None:
        raise ODataError(f"There is no property '{name[:50]}' to filter or to sort by.")
    return field


def _tokens(text: str) -> Iterator[_Token]:
    position, end = 0, len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if found is None:
            raise ODataError(f"Syntax error at position {position} of the filter.")
        kind = found.lastgroup or ""
        yield _Token(kind, found.group(kind), found.start(kind))
        position = found.end()
    yield _Token("end", "", end)


class _Parser:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0
        self._literals = 0

    def parse(self) -> Condition:
        condition = self._alternatives()
        if self._peek().kind != "end":
            raise self._unexpected()
        return condition

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        if token.kind != "end":
            self._next += 1
        return token

    def _took_word(self, word: str) -> bool:
        if self._peek().is_word(word):
            self._next += 1
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self._peek().is_mark(mark):
            raise self._unexpected()
        self._next += 1

    def _unexpected(self) -> ODataError:
        token = self._peek()
        what = f"'{token.text[:50]}'" if token.kind != "end" else "the end"
        return ODataError(f"Syntax error at position {token.position} of the filter: {what} is not expected.")

    def _alternatives(self) -> Condition:
        conditions = [self._conjunction()]
        while self._took_word("or"):
            conditions.append(self._conjunction())
        return any_of(conditions) if len(conditions) > 1 else conditions[0]

    def _conjunction(self) -> Condition:
        conditions = [self._single()]
        while self._took_word("and"):
            conditions.append(self._single())
        return all_of(conditions) if len(conditions) > 1 else conditions[0]

    def _single(self) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ODataError(f"The filter is nested more than {MAX_DEPTH} levels deep.")
        try:
            if self._took_word("not"):
                return Not(self._single())
            if self._peek().is_mark("("):
                self._take()
                condition = self._alternatives()
                self._expect(")")
                return condition
            if self._peek().is_word("contains", "startswith"):
                return self._function()
            return self._comparison()
        finally:
            self._depth -= 1

    def _function(self) -> Condition:
        at_start = self._take().is_word("startswith")
        self._expect("(")
        field = self._field()
        self._expect(",")
        text = self._literal().value
        self._expect(")")
        if field not in (Field.ADDRESS, Field.CREATED_WITH_CLIENT) or not isinstance(text, str):
            raise ODataError("'contains' and 'startswith' look for a text in 'address' or 'createdWithClient'.")
        if not text:
            return EVERYTHING
        # Addresses have no capitals, and some databases find them in any case.
        return Contains(field, text.lower() if field is Field.ADDRESS else text, at_start)

    def _comparison(self) -> Condition:
        if self._peek().kind != "name" or self._peek().is_word("null"):
            literal = self._literal()
            operator = self._operator()
            return _compared(self._field(), _FLIPPED.get(operator, operator), literal)
        field = self._field()
        if self._took_word("in"):
            return self._membership(field)
        return _compared(field, self._operator(), self._literal())

    def _membership(self, field: Field) -> Condition:
        self._expect("(")
        conditions = [_compared(field, Operator.EQ, self._literal())]
        while self._peek().is_mark(","):
            self._take()
            conditions.append(_compared(field, Operator.EQ, self._literal()))
        self._expect(")")
        return any_of(conditions)

    def _field(self) -> Field:
        if self._peek().kind != "name":
            raise self._unexpected()
        return parse_field(self._take().text)

    def _operator(self) -> Operator:
        token = self._peek()
        if token.kind != "name" or token.text.lower() not in list(Operator):
            raise self._unexpected()
        return Operator(self._take().text.lower())

    def _literal(self) -> _Literal:
        self._literals += 1
        if self._literals > MAX_LITERALS:
            raise ODataError(f"The filter has more than {MAX_LITERALS} values.")
        token = self._peek()
        if token.kind == "text":
            literal = _Literal(token.text[1:-1].replace("''", "'"))
        elif token.kind == "number":
            literal = _Literal(Decimal(token.text))
        elif token.kind == "instant":
            literal = _instant(token.text)
        elif token.is_word("null"):
            literal = _Literal(None)
        else:
            raise self._unexpected()
        self._take()
        return literal


def _instant(text: str) -> _Literal:
    """A date without time is its midnight, UTC."""
    day, _, time = text.upper().partition("T")
    digits = re.search(r"\.(\d+)", time)
    finer = bool(digits and digits[1][3:].strip("0"))
    if digits:
        time = time.replace(digits[0], f".{digits[1][:3]:0<3}")
    try:
        instant = datetime.fromisoformat(f"{day}T{time.replace('Z', '+00:00')}" if time else day)
        return _Literal((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC), finer)
    except (ValueError, OverflowError):
        raise ODataError(f"'{text[:50]}' is not a date.") from None


def _compared(field: Field, operator: Operator, literal: _Literal) -> Condition:
    """A comparison with a value that the field can hold.

    Between two of them (2.5 devices, a fraction of a millisecond) nothing is equal, and `ge` begins above the smaller.
    """
    value, finer = _value_for(field, literal)
    if value is None and operator not in (Operator.EQ, Operator.NE):
        return NOTHING
    is_too_long = isinstance(value, str) and len(value) > MAX_EQUAL_TEXT
    if not finer and not (is_too_long and operator in (Operator.EQ, Operator.NE)):
        return Comparison(field, operator, value)
    if operator is Operator.EQ:
        return NOTHING
    if operator is Operator.NE:
        return EVERYTHING
    return Comparison(field, Operator.GT if operator in _MORE else Operator.LE, value)


def _value_for(field: Field, literal: _Literal) -> tuple[Value, bool]:
    match field.kind, literal.value:
        case _, None:
            return None, False
        case Kind.TEXT, str(text):
            return text, False
        case Kind.NUMBER, Decimal() as number if abs(number) <= MAX_NUMBER:
            whole = int(number.to_integral_value(ROUND_FLOOR))
            return whole, whole != number
        case Kind.INSTANT, datetime() as instant:
            return clock.to_milliseconds(instant), literal.finer
    raise ODataError(f"'{field}' cannot be compared with this value.")
