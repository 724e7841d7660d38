"""Dead letters: events that a consumer could not handle, and changes of tables that could not be followed.

An event's letter is the event as the bus delivered it; it is replayed by sending it to the consumer's queue once more.
The letter of a stream is an object in the bucket of payloads with the changes themselves
(`backbone.stream_letters`); it is replayed by giving them to the function that gave up.  Letters of streams in a queue
only name a stretch; it has to be read from the stream, which forgets after 24 hours.
"""

import base64
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

SUFFIX = "-dead-letters"
STREAMS = "stream"
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
    """One dead letter; `queue` is the name of its queue without the stack's."""

    queue: str
    message: dict[str, Any]

    @property
    def body(self) -> dict[str, Any]:
        """What it holds."""
        content: dict[str, Any] = json.loads(self.message["Body"])
        return content

    @cached_property
    def _event(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body.get("detail", {})
        return found

    @property
    def name(self) -> str:
        """The event's name, or the table whose changes were not followed."""
        if stretch := self.body.get("DDBStreamBatchInfo"):
            return f"{stretch['batchSize']} changes of {stretch['streamArn'].split('/')[1]}"
        return str(self._event.get("name", "unreadable"))

    @property
    def id(self) -> str:
        """The event's id; that of the message for a stretch of a stream."""
        return str(self._event.get("id") or self.message["MessageId"])

    @property
    def sent_at(self) -> datetime:
        """When it became a dead letter's original: SQS keeps the first sending."""
        return datetime.fromtimestamp(int(self.message["Attributes"]["SentTimestamp"]) / 1000, UTC)

    @property
    def correlation_id(self) -> str:
        """That of the causing request; the logs of the failures have it."""
        return str(self._event.get("correlationId", ""))


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
            yield StoredLetter(STREAMS, entry)


class Queues:
    """The queues of one stack, by name, and the letters of streams, which are in no queue."""

    def __init__(self, stack: str) -> None:
        from infra.inventory import inventory  # only here, because reading templates takes a while to load

        prefix = f"{stack}-"
        pages = client("sqs").get_paginator("list_queues").paginate(QueueNamePrefix=prefix)
        urls = [url for page in pages for url in page.get("QueueUrls", [])]
        named = {url.rsplit("/", 1)[1].removeprefix(prefix): url for url in urls}
        # Those of a stack `backbone-test` begin like those of a stack `backbone`.
        self._urls = {queue.name: named[queue.name] for queue in inventory().queues if queue.name in named}

    @property
    def names(self) -> list[str]:
        """All of them, dead letters last."""
        return sorted(self._urls, key=lambda name: (name.endswith(SUFFIX), name))

    @property
    def of_dead_letters(self) -> list[str]:
        """The names of those that hold dead letters, without the suffix; that of streams always."""
        names = [name.removesuffix(SUFFIX) for name in self.names if name.endswith(SUFFIX)]
        return names if STREAMS in names else [*names, STREAMS]

    def number_of_letters(self, queue: str) -> int:
        """How many dead letters wait, about."""
        stored = sum(1 for _ in stored_letters()) if queue == STREAMS else 0
        name = f"{queue}{SUFFIX}"
        return stored + (self.depth(name)["waiting"] if name in self._urls else 0)

    def depth(self, name: str) -> dict[str, int]:
        """How many messages wait, are being handled, and are put off."""
        attributes = client("sqs").get_queue_attributes(QueueUrl=self._urls[name], AttributeNames=["All"])["Attributes"]
        return {
            "waiting": int(attributes["ApproximateNumberOfMessages"]),
            "inWork": int(attributes["ApproximateNumberOfMessagesNotVisible"]),
            "putOff": int(attributes.get("ApproximateNumberOfMessagesDelayed", 0)),
        }

    def letters(self, queue: str, *, hidden_seconds: int | None = None) -> Iterator[Letter]:
        """The dead letters of a queue, each once; those in a queue of SQS are out of sight for a while."""
        queued = self._queued_letters(queue, hidden_seconds) if f"{queue}{SUFFIX}" in self._urls else ()
        return chain(stored_letters() if queue == STREAMS else (), queued)

    def _queued_letters(self, queue: str, hidden_seconds: int | None) -> Iterator[Letter]:
        seen: set[str] = set()
        empty = 0
        while empty < _EMPTY_ANSWERS:
            messages = (
                client("sqs")
                .receive_message(
                    QueueUrl=self._urls[f"{queue}{SUFFIX}"],
                    MaxNumberOfMessages=_BATCH,
                    VisibilityTimeout=_LOOK_SECONDS if hidden_seconds is None else hidden_seconds,
                    AttributeNames=["All"],
                )
                .get("Messages", [])
            )
            fresh = [message for message in messages if message["MessageId"] not in seen]
            empty = 0 if fresh else empty + 1
            for message in fresh:
                seen.add(message["MessageId"])
                yield Letter(queue, message)

    def replay(self, letter: Letter) -> None:
        """Have it handled once more, then forget it.  Raises `CannotReplay`."""
        if letter.queue == STREAMS:
            replay_stretch(letter.body)
        elif letter.queue in self._urls:
            client("sqs").send_message(QueueUrl=self._urls[letter.queue], MessageBody=letter.message["Body"])
        else:
            raise CannotReplay(f"there is no queue '{letter.queue}' any more")
        self.forget(letter)

    def forget(self, letter: Letter) -> None:
        """Delete it."""
        if isinstance(letter, StoredLetter):
            client("s3").delete_object(Bucket=settings().payload_bucket, Key=letter.message["Key"])
            return
        client("sqs").delete_message(
            QueueUrl=self._urls[f"{letter.queue}{SUFFIX}"], ReceiptHandle=letter.message["ReceiptHandle"]
        )

    def put_back(self, letter: Letter) -> None:
        """Let it be seen again at once."""
        if isinstance(letter, StoredLetter):
            return
        client("sqs").change_message_visibility(
            QueueUrl=self._urls[f"{letter.queue}{SUFFIX}"],
            ReceiptHandle=letter.message["ReceiptHandle"],
            VisibilityTimeout=0,
        )


def replay_stretch(letter: dict[str, Any]) -> None:
    """Give changes to the function that gave up on them, read from the stream if need be.  Raises `CannotReplay`."""
    stretch, function = letter["DDBStreamBatchInfo"], letter["requestContext"]["functionArn"]
    records = stream_letters.records_of(letter)
    if records is None:
        records = [_as_lambda_gets_it(record, stretch["streamArn"]) for record in _records(stretch)]
    answer = client("lambda").invoke(FunctionName=function, Payload=json.dumps({"Records": records}))
    payload = json.loads(answer["Payload"].read() or b"null") or {}
    if "FunctionError" in answer or payload.get("batchItemFailures"):
        raise CannotReplay(f"{function.rsplit(':', 1)[-1]} fails again; its log says why")


def _records(stretch: dict[str, Any]) -> list[dict[str, Any]]:
    streams = client("dynamodbstreams")
    try:
        position = streams.get_shard_iterator(
            StreamArn=stretch["streamArn"],
            ShardId=stretch["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=stretch["startSequenceNumber"],
        )["ShardIterator"]
        found: list[dict[str, Any]] = []
        while position and len(found) < stretch["batchSize"]:
            page = streams.get_records(ShardIterator=position)
            last = int(stretch["endSequenceNumber"])
            wanted = [record for record in page["Records"] if int(record["dynamodb"]["SequenceNumber"]) <= last]
            found += wanted
            if len(wanted) < len(page["Records"]):
                break
            position = page.get("NextShardIterator")
    except (streams.exceptions.TrimmedDataAccessException, streams.exceptions.ResourceNotFoundException):
        raise CannotReplay("the stream has forgotten it; it keeps changes for 24 hours") from None
    return found


def _as_lambda_gets_it(record: dict[str, Any], stream: str) -> dict[str, Any]:
    return {**_plain(record), "eventSourceARN": stream}


def _plain(value: Any) -> Any:
    """As in Lambda's JSON: bytes as base64, times as seconds."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.timestamp()
        case dict():
            return {name: _plain(element) for name, element in value.items()}
        case list():
            return [_plain(element) for element in value]
        case _:
            return value
