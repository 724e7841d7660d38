"""Races, against DynamoDB Local."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Any

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.ids import DeviceId, RelationshipId
from functions.messages.domain import RelationshipToRecipientNotActive
from functions.messages.mailbox_store import MailboxStore
from functions.messages.store import MessageStore
from tests.support.api import InProcessApi, new_caller
from tests.unit.messages.journeys import acquaintances, given_message, listed, post, read, sent
from tests.unit.messages.test_decomposition import PSEUDONYM, decomposed
from tests.unit.messages.test_mailbox_store import given_entries, pages

pytestmark = pytest.mark.local_dynamodb


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """The results of calls made in parallel."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_two_devices_fetch_the_same_message(local_dynamodb: None) -> None:
    """messages.md §10, 6: receivedAt is set once, by the first fetch of any device of the recipient"""
    api = InProcessApi()
    sender, recipient = acquaintances(1)
    devices = [Caller(recipient.address, DeviceId.new(), "test") for _ in range(8)]
    for _ in range(3):
        message_id = sent(api, sender, recipient)

        answers = at_once(*(partial(read, api, device, message_id) for device in devices))

        shown = {str(answer.result["recipients"]) for answer in answers}
        assert len(shown) == 1
        assert [answer.status for answer in answers] == [200] * 8
    assert MessageStore().unreceived(sender.address, [recipient.address]) == [0]


def test_reading_and_listing_at_once_agree(local_dynamodb: None) -> None:
    """messages.md §3.3: as in 3.2, visible in the response"""
    api = InProcessApi()
    sender, recipient = acquaintances(1)
    devices = [Caller(recipient.address, DeviceId.new(), "test") for _ in range(4)]
    ids = [sent(api, sender, recipient) for _ in range(5)]

    answers = at_once(
        *(partial(api.get, "/api/v2/Messages", caller=device) for device in devices),
        *(partial(read, api, recipient, message_id) for message_id in ids),
    )

    views: dict[str, set[str]] = {}
    results = [answer.result if isinstance(answer.result, list) else [answer.result] for answer in answers]
    for message in chain(*results):
        views.setdefault(message["id"], set()).add(str(message))
    assert [len(seen) for seen in views.values()] == [1] * 5
    assert MessageStore().unreceived(sender.address, [recipient.address]) == [0]


def test_thirty_parallel_messages_against_a_limit_of_twenty(local_dynamodb: None) -> None:
    """messages.md §11: With max unreceived = 20: 20 unfetched messages succeed, the 21st → 400"""
    api = InProcessApi()
    sender, recipient = acquaintances(1)

    answers = at_once(*[lambda: post(api, sender, recipient)] * 30)

    refused = [answer.error for answer in answers if answer.status != 201]
    assert refused == [(400, "error.platform.validation.message.maxNumberOfUnreceivedMessagesReached")] * 10
    assert len(listed(api, sender)) == 20


def test_decomposition_against_messages_on_their_way(local_dynamodb: None) -> None:
    """messages.md §5 A: what is stored before is hidden, what comes after is refused: nothing stays"""
    sender, recipient = new_caller(), new_caller()
    relationship_id = RelationshipId.new()

    def send() -> bool:
        try:
            given_message(sender, [recipient], relationship_ids=[relationship_id], created_at=clock.now())
        except RelationshipToRecipientNotActive:
            return False
        return True

    at_once(*[send] * 8, lambda: decomposed(recipient, sender, relationship_id), *[send] * 8)

    api = InProcessApi()
    assert listed(api, recipient) == []
    assert not send()


def test_both_sides_decompose_at_once(local_dynamodb: None) -> None:
    """messages.md §5 A, 3: If both flags of r are set: r.address := pseudonym"""
    sender, one, other = new_caller(), new_caller(), new_caller()
    ids = [RelationshipId.new(), RelationshipId.new()]
    messages = [given_message(sender, [one, other], relationship_ids=ids) for _ in range(5)]

    at_once(
        lambda: decomposed(sender, one, ids[0]),
        lambda: decomposed(one, sender, ids[0]),
        lambda: decomposed(other, sender, ids[1]),
    )

    store = MessageStore()
    for message in messages:
        destinations = store.get(sender.address, message.id).dispatch.destinations  # type: ignore[union-attr]
        assert [to.address for to in destinations] == [PSEUDONYM, other.address]
        assert [to.decomposed_by_recipient for to in destinations] == [True, True]
    assert store.unreceived(sender.address, [one.address]) == [0]


def test_decomposition_against_the_receipt(local_dynamodb: None) -> None:
    """messages.md §4: the sender sees the recipient's entry with its receipt, whatever the recipient does"""
    api = InProcessApi()
    sender, recipient = new_caller(), new_caller()
    relationship_id = RelationshipId.new()
    messages = [given_message(sender, [recipient], relationship_ids=[relationship_id]) for _ in range(5)]

    answers, _ = at_once(
        lambda: [read(api, recipient, message.id) for message in messages],
        lambda: decomposed(recipient, sender, relationship_id),
    )

    for answer, message in zip(answers, messages, strict=True):
        noted = read(api, sender, message.id).result["recipients"]
        assert answer.status in (200, 404)
        if answer.status == 200:
            assert answer.result["recipients"] == noted


def test_numbering_by_many_is_numbering_once(local_dynamodb: None) -> None:
    """data-model.md, messages: an anchor's number is the number of entries up to it"""
    owner = new_caller().address
    ids = given_entries(owner, 110)
    store = MailboxStore()

    at_once(*[lambda: store.number(owner, now=clock.now())] * 6)

    assert pages(owner, 50) == (ids, {110})
