"""Keeps S3 in step with the tables.  Decision: docs/decisions/payloads.md.

Fed by the streams of the tables that own payloads: an object whose item exists loses its pending mark (which would have
the bucket remove it within a day), an object whose item went, by deletion or TTL, is deleted.  Both may be repeated.
"""

from typing import Any

from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from backbone import payloads
from backbone.observability import logger
from backbone.streams import stream_handler


def _follow(record: DynamoDBRecord) -> None:
    before, after = (_keys(record.raw_event["dynamodb"].get(name)) for name in ("OldImage", "NewImage"))
    for key in after - before:
        _confirm(key)
    for key in before - after:
        payloads.remove(key)
        logger.info("payload removed", event_id=645029)


def _confirm(key: str) -> None:
    try:
        payloads.confirm(key)
    except payloads.PayloadGone:
        # The item has gone meanwhile, and a repeated batch begins before that; or the object was lost (restoring.md).
        # Either way there is nothing to keep, and the shard must not wait for it.
        logger.warning("payload is not there", event_id=645031)


def _keys(image: dict[str, Any] | None) -> set[str]:
    return set((image or {}).get(payloads.BLOB, {"SS": []})["SS"])


keep_in_step = stream_handler(_follow)
