"""The queues of failed events and of dead letters."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import boto3

_BATCH = 10


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the queue of failed events; `target` is the function that EventBridge could not reach."""

    body: str
    receipt: str
    target: str | None


@lru_cache(maxsize=1)
def client() -> Any:
    """The process's SQS client."""
    return boto3.client("sqs")


class FailedEventQueue:
    """`<stack>-failed-events`; what is given up moves on to `<stack>-dead-letters`."""

    def __init__(self) -> None:
        stack = os.environ["BACKBONE_STACK"]
        self._url, self._dead_letters = (
            client().get_queue_url(QueueName=f"{stack}-{name}")["QueueUrl"]
            for name in ("failed-events", "dead-letters")
        )

    def messages(self) -> Iterator[Message]:
        """All that wait; one call per ten of them, and one more.  Each is out of sight for five minutes."""
        while received := self._receive():
            for one in received:
                target = one.get("MessageAttributes", {}).get("TARGET_ARN", {}).get("StringValue")
                yield Message(one["Body"], one["ReceiptHandle"], target)

    def _receive(self) -> list[dict[str, Any]]:
        answer = client().receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=_BATCH, MessageAttributeNames=["TARGET_ARN"]
        )
        received: list[dict[str, Any]] = answer.get("Messages", [])
        return received

    def remove(self, message: Message) -> None:
        """It has been handed over; 1 call."""
        client().delete_message(QueueUrl=self._url, ReceiptHandle=message.receipt)

    def bury(self, message: Message) -> None:
        """Make it a dead letter; 2 calls, and two letters if the second fails."""
        attributes = {"TARGET_ARN": {"DataType": "String", "StringValue": message.target}} if message.target else {}
        client().send_message(QueueUrl=self._dead_letters, MessageBody=message.body, MessageAttributes=attributes)
        self.remove(message)
