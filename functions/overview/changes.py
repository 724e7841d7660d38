"""Follows the stream of Devices' table.  How: docs/decisions/overview.md.

Of the records of a batch that concern the same identity, the first one that cannot be handled decides where Lambda goes
on: everything from it on comes again, which does no harm.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backbone.addresses import Address
from backbone.invocations import entry_point
from backbone.observability import logger
from backbone.readmodels.identity_details import identity_changed_by, log_in_of
from functions.overview import projection

_AT_THE_SAME_TIME = 8


@dataclass
class News:
    """What a batch tells of one identity, and from which record on."""

    sequence_number: str
    changed: bool = False
    log_ins: list[datetime] = field(default_factory=list)


@entry_point
def follow(event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
    """Handle a batch of stream records; answers which one to go on from."""
    news = _news(event.get("Records", []))
    with ThreadPoolExecutor(_AT_THE_SAME_TIME) as threads:
        failed = [number for number in threads.map(lambda each: _handle(*each), news.items()) if number]
    first = min(failed, key=int, default=None)
    return {"batchItemFailures": [{"itemIdentifier": first}] if first else []}


def _news(records: list[dict[str, Any]]) -> dict[Address, News]:
    news: dict[Address, News] = {}
    for record in (each["dynamodb"] for each in records):
        if (address := identity_changed_by(record)) is not None:
            _of(news, address, record).changed = True
        elif (log_in := log_in_of(record)) is not None:
            _of(news, log_in.address, record).log_ins.append(log_in.at)
    return news


def _of(news: dict[Address, News], address: Address, record: Mapping[str, Any]) -> News:
    return news.setdefault(address, News(record["SequenceNumber"]))


def _handle(address: Address, news: News) -> str | None:
    """The record to go on from, if it fails."""
    try:
        if news.changed:
            projection.refresh(address)
        if news.log_ins:
            projection.note_log_in(address, max(news.log_ins))
    except Exception:
        logger.exception("identity not followed", event_id=518340)
        return news.sequence_number
    return None
