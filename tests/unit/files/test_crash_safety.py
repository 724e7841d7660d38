"""Between S3 and DynamoDB: nothing acknowledged is lost, nothing stays for long.  Decision: docs/decisions/payloads.md.

Each test ends a request between two steps, as a crash would, and looks at what is left.
"""

from typing import Any

import pytest

from backbone import dynamodb, payloads
from backbone.dynamodb import Item, Table, encode
from backbone.encoding import to_base64url
from backbone.quotas import Allowance
from backbone.settings import settings
from functions.blobs.handler import stream
from infra.inventory import MAIN, template
from tests.support.api import InProcessApi, new_caller
from tests.support.engine import BUCKET
from tests.unit.files.uploads import CONTENT, FILES, form, post, upload

PENDING = [{"Key": "state", "Value": "pending"}]
LARGE_PROPERTIES = to_base64url(bytes(50_000))


class Crash(BaseException):
    """The process ends here."""


def crash(*_: Any, **__: Any) -> None:
    """Instead of the next step."""
    raise Crash


def objects() -> dict[str, Any]:
    """The objects in the bucket and their tags."""
    found = payloads.client().list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {
        entry["Key"]: payloads.client().get_object_tagging(Bucket=BUCKET, Key=entry["Key"])["TagSet"] for entry in found
    }


def items() -> list[Item]:
    """All items of the table."""
    return [dynamodb.decode(item) for item in dynamodb.client().scan(TableName=settings().files_table)["Items"]]


def tell_blobs(before: Item | None, after: Item | None) -> None:
    """What the table's stream brings to the blobs function."""
    images = {name: encode(image) for name, image in (("OldImage", before), ("NewImage", after)) if image}
    record = {"eventID": "1", "eventName": "MODIFY", "dynamodb": {"SequenceNumber": "1", **images}}
    assert stream({"Records": [record]}, None) == {"batchItemFailures": []}


def test_a_crash_before_the_item_leaves_pending_objects_and_no_file(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Allowance, "spend", crash)

    with pytest.raises(Crash):
        post(api, form(encryptedProperties=LARGE_PROPERTIES), new_caller())

    assert items() == []
    assert list(objects().values()) == [PENDING, PENDING]


def test_a_crash_between_the_objects_leaves_one_pending_object(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = payloads.client().put_object
    calls: list[str] = []

    def put_once(**request: Any) -> Any:
        calls.append(request["Key"])
        return put(**request) if len(calls) == 1 else crash()

    monkeypatch.setattr(payloads.client(), "put_object", put_once)

    with pytest.raises(Crash):
        post(api, form(encryptedProperties=LARGE_PROPERTIES), new_caller())

    assert items() == []
    assert list(objects().values()) == [PENDING]


def test_a_refused_item_leaves_pending_objects_and_a_server_error(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database fails: nothing is acknowledged."""

    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(Allowance, "spend", fail)

    answer = post(api, form(), new_caller())

    assert answer.error == (500, "error.platform.unexpected")
    assert (items(), list(objects().values())) == ([], [PENDING])


def test_a_crash_after_the_item_leaves_a_whole_file_that_the_stream_settles(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = new_caller()
    with monkeypatch.context() as patch:
        patch.setattr(payloads, "settle", crash)
        with pytest.raises(Crash):
            post(api, form(encryptedProperties=LARGE_PROPERTIES), caller)
    (item,) = items()
    assert list(objects().values()) == [PENDING, PENDING]

    tell_blobs(None, item)

    assert list(objects().values()) == [[], []]
    assert api.get(f"{FILES}/{item['pk']}", caller=caller).content == CONTENT


def test_what_is_acknowledged_is_not_pending(api: InProcessApi) -> None:
    upload(api, new_caller(), encryptedProperties=LARGE_PROPERTIES)

    assert list(objects().values()) == [[], []]


def test_a_failing_tag_does_not_fail_the_upload(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    error = payloads.client().exceptions.ClientError({"Error": {"Code": "SlowDown"}}, "DeleteObjectTagging")

    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(payloads.client(), "delete_object_tagging", fail)

    assert post(api, form(), new_caller()).status == 201


def test_the_objects_go_with_the_item_however_it_goes(api: InProcessApi) -> None:
    """files.md Checklist: DELETE by creator -> […] blob gone; also after its TTL; deleting twice is no error"""
    id = upload(api, new_caller(), encryptedProperties=LARGE_PROPERTIES)["id"]
    (item,) = items()
    Table(settings().files_table).delete({"pk": id})

    for _ in range(2):
        tell_blobs(item, None)

    assert objects() == {}


def test_a_change_of_the_item_leaves_the_objects_alone(api: InProcessApi) -> None:
    upload(api, new_caller())
    (item,) = items()

    tell_blobs(item, {**item, "ownershipIsLocked": True})

    assert list(objects().values()) == [[]]


def test_pending_objects_expire_when_no_queue_knows_of_them_any_more() -> None:
    """files.md Checklist: housekeeping removes […] blobs without metadata (the bucket's lifecycle does)"""
    rules = template(MAIN)["Resources"]["PayloadBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]

    assert any(
        rule.get("TagFilters") == PENDING and rule["ExpirationInDays"] == 14 and rule["Status"] == "Enabled"
        for rule in rules
    )
