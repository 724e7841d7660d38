"""Listing messages over HTTP.  Contract: messages.md, sections 3.3 and 11."""

import pytest

from functions.messages.store import MessageStore
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import given_relationship
from tests.unit.messages.journeys import acquaintances, listed, post, read, sent, some_ids


def test_everything_sent_and_received_is_listed_oldest_first(api: InProcessApi) -> None:
    """messages.md §11: GET list without ids returns sent and received messages, createdAt ascending"""
    one, other = acquaintances(1)
    given_relationship(other.address, new_caller().address)
    messages = [post(api, *pair).result for pair in [(one, other), (other, one), (one, other)]]

    answer = api.get("/api/v2/Messages", caller=one)

    expected = sorted(messages, key=lambda message: (message["createdAt"], message["id"]))
    assert [message["id"] for message in answer.result] == [message["id"] for message in expected]
    assert "pagination" not in answer.json


def test_an_empty_mailbox_is_an_empty_list(api: InProcessApi) -> None:
    """http-common.md §3.1: Empty arrays are fine"""
    assert api.get("/api/v2/Messages", caller=new_caller()).json == {"result": []}


def test_messages_of_others_are_not_listed(api: InProcessApi) -> None:
    """messages.md §3.3: all visible messages; unknown or invisible ids are omitted silently"""
    sender, recipient = acquaintances(1)
    message_id = sent(api, sender, recipient)
    stranger = new_caller()

    assert listed(api, stranger) == []
    assert listed(api, stranger, {"ids": [message_id]}) == []


def test_named_messages_are_listed_once_and_in_order(api: InProcessApi) -> None:
    """messages.md §3.3: ids repeatable; unknown or invisible ids are omitted; sorted by createdAt ascending"""
    sender, recipient = acquaintances(1)
    first, second, third = sorted(sent(api, sender, recipient) for _ in range(3))

    assert listed(api, recipient, {"ids": [third, *some_ids(2), first, third]}) == [first, third]
    assert listed(api, sender, f"ids={second}") == [second]


def test_named_messages_come_in_pages(api: InProcessApi) -> None:
    """http-common.md §7: pagination"""
    sender, recipient = acquaintances(1)
    ids = sorted(sent(api, sender, recipient) for _ in range(3))

    answer = api.get("/api/v2/Messages", caller=sender, query={"ids": ids, "pageSize": 2, "pageNumber": 1})

    assert [message["id"] for message in answer.result] == ids[:2]
    assert answer.json["pagination"] == {"pageNumber": 1, "pageSize": 2, "totalPages": 2, "totalRecords": 3}


def test_pages_have_totals(api: InProcessApi) -> None:
    """messages.md §11: `pagination` present only with more than one page"""
    sender, recipient = acquaintances(1)
    ids = sorted(sent(api, sender, recipient) for _ in range(5))

    def page(number: int, size: int) -> object:
        answer = api.get("/api/v2/Messages", caller=sender, query={"PageNumber": number, "PageSize": size})
        return [message["id"] for message in answer.result], answer.json.get("pagination")

    totals = {"pageSize": 2, "totalPages": 3, "totalRecords": 5}
    assert page(1, 2) == (ids[:2], {"pageNumber": 1, **totals})
    assert page(2, 2) == (ids[2:4], {"pageNumber": 2, **totals})
    assert page(3, 2) == (ids[4:], {"pageNumber": 3, **totals})
    assert page(1, 5) == (ids, None)
    assert page(4, 2)[0] == []  # type: ignore[index]  # a page behind the end


@pytest.mark.parametrize("ids", ["", "TOKmalformed"])
def test_a_page_too_large_is_refused_first(api: InProcessApi, ids: str) -> None:
    """messages.md §11: pageSize 201 → 400 …invalidPageSize (§3.3: checked first)"""
    answer = api.get("/api/v2/Messages", caller=new_caller(), query={"ids": ids, "pageSize": 201})

    assert answer.error == (400, "error.platform.validation.pagination.invalidPageSize")


def test_a_malformed_id_is_refused(api: InProcessApi) -> None:
    """messages.md §3.3: Malformed id → 400 error.platform.validation.invalidPropertyValue"""
    answer = api.get("/api/v2/Messages", caller=new_caller(), query={"ids": ["MSGabc", "TOKabc"]})

    assert answer.error == (400, "error.platform.validation.invalidPropertyValue")


@pytest.mark.parametrize("by_ids", [True, False])
def test_listing_is_receiving(api: InProcessApi, by_ids: bool) -> None:
    """messages.md §3.3: every message on the returned page of which the active identity is a recipient gets
    receivedAt/receivedByDevice (visible in the response)"""
    sender, recipient = acquaintances(1)
    message_id = sent(api, sender, recipient)

    answer = api.get("/api/v2/Messages", caller=recipient, query={"ids": message_id} if by_ids else None)

    (shown,) = answer.result[0]["recipients"]
    assert shown["receivedByDevice"] == recipient.device_id
    assert read(api, sender, message_id).result["recipients"] == [shown]


def test_only_the_page_is_received(api: InProcessApi) -> None:
    """messages.md §3.3: every message on the returned page"""
    sender, recipient = acquaintances(1)
    first, second, third = sorted(sent(api, sender, recipient) for _ in range(3))

    api.get("/api/v2/Messages", caller=recipient, query={"PageNumber": 2, "PageSize": 1})

    received = [read(api, sender, id).result["recipients"][0]["receivedAt"] for id in (first, second, third)]
    assert [at is not None for at in received] == [False, True, False]


def test_listing_frees_the_slots(api: InProcessApi) -> None:
    """messages.md §10, 7: fetching by the recipient frees the slot"""
    sender, recipient = acquaintances(1)
    for _ in range(3):
        sent(api, sender, recipient)

    listed(api, recipient)

    assert MessageStore().unreceived(sender.address, [recipient.address]) == [0]


def test_listing_ones_own_messages_receives_nothing(api: InProcessApi) -> None:
    """messages.md §3.3: of which the active identity is a recipient"""
    sender, recipient = acquaintances(1)
    sent(api, sender, recipient)

    (message,) = api.get("/api/v2/Messages", caller=sender).result

    assert message["recipients"][0]["receivedAt"] is None


def test_listing_needs_a_token(api: InProcessApi) -> None:
    """messages.md §1: otherwise 401"""
    assert api.get("/api/v2/Messages").status == 401
