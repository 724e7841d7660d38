"""What the feed promises of messages sent before and after a relationship is terminated.

Contract: messages.md, sections 6 and 11; synchronization.md, section 4.  A message is delivered if the relationship was
active when it was sent or has been since; otherwise it is held back.  Neither the order in which the events arrive nor
a process that dies makes a difference.
"""

import random
from collections.abc import Callable, Sequence

import pytest

from backbone.events import EventEnvelope
from functions.messages import api as messages_api
from tests.support.crashes import died
from tests.support.lives import Lives, Person, message_to
from tests.unit.lives.test_second_lives import sync

pytestmark = pytest.mark.slow

Order = Callable[[Sequence[EventEnvelope]], list[EventEnvelope]]
_MOST_CALLS = 12


def in_order(events: Sequence[EventEnvelope]) -> list[EventEnvelope]:
    return list(events)


def backwards(events: Sequence[EventEnvelope]) -> list[EventEnvelope]:
    return list(reversed(events))


def messages_last(events: Sequence[EventEnvelope]) -> list[EventEnvelope]:
    return sorted(events, key=lambda event: event.name == "MessageCreated")


def shuffled(seed: int) -> Order:
    return lambda events: random.Random(seed).sample(list(events), len(events))


def send(sender: Person, recipient: Person) -> str:
    return str(sender.call("POST", "/Messages", message_to(recipient))["id"])


def a_relationship_with_ups_and_downs(sender: Person, recipient: Person) -> tuple[list[str], list[str]]:
    """The ids of the messages that are to be delivered, and of those that are held back."""
    body = {"relationshipTemplateId": recipient.template(), "creationContent": "AQID"}
    relationship_id = str(sender.call("POST", "/Relationships", body)["id"])
    sent = [send(sender, recipient)]  # pending
    recipient.act(relationship_id, "Accept", settle=False)
    sent.append(send(sender, recipient))
    recipient.act(relationship_id, "Terminate", settle=False)
    sent.append(send(sender, recipient))  # until the reactivation
    sender.act(relationship_id, "Reactivate", settle=False)
    recipient.act(relationship_id, "Reactivate/Accept", settle=False)
    sender.act(relationship_id, "Terminate", settle=False)
    return sent, [send(sender, recipient)]


def delivered(recipient: Person) -> list[str]:
    return sorted(event["payload"]["id"] for event in sync(recipient) if event["type"] == "MessageReceived")


@pytest.mark.parametrize(
    "order",
    [in_order, backwards, messages_last, shuffled(1), shuffled(2), shuffled(3)],
    ids=["in order", "backwards", "messages last", "shuffled 1", "shuffled 2", "shuffled 3"],
)
def test_the_order_of_the_events_makes_no_difference(lives: Lives, order: Order) -> None:
    sender, recipient = lives.person(), lives.person()
    to_deliver, held_back = a_relationship_with_ups_and_downs(sender, recipient)

    for envelope in order(lives.collect()):
        lives.deliver(envelope)

    assert delivered(recipient) == sorted(to_deliver)
    held = (item for _, item in lives.everything() if item.get("sk", "").startswith("HELD#"))
    assert [item["payload"]["id"] for item in held] == held_back


def test_a_consumer_that_dies_at_any_call_makes_no_difference(lives: Lives) -> None:
    sender, recipient = lives.person(), lives.person()
    to_deliver, _ = a_relationship_with_ups_and_downs(sender, recipient)
    deaths = 0

    for envelope in messages_last(lives.collect()):
        for call in range(_MOST_CALLS):
            deaths += died(call, lambda one=envelope: lives.deliver(one))  # type: ignore[misc]  # a default argument
        lives.deliver(envelope)

    assert deaths > 2 * len(to_deliver)
    assert delivered(recipient) == sorted(to_deliver)


def test_whoever_sees_the_relationship_active_has_sent_while_active(
    lives: Lives, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message is stored after the termination, but its sender had looked before: it is delivered."""
    sender, recipient = lives.person(), lives.person()
    relationship_id = sender.relate(recipient)
    add = messages_api.store.add

    def terminated_just_before(*arguments: object) -> None:
        recipient.act(relationship_id, "Terminate")
        add(*arguments)  # type: ignore[arg-type]  # as they come

    with monkeypatch.context() as patch:
        patch.setattr(messages_api.store, "add", terminated_just_before)
        before = send(sender, recipient)
    after = send(sender, recipient)
    lives.settle()

    assert delivered(recipient) == [before]
    assert after not in delivered(recipient)
