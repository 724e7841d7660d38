"""What infra/local/emulator_process.py adds to ministack for streams.  The rest of it shows on the deployed system."""

import json
from typing import Any

import pytest
from ministack.services import lambda_svc, s3

from backbone import stream_letters
from infra.local import emulator_process

BATCH = [{"eventSource": "aws:dynamodb", "dynamodb": {"SequenceNumber": str(n)}} for n in (1, 2)]
STREAM = "arn:aws:dynamodb:eu-central-1:1:table/b-tokens/stream/x"
FUNCTION = {"config": {"FunctionArn": "arn:aws:lambda:eu-central-1:1:function:b-outbox"}}


@pytest.fixture(autouse=True)
def _unmended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test mends is undone after it."""
    for name in ("_send_ddb_stream_failure_record", "_execute_function"):
        monkeypatch.setattr(lambda_svc, name, getattr(lambda_svc, name))


def test_a_batch_that_is_given_up_lies_whole_in_the_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[tuple[str, str, bytes]] = []
    monkeypatch.setattr(s3, "_put_object", lambda bucket, key, body, headers: kept.append((bucket, key, body)))
    emulator_process._keep_what_stream_readers_give_up_on()
    mapping = {"UUID": "0c6e", "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::payloads"}}}

    lambda_svc._send_ddb_stream_failure_record(mapping, FUNCTION, BATCH, STREAM, {}, "MaxRecordAgeExceeded")

    ((bucket, key, body),) = kept
    letter = json.loads(body)
    assert (bucket, key.startswith(f"{stream_letters.PREFIX}0c6e/")) == ("payloads", True)
    assert stream_letters.records_of(letter) == BATCH
    assert letter["requestContext"]["functionArn"].endswith(":b-outbox")


@pytest.mark.parametrize(
    ("source", "answer", "failed"),
    [
        ("aws:dynamodb", {"batchItemFailures": [{"itemIdentifier": "1"}]}, True),
        ("aws:dynamodb", {"batchItemFailures": []}, False),
        ("aws:sqs", {"batchItemFailures": [{"itemIdentifier": "1"}]}, False),
    ],
)
@pytest.mark.parametrize("as_text", [True, False])
def test_a_batch_of_a_stream_is_repeated_when_records_of_it_failed(
    monkeypatch: pytest.MonkeyPatch, source: str, answer: dict[str, Any], failed: bool, as_text: bool
) -> None:
    body = json.dumps(answer) if as_text else answer
    monkeypatch.setattr(lambda_svc, "_execute_function", lambda function, event: {"body": body})
    emulator_process._repeat_what_stream_readers_report()

    result = lambda_svc._execute_function(FUNCTION, {"Records": [{"eventSource": source}]})

    assert bool(result.get("error")) is failed
