"""Hands failed events over again, until they are handled or have to wait for an operator."""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import boto3

from backbone import metrics
from backbone.observability import logger
from functions.redelivery import domain
from functions.redelivery.domain import FailedEvent
from functions.redelivery.store import FailedEventQueue, Message


@lru_cache(maxsize=1)
def functions() -> Any:
    """The process's Lambda client."""
    return boto3.client("lambda")


def redeliver(*, has_time: Callable[[], bool]) -> None:
    """One run over all failed events that wait.  What a crash interrupts is done again: consumers drop repeats."""
    queue = FailedEventQueue()
    count = buried = 0
    for message in queue.messages():
        failed = _read(message)
        if failed is None or failed.is_given_up:
            queue.bury(message)
            buried += 1
        else:
            functions().invoke(
                FunctionName=failed.function, InvocationType="Event", Payload=json.dumps(failed.next()).encode()
            )
            queue.remove(message)
            count += 1
        if not has_time():
            break
    if count or buried:  # numbers that are always there would cost money while nothing fails
        metrics.job_run(done=count, failed=buried)
    logger.info("failed events handed over again", event_id=702830, count=count, failed=buried)


def _read(message: Message) -> FailedEvent | None:
    try:
        return domain.read(message.body, message.target)
    except domain.Unreadable:
        logger.error("failed event is unreadable", event_id=702831)
        return None
