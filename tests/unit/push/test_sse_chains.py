"""From what somebody does to what a listening device is told: the consumers of synchronization and push in a row."""

from collections.abc import Iterator

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.dynamodb import Table
from backbone.events import DomainEvent, EventEnvelope, carried_by
from backbone.events.messages import MessageCreated, MessageRecipient
from backbone.events.relationships import RelationshipStatusChanged
from backbone.ids import MessageId
from backbone.readmodels import relationships
from backbone.settings import settings
from functions.push.consumers import consumers as push
from functions.relationships.relationship import Relationship, Status
from functions.synchronization.consumers import consumers as synchronization
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import given_device, given_identity, given_relationship
from tests.unit.push.sse import listen, names

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def no_waiting(moto: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("BACKBONE_SSE_WAIT_SECONDS", "0")
    settings.cache_clear()
    yield
    settings.cache_clear()


def given_receiver(status: str = "Active") -> Caller:
    """A device that exists, of an identity in this status."""
    identity = given_identity(new_caller().address, status)
    return Caller(identity.address, given_device(identity).device.id, "test")


def happens(event: DomainEvent, *, to: Caller) -> None:
    """Synchronization reacts; what its head carries then reaches push, twice, as the bus may deliver it."""
    synchronization.handle(EventEnvelope.of(event, clock.now()))
    head = Table(settings().synchronization_table).get({"pk": to.address, "sk": "HEAD"})
    for envelope in carried_by(head) * 2:
        push.handle(envelope)


def message_on(relationship: Relationship, receiver: Caller) -> MessageCreated:
    recipient = MessageRecipient(
        address=receiver.address,
        relationship_id=relationship.id,
        sent_while_active=relationship.status is Status.ACTIVE,
    )
    return MessageCreated(message_id=MessageId.new(), created_by=relationship.from_, recipients=(recipient,))


def test_a_message_is_told_once(api: InProcessApi) -> None:
    """events.md §10: message in Active relationship -> recipient: [...] push ExternalEventCreated to all recipient
    devices; none to sender.

    devices.md §16: SSE connect -> `ConnectionOpened`; message to the identity -> event `ExternalEventCreated`"""
    sender, receiver = given_receiver(), given_receiver()
    relationship = given_relationship(sender.address, receiver.address)
    there, here = listen(api, sender), listen(api, receiver)

    happens(message_on(relationship, receiver), to=receiver)

    here = listen(api, receiver, here)
    assert names(here) == ["ExternalEventCreated"]
    assert names(listen(api, receiver, here)) == ["keep-alive"]
    assert names(listen(api, sender, there)) == ["keep-alive"]


def test_a_message_that_is_held_back_is_told_when_it_can_be_fetched(api: InProcessApi) -> None:
    """events.md §10: message in Pending/Terminated -> not in the recipient's next run; after acceptance/reactivation it
    is."""
    sender, receiver = given_receiver(), given_receiver()
    relationship = given_relationship(sender.address, receiver.address, "Pending")
    opened = listen(api, receiver)

    happens(message_on(relationship, receiver), to=receiver)
    while_held_back = listen(api, receiver, opened)
    accepted = RelationshipStatusChanged(
        relationship_id=relationship.id,
        new_status="Active",
        initiator=receiver.address,
        peer=sender.address,
        was_due_to_identity_deletion=False,
        audit_position=2,
    )
    relationships.table().update(
        relationships.relationship_key(relationship.id),
        "SET #status = :status ADD revision :one",
        {"status": "Active", "one": 1},
    )
    happens(accepted, to=receiver)

    assert names(while_held_back) == ["keep-alive"]
    assert names(listen(api, receiver, opened)) == ["ExternalEventCreated"]


def test_an_identity_that_is_to_be_deleted_is_not_told(api: InProcessApi) -> None:
    """events.md §10: identity ToBeDeleted -> no ExternalEventCreated push"""
    receiver = given_receiver("ToBeDeleted")
    relationship = given_relationship(new_caller().address, receiver.address)
    opened = listen(api, receiver)

    happens(message_on(relationship, receiver), to=receiver)

    assert names(listen(api, receiver, opened)) == ["keep-alive"]


def test_there_is_no_other_way_to_tell_somebody(api: InProcessApi) -> None:
    """events.md §10: POST /{address}/events for unconnected address -> 400, top-level code
    error.platform.sseClientNotRegistered.

    Not applicable: the servers that talk to each other in this way are one here, and it is not part of the public
    contract (devices.md §12.8)."""
    receiver = given_receiver()

    answer = api.post(f"/{receiver.address}/events", {"eventName": "ExternalEventCreated"})

    assert (answer.status, answer.body) == (404, "")
