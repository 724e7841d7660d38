"""The synchronization of a deleted identity.  Contract: events.md §6.3."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from backbone import clock, dynamodb
from backbone.caller import Caller
from backbone.dynamodb import Table
from backbone.events import EventEnvelope, carried_by
from backbone.events.devices import IdentityDeleted
from backbone.events.messages import MessageCreated, MessageRecipient
from backbone.events.relationships import RelationshipStatusChanged
from backbone.ids import DeviceId, IdentityDeletionProcessId, MessageId, RelationshipId
from backbone.readmodels import identities
from backbone.settings import settings
from functions.synchronization.consumers import consumers
from functions.synchronization.deletion_consumers import deletion_consumers, store
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import given_identity, given_relationship
from tests.support.crashes import died, until_it_lives

pytestmark = pytest.mark.slow

PROCESS = IdentityDeletionProcessId.new()
VERSION = {"X-Supported-Datawallet-Version": "1"}
NOT_FOUND = (404, "error.platform.recordNotFound")


def _items() -> list[dict[str, Any]]:
    found = dynamodb.client().scan(TableName=settings().synchronization_table)["Items"]
    return [dynamodb.decode(item) for item in found]


def _of(caller: Caller) -> list[str]:
    return [item["sk"] for item in _items() if item["pk"] == caller.address]


def _delete(caller: Caller, process: IdentityDeletionProcessId = PROCESS) -> None:
    given_identity(caller.address, "Deleting")
    _again(caller, process)


def _again(caller: Caller, process: IdentityDeletionProcessId = PROCESS) -> None:
    event = IdentityDeleted(identity_address=caller.address, deletion_process_id=process)
    deletion_consumers.handle(EventEnvelope.of(event, clock.now()))


def _receive(caller: Caller, at: datetime | None = None) -> None:
    changed = RelationshipStatusChanged(
        relationship_id=RelationshipId.new(),
        new_status="Pending",
        initiator=new_caller().address,
        peer=caller.address,
        was_due_to_identity_deletion=False,
        audit_position=1,
    )
    consumers.handle(EventEnvelope.of(changed, at or clock.now()))


def _receive_message(caller: Caller, at: datetime) -> None:
    sender = new_caller()
    relationship = given_relationship(sender.address, caller.address)
    recipient = MessageRecipient(address=caller.address, relationship_id=relationship.id, sent_while_active=True)
    sent = MessageCreated(message_id=MessageId.at(at), created_by=sender.address, recipients=(recipient,))
    consumers.handle(EventEnvelope.of(sent, at))


def _registered_again(caller: Caller) -> Caller:
    """The identity is gone, and its key has registered a new one."""
    identities.table().delete(identities.key(caller.address))
    given_identity(caller.address, created_at=clock.now())
    return Caller(caller.address, DeviceId.new(), caller.client_id)


def _push(api: InProcessApi, caller: Caller, after: int, number: int) -> Any:
    modifications = [
        {"objectIdentifier": f"{after} {n}", "collection": "c", "type": "Create", "datawalletVersion": 1}
        for n in range(number)
    ]
    body = {"localIndex": after, "modifications": modifications}
    return api.post("/api/v2/Datawallet/Modifications", body, caller=caller, headers=VERSION)


def _modifications(api: InProcessApi, caller: Caller) -> Any:
    path = "/api/v2/Datawallet/Modifications"
    return api.get(path, query={"localIndex": -1}, caller=caller, headers=VERSION).result


def _upgrade(api: InProcessApi, caller: Caller) -> None:
    upgrade = {"type": "DatawalletVersionUpgrade", "duration": 60}
    run = api.post("/api/v2/SyncRuns", upgrade, caller=caller, headers=VERSION).result["syncRun"]
    path = f"/api/v2/SyncRuns/{run['id']}/FinalizeDatawalletVersionUpgrade"
    answer = api.put(path, {"newDatawalletVersion": 1, "datawalletModifications": []}, caller=caller, headers=VERSION)
    assert answer.status == 200


def _given_wallet(api: InProcessApi, number: int = 30) -> Caller:
    """A datawallet, a finalized run and external events of an identity."""
    caller = new_caller()
    given_identity(caller.address)
    _upgrade(api, caller)
    assert _push(api, caller, -1, number).status == 201
    _receive(caller)
    return caller


@pytest.fixture
def wallet(api: InProcessApi) -> Caller:
    """Somebody with a datawallet, a run and an event."""
    return _given_wallet(api)


def test_everything_goes_but_the_closed_head(api: InProcessApi, wallet: Caller) -> None:
    """events.md §6.3, row 8: external events, sync runs, datawallet with modifications"""
    other = _given_wallet(api)
    kept = _of(other)
    assert len(_of(wallet)) > 30

    _delete(wallet)

    assert _of(wallet) == ["HEAD"]
    (head,) = [item for item in _items() if item["pk"] == wallet.address]
    assert head["ttl"] > clock.epoch_seconds(clock.now())
    assert _of(other) == kept


def test_it_says_so_at_the_end_and_says_it_again_when_asked_again(wallet: Caller) -> None:
    """events.md §6.3: DataDeleted entries `ExternalEvents`, `SyncRuns`, `Datawallets`"""
    for _ in range(2):
        _delete(wallet)
        mark = Table(settings().synchronization_table).get({"pk": f"DELETED#{PROCESS}", "sk": "DELETED"})
        (told,) = carried_by(mark)
        assert told.payload["service"] == "synchronization"
        assert told.payload["aggregates"] == ["ExternalEvents", "SyncRuns", "Datawallets"]


def test_nothing_is_written_afterwards(api: InProcessApi, wallet: Caller) -> None:
    """events.md §9.12: A late MessageCreated can create external events for an identity that is already deleted (not
    here); access tokens that are still good write nothing either."""
    _delete(wallet)

    _receive(wallet)
    pushed = _push(api, wallet, 29, 1)
    run = api.post("/api/v2/SyncRuns", {"type": "ExternalEventSync"}, caller=wallet, headers=VERSION)

    assert pushed.error == run.error == NOT_FOUND
    assert api.get("/api/v2/Datawallet", caller=wallet, headers=VERSION).error == NOT_FOUND
    assert _of(wallet) == ["HEAD"]


def test_an_identity_that_has_never_synchronized_is_no_problem(api: InProcessApi) -> None:
    caller = new_caller()

    _delete(caller)

    assert _of(caller) == ["HEAD"]


def test_a_crash_between_any_two_calls_only_delays_it(api: InProcessApi) -> None:
    other = _given_wallet(api, 3)
    kept = _of(other)
    for call in until_it_lives():
        caller, process = _given_wallet(api, 40), IdentityDeletionProcessId.new()
        given_identity(caller.address, "Deleting")
        crashed = died(call, partial(_again, caller, process))
        _again(caller, process)

        assert _of(caller) == ["HEAD"]
        if not crashed:
            break
    assert _of(other) == kept


def test_a_device_that_writes_while_it_is_deleted_loses(api: InProcessApi, wallet: Caller) -> None:
    original = type(store).delete_all_but_head
    with pytest.MonkeyPatch.context() as between:

        def meanwhile(self: Any, owner: Any) -> int:
            assert _push(api, wallet, 29, 1).error == NOT_FOUND
            return original(self, owner)

        between.setattr(type(store), "delete_all_but_head", meanwhile)
        _delete(wallet)

    assert _of(wallet) == ["HEAD"]


def test_who_registers_again_begins_anew(api: InProcessApi) -> None:
    """devices.md §7.1: 201 as soon as the address does not exist; synchronization.md §2.2, §3.3: as for everybody"""
    old = _given_wallet(api, 3)
    _delete(old)
    caller = _registered_again(old)

    assert api.get("/api/v2/Datawallet", caller=caller, headers=VERSION).error == NOT_FOUND
    assert (
        api.get("/api/v2/Datawallet/Modifications", query={"localIndex": -1}, caller=caller, headers=VERSION).result
        == []
    )
    _upgrade(api, caller)
    assert _push(api, caller, -1, 2).result["newIndex"] == 1
    assert [each["index"] for each in _modifications(api, caller)] == [0, 1]
    assert all("closed" not in item for item in _items())


def test_events_arrive_in_the_new_life_first_thing(api: InProcessApi) -> None:
    old = _given_wallet(api, 1)
    _delete(old)
    caller = _registered_again(old)

    _receive(caller)
    _upgrade(api, caller)
    run = api.post("/api/v2/SyncRuns", {"type": "ExternalEventSync"}, caller=caller, headers=VERSION).result["syncRun"]

    assert (run["index"], run["eventCount"]) == (1, 1)
    events = api.get(f"/api/v2/SyncRuns/{run['id']}/ExternalEvents", caller=caller).result
    assert [(event["index"], event["type"]) for event in events] == [(0, "RelationshipStatusChanged")]


def test_what_is_told_late_of_the_old_life_does_not_reach_the_new_one(api: InProcessApi) -> None:
    """events.md §9.12, for an identity that is there again"""
    old = _given_wallet(api, 1)
    of_the_old_life = clock.now()
    _delete(old)
    caller = _registered_again(old)

    for _ in range(2):  # before the new life has written anything, and afterwards
        _receive(caller, of_the_old_life - timedelta(milliseconds=1))
        _receive_message(caller, of_the_old_life - timedelta(milliseconds=1))
        assert [sk for sk in _of(caller) if sk.startswith(("EVENT#", "HELD#"))] == []
        _upgrade(api, caller)


def test_a_deletion_that_is_told_again_leaves_the_new_life_alone(api: InProcessApi) -> None:
    """events.md §9: deliveries repeat; here after the identity has registered again"""
    old = _given_wallet(api, 3)
    _delete(old)
    caller = _registered_again(old)
    _again(caller)
    _upgrade(api, caller)
    _push(api, caller, -1, 3)
    kept = _of(caller)

    _again(caller)

    assert _of(caller) == kept
    assert _push(api, caller, 2, 1).status == 201


def test_a_delivery_that_was_held_up_does_not_close_the_new_life(api: InProcessApi, wallet: Caller) -> None:
    """It has seen that nothing is confirmed, and by then everything is."""
    original = store.has_confirmed
    with pytest.MonkeyPatch.context() as between:
        seen: list[bool] = []

        def held_up(self: Any, process_id: Any) -> bool:
            seen.append(original(process_id))
            if len(seen) == 1:
                between.undo()
                _delete(wallet)
                _upgrade(api, _registered_again(wallet))
            return seen[-1]

        between.setattr(type(store), "has_confirmed", held_up)
        _again(wallet)

    assert seen == [False]
    assert any(item["sk"] == "HEAD" and "version" in item for item in _items() if item["pk"] == wallet.address)


def test_the_second_life_is_deleted_like_the_first(api: InProcessApi) -> None:
    old = _given_wallet(api, 3)
    _delete(old)
    caller = _registered_again(old)
    _upgrade(api, caller)
    _push(api, caller, -1, 3)

    _delete(caller, IdentityDeletionProcessId.new())

    assert _of(caller) == ["HEAD"]
    assert _push(api, caller, 2, 1).error == NOT_FOUND
