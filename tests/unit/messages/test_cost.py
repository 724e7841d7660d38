"""What messages cost, in calls and capacity units, against DynamoDB Local.  docs/data-model.md, messages."""

from collections.abc import Callable, Container, Iterator
from datetime import timedelta
from functools import partial

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.dynamodb import Item
from backbone.ids import MessageId, RelationshipId
from backbone.quotas import store as quotas_store
from functions.messages import items
from functions.messages.mailbox_store import MailboxStore
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import LONG_AGO, given_identity, given_relationship
from tests.support.metering import Meter, metered
from tests.unit.messages.journeys import BODY, KEY, acquaintances, given_message, post, put_all, read, sent
from tests.unit.messages.test_decomposition import decomposed

pytestmark = pytest.mark.local_dynamodb


def cost_of(action: Callable[[], object]) -> Meter:
    with metered() as meter:
        action()
    return meter


@pytest.mark.parametrize(("recipients", "reads", "writes"), [(1, 3, 10), (2, 4, 14), (5, 7, 28)])
def test_sending(
    local_dynamodb: None, monkeypatch: pytest.MonkeyPatch, recipients: int, reads: float, writes: float
) -> None:
    """data-model.md, messages: POST Messages: n + 2 RCU, 6 + 4 n WCU (and the index); the sender's record grows by a
    fifth of a KB per recipient"""
    monkeypatch.setattr(quotas_store, "TIERS_KNOWN_FOR_SECONDS", 3600)
    api = InProcessApi()
    sender, *others = acquaintances(recipients)
    given_identity(sender.address)
    post(api, sender, *others)  # the counters exist, the quotas of the tier are known

    with metered(latency_seconds=0.05) as cost:
        post(api, sender, *others)

    assert cost.calls == ["BatchGetItem", "BatchGetItem", "TransactWriteItems"]
    assert cost.trips == 2  # what is left of the quota is read at the same time
    assert (cost.read_units, cost.write_units) == (reads, writes)


def test_receiving(local_dynamodb: None) -> None:
    """data-model.md, messages: GET Messages/{id} (recipient): 2 RCU (+ 4 WCU the first time)"""
    api = InProcessApi()
    sender, recipient = acquaintances(1)
    message_id = sent(api, sender, recipient)

    first, second = (cost_of(lambda: read(api, recipient, message_id)) for _ in range(2))

    assert first.calls == ["BatchGetItem", "TransactWriteItems"]
    assert (first.read_units, first.write_units) == (2, 4)
    assert second.calls == ["BatchGetItem"]
    assert (second.read_units, second.write_units) == (2, 0)


def test_looking_at_an_own_message(local_dynamodb: None) -> None:
    """data-model.md, messages: GET Messages/{id} (sender): 2 + n RCU"""
    api = InProcessApi()
    sender, *others = acquaintances(3)
    message_id = sent(api, sender, *others)

    cost = cost_of(lambda: read(api, sender, message_id))

    assert cost.calls == ["BatchGetItem", "BatchGetItem"]
    assert (cost.read_units, cost.write_units) == (5, 0)


def received_messages(owner: Caller, number: int, pages: Container[int]) -> Iterator[Item]:
    """Entries of a mailbox, a second apart, and the messages on these pages."""
    sender = new_caller()
    for n in range(number):
        at = LONG_AGO + timedelta(seconds=n)
        message_id = MessageId.at(at)
        if n // 50 + 1 in pages:
            yield {
                **items.message_key(message_id),
                "createdAt": clock.render(at),
                "createdBy": sender.address,
                "createdByDevice": sender.device_id,
                "attachments": [],
                "body": BODY,
            }
        yield {
            **items.entry_key(owner.address, message_id),
            "position": 0,
            "relationshipId": RelationshipId.new(),
            "encryptedKey": KEY,
            "receivedAt": clock.render(at),
            "receivedByDevice": owner.device_id,
        }


@pytest.mark.parametrize(("size", "numbers"), [(120, (1, 2)), (2020, (1, 20, 40))])
def test_a_page_costs_the_same_wherever_it_is(local_dynamodb: None, size: int, numbers: tuple[int, ...]) -> None:
    """data-model.md, messages: GET Messages: the cost of page k depends neither on k nor on the size of the mailbox"""
    api = InProcessApi()
    owner = new_caller()
    put_all(received_messages(owner, size, numbers))
    MailboxStore().number(owner.address, now=clock.now())

    for number in numbers:
        page = partial(api.get, "/api/v2/Messages", caller=owner, query={"pageNumber": number})
        cost = cost_of(page)

        assert cost.calls == ["BatchGetItem", "Query", "Query", "BatchGetItem"]
        # Head and anchor 2 (page 1: 1), 50 entries 5, 20 entries behind the last anchor 2, 50 messages 50.
        assert (cost.read_units, cost.write_units) == (58 if number == 1 else 59, 0)


def test_the_first_listing_numbers_the_mailbox(local_dynamodb: None) -> None:
    """data-model.md, messages: anchors: 0.08 WCU per message, once"""
    api = InProcessApi()
    owner = new_caller()
    put_all(received_messages(owner, 120, {1}))

    first, second = (cost_of(partial(api.get, "/api/v2/Messages", caller=owner)) for _ in range(2))

    assert first.calls == ["BatchGetItem", "Query", "TransactWriteItems", "BatchGetItem"]
    assert (first.read_units, first.write_units) == (1 + 10 + 50, 8)
    assert second.read_units == 58


def test_receiving_a_page(local_dynamodb: None) -> None:
    """data-model.md, messages: GET Messages: 2 WCU per message received now + 2 per sender"""
    api = InProcessApi()
    sender, recipient = acquaintances(1)
    for _ in range(5):
        sent(api, sender, recipient)

    cost = cost_of(partial(api.get, "/api/v2/Messages", caller=recipient))

    assert cost.calls == ["BatchGetItem", "Query", "BatchGetItem", "TransactWriteItems"]
    assert (cost.read_units, cost.write_units) == (6, 12)


def test_decomposition(local_dynamodb: None) -> None:
    """data-model.md, messages: RelationshipStatusChanged: 2 RCU and 6 WCU per message, 4 WCU and the walk per event"""
    sender, recipient = new_caller(), new_caller()
    relationship_id = given_relationship(sender.address, recipient.address).id
    for _ in range(3):
        given_message(sender, [recipient], relationship_ids=[relationship_id])

    cost = cost_of(lambda: decomposed(recipient, sender, relationship_id))

    new_epoch = ["UpdateItem", "Query", "TransactWriteItems"]  # there was no head
    before = ["UpdateItem", "UpdateItem", *new_epoch, "Query", "Query"]
    each = ["BatchGetItem", "TransactWriteItems"]
    numbering = ["UpdateItem", "GetItem", "Query"]
    assert cost.calls == [*before, *each * 3, *numbering, *["GetItem", "GetItem"] * 2]
    assert (cost.read_units, cost.write_units) == (12.5, 7 + 3 * 6)
