"""Which external events which action brings to whom, on the deployed system.  Contract: messages.md §11,
relationships.md §12, events.md §10.

That something does *not* come is shown by something that was caused later and has come.
"""

from collections.abc import Callable
from typing import Any

from tests.e2e.conftest import eventually, relate
from tests.people import Identity

NewIdentity = Callable[[], Identity]
Event = tuple[str, str]


def take_events(identity: Identity) -> list[Event]:
    """Everything in the feed, processed successfully: type and the one id of the payload."""
    api = identity.device.connection
    taken: list[Event] = []
    while run := api.post("/SyncRuns", {"type": "ExternalEventSync"})["syncRun"]:
        events = list(api.items(f"/SyncRuns/{run['id']}/ExternalEvents"))
        taken += [(event["type"], next(iter(event["payload"].values()))) for event in events]
        results = [{"externalEventId": event["id"]} for event in events]
        body = {"externalEventResults": results, "datawalletModifications": []}
        api.put(f"/SyncRuns/{run['id']}/FinalizeExternalEventSync", body)
    return taken


def events_until(identity: Identity, wanted: Event) -> list[Event]:
    """The feed up to and with this event."""
    taken: list[Event] = []

    def look() -> bool:
        taken.extend(take_events(identity))
        return wanted in taken

    eventually(str(wanted), look)
    return taken


def request(templator: Identity, requestor: Identity) -> str:
    """A pending relationship; its id."""
    template = templator.device.connection.post("/RelationshipTemplates", {"content": "AA", "expiresAt": None})
    body = {"relationshipTemplateId": template["id"], "creationContent": "AA"}
    relationship: str = requestor.device.connection.post("/Relationships", body)["id"]
    return relationship


def act(identity: Identity, relationship: str, action: str) -> Any:
    """A transition."""
    return identity.device.connection.put(f"/Relationships/{relationship}/{action}", {})


def send(sender: Identity, *recipients: Identity) -> str:
    """A message; its id."""
    to = [{"address": recipient.address, "encryptedKey": "A" * 200} for recipient in recipients]
    message: str = sender.device.connection.post("/Messages", {"body": "AA", "recipients": to})["id"]
    return message


def test_a_request_reaches_the_templator_only_and_its_acceptance_the_requestor_only(new_identity: NewIdentity) -> None:
    """relationships.md §12: external event RelationshipStatusChanged for the template owner only; Accept → peer gets
    RelationshipStatusChanged; events.md §10: create relationship -> template creator gets ..., requester gets none"""
    alice, bob = new_identity(), new_identity()
    relationship = request(alice, bob)
    changed = ("RelationshipStatusChanged", relationship)
    assert events_until(alice, changed) == [changed]

    act(alice, relationship, "Accept")

    assert events_until(bob, changed) == [changed]
    assert take_events(alice) == []


def test_a_message_on_a_pending_relationship_is_delivered_with_its_acceptance(new_identity: NewIdentity) -> None:
    """messages.md §11: Message sent while Pending/Terminated → event not delivered; delivered after accept;
    relationships.md §12: Accept → blocked MessageReceived events of this relationship become deliverable."""
    alice, bob = new_identity(), new_identity()
    relationship = request(alice, bob)
    message = send(bob, alice)
    assert events_until(alice, ("RelationshipStatusChanged", relationship)) == [
        ("RelationshipStatusChanged", relationship)
    ]

    act(alice, relationship, "Accept")

    assert events_until(alice, ("MessageReceived", message)) == [("MessageReceived", message)]


def test_a_message_on_a_rejected_request_is_never_delivered(new_identity: NewIdentity) -> None:
    """relationships.md §12: Reject/Revoke → blocked MessageReceived events of this relationship are deleted."""
    alice, bob = new_identity(), new_identity()
    for action, actor in (("Reject", alice), ("Revoke", bob)):
        relationship = request(alice, bob)
        send(bob, alice)
        act(actor, relationship, action)
        events_until(bob if actor is alice else alice, ("RelationshipStatusChanged", relationship))

    accepted = request(alice, bob)
    act(alice, accepted, "Accept")
    events_until(bob, ("RelationshipStatusChanged", accepted))
    delivered = send(bob, alice)

    seen = events_until(alice, ("MessageReceived", delivered))
    assert [event for event in seen if event[0] == "MessageReceived"] == [("MessageReceived", delivered)]


def test_a_message_on_a_terminated_relationship_waits_for_an_accepted_reactivation(new_identity: NewIdentity) -> None:
    """messages.md §11: delivered after accept / accepted reactivation; Message sent while Active, then relationship
    terminated → event still delivered"""
    alice, bob = new_identity(), new_identity()
    relationship = relate(alice, bob)
    before = send(bob, alice)
    act(bob, relationship, "Terminate")
    seen = events_until(alice, ("RelationshipStatusChanged", relationship))
    if ("MessageReceived", before) not in seen:
        events_until(alice, ("MessageReceived", before))

    waiting = send(bob, alice)
    act(bob, relationship, "Reactivate")
    requested = ("RelationshipReactivationRequested", relationship)
    assert events_until(alice, requested) == [requested]
    act(alice, relationship, "Reactivate/Accept")

    assert events_until(alice, ("MessageReceived", waiting)) == [("MessageReceived", waiting)]
    completed = ("RelationshipReactivationCompleted", relationship)
    assert completed in events_until(bob, completed)


def test_a_decomposed_relationships_messages_do_not_come_back_with_a_new_one(new_identity: NewIdentity) -> None:
    """messages.md §11: Recipient decomposes → his unsynced MessageReceived events of that relationship are deleted;
    after a new relationship they do not reappear; relationships.md §12: Decompose second → nobody gets an event"""
    alice, bob = new_identity(), new_identity()
    relationship = relate(alice, bob)
    take_events(alice)
    send(bob, alice)
    act(bob, relationship, "Terminate")
    act(alice, relationship, "Decompose")
    events_until(bob, ("RelationshipStatusChanged", relationship))
    act(bob, relationship, "Decompose")

    again = request(alice, bob)
    act(alice, again, "Accept")
    accepted = ("RelationshipStatusChanged", again)
    assert events_until(bob, accepted) == [accepted]
    delivered = send(bob, alice)

    messages = [event for event in events_until(alice, ("MessageReceived", delivered)) if event[0] == "MessageReceived"]
    assert messages == [("MessageReceived", delivered)]


def test_every_recipient_gets_one_event_and_the_sender_none(new_identity: NewIdentity) -> None:
    """messages.md §11: MessageReceived external event with payload id for each recipient; none for the sender;
    Fetching a message creates no external event for the sender."""
    alice, bob, carol = new_identity(), new_identity(), new_identity()
    for other in (bob, carol):
        relate(alice, other)
    take_events(alice)

    message = send(alice, bob, carol)

    received = ("MessageReceived", message)
    for recipient in (bob, carol):
        assert [event for event in events_until(recipient, received) if event[0] == "MessageReceived"] == [received]
        recipient.device.connection.get(f"/Messages/{message}")
    answer = send(bob, alice)
    assert events_until(alice, ("MessageReceived", answer)) == [("MessageReceived", answer)]


def test_other_recipients_are_unaffected_by_a_fully_decomposed_relationship_of_one(new_identity: NewIdentity) -> None:
    """messages.md §11: Other recipients are unaffected by a fully decomposed relationship of one recipient."""
    alice, bob, carol = new_identity(), new_identity(), new_identity()
    with_bob, _ = relate(alice, bob), relate(alice, carol)
    message = send(alice, bob, carol)
    act(alice, with_bob, "Terminate")
    for identity in (alice, bob):
        act(identity, with_bob, "Decompose")

    def is_hidden_from_bob() -> bool:
        return bob.device.connection.request("GET", f"/Messages/{message}").status == 404

    eventually("the end of Bob's view", is_hidden_from_bob)
    pseudonym = "did:e:localhost:dids:3a29ae5c1f591bbd9a2aaa"
    shown = [entry["address"] for entry in alice.device.connection.get(f"/Messages/{message}")["recipients"]]
    assert shown == [pseudonym, carol.address]
    assert carol.device.connection.get(f"/Messages/{message}")["createdBy"] == alice.address


def test_the_last_allocation_is_told_once_to_the_templates_creator(new_identity: NewIdentity) -> None:
    """events.md §10: last allocation of a template -> creator gets RelationshipTemplateAllocationsExhausted once"""
    alice, bob = new_identity(), new_identity()
    body = {"content": "AA", "expiresAt": None, "maxNumberOfAllocations": 1}
    template = alice.device.connection.post("/RelationshipTemplates", body)["id"]

    for _ in range(2):
        bob.device.connection.get(f"/RelationshipTemplates/{template}")
    relationship = request(alice, bob)

    seen = events_until(alice, ("RelationshipStatusChanged", relationship))
    if len(seen) < 2:
        seen += events_until(alice, ("RelationshipTemplateAllocationsExhausted", template))
    assert sorted(seen) == [
        ("RelationshipStatusChanged", relationship),
        ("RelationshipTemplateAllocationsExhausted", template),
    ]
