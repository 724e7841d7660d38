"""Where the overview is read."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from backbone.dynamodb import CountPage, Item, Table, batch_get
from backbone.readmodels import tiers
from backbone.settings import settings
from functions.overview import items
from functions.overview.domain import IdentityOverview, QueryRefused
from functions.overview.expressions import Expression
from functions.overview.plan import Group, Walk
from functions.overview.ranges import KeyRange

MAX_READ = 2_000_000
"""Index entries that one request may read.  At 150 to 450 bytes each, and 1 MB a call, that takes less than 20 seconds
of the gateway's 30."""
_READ_ALONG_BELOW = 500
"""The last ones to be skipped are read, not counted."""
_SMALLEST_LIMIT = 100


@dataclass
class Budget:
    """What a request may still read."""

    left: int = MAX_READ

    def spend(self, entries: int) -> None:
        """Raises `QueryRefused` when it is used up."""
        self.left -= entries
        if self.left < 0:
            raise QueryRefused("There are too many identities for this query. Filter by something rarer.")


class OverviewStore:
    """Table `overview` and its indexes, as items.py describes them.  Everything is read eventually consistent.

    Index entries have about 150 bytes, so 0.5 RCU are 27 of them.
    """

    @property
    def _table(self) -> Table:
        return Table(settings().overview_table)

    def walking(self, walk: Walk, budget: Budget) -> "Walker":
        """Somebody who goes along a walk; makes no call."""
        return Walker(self._table, walk, budget)

    def count_group(self, group: Group) -> int:
        """1 round trip per 100 values (1 RCU each)."""
        keys = [items.counter_key(group.field, value) for value in group.values] or [items.counter_key()]
        found = batch_get(*((self._table, key) for key in keys))
        return sum(item["n"] for item in found if item)

    def completed(self, rows: Iterable[IdentityOverview]) -> list[IdentityOverview]:
        """Identities with their last log-ins, without those that are gone.  1 round trip per 100 (1 RCU each)."""
        found = batch_get(*((self._table, items.identity_key(row.address)) for row in rows))
        return [items.identity_of(item) for item in found if item]

    def tier_names(self) -> dict[str, str]:
        """All tiers (owner: devices).  1 query (1 RCU per some 40)."""
        return {tier.id: tier.name for tier in tiers.all_tiers()}


class Walker:
    """Somebody who goes along a walk and knows how far he has come.  Raises `QueryRefused` when it is too far."""

    def __init__(self, table: Table, walk: Walk, budget: Budget) -> None:
        self._table = table
        self._walk = walk
        self._budget = budget
        self._filter: str | None = None
        self._values: dict[str, Any] = {}
        if not walk.is_exact:
            self._filter, self._values = Expression.of(walk.condition)
        self._ranges = deque(reversed(walk.ranges) if walk.descending else walk.ranges)
        self._start: Item | None = None
        self._ahead: deque[Item] = deque()

    def skip(self, number: int) -> int:
        """Pass by so many, or as many as there are; how many there were.

        They are counted without being fetched, 1 MB a query; where one MB holds more than are left, they are fetched.
        """
        left = number
        while left > _READ_ALONG_BELOW and self._ranges:
            start = self._start
            page = self._count_page(limit=left if self._walk.is_exact else None)
            if page.count > left:
                self._start = start
                break
            left -= page.count
            self._go_on(page.last_key)
        return number - left + len(self.take(left))

    def take(self, number: int) -> list[IdentityOverview]:
        """The next ones.  Queries grow while filters leave little, so that few are read in vain."""
        factor = 1 if self._walk.is_exact else 4
        while len(self._ahead) < number and self._ranges:
            missing = number - len(self._ahead)
            limit = missing if self._walk.is_exact else max(missing * factor, _SMALLEST_LIMIT)
            page = self._table.query(
                self._condition,
                self._all_values(),
                index=self._walk.index.name,
                filter=self._filter,
                forward=not self._walk.descending,
                limit=limit,
                start=self._start,
                consistent=False,
                project=self._walk.index.shown,
            )
            self._ahead += page.items
            self._budget.spend(page.read)
            self._go_on(page.last_key)
            factor *= 4
        return [items.identity_of(self._ahead.popleft()) for _ in range(min(number, len(self._ahead)))]

    def count_rest(self, *, at_most: int | None = None) -> int:
        """How many more there are; with `at_most` (on exact walks), more than that means just that."""
        counted = len(self._ahead)
        while self._ranges and (at_most is None or counted <= at_most):
            page = self._count_page(limit=None if at_most is None else at_most + 1 - counted)
            counted += page.count
            self._go_on(page.last_key)
        return counted

    @property
    def is_at_the_end(self) -> bool:
        """There is no more."""
        return not self._ranges and not self._ahead

    @property
    def _condition(self) -> str:
        return f"pk = :pk AND #{self._walk.index.range_key} BETWEEN :low AND :high"

    def _all_values(self) -> dict[str, Any]:
        current: KeyRange = self._ranges[0]
        return {**self._values, "pk": items.IDENTITIES, "low": current.low, "high": current.high}

    def _count_page(self, limit: int | None) -> CountPage:
        page = self._table.count_page(
            self._condition,
            self._all_values(),
            index=self._walk.index.name,
            filter=self._filter,
            forward=not self._walk.descending,
            limit=limit,
            start=self._start,
            consistent=False,
        )
        self._budget.spend(page.read)
        return page

    def _go_on(self, last_key: Item | None) -> None:
        self._start = last_key
        if last_key is None:
            self._ranges.popleft()
