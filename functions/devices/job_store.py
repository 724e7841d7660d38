"""Where a daily job goes on that has run out of time."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from backbone import clock
from backbone.dynamodb import Item, Table, batch_get
from backbone.settings import settings

_KEPT_FOR = timedelta(days=1)

Places = dict[int, Item | None]
"""By part of the index: the key after which to go on; empty at the beginning, None where nothing is left to do."""


class JobStore:
    """Table `devices`: pk = `JOB#<name>`, sk = `J`: run, places by part, failed; gone after a day.

    `run` tells the invocations of one day's run, which Lambda repeats, from those of another.
    """

    @property
    def _table(self) -> Table:
        return Table(settings().devices_table)

    def stopped_at(self, name: str, run: str) -> tuple[Places, int]:
        """How far this run has come, and how many have failed so far; nowhere, unless it has stopped before.

        1 read (1 RCU).
        """
        (item,) = batch_get((self._table, _key(name)))
        if item is None or item["run"] != run:
            return {}, 0
        return {int(part): place for part, place in item["places"].items()}, item["failed"]

    def stop_at(self, name: str, run: str, places: Mapping[int, Item | None], failed: int, *, now: datetime) -> None:
        """1 write (1 WCU)."""
        kept = {str(part): place for part, place in places.items()}
        ends = clock.epoch_seconds(now + _KEPT_FOR)
        self._table.put({**_key(name), "run": run, "places": kept, "failed": failed, "ttl": ends})


def _key(name: str) -> Item:
    return {"pk": f"JOB#{name}", "sk": "J"}
