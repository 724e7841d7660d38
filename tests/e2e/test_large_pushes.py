"""Datawallet modifications beyond an invocation, with a stack that takes them.  docs/decisions/large-uploads.md."""

from collections.abc import Iterator

import pytest

from enmeshed.protocol.encoding import b64u
from infra.local.stack import CLIENT_ID, CLIENT_SECRET, LocalStack
from tests.people import Identity

PATH = "/Datawallet/Modifications"
PAYLOADS = 14
PAYLOAD_BYTES = 350_000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pushing() -> Iterator[LocalStack]:
    """A Backbone of its own; functions have the rights of their roles and no others."""
    with LocalStack(enforce_rights=True, parameters={"LargePushes": "true"}) as running:
        yield running


def test_nine_megabytes_are_pushed_at_once_and_read_again(pushing: LocalStack) -> None:
    """synchronization.md, section 3: POST and GET of the same path, with headers, queries and pages"""
    device = Identity.create(pushing.base_url, CLIENT_ID, CLIENT_SECRET).device
    before = device.connection.get(PATH)
    modifications = [
        {
            "type": "Create",
            "objectIdentifier": f"OBJ{number}",
            "collection": "Messages",
            "payloadCategory": "Content",
            "encryptedPayload": b64u(bytes(PAYLOAD_BYTES * 4 // 3)),
            "datawalletVersion": 1,
        }
        for number in range(PAYLOADS)
    ]
    first = len(before) - 1

    pushed = device.connection.request("POST", PATH, json={"localIndex": first, "modifications": modifications})
    late = device.connection.request("POST", PATH, json={"localIndex": first, "modifications": modifications[:1]})

    assert pushed.status == 201, pushed.body
    assert pushed.result["newIndex"] == first + PAYLOADS
    assert (late.status, late.error_code) == (400, "error.platform.validation.datawallet.datawalletNotUpToDate")
    page = device.connection.request("GET", f"{PATH}?localIndex={first}&pageSize=2")
    assert [one["index"] for one in page.body["result"]] == [first + 1, first + 2]
    assert page.body["pagination"]["totalRecords"] == PAYLOADS
    bucket = pushing.settings()["payload_bucket"]
    assert "Contents" not in pushing.client("s3").list_objects_v2(Bucket=bucket, Prefix="uploads/")
