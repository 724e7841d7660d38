"""`backbone events …`: dead letters.  operations.md §12: A failed internal event is retried and finally kept in a
dead-letter store an operator can inspect."""

import json
from typing import Any

import pytest

from backbone import clock, stream_letters
from backbone.settings import settings
from cli import dead_letters
from cli.dead_letters import CannotReplay, replay_stretch
from tests.support.command import backbone
from tests.support.engine import aws

STACK = "test"
pytestmark = pytest.mark.slow  # an empty queue is asked twice


@pytest.fixture(autouse=True)
def _queues(moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKBONE_STACK", STACK)
    monkeypatch.setattr(dead_letters, "_LOOK_SECONDS", 0)
    for name in ("messages", "messages-dead-letters", "tokens", "tokens-dead-letters", "stream-dead-letters"):
        aws("sqs").create_queue(QueueName=f"{STACK}-{name}")
    # Another stack, whose name begins like that of this one.
    for name in ("messages", "messages-dead-letters"):
        aws("sqs").create_queue(QueueName=f"{STACK}-other-{name}")


def _url(name: str) -> str:
    url: str = aws("sqs").get_queue_url(QueueName=f"{STACK}-{name}")["QueueUrl"]
    return url


def given_letter(queue: str, name: str, event_id: str) -> str:
    """An event that could not be handled, as the bus delivered it."""
    detail = {"id": event_id, "name": name, "time": "2026-01-01T00:00:00.000Z", "correlationId": "c", "payload": {}}
    body = json.dumps({"detail-type": name, "detail": detail})
    aws("sqs").send_message(QueueUrl=_url(f"{queue}-dead-letters"), MessageBody=body)
    return body


def waiting_in(name: str) -> list[str]:
    """The bodies of a queue's messages."""
    answer = aws("sqs").receive_message(QueueUrl=_url(name), MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [message["Body"] for message in answer.get("Messages", [])]


def test_dead_letters_are_listed_with_what_leads_to_their_logs() -> None:
    given_letter("messages", "MessageCreated", "MSG1/Created")
    given_letter("tokens", "IdentityDeleted", "IDP1/IdentityDeleted")

    listed = backbone("events", "list", "--json").json

    assert [(one["queue"], one["event"], one["id"], one["correlationId"]) for one in listed] == [
        ("messages", "MessageCreated", "MSG1/Created", "c"),
        ("tokens", "IdentityDeleted", "IDP1/IdentityDeleted", "c"),
    ]
    assert backbone("events", "list", "tokens", "--json").json == listed[1:]
    assert backbone("events", "list", "--event", "MessageCreated", "--json").json == listed[:1]
    assert len(backbone("events", "list", "messages", "--limit", "0", "--json").json) == 0


def test_letters_of_another_stack_are_left_alone() -> None:
    given_letter("other-messages", "MessageCreated", "MSG1/Created")

    assert backbone("events", "replay", "--json").json == []
    assert len(waiting_in("other-messages-dead-letters")) == 1


def test_no_dead_letters_are_good_news() -> None:
    outcome = backbone("events", "list")

    assert (outcome.code, outcome.out, outcome.err) == (0, "", "There are no dead letters.\n")


def test_a_replayed_event_is_in_its_queue_again_and_no_dead_letter_any_more() -> None:
    body = given_letter("messages", "MessageCreated", "MSG1/Created")
    given_letter("tokens", "IdentityDeleted", "IDP1/IdentityDeleted")

    outcome = backbone("events", "replay", "messages", "--json")

    assert outcome.json == [{"queue": "messages", "event": "MessageCreated", "id": "MSG1/Created"}]
    assert (waiting_in("messages"), waiting_in("messages-dead-letters")) == ([body], [])
    assert len(waiting_in("tokens-dead-letters")) == 1


def test_more_than_one_batch_is_replayed() -> None:
    for number in range(25):
        given_letter("messages", "MessageCreated", f"MSG{number}/Created")

    assert len(backbone("events", "replay", "--json").json) == 25
    assert waiting_in("messages-dead-letters") == []


def test_only_what_is_wanted_is_replayed() -> None:
    given_letter("messages", "MessageCreated", "MSG1/Created")
    wanted = given_letter("messages", "MessageCreated", "MSG2/Created")

    backbone("events", "replay", "messages", "--id", "MSG2/Created")

    assert waiting_in("messages") == [wanted]
    assert len(waiting_in("messages-dead-letters")) == 1  # at once, not only after some minutes


def test_a_letter_can_be_discarded() -> None:
    given_letter("messages", "MessageCreated", "MSG1/Created")

    refused = backbone("events", "discard", "messages", "--id", "MSG1/Created", answers="n\n")
    assert (refused.code, len(waiting_in("messages-dead-letters"))) == (1, 1)

    assert backbone("events", "discard", "messages", "--id", "MSG1/Created", "--yes").code == 0
    assert waiting_in("messages-dead-letters") == []
    assert backbone("events", "discard", "messages", "--id", "MSG1/Created", "--yes").code == 1


@pytest.mark.parametrize("command", ["list", "replay"])
def test_an_unknown_queue_is_told_with_those_there_are(command: str) -> None:
    outcome = backbone("events", command, "letters")

    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert "messages, stream, tokens" in outcome.err


def test_without_a_stack_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BACKBONE_STACK")

    outcome = backbone("events", "list")

    assert (outcome.code, outcome.err) == (
        2,
        "error: this command needs the name of the stack: --stack NAME or --local\n",
    )


# Stretches of streams -------------------------------------------------------------------------------------------------

LETTER = {
    "requestContext": {"functionArn": "arn:aws:lambda:eu-central-1:1:function:test-outbox"},
    "DDBStreamBatchInfo": {
        "shardId": "s",
        "startSequenceNumber": "10",
        "endSequenceNumber": "12",
        "batchSize": 3,
        "streamArn": "arn:aws:dynamodb:eu-central-1:1:table/test-tokens/stream/x",
    },
}


class _Streams:
    """Records 10 to 20 of a shard, three a page."""

    class exceptions:  # noqa: N801  # as boto3 has it
        class TrimmedDataAccessException(Exception):
            pass

        class ResourceNotFoundException(Exception):
            pass

    trimmed = False

    def get_shard_iterator(self, **request: Any) -> dict[str, str]:
        if self.trimmed:
            raise self.exceptions.TrimmedDataAccessException
        return {"ShardIterator": request["SequenceNumber"]}

    def get_records(self, **request: Any) -> dict[str, Any]:
        begin = int(request["ShardIterator"])
        records = [
            {"eventID": str(n), "dynamodb": {"SequenceNumber": str(n), "NewImage": {"data": {"B": b"\x00"}}}}
            for n in range(begin, min(begin + 2, 21))
        ]
        return {"Records": records, "NextShardIterator": str(begin + 2)}


class _Functions:
    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer
        self.invoked: list[tuple[str, Any]] = []

    def invoke(self, **request: Any) -> dict[str, Any]:
        self.invoked.append((request["FunctionName"], json.loads(request["Payload"])))
        return self.answer


def _payload(content: Any) -> dict[str, Any]:
    class Stream:
        def read(self) -> bytes:
            return json.dumps(content).encode()

    return {"Payload": Stream()}


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> tuple[_Streams, _Functions]:
    """AWS, as far as stretches of streams need it."""
    found = _Streams(), _Functions(_payload({"batchItemFailures": []}))
    clients = {"dynamodbstreams": found[0], "lambda": found[1]}
    monkeypatch.setattr(dead_letters, "client", lambda service: clients[service])
    return found


def test_a_stretch_goes_to_the_function_that_gave_up_on_it(streams: tuple[_Streams, _Functions]) -> None:
    replay_stretch(LETTER)

    [(function, event)] = streams[1].invoked
    assert function.endswith(":test-outbox")
    assert [record["eventID"] for record in event["Records"]] == ["10", "11", "12"]
    assert event["Records"][0]["dynamodb"]["NewImage"] == {"data": {"B": "AA=="}}
    assert event["Records"][0]["eventSourceARN"].startswith("arn:aws:dynamodb")


@pytest.mark.parametrize(
    "answer", [_payload({"batchItemFailures": [{"itemIdentifier": "11"}]}), {**_payload(None), "FunctionError": "x"}]
)
def test_a_stretch_that_fails_again_stays(streams: tuple[_Streams, _Functions], answer: dict[str, Any]) -> None:
    streams[1].answer = answer

    with pytest.raises(CannotReplay, match="test-outbox fails again"):
        replay_stretch(LETTER)


FUNCTION = "arn:aws:lambda:eu-central-1:1:function:test-outbox"
SHARD = "aws/lambda/0c6e/shardId-0001/2026/01/02"


def given_stored_letter(number: int, payload: Any) -> dict[str, Any]:
    """A letter as Lambda writes it into a bucket (AWS: "Retain discarded records for a DynamoDB event source")."""
    letter = {**LETTER, "version": "1.0", "timestamp": "2026-01-02T03:04:05Z", "payload": payload}
    key = f"{SHARD}/2026-01-02T03.04.05-{number}"
    aws("s3").put_object(Bucket=settings().payload_bucket, Key=key, Body=json.dumps(letter).encode())
    return letter


def batch(number: int) -> dict[str, Any]:
    """What a function is given."""
    return {"Records": [{"eventID": str(number), "dynamodb": {"SequenceNumber": str(number)}}]}


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> _Functions:
    """Functions that can be invoked; everything else is moto."""
    functions = _Functions(_payload({"batchItemFailures": []}))
    others = dead_letters.client
    monkeypatch.setattr(dead_letters, "client", lambda service: functions if service == "lambda" else others(service))
    return functions


def stored() -> list[str]:
    """The keys of the letters in the bucket."""
    listing = aws("s3").list_objects_v2(Bucket=settings().payload_bucket, Prefix=stream_letters.PREFIX)
    return [entry["Key"] for entry in listing.get("Contents", [])]


def test_letters_of_streams_are_found_in_the_bucket_and_in_the_queue() -> None:
    given_stored_letter(1, json.dumps(batch(1)))
    aws("sqs").send_message(QueueUrl=_url("stream-dead-letters"), MessageBody=json.dumps(LETTER))

    listed = backbone("events", "list", "stream", "--json").json

    assert [one["event"] for one in listed] == ["3 changes of test-tokens"] * 2
    assert listed[0]["id"] == "2026-01-02T03.04.05-1"


@pytest.mark.parametrize("as_lambda_documents_it", [True, False])
def test_a_stored_letter_is_replayed_from_what_it_holds_long_after_the_stream_has_forgotten(
    functions: _Functions, as_lambda_documents_it: bool
) -> None:
    given_stored_letter(1, json.dumps(batch(1)) if as_lambda_documents_it else batch(1))
    given_stored_letter(2, json.dumps(batch(2)))

    replayed = backbone("events", "replay", "stream", "--json").json

    assert functions.invoked == [(FUNCTION, batch(1)), (FUNCTION, batch(2))]
    assert [one["id"] for one in replayed] == ["2026-01-02T03.04.05-1", "2026-01-02T03.04.05-2"]
    assert stored() == []


def test_a_stored_letter_that_fails_again_stays(functions: _Functions) -> None:
    functions.answer = _payload({"batchItemFailures": [{"itemIdentifier": "1"}]})
    given_stored_letter(1, json.dumps(batch(1)))

    outcome = backbone("events", "replay", "stream")

    assert outcome.code == 1
    assert "test-outbox fails again" in outcome.err
    assert len(stored()) == 1


def test_a_stored_letter_can_be_discarded() -> None:
    given_stored_letter(1, json.dumps(batch(1)))
    given_stored_letter(2, json.dumps(batch(2)))

    assert backbone("events", "discard", "stream", "--id", "2026-01-02T03.04.05-1", "--yes").code == 0

    assert stored() == [f"{SHARD}/2026-01-02T03.04.05-2"]


def test_what_a_function_puts_aside_is_such_a_letter(functions: _Functions) -> None:
    record = {**batch(7)["Records"][0], "eventSourceARN": LETTER["DDBStreamBatchInfo"]["streamArn"]}
    stream_letters.keep(record, function_arn=FUNCTION, condition="Unreadable", now=clock.now())

    (listed,) = backbone("events", "list", "stream", "--json").json
    backbone("events", "replay", "stream")

    assert listed["event"] == "1 changes of test-tokens"
    assert functions.invoked == [(FUNCTION, {"Records": [record]})]


def test_a_stretch_that_is_forgotten_is_told(streams: tuple[_Streams, _Functions]) -> None:
    streams[0].trimmed = True

    with pytest.raises(CannotReplay, match="24 hours"):
        replay_stretch(LETTER)
