"""Where the overview is written."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backbone.addresses import Address
from backbone.dynamodb import ConditionFailed, Item, Table, TransactionFailed, Write, transact
from backbone.readmodels.identity_details import hour_of
from backbone.settings import settings
from functions.overview import items
from functions.overview.domain import Field, IdentityOverview, Value

_RISING = (Field.LAST_LOGIN_AT, Field.DATAWALLET_VERSION)


@dataclass(frozen=True, slots=True)
class Projected:
    """An identity as the overview has it; `revision` changes with all but what only rises."""

    row: IdentityOverview
    revision: int

    def row_matches(self, other: IdentityOverview) -> bool:
        """Whether there is nothing to write, but perhaps to raise."""
        return all(self.row.value(field) == other.value(field) for field in Field if field not in _RISING)


class ProjectionStore:
    """Table `overview`: identities and counters, as items.py describes them.

    A counter changes in the transaction that changes what it counts, so it is always the number of items.  Every index
    entry that comes costs 1 WCU, one that moves 2, one whose plain values change 1.
    """

    @property
    def _table(self) -> Table:
        return Table(settings().overview_table)

    def find(self, address: Address) -> Projected | None:
        """1 read (1 RCU)."""
        item = self._table.get(items.identity_key(address))
        return Projected(items.identity_of(item), item[items.REVISION]) if item else None

    def some_addresses(self, start: Item | None) -> tuple[list[Address], Item | None]:
        """Some of those that are shown, and where to go on.  1 query (1 MB, 128 RCU)."""
        page = self._table.query(
            "pk = :identities", {"identities": items.IDENTITIES}, start=start, consistent=False, project="#a"
        )
        return [Address(item["a"]) for item in page.items], page.last_key

    def add(self, row: IdentityOverview) -> bool:
        """1 transaction (8 WCU, and 8 for the indexes).  False when somebody else was faster."""
        new = self._table.putting(items.identity_item(row, revision=1), condition="attribute_not_exists(pk)")
        return _succeeds([new, *self._counting(row, 1)])

    def remove(self, known: Projected) -> bool:
        """1 transaction (8 WCU, and 8 for the indexes).  False when it has changed meanwhile."""
        condition, values = _unchanged(known)
        gone = self._table.deleting(items.identity_key(known.row.address), condition=condition, values=values)
        return _succeeds([gone, *self._counting(known.row, -1)])

    def replace(self, known: Projected, row: IdentityOverview) -> bool:
        """Bring in line all but what only rises.  False when it has changed meanwhile.

        1 write (1 WCU); another tier: 1 transaction (6 WCU).  For the indexes 9 WCU: one moves, the others change.
        """
        changed: Item = {items.REVISION: known.revision + 1}
        for field in Field:
            if field not in _RISING:
                changed |= items.attributes_of(field, row.value(field), row.address)
        condition, values = _unchanged(known)
        expression = ", ".join(f"#{name} = :{name}" for name in changed)
        key = items.identity_key(row.address)
        update = self._table.updating(key, f"SET {expression}", {**changed, **values}, condition=condition)
        counters = [
            write
            for field in (Field.TIER, Field.CREATED_WITH_CLIENT)
            for value, step in ((known.row.value(field), -1), (row.value(field), 1))
            if known.row.value(field) != row.value(field)
            for write in [self._stepping(field, value, step)]
        ]
        return _succeeds([update, *counters])

    def raise_last_log_in(self, address: Address, at: datetime) -> bool:
        """1 write (1 WCU, and 2 for one index).  False without the identity; a later one stays, and one of its hour.

        So the index, which takes 500 of these writes a second, gets one per identity and hour.
        """
        return self._raise(address, Field.LAST_LOGIN_AT, at, if_below=hour_of(at))

    def raise_datawallet_version(self, address: Address, version: int) -> bool:
        """1 write (1 WCU, and 9 for the indexes).  False without the identity; a higher one stays."""
        return self._raise(address, Field.DATAWALLET_VERSION, version, if_below=version)

    def _raise(self, address: Address, field: Field, value: Value, *, if_below: Value) -> bool:
        changed = items.attributes_of(field, value, address)
        plain = items.ATTRIBUTES[field]
        expression = ", ".join(f"#{name} = :{name}" for name in changed)
        condition = f"attribute_exists(pk) AND (attribute_not_exists(#{plain}) OR #{plain} < :limit)"
        values = {**changed, "limit": items.attributes_of(field, if_below, address)[plain]}
        try:
            self._table.update(items.identity_key(address), f"SET {expression}", values, condition=condition)
        except ConditionFailed as lost:
            return lost.item is not None
        return True

    def _counting(self, row: IdentityOverview, step: int) -> list[Write]:
        return [
            self._stepping(None, None, step),
            self._stepping(Field.TIER, row.tier_id, step),
            self._stepping(Field.CREATED_WITH_CLIENT, row.client_id, step),
        ]

    def _stepping(self, field: Field | None, value: Value, step: int) -> Write:
        return self._table.updating(items.counter_key(field, value), "ADD #n :step", {"step": step})


def _unchanged(known: Projected) -> tuple[str, dict[str, Any]]:
    return f"#{items.REVISION} = :known", {"known": known.revision}


def _succeeds(writes: list[Write]) -> bool:
    try:
        transact(writes)
    except TransactionFailed:
        return False
    return True
