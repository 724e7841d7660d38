"""How to find what a query asks for without reading everything.  Decision: docs/decisions/overview.md.

A `Walk` goes along an index, in its order, over the ranges that conditions leave of it; what the ranges do not cover is
checked on the way.  Along the index of the wanted order, a walk may stop when the page is full.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from functions.overview.domain import (
    NOTHING,
    Comparison,
    Condition,
    Field,
    OneOf,
    Operator,
    Query,
    Value,
    all_of,
    fields_of,
    parts_of,
)
from functions.overview.items import INDEXES, TABLE, Index
from functions.overview.ranges import ALL, Narrowing, Ranges, intersection, narrowing_of

_IN_ORDER_OF_ADDRESSES = (Field.TIER, Field.CREATED_WITH_CLIENT)


@dataclass(frozen=True, slots=True)
class Walk:
    """Along an index, through `ranges` (ascending), for what meets the `condition`."""

    index: Index
    ranges: Ranges
    condition: Condition
    descending: bool = False

    @property
    def is_exact(self) -> bool:
        """Everything on the way is wanted."""
        return not parts_of(self.condition)


class Plan:
    """The ways to answer a query."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._narrowings: dict[Field, Ranges] = {}
        self._covered: dict[Field, list[Condition]] = {}
        for part in parts_of(query.condition):
            if (narrowing := narrowing_of(part)) is not None:
                self._narrow(narrowing, part)
        self._asks_for_log_ins = Field.LAST_LOGIN_AT in fields_of(query.condition)

    def _narrow(self, narrowing: Narrowing, part: Condition) -> None:
        field = narrowing.field
        self._narrowings[field] = intersection(self._narrowings.get(field, ALL), narrowing.ranges)
        if narrowing.covers:
            self._covered.setdefault(field, []).append(part)

    @property
    def finds_nothing(self) -> bool:
        """The conditions contradict each other, or one of them itself."""
        return NOTHING in parts_of(self._query.condition) or not all(self._narrowings.values())

    def in_order(self) -> Walk | None:
        """A walk in the order of the query.

        The fewer it has to pass by the better: the identities of one tier or client are in the order of addresses, too.
        None if it cannot check a condition on the last log-in.
        """
        order = self._query.order
        if order.field is Field.ADDRESS:
            for field in _IN_ORDER_OF_ADDRESSES:
                # Positions to go on from are those of the order itself.
                if len(self._narrowings.get(field, ())) == 1 and self._query.after is None and self._shows(field):
                    return self._walk(INDEXES[field], field)
            # Who wants all of them wants their last log-ins, too.
            return self._walk(TABLE if self._asks_for_log_ins or self._query.top is None else INDEXES[order.field])
        return self._walk(INDEXES[order.field]) if self._shows(order.field) else None

    def narrow(self) -> Iterator[Walk]:
        """Walks that conditions make short, perhaps; those through tiers and clients, whose sizes are known, first."""
        for field in sorted(self._narrowings, key=lambda field: field not in (Field.ADDRESS, *_IN_ORDER_OF_ADDRESSES)):
            if self._shows(field):
                yield self._walk(INDEXES[field])
            elif field is Field.ADDRESS:
                yield self._walk(TABLE)
        if self._asks_for_log_ins and Field.LAST_LOGIN_AT not in self._narrowings:
            yield self._walk(INDEXES[Field.LAST_LOGIN_AT])

    def shortest_to_count(self, walk: Walk) -> Walk:
        """Where to count what a walk would find: on itself, if it is narrow."""
        if walk.ranges != ALL:
            return walk
        shown = (other for other in self._narrowings if self._shows(other))
        return next((self._walk(INDEXES[field]) for field in shown), walk)

    def _shows(self, field: Field) -> bool:
        return not self._asks_for_log_ins or INDEXES[field].shows_log_ins

    def _walk(self, index: Index, field: Field | None = None) -> Walk:
        field = field or index.field
        covered = self._covered.get(field, [])
        left = all_of(part for part in parts_of(self._query.condition) if part not in covered)
        return Walk(index, self._narrowings.get(field, ALL), left, self._query.order.descending)


@dataclass(frozen=True, slots=True)
class Group:
    """Identities whose number is known: all, those of some tiers or those of some clients."""

    field: Field | None = None
    values: tuple[Value, ...] = ()


def group_of(condition: Condition) -> Group | None:
    """The group that a condition describes, if it is one."""
    match condition:
        case Comparison(field, Operator.EQ, str(value)) if field in _IN_ORDER_OF_ADDRESSES:
            return Group(field, (value,))
        case OneOf(field, values) if field in _IN_ORDER_OF_ADDRESSES:
            return Group(field, values)
    return None if parts_of(condition) else Group()


def group_along(condition: Condition, field: Field) -> Group | None:
    """The group that a walk along the index of a tier or client leads through."""
    groups = (group_of(part) for part in parts_of(condition))
    return next((group for group in groups if group and group.field is field), None)
