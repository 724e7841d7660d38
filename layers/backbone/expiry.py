"""What is over: DynamoDB's TTL removes it within two days, reading and listing leave it out at once."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from backbone import clock
from backbone.dynamodb import Item, Table, batch_get

SHORTEST_LIFE = timedelta(days=30)
"""What is listed is kept for so long after its end, so nothing that is younger is over."""


def is_over(item: Item, now: datetime) -> bool:
    """Whether the time of an item has come."""
    return "ttl" in item and bool(item["ttl"] <= clock.epoch_seconds(now))


def still_there(table: Table, entries: Sequence[Item], now: datetime, *, sk: str) -> list[Item]:
    """The entries of an index (pk and createdAt) whose items (with this sort key) are neither gone nor over.

    1 batch read per 100 entries that are older than a month (1 RCU per 4 KB of each item).
    """
    border = clock.render(now - SHORTEST_LIFE)
    old = [entry["pk"] for entry in entries if entry["createdAt"] <= border]
    items = batch_get(*((table, {"pk": pk, "sk": sk}) for pk in old))
    gone = {pk for pk, item in zip(old, items, strict=True) if item is None or is_over(item, now)}
    return [entry for entry in entries if entry["pk"] not in gone]
