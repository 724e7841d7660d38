"""Payload objects follow their items.  Decision: docs/decisions/payloads.md."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from backbone import payloads
from backbone.dynamodb import Table, encode
from backbone.settings import settings
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


def _fail(key: str) -> None:
    raise ClientError({"Error": {"Code": "SlowDown"}}, "DeleteObjectTagging")


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
        assert attributes == {"blob": {key}}
        assert payloads.load(attributes, "body") == LARGE
        assert payloads.load(attributes, "other") is None
        assert tags_of(key) == [{"Key": "state", "Value": "pending"}]

    def test_an_empty_payload_is_not_a_missing_one(self) -> None:
        assert payloads.load(payloads.attributes("messages", "MSG1", body=b""), "body") == b""

    def test_the_mark_goes_with_the_write_of_the_item(self) -> None:
        item = payloads.attributes("messages", "MSG1", body=LARGE)
        table = Table(settings().devices_table)
        writing = table.putting({"pk": "MSG1", "sk": "M", **item})

        payloads.settle([writing, table.deleting({"pk": "x", "sk": "y"})])

        assert tags_of("messages/MSG1/body") == []

    def test_a_mark_that_cannot_be_taken_away_is_left_to_the_stream(self, monkeypatch: pytest.MonkeyPatch) -> None:
        item = payloads.attributes("messages", "MSG1", body=LARGE)
        monkeypatch.setattr(payloads, "confirm", _fail)

        payloads.settle([Table("t").putting({"pk": "MSG1", "sk": "M", **item})])

        assert tags_of("messages/MSG1/body") != []

    def test_a_payload_whose_object_is_gone_is_no_empty_one(self) -> None:
        item = payloads.attributes("messages", "MSG1", body=LARGE)
        payloads.remove("messages/MSG1/body")

        with pytest.raises(payloads.PayloadGone):
            payloads.load(item, "body")

    def test_what_is_lent_can_be_fetched_and_is_pending(self) -> None:
        url = payloads.lend("messages", b"large", "application/json; charset=utf-8")

        (key,) = [found["Key"] for found in payloads.client().list_objects_v2(Bucket=BUCKET)["Contents"]]
        assert key.startswith("messages/lent/")
        assert tags_of(key) == [{"Key": "state", "Value": "pending"}]
        assert key in url
        assert "X-Amz-Expires=60" in url

    def test_the_mark_goes_once_the_item_exists(self) -> None:
        item = payloads.attributes("messages", "MSG1", body=LARGE)

        answer = stream({"Records": [record(None, item)]}, None)

        assert answer == {"batchItemFailures": []}
        assert tags_of("messages/MSG1/body") == []

    @pytest.mark.parametrize("code", ["NoSuchKey", "MethodNotAllowed"])
    def test_a_repeated_batch_may_meet_an_object_that_has_gone_since(
        self, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        class Gone:
            """What S3 says without an object, and with a delete marker in its place.  moto fails at both."""

            def delete_object_tagging(self, **_: str) -> None:
                raise ClientError({"Error": {"Code": code}}, "DeleteObjectTagging")

        item = payloads.attributes("messages", "MSG1", body=LARGE)
        monkeypatch.setattr(payloads, "client", Gone)

        assert stream({"Records": [record(None, item)]}, None) == {"batchItemFailures": []}

    def test_a_mark_that_may_not_be_taken_away_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Else payloads would stay pending, and expire, for want of a right."""
        item = payloads.attributes("messages", "MSG1", body=LARGE)
        monkeypatch.setattr(payloads, "confirm", _fail)

        assert stream({"Records": [record(None, item)]}, None)["batchItemFailures"] != []

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

    def test_a_record_that_comes_again_after_the_object_has_gone_does_no_harm(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A stream repeats all from the first failed record on: what was kept and removed since is told again."""

        class Bucket:
            def delete_object_tagging(self, **_: str) -> None:
                raise ClientError({"Error": {"Code": "NoSuchKey"}}, "DeleteObjectTagging")

        monkeypatch.setattr(payloads, "client", Bucket)  # moto does not know this error
        came = record(None, {"blob": {"messages/MSG1/body"}})

        assert stream({"Records": [came]}, None) == {"batchItemFailures": []}
