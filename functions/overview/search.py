"""Answers queries.  What they cost and why: docs/decisions/overview.md."""

from dataclasses import dataclass, replace

from functions.overview.domain import EVERYTHING, Field, IdentityOverview, Order, Query, QueryRefused
from functions.overview.items import position_of
from functions.overview.plan import Plan, Walk, group_along, group_of
from functions.overview.store import Budget, OverviewStore, Walker

MAX_ROWS = 10_000
"""Of an answer to a query without `$top`; about 3 MB of the 6 MB that Lambda returns.  A link leads to the rest."""
PREFERABLY_SORTED = 2_000
"""So many are rather fetched and sorted than looked for along a whole index; that takes some tenths of a second."""
PREFERABLY_COMPLETED = 500
"""The same if their last log-ins have to be fetched one by one."""
MAX_SORTED = 10_000
"""So many can be sorted if there is no other way."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of identities.  `count` is the number of all that were asked for, `rest` the position to go on from."""

    rows: list[IdentityOverview]
    count: int | None = None
    rest: str | None = None


_NOBODY = Found([], count=0)


class Search:
    """One query at work."""

    def __init__(self, store: OverviewStore, query: Query) -> None:
        self._store = store
        self._query = query
        self._plan = Plan(query)
        self._budget = Budget()
        self._wanted = MAX_ROWS if query.top is None else query.top

    def find(self) -> Found:
        """The page.  Raises `QueryRefused`."""
        if self._plan.finds_nothing:
            return _NOBODY
        walk = self._plan.in_order()
        if walk is None or not walk.is_exact:
            short = self._short_walk(MAX_SORTED if walk is None else PREFERABLY_SORTED)
            if short is not None:
                return self._sorted(short)
        if walk is None:
            raise QueryRefused(
                f"More than {MAX_SORTED} identities meet the condition on 'lastLoginAt'. Narrow it, or sort by "
                "'address' or 'lastLoginAt'."
            )
        return self._along(walk)

    def count(self) -> int:
        """The number of all that were asked for.  Raises `QueryRefused`."""
        if self._plan.finds_nothing:
            return 0
        known = self._known_number()
        if known is not None:
            return known
        walk = next(self._plan.narrow(), None) or self._plan.in_order()
        assert walk is not None, "nothing is asked for in an order that could forbid it"
        return self._walking(walk).count_rest()

    def _walking(self, walk: Walk) -> Walker:
        return self._store.walking(walk, self._budget)

    def _known_number(self) -> int | None:
        group = group_of(self._query.condition)
        return None if group is None else self._store.count_group(group)

    def _short_walk(self, limit: int) -> Walk | None:
        """A walk that passes no more than the limit; finding out costs no more than reading so many entries."""
        for walk in self._plan.narrow():
            at_most = limit if self._can_sort(walk) else min(limit, PREFERABLY_COMPLETED)
            group = group_along(self._query.condition, walk.index.field)
            if group is not None:
                number = self._store.count_group(group)
            else:
                everything = replace(walk, condition=EVERYTHING)
                number = self._walking(everything).count_rest(at_most=at_most)
            if number <= at_most:
                return walk
        return None

    def _sorted(self, walk: Walk) -> Found:
        """Fetch all that a walk finds, and sort them."""
        order, after = self._query.order, self._query.after
        everybody = self._walking(walk).take(MAX_SORTED)
        is_complete = walk.index.shows_log_ins
        if not self._can_sort(walk):
            everybody, is_complete = self._store.completed(everybody), True
        everybody.sort(key=lambda row: position_of(row, order.field), reverse=order.descending)
        count = len(everybody)
        if after is not None:
            everybody = [row for row in everybody if _is_behind(row, order, after)]
        end = self._query.skip + self._wanted
        has_more = self._query.top is None and len(everybody) > end
        return self._found(everybody[self._query.skip : end], count, has_more=has_more, is_complete=is_complete)

    def _can_sort(self, walk: Walk) -> bool:
        """What the order is about stands in the index."""
        return walk.index.shows_log_ins or self._query.order.field is not Field.LAST_LOGIN_AT

    def _along(self, walk: Walk) -> Found:
        """Go along the wanted order until the page is full."""
        query = self._query
        count = self._known_number() if query.counted or query.skip else None
        if count is not None and query.top is not None and query.after is None and 2 * query.skip > count:
            return self._from_the_end(walk, count)
        walker = self._walking(self._rest_of(walk))
        passed = walker.skip(query.skip)
        rows = walker.take(self._wanted + (query.top is None))
        passed += len(rows)
        if query.counted and count is None:
            count = self._count_on(walk, walker, passed)
        has_more = len(rows) > self._wanted
        return self._found(rows[: self._wanted], count, has_more=has_more, is_complete=walk.index.shows_log_ins)

    def _from_the_end(self, walk: Walk, count: int) -> Found:
        """The same from the other side, which is nearer."""
        top = min(self._wanted, max(count - self._query.skip, 0))
        walker = self._walking(replace(walk, descending=not walk.descending))
        walker.skip(count - self._query.skip - top)
        rows = walker.take(top)[::-1]
        return self._found(rows, count, has_more=False, is_complete=walk.index.shows_log_ins)

    def _rest_of(self, walk: Walk) -> Walk:
        after = self._query.after
        if after is None:
            return walk
        rest = (each.without(after, descending=walk.descending) for each in walk.ranges)
        return replace(walk, ranges=tuple(each for each in rest if not each.is_empty))

    def _count_on(self, walk: Walk, walker: Walker, passed: int) -> int:
        """Count what comes behind the page, or all of them where that is less to read."""
        target = self._plan.shortest_to_count(walk)
        if self._query.after is None and (target == walk or walker.is_at_the_end):
            return passed + walker.count_rest()
        return self._walking(target).count_rest()

    def _found(self, rows: list[IdentityOverview], count: int | None, *, has_more: bool, is_complete: bool) -> Found:
        rest = position_of(rows[-1], self._query.order.field) if has_more and rows else None
        selected = self._query.selected
        if not is_complete and (selected is None or Field.LAST_LOGIN_AT in selected):
            rows = self._store.completed(rows)
        return Found(rows, count, rest)


def _is_behind(row: IdentityOverview, order: Order, position: str) -> bool:
    own = position_of(row, order.field)
    return own < position if order.descending else own > position
