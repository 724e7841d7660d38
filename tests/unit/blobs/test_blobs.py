"""Payload objects follow their items.  Decision: docs/decisions/payloads.md."""

from typing import Any

import pytest

from backbone import payloads
from backbone.dynamodb import encode
from functions.blobs.handler import stream
from tests.support.engine import BUCKET

LARGE = b"x" * 20_000


def record(before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any]:
    images = {"OldImage": before, "NewImage": after}
    return {
        "eventID": "1",
        "eventName": "MODIFY",
        "dynamodb": {
            "SequenceNumber": "1",
            **{name: encode({"pk": "X", **image}) for name, image in images.items() if image is not None},
        },
    }


def tags_of(key: str) -> list[Any]:
    tags: list[Any] = payloads.client().get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]
    return tags


def exists(key: str) -> bool:
    return key in [found["Key"] for found in payloads.client().list_objects_v2(Bucket=BUCKET).get("Contents", [])]


@pytest.mark.usefixtures("moto")
class TestPayloads:
    def test_a_small_payload_rides_on_the_item(self) -> None:
        attributes = payloads.attributes("messages", "MSG1", body=b"small")

        assert attributes == {"body": b"small"}
        assert payloads.load(attributes, "body") == b"small"

    def test_a_large_payload_goes_to_s3_and_is_marked_pending(self) -> None:
        attributes = payloads.attributes("messages", "MSG1", body=LARGE, other=None)

        key = "messages/MSG1/body"
        assert attributes == {"blob": {"body": key}}
        assert payloads.load(attributes, "body") == LARGE
        assert payloads.load(attributes, "other") is None
        assert tags_of(key) == [{"Key": "state", "Value": "pending"}]

    def test_an_empty_payload_is_not_a_missing_one(self) -> None:
        assert payloads.load(payloads.attributes("messages", "MSG1", body=b""), "body") == b""

    def test_the_mark_goes_once_the_item_exists(self) -> None:
        item = payloads.attributes("messages", "MSG1", body=LARGE)

        answer = stream({"Records": [record(None, item)]}, None)

        assert answer == {"batchItemFailures": []}
        assert tags_of("messages/MSG1/body") == []

    def test_the_object_goes_with_its_item_and_may_be_gone_already(self) -> None:
        item = payloads.attributes("messages", "MSG1", body=LARGE)

        for _ in range(2):
            answer = stream({"Records": [record(item, None)]}, None)
            assert answer == {"batchItemFailures": []}

        assert not exists("messages/MSG1/body")

    def test_an_item_that_changes_otherwise_keeps_its_object(self) -> None:
        item = payloads.attributes("messages", "MSG1", body=LARGE)

        stream({"Records": [record(item, {**item, "status": "read"})]}, None)

        assert exists("messages/MSG1/body")
        assert tags_of("messages/MSG1/body") != []
