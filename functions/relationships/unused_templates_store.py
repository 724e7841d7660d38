"""Templates that nobody uses any more.  Contract: relationships.md, section 7.

A template that expires is removed thirty days later, unless a relationship uses it; then it stays until the last such
relationship has gone.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from backbone import clock
from backbone.dynamodb import ConditionFailed, Item, Table
from backbone.events import farewell
from backbone.events.base import FAREWELL
from backbone.events.relationships import RelationshipRemoved
from backbone.readmodels.relationships import table

IN_FLIGHT = timedelta(hours=1)
"""Whoever has found a template not expired has used it by then, or never will."""
_KEPT_AFTER_EXPIRY = timedelta(days=30)


class UnusedTemplateStore:
    """The items of a template in table `relationships`; they are listed in `templates_store.py`."""

    @property
    def _table(self) -> Table:
        return table()

    def release(self, removed: RelationshipRemoved, *, now: datetime) -> None:
        """What the end of a relationship means for its template.

        1 query (1 RCU per 4 KB of the template and its allocations), 1 update; for the last one 3 writes more, and one
        per allocation.  May be repeated.

        Who creates a relationship with an expired template marks it as used in the same transaction.  So the mark is
        taken away first, then the allocations are looked at, and the end is set only if the mark has not come back.
        """
        template = {"pk": removed.template_id, "sk": "T"}
        found = self._table.get(template)
        if found is None or "expiresAt" not in found:
            return
        allocations = self._allocations(removed)
        if any("relationships" in allocation for allocation in allocations):
            return
        if "ttl" in found:  # an earlier attempt may have broken off after it
            self._end(allocations, {"ttl": found["ttl"]})
            return
        expired_at = clock.parse(found["expiresAt"])
        if now < expired_at + IN_FLIGHT:
            self._table.put(_timer(removed, expired_at + IN_FLIGHT))
            return
        with suppress(ConditionFailed):  # it has been deleted, or is used again
            self._table.update(template, "REMOVE used, #events", condition="attribute_exists(pk)")
            if any("relationships" in allocation for allocation in self._allocations(removed)):
                self._table.update(template, "SET used = :true", {"true": True}, condition="attribute_exists(pk)")
                return
            ends = {"ttl": clock.epoch_seconds(max(expired_at + _KEPT_AFTER_EXPIRY, now))}
            self._table.update(
                template, "SET #ttl = :ttl", ends, condition="attribute_exists(pk) AND attribute_not_exists(used)"
            )
            self._end(allocations, ends)

    def _end(self, allocations: list[Item], ends: Item) -> None:
        """They go when their template goes."""
        for allocation in allocations:
            key = {"pk": allocation["pk"], "sk": allocation["sk"]}
            if "ttl" not in allocation:
                with suppress(ConditionFailed):
                    unused = "attribute_exists(pk) AND attribute_not_exists(relationships)"
                    self._table.update(key, "SET #ttl = :ttl", ends, condition=unused)

    def _allocations(self, removed: RelationshipRemoved) -> list[Item]:
        """The template's allocations, without the relationship that has gone."""
        found = self._table.query_all(
            "pk = :pk AND begins_with(sk, :allocation)", {"pk": removed.template_id, "allocation": "A#"}
        )
        return [self._without(allocation, removed) for allocation in found]

    def _without(self, allocation: Item, removed: RelationshipRemoved) -> Item:
        if removed.relationship_id not in allocation.get("relationships", ()):
            return allocation
        try:
            return self._table.update(
                {"pk": allocation["pk"], "sk": allocation["sk"]},
                "DELETE relationships :ids",
                {"ids": {removed.relationship_id}},
                condition="attribute_exists(pk)",
            )
        except ConditionFailed:
            return {name: value for name, value in allocation.items() if name != "relationships"}


def _timer(removed: RelationshipRemoved, ends_at: datetime) -> Item:
    """Says the same again when the template has expired."""
    return {
        "pk": removed.template_id,
        "sk": "TIMER",
        "ttl": clock.epoch_seconds(ends_at),
        FAREWELL: farewell(removed),
    }
