"""An identity registers again with the key of its deleted one, on the deployed system."""

import json
from collections.abc import Callable

import pytest

from backbone import clock
from backbone.events import EventEnvelope
from backbone.events.devices import IdentityDeleted
from enmeshed.protocol.crypto import SignatureKeyPair
from infra.local.stack import LocalStack
from tests.e2e.conftest import eventually, relate
from tests.e2e.test_deletion import _delete_identities, _everything, _start
from tests.people import Identity

NewIdentity = Callable[[], Identity]
SERVICES = 9


def test_a_second_life_is_a_complete_one(
    stack: LocalStack, new_identity: NewIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """devices.md §7.1; synchronization.md §2.2, §3.3: with the rights of the functions' roles"""
    first, alice, bob = new_identity(), new_identity(), new_identity()
    relate(first, alice)
    alice.device.messages.send(first.address, {"text": "in the first life"})
    process = _start(first)
    _delete_identities(stack)
    eventually("the end of the first life", lambda: _is_gone(stack, first))

    fresh, keys = SignatureKeyPair.generate, iter([first.device._session.admin_key])
    monkeypatch.setattr(SignatureKeyPair, "generate", lambda: next(keys, None) or fresh())
    again = new_identity()

    assert again.address == first.address
    assert again.device.connection.get("/Messages") == []
    relationship_id = relate(again, bob)
    bob.device.messages.send(again.address, {"text": "in the second life"})
    [received] = eventually("the message", lambda: again.device.sync().messages)
    assert received.content == {"text": "in the second life"}

    _tell_again(stack, IdentityDeleted(identity_address=first.address, deletion_process_id=process["id"]))

    assert again.device.connection.get(f"/Relationships/{relationship_id}")["status"] == "Active"
    bob.device.messages.send(again.address, {"text": "afterwards"})
    assert eventually("the message", lambda: again.device.sync().messages)


def _is_gone(stack: LocalStack, identity: Identity) -> bool:
    return not [item for item in _everything(stack) if item["pk"] == f"ID#{identity.address}"]


def _marks(stack: LocalStack, event: IdentityDeleted) -> list[str]:
    """What the services carry on their marks; they put it back when they have handled the event."""
    pk = f"DELETED#{event.deletion_process_id}"
    return [item.get("events", "") for item in _everything(stack) if item["pk"] == pk]


def _tell_again(stack: LocalStack, event: IdentityDeleted) -> None:
    """A dead letter comes back; until every service has confirmed once more."""
    before = _marks(stack, event)
    assert len(before) == SERVICES
    detail = json.dumps(EventEnvelope.of(event, clock.now()).to_dict())
    entry = {"Source": "backbone", "DetailType": event.name, "Detail": detail, "EventBusName": _bus(stack)}
    assert stack.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    # The time on a mark is that of its latest confirmation.
    eventually("the confirmations", lambda: not set(before) & set(_marks(stack, event)))


def _bus(stack: LocalStack) -> str:
    return stack.environment()["BACKBONE_EVENT_BUS"]
