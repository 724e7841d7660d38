"""What others do, on the sync feed.  Contract: synchronization.md, sections 4, 5 and 11; events.md, sections 3.1 and
10."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from backbone import clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.events import DomainEvent, EventEnvelope, carried_by
from backbone.events.files import FileOwnershipClaimed, FileOwnershipLocked
from backbone.events.relationships import (
    PeerDeleted,
    PeerDeletionCancelled,
    PeerFeatureFlagsChanged,
    PeerToBeDeleted,
    RelationshipReactivationCompleted,
    RelationshipReactivationRequested,
    RelationshipStatusChanged,
    RelationshipTemplateAllocationsExhausted,
)
from backbone.events.tokens import TokenLocked
from backbone.ids import FileId, IdentityDeletionProcessId, RelationshipId, RelationshipTemplateId, TokenId
from backbone.invocations import InvocationFailed
from backbone.readmodels import relationships
from functions.synchronization.handler import consume
from functions.synchronization.store import SyncStore
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import given_relationship
from tests.unit.synchronization.steps import (
    errors,
    events_of,
    finalize,
    given_caller,
    given_event,
    given_owner,
    given_run,
    given_upgrade,
    message_to,
    modification,
    push,
    start,
    sync,
    tell,
)

PEER = new_caller().address
RELATIONSHIP = RelationshipId.new()
TEMPLATE, FILE, TOKEN = RelationshipTemplateId.new(), FileId.new(), TokenId.new()
PROCESS = IdentityDeletionProcessId.new()
GRACE_PERIOD_END = datetime(2025, 3, 1, 10, 20, 30, 120_000, tzinfo=UTC)


def given_two(api: InProcessApi, status: str) -> tuple[Caller, Caller, RelationshipId]:
    """Two identities with datawallets and a relationship (from the first to the second) in this status."""
    one, other = given_owner(api), given_owner(api)
    return one, other, given_relationship(one.address, other.address, status).id


def becomes(relationship_id: RelationshipId, status: str, **members: Any) -> None:
    """The relationship's owner sets its status."""
    values = {"status": status, **members}
    assignments = ", ".join(f"#{name} = :{name}" for name in values)
    relationships.table().update(relationships.relationship_key(relationship_id), f"SET {assignments}", values)


def status_changed(
    relationship_id: RelationshipId, new_status: str, initiator: Address, peer: Address, position: int = 9
) -> RelationshipStatusChanged:
    """Initiator changed the status."""
    return RelationshipStatusChanged(
        relationship_id=relationship_id,
        new_status=new_status,
        initiator=initiator,
        peer=peer,
        was_due_to_identity_deletion=False,
        audit_position=position,
    )


def fed(api: InProcessApi, caller: Caller) -> list[tuple[str, dict[str, str]]]:
    """Type and payload of everything that is delivered now."""
    return [(event["type"], event["payload"]) for event in sync(api, caller)]


def simple_events(owner: Address) -> list[tuple[DomainEvent, dict[str, str]]]:
    return [
        (
            RelationshipReactivationRequested(
                relationship_id=RELATIONSHIP, requesting_identity=PEER, peer=owner, audit_position=3
            ),
            {"relationshipId": RELATIONSHIP},
        ),
        (
            RelationshipReactivationCompleted(
                relationship_id=RELATIONSHIP, new_relationship_status="Terminated", peer=owner, audit_position=3
            ),
            {"relationshipId": RELATIONSHIP},
        ),
        (status_changed(RELATIONSHIP, "Pending", PEER, owner), {"relationshipId": RELATIONSHIP}),
        (status_changed(RELATIONSHIP, "Active", PEER, owner), {"relationshipId": RELATIONSHIP}),
        (status_changed(RELATIONSHIP, "Rejected", PEER, owner), {"relationshipId": RELATIONSHIP}),
        (status_changed(RELATIONSHIP, "Revoked", PEER, owner), {"relationshipId": RELATIONSHIP}),
        (status_changed(RELATIONSHIP, "Terminated", PEER, owner), {"relationshipId": RELATIONSHIP}),
        (status_changed(RELATIONSHIP, "DeletionProposed", PEER, owner), {"relationshipId": RELATIONSHIP}),
        (
            PeerToBeDeleted(
                peer_of_identity_to_be_deleted=owner,
                relationship_id=RELATIONSHIP,
                identity_to_be_deleted=PEER,
                grace_period_ends_at=GRACE_PERIOD_END,
                deletion_process_id=PROCESS,
            ),
            {"relationshipId": RELATIONSHIP, "deletionDate": "2025-03-01T10:20:30.12Z"},
        ),
        (
            PeerDeletionCancelled(
                peer_of_identity_with_deletion_cancelled=owner,
                relationship_id=RELATIONSHIP,
                identity_with_deletion_cancelled=PEER,
                deletion_process_id=PROCESS,
            ),
            {"relationshipId": RELATIONSHIP},
        ),
        (
            PeerFeatureFlagsChanged(peer_address=PEER, notified_identity_address=owner, changed_at=GRACE_PERIOD_END),
            {"peerAddress": PEER},
        ),
        (
            RelationshipTemplateAllocationsExhausted(relationship_template_id=TEMPLATE, created_by=owner),
            {"relationshipTemplateId": TEMPLATE},
        ),
        (FileOwnershipLocked(file_id=FILE, owner_address=owner, locked_at=GRACE_PERIOD_END), {"fileId": FILE}),
        (
            FileOwnershipClaimed(
                file_id=FILE, old_owner_address=owner, new_owner_address=PEER, claimed_at=GRACE_PERIOD_END
            ),
            {"fileId": FILE, "newOwnerAddress": PEER},
        ),
        (TokenLocked(token_id=TOKEN, created_by=owner), {"tokenId": TOKEN}),
    ]


@pytest.mark.parametrize("number", range(len(simple_events(PEER))))
def test_each_event_reaches_whom_it_concerns(api: InProcessApi, number: int) -> None:
    """synchronization.md §5: External event types (owner, payload, created when); events.md §3.1"""
    owner = given_owner(api)
    event, payload = simple_events(owner.address)[number]

    tell(event)

    assert fed(api, owner) == [(event.name, payload)]


@pytest.mark.parametrize("number", range(0, len(simple_events(PEER)), 4))
def test_a_repeated_event_is_dropped(api: InProcessApi, number: int) -> None:
    """synchronization.md §4: a new implementation should deduplicate by the source event's id"""
    owner = given_owner(api)
    event, payload = simple_events(owner.address)[number]
    tell(event)
    tell(event)
    before = fed(api, owner)

    tell(event)
    given_event(owner.address)

    (other,) = sync(api, owner)
    assert before == [(event.name, payload)]
    assert other["index"] == 1  # the repeats left no gap


def test_event_ids_are_short_enough_and_differ() -> None:
    """events.md §1.2: Every event carries `DomainEventId` (1-128 chars)"""
    longest = Address.of_public_key(b"key", f"{'a' * 42}.de")
    ids = [event.event_id for event, _ in simple_events(longest)]
    events = [EventEnvelope.of(event, clock.now()) for event, _ in simple_events(PEER)]

    assert all(1 <= len(id) <= 128 for id in ids)
    assert len({envelope.id for envelope in events}) == len(events) - 5  # status changes of the same position
    assert [json.loads(json.dumps(event.to_dict()))["payload"] for event in events] == [e.payload for e in events]
    assert [event.event() for event in events] == [event for event, _ in simple_events(PEER)]


def test_a_deleted_peer_comes_with_the_time(api: InProcessApi) -> None:
    """synchronization.md §5: PeerDeleted: `{"relationshipId":"REL…","deletionDate":"…"}` (time of handling)"""
    owner = given_owner(api)

    tell(
        PeerDeleted(
            peer_of_deleted_identity=owner.address,
            relationship_id=RELATIONSHIP,
            deleted_identity=PEER,
            deletion_process_id=PROCESS,
        )
    )

    ((_, payload),) = fed(api, owner)
    assert payload["relationshipId"] == RELATIONSHIP
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z", payload["deletionDate"])


def test_nobody_hears_of_an_anonymous_token(api: InProcessApi) -> None:
    """events.md §10: 100th wrong token password -> TokenLocked for creator once; anonymous token -> none."""
    owner = given_owner(api)

    tell(TokenLocked(token_id=TOKEN, created_by=None))

    assert fed(api, owner) == []


def test_a_wrong_claim_locks_twice(api: InProcessApi) -> None:
    """synchronization.md §10.16: A wrong ownership token on claiming a file raises the lock event twice, so the owner
    gets two `FileOwnershipLocked` external events"""
    owner = given_owner(api)

    for occurrence in (1, 2):
        tell(
            FileOwnershipLocked(
                file_id=FILE, owner_address=owner.address, locked_at=GRACE_PERIOD_END, occurrence=occurrence
            )
        )

    assert len(fed(api, owner)) == 2


def test_a_message_reaches_each_recipient_once(api: InProcessApi) -> None:
    """events.md §10: message in Active relationship -> recipient: one MessageReceived `{"id"}`; message to n recipients
    -> n external events, one per recipient; none to sender."""
    one, other, relationship = given_two(api, "Active")
    third, _, second_relationship = given_two(api, "Active")
    message = message_to((other.address, relationship), (third.address, second_relationship))

    tell(message)
    tell(message)

    assert fed(api, other) == fed(api, third) == [("MessageReceived", {"id": message.message_id})]
    assert fed(api, one) == []


@pytest.mark.parametrize("status", ["Pending", "Terminated"])
def test_a_blocked_message_is_not_part_of_a_run(api: InProcessApi, status: str) -> None:
    """synchronization.md §11: blocked event is not part of a run."""
    _, other, relationship = given_two(api, status)
    tell(message_to((other.address, relationship)))
    blocked = start(api, other).result
    given_event(other.address)

    run = given_run(api, other)

    assert blocked["status"] == "NoNewEvents"
    assert [event["index"] for event in events_of(api, other, run["id"]).result] == [1]
    assert finalize(api, other, run["id"]).result["newUnsyncedExternalEventsExist"] is False


def test_messages_of_a_pending_relationship_wait_for_acceptance(api: InProcessApi) -> None:
    """synchronization.md §11: message sent in Pending -> no event for recipient until acceptance; deleted on
    reject/revoke."""
    one, other, relationship = given_two(api, "Pending")
    to_other, to_one = message_to((other.address, relationship)), message_to((one.address, relationship))
    tell(to_other)
    tell(to_one)
    before = fed(api, one) + fed(api, other)

    becomes(relationship, "Active")
    tell(status_changed(relationship, "Active", other.address, one.address))

    assert before == []
    assert fed(api, other) == [("MessageReceived", {"id": to_other.message_id})]
    assert fed(api, one) == [
        ("MessageReceived", {"id": to_one.message_id}),
        ("RelationshipStatusChanged", {"relationshipId": relationship}),
    ]


@pytest.mark.parametrize("status", ["Rejected", "Revoked"])
def test_messages_of_a_relationship_that_was_not_to_be_are_deleted(api: InProcessApi, status: str) -> None:
    """synchronization.md §11: message sent in Pending -> (…) deleted on reject/revoke."""
    one, other, relationship = given_two(api, "Pending")
    tell(message_to((other.address, relationship)))
    tell(message_to((one.address, relationship)))

    becomes(relationship, status)
    tell(status_changed(relationship, status, one.address, other.address))
    tell(status_changed(relationship, "Active", one.address, other.address, position=10))  # finds nothing left

    assert {type for type, _ in fed(api, other)} == {"RelationshipStatusChanged"}
    assert fed(api, one) == []


@pytest.mark.parametrize("status", ["Rejected", "Revoked"])
def test_a_message_told_after_its_relationship_was_refused_is_not_fed(api: InProcessApi, status: str) -> None:
    """synchronization.md §4: blocked ──relationship Rejected/Revoked──► deleted, whichever is handled first"""
    _, other, relationship = given_two(api, status)

    tell(message_to((other.address, relationship)))

    assert fed(api, other) == []


def test_a_message_sent_while_active_is_delivered_even_if_the_termination_was_faster(api: InProcessApi) -> None:
    """messages.md §11: Message sent while Active, then relationship terminated → event still delivered."""
    _, other, relationship = given_two(api, "Active")
    message = message_to((other.address, relationship), sent_while_active=True)

    becomes(relationship, "Terminated")
    tell(message)

    assert fed(api, other) == [("MessageReceived", {"id": message.message_id})]


def test_messages_of_a_terminated_relationship_wait_for_its_reactivation(api: InProcessApi) -> None:
    """synchronization.md §11: message sent in Terminated -> no event until accepted reactivation; message sent before
    termination -> event delivered."""
    one, other, relationship = given_two(api, "Active")
    sent_before, sent_after = message_to((other.address, relationship)), message_to((other.address, relationship))
    tell(sent_before)
    becomes(relationship, "Terminated")
    tell(sent_after)
    terminated = fed(api, other)

    becomes(relationship, "Active")
    tell(
        RelationshipReactivationCompleted(
            relationship_id=relationship, new_relationship_status="Active", peer=one.address, audit_position=4
        )
    )

    assert terminated == [("MessageReceived", {"id": sent_before.message_id})]
    assert fed(api, other) == [("MessageReceived", {"id": sent_after.message_id})]
    assert fed(api, one) == [("RelationshipReactivationCompleted", {"relationshipId": relationship})]


def test_a_refused_reactivation_releases_nothing(api: InProcessApi) -> None:
    """synchronization.md §4: Unblocking: (…) or by accepted reactivation"""
    one, other, relationship = given_two(api, "Terminated")
    tell(message_to((other.address, relationship)))

    tell(
        RelationshipReactivationCompleted(
            relationship_id=relationship, new_relationship_status="Terminated", peer=one.address, audit_position=4
        )
    )

    assert fed(api, other) == []


def test_a_released_event_belongs_to_the_next_run(api: InProcessApi) -> None:
    """synchronization.md §7: events created after the selection wait for the next run; finalize reports them"""
    one, other, relationship = given_two(api, "Pending")
    tell(message_to((other.address, relationship)))
    given_event(other.address)
    run = given_run(api, other)
    becomes(relationship, "Active")
    tell(status_changed(relationship, "Active", other.address, one.address))

    during = events_of(api, other, run["id"]).result
    answer = finalize(api, other, run["id"], [{"externalEventId": event["id"]} for event in during])

    assert [event["index"] for event in during] == [1]
    assert answer.result["newUnsyncedExternalEventsExist"] is True
    assert [event["index"] for event in sync(api, other)] == [0]


def test_who_leaves_a_relationship_hears_no_more_of_it(api: InProcessApi) -> None:
    """synchronization.md §11: message sent, relationship decomposed by recipient, new relationship -> no event for the
    old message."""
    one, other, relationship = given_two(api, "Active")
    tell(message_to((other.address, relationship)))
    becomes(relationship, "Terminated")
    tell(message_to((other.address, relationship)))
    given_event(other.address)
    becomes(relationship, "DeletionProposed", toHasDecomposed=True)

    tell(status_changed(relationship, "DeletionProposed", other.address, one.address))

    assert [type for type, _ in fed(api, other)] == ["RelationshipReactivationRequested"]
    assert [type for type, _ in fed(api, one)] == ["RelationshipStatusChanged"]


def test_a_message_told_after_its_recipient_left_is_not_fed(api: InProcessApi) -> None:
    """synchronization.md §4: unsynced|blocked|dead with context = relationship ──owner decomposes──► deleted, whichever
    is handled first"""
    one, other, relationship = given_two(api, "DeletionProposed")  # decomposed by the first

    tell(message_to((one.address, relationship)))
    tell(message_to((other.address, relationship)))

    assert fed(api, one) == []
    assert len(fed(api, other)) == 1


def test_a_message_of_a_removed_relationship_is_not_fed(api: InProcessApi) -> None:
    """synchronization.md §10.17: it fails (…) if the relationship's participants were anonymized meanwhile"""
    owner = given_owner(api)

    tell(message_to((owner.address, RelationshipId.new())))

    assert fed(api, owner) == []


def test_leaving_deletes_failed_and_dead_events_and_keeps_the_count(api: InProcessApi) -> None:
    """synchronization.md §4: all *unassigned* events (blocked or not, any error count) with owner = initiator and
    context = relationship id are deleted"""
    one, other, relationship = given_two(api, "Active")
    tell(message_to((other.address, relationship)))
    for _ in range(2):
        run = given_run(api, other)
        finalize(api, other, run["id"], errors(events_of(api, other, run["id"]).result))
    tell(message_to((other.address, relationship)))
    given_event(other.address)
    becomes(relationship, "Terminated")

    tell(status_changed(relationship, "DeletionProposed", other.address, one.address))

    run = given_run(api, other)
    assert run["eventCount"] == 1
    assert len(events_of(api, other, run["id"]).result) == 1


def test_events_in_the_hands_of_a_run_stay(api: InProcessApi) -> None:
    """synchronization.md §4: Events already assigned to a run remain."""
    one, other, relationship = given_two(api, "Active")
    tell(message_to((other.address, relationship)))
    run = given_run(api, other)

    tell(status_changed(relationship, "DeletionProposed", other.address, one.address))

    assert len(events_of(api, other, run["id"]).result) == 1


def test_the_second_decomposition_is_told_to_nobody(api: InProcessApi) -> None:
    """synchronization.md §11: second decomposition (ReadyForDeletion) -> no RelationshipStatusChanged event for the
    peer."""
    one, other, relationship = given_two(api, "DeletionProposed")
    tell(message_to((other.address, relationship)))

    tell(status_changed(relationship, "ReadyForDeletion", other.address, one.address))

    assert fed(api, one) == fed(api, other) == []


def test_a_blocked_event_is_told_as_blocked_and_again_when_it_can_be_delivered(api: InProcessApi) -> None:
    """events.md §10: message in Pending/Terminated -> not in the recipient's next run; after acceptance/reactivation it
    is.

    events.md §3.2: ExternalEventCreated push: not IsDeliveryBlocked.  Unlike in the reference (synchronization.md
    §10.11), the flag tells the truth, and unblocking is told."""
    one, other, relationship = given_two(api, "Pending")
    store = SyncStore()

    def raised() -> list[Any]:
        item: dict[str, Any] = store._table.get({"pk": other.address, "sk": "HEAD"}) or {}
        return [(event.name, event.payload) for event in carried_by(item)]

    tell(message_to((other.address, relationship)))
    ((name, payload),) = raised()
    tell(status_changed(relationship, "Active", other.address, one.address))
    ((later_name, later_payload),) = raised()

    assert (name, payload["owner"], payload["isDeliveryBlocked"]) == ("ExternalEventCreated", other.address, True)
    assert (later_name, later_payload) == (name, {**payload, "isDeliveryBlocked": False})


def test_one_push_tells_of_one_modified_datawallet(api: InProcessApi) -> None:
    """synchronization.md §2.3: one domain event `DatawalletModified` {Identity, ModifiedByDevice} per request"""
    caller = given_owner(api)

    push(api, caller, -1, modification(1), modification(2))

    item = SyncStore()._table.get({"pk": caller.address, "sk": "HEAD"}) or {}
    ((name, payload),) = [(event.name, event.payload) for event in carried_by(item)]
    expected = {"identity": caller.address, "modifiedByDevice": caller.device_id, "index": 1}
    assert (name, payload) == ("DatawalletModified", expected)


def test_the_feed_begins_before_the_datawallet(api: InProcessApi) -> None:
    """synchronization.md §4: index, at creation: 0 if there is none"""
    caller = given_caller()
    given_event(caller.address)

    given_upgrade(api, caller)

    assert [event["index"] for event in sync(api, caller)] == [0]


def delivered(event: DomainEvent, time: datetime) -> dict[str, Any]:
    """An event as the bus delivers it."""
    return {"detail": EventEnvelope.of(event, time).to_dict()}


def test_an_event_that_cannot_be_handled_fails_its_invocation(api: InProcessApi) -> None:
    """events.md §1.3: A new implementation should make all of them idempotent by a stable event id"""
    owner = given_owner(api)
    event = delivered(status_changed(RELATIONSHIP, "Pending", PEER, owner.address), clock.now())

    with pytest.raises(InvocationFailed):
        consume({"detail": {}}, None)
    for _ in range(2):
        consume(event, None)

    assert len(fed(api, owner)) == 1
