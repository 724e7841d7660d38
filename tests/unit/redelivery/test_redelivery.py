"""Failed events are handed over again, and end as dead letters.  operations.md §12: A failed internal event is retried
and finally kept in a dead-letter store an operator can inspect."""

import json
from typing import Any

import pytest

from backbone.invocations import InvocationFailed
from functions.redelivery import redelivery
from functions.redelivery.domain import MOST_REDELIVERIES, FailedEvent, Unreadable, read
from functions.redelivery.handler import redeliver
from tests.support.engine import aws

STACK = "test"
EVENT = {"detail-type": "TokenLocked", "detail": {"id": "TOK1/Locked/1", "name": "TokenLocked"}}
FUNCTION = f"arn:aws:lambda:eu-central-1:1:function:{STACK}-tokens-consumer:$LATEST"


class Functions:
    """Lambda, as far as it is needed: remembers what it was given, and refuses when told to."""

    def __init__(self) -> None:
        self.invoked: list[dict[str, Any]] = []
        self.refuses = False

    def invoke(self, **request: Any) -> None:
        if self.refuses:
            raise ConnectionError
        self.invoked.append({**request, "Payload": json.loads(request["Payload"])})


class Context:
    """What Lambda tells of an invocation."""

    def __init__(self, milliseconds: int = 240_000) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@pytest.fixture
def functions(moto: None, monkeypatch: pytest.MonkeyPatch) -> Functions:
    """Functions that can be invoked, and empty queues."""
    monkeypatch.setenv("BACKBONE_STACK", STACK)
    for name in ("failed-events", "dead-letters"):
        aws("sqs").create_queue(QueueName=f"{STACK}-{name}", Attributes={"VisibilityTimeout": "0"})
    found = Functions()
    monkeypatch.setattr(redelivery, "functions", lambda: found)
    return found


def given(body: Any, **attributes: str) -> None:
    """A message in the queue of failed events."""
    sent = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    aws("sqs").send_message(QueueUrl=url("failed-events"), MessageBody=body, MessageAttributes=sent)


def failed(redeliveries: int = 0) -> str:
    """What Lambda puts aside after three attempts."""
    event = {**EVENT, "redeliveries": redeliveries} if redeliveries else EVENT
    return json.dumps({"requestContext": {"functionArn": FUNCTION}, "requestPayload": event, "responsePayload": {}})


def url(name: str) -> str:
    found: str = aws("sqs").get_queue_url(QueueName=f"{STACK}-{name}")["QueueUrl"]
    return found


def bodies(name: str) -> list[str]:
    answer = aws("sqs").receive_message(QueueUrl=url(name), MaxNumberOfMessages=10)
    return [message["Body"] for message in answer.get("Messages", [])]


def test_a_failed_event_goes_to_its_consumer_again_and_knows_how_often(functions: Functions) -> None:
    given(failed())
    given(failed(redeliveries=3))

    redeliver({"time": "now"}, Context())

    assert [request["FunctionName"] for request in functions.invoked] == [FUNCTION] * 2
    assert {request["InvocationType"] for request in functions.invoked} == {"Event"}
    assert sorted(request["Payload"]["redeliveries"] for request in functions.invoked) == [1, 4]
    assert {json.dumps(request["Payload"]["detail"]) for request in functions.invoked} == {json.dumps(EVENT["detail"])}
    assert (bodies("failed-events"), bodies("dead-letters")) == ([], [])


def test_what_the_bus_could_not_hand_over_is_handed_over(functions: Functions) -> None:
    given(json.dumps(EVENT), TARGET_ARN=FUNCTION)

    redeliver({"time": "now"}, Context())

    assert [request["FunctionName"] for request in functions.invoked] == [FUNCTION]


def test_an_event_that_was_tried_often_enough_is_a_dead_letter(functions: Functions) -> None:
    given(failed(redeliveries=MOST_REDELIVERIES))

    redeliver({"time": "now"}, Context())

    assert functions.invoked == []
    assert (bodies("failed-events"), bodies("dead-letters")) == ([], [failed(redeliveries=MOST_REDELIVERIES)])


@pytest.mark.parametrize("body", ["", "no JSON", "[]", "{}", '{"requestPayload": 1}', json.dumps(EVENT)])
def test_what_is_no_event_is_a_dead_letter(functions: Functions, body: str) -> None:
    with pytest.raises(Unreadable):
        read(body, None)
    if body:  # SQS knows no empty messages
        given(body)
        redeliver({"time": "now"}, Context())
        assert (bodies("failed-events"), bodies("dead-letters")) == ([], [body])


def test_nothing_is_lost_when_the_consumer_cannot_be_reached(functions: Functions) -> None:
    given(failed())
    functions.refuses = True

    with pytest.raises(InvocationFailed):
        redeliver({"time": "now"}, Context())

    assert bodies("failed-events") == [failed()]


def test_more_than_there_is_time_for_waits(functions: Functions) -> None:
    for _ in range(3):
        given(failed())

    redeliver({"time": "now"}, Context(milliseconds=1))

    assert len(functions.invoked) == 1
    assert len(bodies("failed-events")) == 2


def test_an_empty_event_only_loads_the_function(functions: Functions) -> None:
    given(failed())

    redeliver({}, None)

    assert functions.invoked == []


def test_a_redelivered_event_is_given_up_at_last() -> None:
    event = FailedEvent(FUNCTION, EVENT)

    for _ in range(MOST_REDELIVERIES):
        assert not event.is_given_up
        event = FailedEvent(FUNCTION, event.next())

    assert event.is_given_up
