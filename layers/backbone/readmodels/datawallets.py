"""Datawallets as other services read them.  Owner: functions/synchronization."""

from collections.abc import Mapping

from backbone.dynamodb import Item, Key, Table
from backbone.settings import settings

PUSHED = "pushed"
"""The attribute of a head that counts modifications by the names of windows (`backbone.quotas.periods`)."""


def table() -> Table:
    """The table of Synchronization."""
    return Table(settings().synchronization_table)


def head_key(address: str) -> Key:
    """The head of an identity's datawallet."""
    return {"pk": address, "sk": "HEAD"}


def pushed(head: Item | None) -> Mapping[str, int]:
    """How many modifications were ever pushed, and in each window."""
    counted: Mapping[str, int] = (head or {}).get(PUSHED, {})
    return counted
