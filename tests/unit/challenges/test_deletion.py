"""The challenges of a deleted identity.  Contract: devices.md §4; events.md §6.3."""

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.dynamodb import Table, client, decode
from backbone.events import EventEnvelope, carried_by
from backbone.events.devices import IdentityDeleted
from backbone.ids import IdentityDeletionProcessId
from backbone.quotas import Allowance, Metric
from backbone.settings import settings
from functions.challenges import domain
from functions.challenges.consumers import consumers
from functions.challenges.store import ChallengeStore
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import given_identity, usage_of
from tests.support.metering import metered

PROCESS = IdentityDeletionProcessId.new()


def _given_challenges(caller: Caller | None, number: int) -> None:
    for _ in range(number):
        ChallengeStore().add(domain.issue_challenge(caller, now=clock.now()), Allowance.unlimited())


def _delete(caller: Caller) -> None:
    event = IdentityDeleted(identity_address=caller.address, deletion_process_id=PROCESS)
    consumers.handle(EventEnvelope.of(event, clock.now()))


def _challenges() -> list[str | None]:
    items = [decode(item) for item in client().scan(TableName=settings().challenges_table)["Items"]]
    return [item.get("createdBy") for item in items if not item["pk"].startswith("DELETED#")]


@pytest.mark.usefixtures("engine")
def test_they_go_and_all_others_stay() -> None:
    """devices.md §4: Deletion of an identity deletes its challenges."""
    leaving, staying = new_caller(), new_caller()
    _given_challenges(leaving, 60)
    _given_challenges(staying, 2)
    _given_challenges(None, 3)

    _delete(leaving)

    assert sorted(_challenges(), key=str) == sorted([staying.address] * 2 + [None] * 3, key=str)


@pytest.mark.usefixtures("engine")
def test_it_says_so_at_the_end_and_says_it_again_when_asked_again() -> None:
    """events.md §6.3: DataDeleted entry `Challenges`"""
    caller = new_caller()

    for _ in range(2):
        _delete(caller)
        mark = Table(settings().challenges_table).get({"pk": f"DELETED#{PROCESS}"}) or {}
        (told,) = carried_by(mark)
        assert (told.name, told.payload["service"]) == ("IdentityDataDeleted", "challenges")
        assert told.payload["aggregates"] == ["Challenges"]
        assert mark["ttl"] > clock.epoch_seconds(clock.now())


@pytest.mark.local_dynamodb
def test_deletion_costs_a_call_per_25(local_dynamodb: None) -> None:
    caller = new_caller()
    _given_challenges(caller, 60)

    with metered() as meter:
        _delete(caller)

    assert meter.calls == ["GetItem", "Query", *["BatchWriteItem"] * 3, "PutItem"]


@pytest.mark.local_dynamodb
def test_only_challenges_of_somebody_pay_for_the_index(local_dynamodb: None) -> None:
    with metered() as anonymous:
        _given_challenges(None, 1)
    with metered() as known:
        _given_challenges(new_caller(), 1)

    assert (anonymous.write_units, known.write_units) == (1, 2)


@pytest.mark.local_dynamodb
def test_who_creates_a_challenge_pays_for_its_count(local_dynamodb: None) -> None:
    """One read of identity and count, one transaction; the place in the index is not reported for transactions."""
    api, creator = InProcessApi(["challenges"]), new_caller()
    given_identity(creator.address)
    api.post("/api/v2/Challenges", caller=creator)
    with metered() as meter:
        answer = api.post("/api/v2/Challenges", caller=creator)

    assert answer.status == 201
    assert (meter.calls, meter.read_units, meter.write_units) == (["BatchGetItem", "TransactWriteItems"], 2, 4)
    assert usage_of(creator.address, Metric.NUMBER_OF_CREATED_CHALLENGES)["total"] == 2
