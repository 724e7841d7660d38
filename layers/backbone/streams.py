"""Followers of a table's stream whose records may be handled one by one, in any order, and again."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from backbone.invocations import entry_point
from backbone.observability import logger


def stream_handler(follow: Callable[[DynamoDBRecord], None]) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """The Lambda entry point behind the stream; answers which records failed, so that Lambda goes on from there."""
    processor = BatchProcessor(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)

    def react(record: DynamoDBRecord) -> None:
        try:
            follow(record)
        except Exception:
            logger.exception("record of a stream failed", event_id=645032)
            raise

    @entry_point
    def handle(event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
        if not event.get("Records"):
            return {"batchItemFailures": []}
        failures: Any = process_partial_response(event=event, record_handler=react, processor=processor)
        return dict(failures)

    return handle
