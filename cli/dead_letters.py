"""Dead letters: events that a consumer could not handle, and changes of tables that could not be followed.

An event's letter lies in the queue of dead letters, after all that `functions/redelivery` has tried; it is replayed by
invoking the consumer once more.  The letter of a stream is an object in the bucket of payloads with the changes
themselves (`backbone.stream_letters`); it is replayed by giving them to the function that gave up.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from typing import Any

from backbone import stream_letters
from backbone.settings import settings
from cli.aws import client
from functions.redelivery import domain

QUEUE = "dead-letters"
STREAMS = "streams"
"""Stands for all readers of streams, beside the names of consumers."""
_BATCH = 10
_LOOK_SECONDS = 2
"""How long a letter that was looked at is out of sight."""
WORK_SECONDS = 300
"""How long one that is being worked on is."""
_EMPTY_ANSWERS = 2
"""SQS asks a sample of its servers, so one empty answer does not mean that a queue is empty."""


class CannotReplay(Exception):
    """A letter stays where it is; the message says why, in one line."""


@dataclass(frozen=True, slots=False)
class Letter:
    """A dead letter in the queue; `message` is as SQS delivers it."""

    message: dict[str, Any]

    @cached_property
    def _failed(self) -> domain.FailedEvent:
        target = self.message.get("MessageAttributes", {}).get("TARGET_ARN", {}).get("StringValue")
        return domain.read(self.message["Body"], target)

    @property
    def function(self) -> str:
        """The name of the function that could not handle it; `unreadable` if it is no event."""
        try:
            return self._failed.function.split(":function:")[-1].partition(":")[0]
        except domain.Unreadable:
            return "unreadable"

    @property
    def event(self) -> dict[str, Any]:
        """The event as the bus delivered it; empty if it is none."""
        try:
            event = dict(self._failed.event)
        except domain.Unreadable:
            return {}
        event.pop(domain.REDELIVERIES, None)
        return event

    @property
    def name(self) -> str:
        """The event's name, or the table whose changes were not followed."""
        return str(self.event.get("detail", {}).get("name", "unreadable"))

    @property
    def id(self) -> str:
        """The event's id, or that of the letter."""
        return str(self.event.get("detail", {}).get("id") or self.message["MessageId"])

    @property
    def sent_at(self) -> datetime:
        """When it became a dead letter."""
        return datetime.fromtimestamp(int(self.message["Attributes"]["SentTimestamp"]) / 1000, UTC)

    @property
    def correlation_id(self) -> str:
        """That of the causing request; the logs of the failures have it."""
        return str(self.event.get("detail", {}).get("correlationId", ""))


@dataclass(frozen=True, slots=False)
class StoredLetter(Letter):
    """A letter in the bucket; `message` is its entry in the list of objects."""

    @cached_property
    def body(self) -> dict[str, Any]:
        """What it holds, read when somebody asks for it."""
        found = client("s3").get_object(Bucket=settings().payload_bucket, Key=self.message["Key"])
        content: dict[str, Any] = json.loads(found["Body"].read())
        return content

    @property
    def function(self) -> str:
        """The name of the reader that gave up."""
        return str(self.body["requestContext"]["functionArn"]).split(":function:")[-1].partition(":")[0]

    @property
    def name(self) -> str:
        """The table whose changes were not followed, and how many they are."""
        stretch = self.body["DDBStreamBatchInfo"]
        return f"{stretch['batchSize']} changes of {stretch['streamArn'].split('/')[1]}"

    @property
    def correlation_id(self) -> str:
        """None: changes of several requests may be in one letter."""
        return ""

    @property
    def id(self) -> str:
        """The last part of its key: when it was given up, and a random end."""
        return str(self.message["Key"]).rsplit("/", 1)[1]

    @property
    def sent_at(self) -> datetime:
        """When it was given up."""
        at: datetime = self.message["LastModified"]
        return at


def stored_letters() -> Iterator[StoredLetter]:
    """All letters of streams in the bucket, those of one reader and shard in order; 1 call per 1,000."""
    place = {"Bucket": settings().payload_bucket, "Prefix": stream_letters.PREFIX}
    for page in client("s3").get_paginator("list_objects_v2").paginate(**place):
        for entry in page.get("Contents", []):
            yield StoredLetter(entry)


class DeadLetters:
    """The dead letters of one stack, in the queue and in the bucket."""

    def __init__(self, stack: str) -> None:
        from infra.inventory import inventory  # only here, because reading templates takes a while to load

        self._prefix = f"{stack}-"
        self._url = client("sqs").get_queue_url(QueueName=f"{stack}-{QUEUE}")["QueueUrl"]
        self.of = [one.name for one in inventory().functions if "EventBridgeRule" in one.sources] + [STREAMS]
        """Whom letters may be of: the names of consumers, and `STREAMS`."""

    def letters(self, of: str | None = None, *, hidden_seconds: int | None = None) -> Iterator[Letter]:
        """The letters where those of a consumer lie, or all, each once; those in the queue are hidden for a while."""
        stored = stored_letters() if of in (None, STREAMS) else ()
        return chain(stored, self._queued(hidden_seconds) if of != STREAMS else ())

    def is_of(self, letter: Letter, consumer: str | None) -> bool:
        """Whether it is of this consumer, or of a reader of streams; everything is, of nobody in particular."""
        if consumer == STREAMS:
            return isinstance(letter, StoredLetter)
        return consumer in (None, self.consumer_of(letter))

    def consumer_of(self, letter: Letter) -> str:
        """The name of the function without that of the stack."""
        return letter.function.removeprefix(self._prefix)

    def count(self) -> dict[str, int]:
        """How many letters wait, about: in the queue, and of streams."""
        return {QUEUE: depth(self._url)["waiting"], STREAMS: sum(1 for _ in stored_letters())}

    def _queued(self, hidden_seconds: int | None) -> Iterator[Letter]:
        seen: set[str] = set()
        empty = 0
        while empty < _EMPTY_ANSWERS:
            messages = (
                client("sqs")
                .receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=_BATCH,
                    VisibilityTimeout=_LOOK_SECONDS if hidden_seconds is None else hidden_seconds,
                    AttributeNames=["All"],
                    MessageAttributeNames=["All"],
                )
                .get("Messages", [])
            )
            fresh = [message for message in messages if message["MessageId"] not in seen]
            empty = 0 if fresh else empty + 1
            for message in fresh:
                seen.add(message["MessageId"])
                yield Letter(message)

    def replay(self, letter: Letter) -> None:
        """Have it handled once more, then forget it.  Raises `CannotReplay`."""
        if isinstance(letter, StoredLetter):
            replay_changes(letter.body)
        elif letter.event:
            _invoke_without_waiting(letter.function, letter.event)
        else:
            raise CannotReplay("it is not an event")
        self.forget(letter)

    def forget(self, letter: Letter) -> None:
        """Delete it."""
        if isinstance(letter, StoredLetter):
            client("s3").delete_object(Bucket=settings().payload_bucket, Key=letter.message["Key"])
            return
        client("sqs").delete_message(QueueUrl=self._url, ReceiptHandle=letter.message["ReceiptHandle"])

    def put_back(self, letter: Letter) -> None:
        """Let it be seen again at once."""
        if isinstance(letter, StoredLetter):
            return
        client("sqs").change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=letter.message["ReceiptHandle"], VisibilityTimeout=0
        )


def depth(queue_url: str) -> dict[str, int]:
    """How many messages of a queue wait, are being handled, and are put off."""
    attributes = client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
    return {
        "waiting": int(attributes["ApproximateNumberOfMessages"]),
        "inWork": int(attributes["ApproximateNumberOfMessagesNotVisible"]),
        "putOff": int(attributes.get("ApproximateNumberOfMessagesDelayed", 0)),
    }


def _invoke_without_waiting(function: str, event: dict[str, Any]) -> None:
    functions = client("lambda")
    try:
        functions.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event))
    except functions.exceptions.ResourceNotFoundException:
        raise CannotReplay(f"there is no function '{function}' any more") from None


def replay_changes(letter: dict[str, Any]) -> None:
    """Give changes of a table to the function that gave up on them.  Raises `CannotReplay`."""
    function, records = letter["requestContext"]["functionArn"], stream_letters.records_of(letter)
    answer = client("lambda").invoke(FunctionName=function, Payload=json.dumps({"Records": records}))
    payload = json.loads(answer["Payload"].read() or b"null") or {}
    if "FunctionError" in answer or payload.get("batchItemFailures"):
        raise CannotReplay(f"{function.rsplit(':', 1)[-1]} fails again; its log says why")
