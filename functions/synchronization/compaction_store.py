"""Superseded modifications, as they are found and removed."""

from collections.abc import Iterator

from backbone import clock
from backbone.addresses import Address
from backbone.dynamodb import ConditionFailed, Item, Table
from backbone.settings import settings
from functions.synchronization import items
from functions.synchronization.compaction import Outline
from functions.synchronization.domain import BEFORE_THE_FIRST
from functions.synchronization.store import BY_INDEX

_OUTLINE = "sk, id, #index, #type, #collection, #objectIdentifier, #payloadCategory, #createdAt"


class CompactionStore:
    """Modifications in table `synchronization` by index `byIndex`, and their places."""

    @property
    def _table(self) -> Table:
        return Table(settings().synchronization_table)

    def newest_first(self, owner: Address, up_to: int) -> Iterator[Outline]:
        """1 eventually consistent query per 1 MB (0.5 RCU per 4 KB of what is stored, payloads above the inline
        threshold not included).  What was superseded a moment ago stays so, so a replica that lags behind will do."""
        if up_to == BEFORE_THE_FIRST:
            return iter(())
        condition, values = "pk = :pk AND ix BETWEEN :first AND :last", {"first": items.ix(0), "last": items.ix(up_to)}
        found = self._table.query_all(
            condition, {"pk": owner, **values}, index=BY_INDEX, forward=False, consistent=False, project=_OUTLINE
        )
        return map(_outline_of, found)

    def discard(self, owner: Address, modification: Outline) -> bool:
        """1 write (1 WCU per KB, twice for the index), unless another one has taken its place.  May be repeated."""
        try:
            self._table.delete(
                {"pk": owner, "sk": modification.place}, condition="id = :id", values={"id": modification.id}
            )
        except ConditionFailed:
            return False
        return True


def _outline_of(item: Item) -> Outline:
    return Outline(
        place=item["sk"],
        id=item["id"],
        index=item["index"],
        type=item["type"],
        collection=item["collection"],
        object_identifier=item["objectIdentifier"],
        payload_category=item.get("payloadCategory"),
        created_at=clock.parse(item["createdAt"]),
    )
