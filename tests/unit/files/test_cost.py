"""What requests cost, exactly as docs/data-model.md says.  Against DynamoDB Local, which reports capacity units."""

from collections.abc import Callable
from typing import Any

import pytest

from backbone import payloads
from backbone.encoding import to_base64url
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import given_identity
from tests.support.metering import metered
from tests.unit.files.uploads import FILES, WRONG, claim, form, post, regenerate, upload, validate
from tests.unit.uploads.large import follow, stored_form

pytestmark = pytest.mark.local_dynamodb

GET, BATCH, QUERY, PUT, UPDATE, DELETE = "GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"
TRANSACT = "TransactWriteItems"
INDEX = 1
"""Write units of an entry in an index."""
ITEM = 2
"""Write units of an item with the encrypted properties of real clients: some 1.5 KB."""
REAL = {"encryptedProperties": to_base64url(bytes(600))}


@pytest.fixture
def api(local_dynamodb: None) -> InProcessApi:
    """Files on DynamoDB Local."""
    return InProcessApi(["files"])


def cost(request: Callable[[], Answer], status: int = 200) -> tuple[list[str], float, float]:
    """The calls, and the read and write units, of a request."""
    with metered() as meter:
        answer = request()
    assert answer.status == status, answer.body
    return meter.calls, meter.read_units, meter.write_units


@pytest.mark.parametrize("content", [b"x", bytes(1_000_000)])
def test_an_upload_costs_one_read_of_quotas_and_one_transaction_whatever_its_size(
    api: InProcessApi, content: bytes
) -> None:
    """The entry in the index is not reported for transactions."""
    caller = new_caller()
    given_identity(caller.address)
    upload(api, caller, **REAL)  # the tier is known, and there are counts

    assert cost(lambda: post(api, form(content, **REAL), caller), 201) == ([BATCH, TRANSACT], 3, 2 * ITEM + 2 * 2)


def test_a_form_that_was_stored_costs_one_read_more_and_the_same_answer_again_only_that(api: InProcessApi) -> None:
    caller = new_caller()
    given_identity(caller.address)
    upload(api, caller, **REAL)
    location = stored_form(caller, b"x", **REAL)

    first = cost(lambda: follow(api, location, caller), 201)
    again = cost(lambda: follow(api, location, caller), 201)

    assert first == ([GET, BATCH, TRANSACT], 1 + 3, 2 * ITEM + 2 * 2)
    assert again == ([GET], 1, 0)


def test_reading_costs_one_read(api: InProcessApi) -> None:
    caller = new_caller()
    id = upload(api, caller, **REAL)["id"]

    assert cost(lambda: api.get(f"{FILES}/{id}", caller=caller)) == ([GET], 1, 0)
    assert cost(lambda: api.get(f"{FILES}/{id}/Metadata", caller=caller)) == ([GET], 1, 0)


def test_using_the_ownership_costs_a_read_and_a_write_when_something_changes(api: InProcessApi) -> None:
    owner = new_caller()
    created = upload(api, owner, **REAL)
    id, token = created["id"], created["ownershipToken"]

    assert cost(lambda: validate(api, id, token, new_caller())) == ([GET], 1, 0)
    assert cost(lambda: validate(api, id, WRONG, owner)) == ([GET], 1, 0)
    assert cost(lambda: validate(api, id, WRONG, new_caller())) == ([GET, UPDATE], 1, ITEM)
    assert cost(lambda: claim(api, id, token, new_caller()), 403) == ([GET], 1, 0)
    assert cost(lambda: regenerate(api, id, owner)) == ([GET, UPDATE], 1, ITEM)
    assert cost(lambda: claim(api, id, WRONG, new_caller()), 403)[0] == [GET, UPDATE]


def test_a_claim_is_indexed(api: InProcessApi) -> None:
    created = upload(api, new_caller(), **REAL)

    calls, reads, writes = cost(lambda: claim(api, created["id"], created["ownershipToken"], new_caller()))

    # The file in a transaction and a notice with the event; the meter does not see the index of a transaction.
    assert (calls, reads) == ([GET, "TransactWriteItems"], 1)
    assert writes == 4


def test_a_deletion_costs_a_read_and_a_write(api: InProcessApi) -> None:
    caller = new_caller()
    id = upload(api, caller, **REAL)["id"]

    assert cost(lambda: api.delete(f"{FILES}/{id}", caller=caller), 204) == ([GET, DELETE], 1, ITEM + INDEX)


def test_a_list_costs_the_page_and_the_entries_of_the_index(api: InProcessApi) -> None:
    caller = new_caller()
    ids = [upload(api, caller)["id"] for _ in range(3)]

    by_ids: dict[str, Any] = {"ids": ids}
    assert cost(lambda: api.get(FILES, query=by_ids, caller=caller)) == ([BATCH], 3, 0)
    assert cost(lambda: api.get(FILES, query={"pageSize": 2}, caller=caller)) == ([QUERY, BATCH], 0.5 + 2, 0)


def test_the_calls_to_s3(api: InProcessApi) -> None:
    """An upload puts and settles its content; a download gets it, or leaves that to the client."""
    caller, calls = new_caller(), []

    def note(model: Any, **_: Any) -> None:
        calls.append(model.name)

    events = payloads.client().meta.events
    events.register("before-call.s3", note)
    try:
        small, large = upload(api, caller), upload(api, caller, bytes(5_000_000))
        assert calls == ["PutObject", "DeleteObjectTagging"] * 2
        calls.clear()
        api.get(f"{FILES}/{small['id']}", caller=caller)
        api.get(f"{FILES}/{small['id']}/metadata", caller=caller)
        api.get(f"{FILES}/{large['id']}", caller=caller)
        assert calls == ["GetObject"]
    finally:
        events.unregister("before-call.s3", note)
