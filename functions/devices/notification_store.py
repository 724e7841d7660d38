"""Where notifications wait for being sent: as events on items that are of no further use."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from backbone import clock
from backbone.addresses import Address
from backbone.dynamodb import Table, batch_get
from backbone.events import carried
from backbone.events.devices import NotificationRequested
from backbone.ids import random_text
from backbone.readmodels import relationships
from backbone.readmodels.relationships import RelationshipView
from backbone.settings import settings

_KEPT_FOR = timedelta(days=1)
_ID_LENGTH = 20


def new_notification_id() -> str:
    """Nobody sees it; it tells requests from each other."""
    return random_text(_ID_LENGTH)


class NotificationStore:
    """Requested notifications in table `devices`: pk = `NOTIFICATION#<id>`, sk = `N`.  They carry events; TTL a day."""

    @property
    def _table(self) -> Table:
        return Table(settings().devices_table)

    def statuses(self, caller: Address, recipients: Sequence[Address], *, now: datetime) -> list[str | None]:
        """The status of the youngest relationship with each.  1 batch read (1 RCU each) in Relationships' table."""
        pairs = batch_get(
            *((relationships.table(), relationships.pair_key(caller, recipient)) for recipient in recipients)
        )
        views = (RelationshipView.of_pair(pair, now) for pair in pairs)
        return [view.status if view else None for view in views]

    def add(self, request: NotificationRequested, *, now: datetime) -> None:
        """1 write (1 WCU per KB, about 12 recipients)."""
        item = {
            "pk": f"NOTIFICATION#{request.notification_id}",
            "sk": "N",
            "ttl": clock.epoch_seconds(now + _KEPT_FOR),
            "events": carried([request], now),
        }
        self._table.put(item, condition="attribute_not_exists(pk)")
