"""Conditions in DynamoDB's language.  Only the store uses it."""

from dataclasses import dataclass, field

from functions.overview.domain import (
    And,
    Comparison,
    Condition,
    Contains,
    Field,
    Not,
    OneOf,
    Operator,
    Or,
    QueryRefused,
)
from functions.overview.items import ATTRIBUTES, stored

MAX_BYTES = 4_000
"""DynamoDB takes 4 KB."""
MAX_OPERATORS = 250
"""DynamoDB takes 300."""
MAX_VALUES_OF_IN = 100

_SYMBOLS = {
    Operator.EQ: "=",
    Operator.NE: "<>",
    Operator.GT: ">",
    Operator.GE: ">=",
    Operator.LT: "<",
    Operator.LE: "<=",
}
_ADDRESS = f"#{ATTRIBUTES[Field.ADDRESS]}"


@dataclass
class Expression:
    """A filter under construction, with its values and the number of its operators and functions."""

    values: dict[str, str | int] = field(default_factory=dict)
    operators: int = 0

    @classmethod
    def of(cls, condition: Condition) -> "tuple[str, dict[str, str | int]]":
        """The filter and its values.  Raises `QueryRefused` for one that is longer than DynamoDB reads."""
        expression = cls()
        text = expression._text(condition)
        if len(text.encode()) > MAX_BYTES or expression.operators > MAX_OPERATORS:
            raise QueryRefused("The filter is too long.")
        return text, expression.values

    def _text(self, condition: Condition) -> str:
        self.operators += 1
        match condition:
            case And(parts):
                return self._joined(" AND ", parts) if parts else f"attribute_exists({_ADDRESS})"
            case Or(parts):
                return self._joined(" OR ", parts) if parts else f"attribute_not_exists({_ADDRESS})"
            case Not(opposite):
                return f"(NOT {self._text(opposite)})"
            case OneOf(of, values):
                name = f"#{ATTRIBUTES[of]}"
                groups = [values[at : at + MAX_VALUES_OF_IN] for at in range(0, len(values), MAX_VALUES_OF_IN)]
                self.operators += len(groups)
                texts = [f"{name} IN ({', '.join(self._value(stored(value)) for value in group)})" for group in groups]
                return f"({' OR '.join(texts)})"
            case Contains(of, text, at_start):
                function = "begins_with" if at_start else "contains"
                return f"{function}(#{ATTRIBUTES[of]}, {self._value(text)})"
            case Comparison(of, operator, value):
                return self._comparison(of, operator, stored(value))

    def _comparison(self, of: Field, operator: Operator, value: str | int | None) -> str:
        name = f"#{ATTRIBUTES[of]}"
        if value is None:
            return f"attribute_not_exists({name})" if operator is Operator.EQ else f"attribute_exists({name})"
        compared = f"{name} {_SYMBOLS[operator]} {self._value(value)}"
        if operator is Operator.NE and of.may_be_missing:
            self.operators += 2
            return f"(attribute_not_exists({name}) OR {compared})"
        return compared

    def _joined(self, word: str, parts: tuple[Condition, ...]) -> str:
        self.operators += len(parts)
        return f"({word.join(self._text(part) for part in parts)})"

    def _value(self, value: str | int | None) -> str:
        assert value is not None
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f":{name}"
