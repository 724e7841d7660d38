"""`backbone events …`: dead letters.  operations.md §12: A failed internal event is retried and finally kept in a
dead-letter store an operator can inspect."""

import json
from typing import Any

import pytest

from backbone import clock, stream_letters
from backbone.settings import settings
from cli import dead_letters
from tests.support.command import backbone
from tests.support.engine import aws

STACK = "test"
pytestmark = pytest.mark.slow  # an empty queue is asked twice


@pytest.fixture(autouse=True)
def _queue(moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKBONE_STACK", STACK)
    monkeypatch.setattr(dead_letters, "_LOOK_SECONDS", 0)
    aws("sqs").create_queue(QueueName=f"{STACK}-dead-letters")


def given_letter(consumer: str, name: str, event_id: str) -> dict[str, Any]:
    """An event that could not be handled, as Lambda puts it aside; returns it as the bus delivered it."""
    detail = {"id": event_id, "name": name, "time": "2026-01-01T00:00:00.000Z", "correlationId": "c", "payload": {}}
    event = {"detail-type": name, "detail": detail}
    function = f"arn:aws:lambda:eu-central-1:1:function:{STACK}-{consumer}:$LATEST"
    given_message({"requestContext": {"functionArn": function}, "requestPayload": {**event, "redeliveries": 24}})
    return event


def given_message(content: Any, **attributes: Any) -> None:
    """Anything in the queue of dead letters."""
    url = aws("sqs").get_queue_url(QueueName=f"{STACK}-dead-letters")["QueueUrl"]
    aws("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(content), MessageAttributes=attributes)


def waiting() -> int:
    """How many letters are in the queue."""
    url = aws("sqs").get_queue_url(QueueName=f"{STACK}-dead-letters")["QueueUrl"]
    answer = aws("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return len(answer.get("Messages", []))


def test_dead_letters_are_listed_with_what_leads_to_their_logs() -> None:
    given_letter("messages-consumer", "MessageCreated", "MSG1/Created")
    given_letter("tokens-consumer", "IdentityDeleted", "IDP1/IdentityDeleted")

    listed = backbone("events", "list", "--json").json

    assert [(one["consumer"], one["event"], one["id"], one["correlationId"]) for one in listed] == [
        ("messages-consumer", "MessageCreated", "MSG1/Created", "c"),
        ("tokens-consumer", "IdentityDeleted", "IDP1/IdentityDeleted", "c"),
    ]
    assert backbone("events", "list", "tokens-consumer", "--json").json == listed[1:]
    assert backbone("events", "list", "--event", "MessageCreated", "--json").json == listed[:1]
    assert len(backbone("events", "list", "messages-consumer", "--limit", "0", "--json").json) == 0


def test_no_dead_letters_are_good_news() -> None:
    outcome = backbone("events", "list")

    assert (outcome.code, outcome.out, outcome.err) == (0, "", "There are no dead letters.\n")


def test_a_replayed_event_goes_to_its_consumer_and_is_no_dead_letter_any_more(functions: "_Functions") -> None:
    event = given_letter("messages-consumer", "MessageCreated", "MSG1/Created")
    given_letter("tokens-consumer", "IdentityDeleted", "IDP1/IdentityDeleted")

    outcome = backbone("events", "replay", "messages-consumer", "--json")

    assert outcome.json == [{"consumer": "messages-consumer", "event": "MessageCreated", "id": "MSG1/Created"}]
    assert functions.invoked == [(f"{STACK}-messages-consumer", event)]
    assert waiting() == 1


def test_what_the_bus_could_not_deliver_is_replayed_too(functions: "_Functions") -> None:
    event = {"detail": {"id": "MSG1/Created", "name": "MessageCreated"}}
    target = f"arn:aws:lambda:eu-central-1:1:function:{STACK}-messages-consumer"
    given_message(event, TARGET_ARN={"DataType": "String", "StringValue": target})

    assert len(backbone("events", "replay", "--json").json) == 1
    assert functions.invoked == [(f"{STACK}-messages-consumer", event)]


def test_what_is_no_event_is_told_and_stays() -> None:
    given_message({"what": "ever"})

    assert [one["event"] for one in backbone("events", "list", "--json").json] == ["unreadable"]
    outcome = backbone("events", "replay")
    assert (outcome.code, "it is not an event" in outcome.err, waiting()) == (1, True, 1)


def test_more_than_one_batch_is_replayed(functions: "_Functions") -> None:
    for number in range(25):
        given_letter("messages-consumer", "MessageCreated", f"MSG{number}/Created")

    assert len(backbone("events", "replay", "--json").json) == 25
    assert waiting() == 0


def test_only_what_is_wanted_is_replayed(functions: "_Functions") -> None:
    given_letter("messages-consumer", "MessageCreated", "MSG1/Created")
    wanted = given_letter("messages-consumer", "MessageCreated", "MSG2/Created")

    backbone("events", "replay", "messages-consumer", "--id", "MSG2/Created")

    assert [event for _, event in functions.invoked] == [wanted]
    assert waiting() == 1  # at once, not only after some minutes


def test_a_letter_can_be_discarded() -> None:
    given_letter("messages-consumer", "MessageCreated", "MSG1/Created")

    refused = backbone("events", "discard", "MSG1/Created", answers="n\n")
    assert (refused.code, waiting()) == (1, 1)

    assert backbone("events", "discard", "MSG1/Created", "--yes").code == 0
    assert waiting() == 0
    assert backbone("events", "discard", "MSG1/Created", "--yes").code == 1


@pytest.mark.parametrize("command", ["list", "replay"])
def test_an_unknown_consumer_is_told_with_those_there_are(command: str) -> None:
    outcome = backbone("events", command, "letters")

    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert "messages-consumer" in outcome.err
    assert "streams" in outcome.err


def test_without_a_stack_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BACKBONE_STACK")

    outcome = backbone("events", "list")

    assert (outcome.code, outcome.err) == (
        2,
        "error: this command needs the name of the stack: --stack NAME or --local\n",
    )


# Changes of tables ----------------------------------------------------------------------------------------------------

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


class _Functions:
    class exceptions:  # noqa: N801  # as boto3 has it
        class ResourceNotFoundException(Exception):
            pass

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


def test_letters_of_streams_are_found_in_the_bucket() -> None:
    given_stored_letter(1, json.dumps(batch(1)))
    given_letter("messages-consumer", "MessageCreated", "MSG1/Created")

    listed = backbone("events", "list", "streams", "--json").json

    assert [(one["consumer"], one["event"]) for one in listed] == [("outbox", "3 changes of test-tokens")]
    assert listed[0]["id"] == "2026-01-02T03.04.05-1"


@pytest.mark.parametrize("as_lambda_documents_it", [True, False])
def test_a_stored_letter_is_replayed_from_what_it_holds_long_after_the_stream_has_forgotten(
    functions: _Functions, as_lambda_documents_it: bool
) -> None:
    given_stored_letter(1, json.dumps(batch(1)) if as_lambda_documents_it else batch(1))
    given_stored_letter(2, json.dumps(batch(2)))

    replayed = backbone("events", "replay", "streams", "--json").json

    assert functions.invoked == [(FUNCTION, batch(1)), (FUNCTION, batch(2))]
    assert [one["id"] for one in replayed] == ["2026-01-02T03.04.05-1", "2026-01-02T03.04.05-2"]
    assert stored() == []


def test_a_stored_letter_that_fails_again_stays(functions: _Functions) -> None:
    functions.answer = _payload({"batchItemFailures": [{"itemIdentifier": "1"}]})
    given_stored_letter(1, json.dumps(batch(1)))

    outcome = backbone("events", "replay", "streams")

    assert outcome.code == 1
    assert "test-outbox fails again" in outcome.err
    assert len(stored()) == 1


def test_a_stored_letter_can_be_discarded() -> None:
    given_stored_letter(1, json.dumps(batch(1)))
    given_stored_letter(2, json.dumps(batch(2)))

    assert backbone("events", "discard", "2026-01-02T03.04.05-1", "--yes").code == 0

    assert stored() == [f"{SHARD}/2026-01-02T03.04.05-2"]


def test_what_a_function_puts_aside_is_such_a_letter(functions: _Functions) -> None:
    record = {**batch(7)["Records"][0], "eventSourceARN": LETTER["DDBStreamBatchInfo"]["streamArn"]}
    stream_letters.keep(record, function_arn=FUNCTION, condition="Unreadable", now=clock.now())

    (listed,) = backbone("events", "list", "streams", "--json").json
    backbone("events", "replay", "streams")

    assert listed["event"] == "1 changes of test-tokens"
    assert functions.invoked == [(FUNCTION, {"Records": [record]})]
