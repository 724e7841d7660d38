"""The synchronization of a deleted identity.  Contract: events.md §6.3."""

from typing import Any

import pytest

from backbone import clock, dynamodb
from backbone.caller import Caller
from backbone.dynamodb import Table
from backbone.events import EventEnvelope, carried_by
from backbone.events.devices import IdentityDeleted
from backbone.events.relationships import RelationshipStatusChanged
from backbone.ids import IdentityDeletionProcessId, RelationshipId
from backbone.settings import settings
from functions.synchronization.consumers import consumers
from functions.synchronization.deletion_consumers import deletion_consumers, store
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import given_identity
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


def _delete(caller: Caller) -> None:
    event = IdentityDeleted(identity_address=caller.address, deletion_process_id=PROCESS)
    deletion_consumers.handle(EventEnvelope.of(event, clock.now()))


def _receive(caller: Caller) -> None:
    changed = RelationshipStatusChanged(
        relationship_id=RelationshipId.new(),
        new_status="Pending",
        initiator=new_caller().address,
        peer=caller.address,
        was_due_to_identity_deletion=False,
        audit_position=1,
    )
    consumers.handle(EventEnvelope.of(changed, clock.now()))


def _push(api: InProcessApi, caller: Caller, after: int, number: int) -> Any:
    modifications = [
        {"objectIdentifier": f"{after} {n}", "collection": "c", "type": "Create", "datawalletVersion": 1}
        for n in range(number)
    ]
    body = {"localIndex": after, "modifications": modifications}
    return api.post("/api/v2/Datawallet/Modifications", body, caller=caller, headers=VERSION)


def _given_wallet(api: InProcessApi, number: int = 30) -> Caller:
    """A datawallet, a finalized run and external events of an identity."""
    caller = new_caller()
    given_identity(caller.address)
    upgrade = {"type": "DatawalletVersionUpgrade", "duration": 60}
    run = api.post("/api/v2/SyncRuns", upgrade, caller=caller, headers=VERSION).result["syncRun"]
    path = f"/api/v2/SyncRuns/{run['id']}/FinalizeDatawalletVersionUpgrade"
    api.put(path, {"newDatawalletVersion": 1, "datawalletModifications": []}, caller=caller, headers=VERSION)
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
        caller = _given_wallet(api, 40)
        crashed = died(call, lambda gone=caller: _delete(gone))  # type: ignore[misc]  # a default argument
        _delete(caller)

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
