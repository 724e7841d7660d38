"""Deletions against what others do at the same time, against a real engine."""

import pytest

from backbone import clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.ids import IdentityDeletionProcessId, RelationshipId
from backbone.readmodels import identities
from backbone.readmodels.relationships import table
from functions.relationships import domain
from functions.relationships.domain import Action, Transition
from functions.relationships.relationship import Relationship, Status
from tests.support.builders import given_relationship
from tests.unit.relationships.deletion_scenes import PSEUDONYM, deleted, to_be_deleted, traces
from tests.unit.relationships.scenes import active_caller, events_of, stored_items
from tests.unit.relationships.test_races import (
    act,
    at_once,
    create,
    fetch,
    given_template,
    read,
    relationships,
    templates,
)

pytestmark = [pytest.mark.local_dynamodb, pytest.mark.usefixtures("local_dynamodb")]
ROUNDS = 4


def delete(who: Caller) -> str:
    """Devices lets the deletion begin, Relationships hears of it."""
    key = identities.key(who.address)
    identities.table().update(key, "SET #status = :deleting", {"deleting": "Deleting"})
    deleted(who.address, IdentityDeletionProcessId.new())
    return "deleted"


def given(status: str) -> tuple[Caller, Caller, RelationshipId]:
    from_, to = active_caller(), active_caller()
    return from_, to, given_relationship(from_.address, to.address, status).id


def reasons(relationship: Relationship) -> list[str]:
    return [entry.reason.value for entry in relationship.audit_log]


@pytest.mark.parametrize("status", ["Terminated", "Rejected"])
def test_a_deletion_and_the_survivors_decomposition_both_succeed(status: str) -> None:
    for _ in range(ROUNDS):
        leaving, staying, id = given(status)

        outcomes = at_once(lambda: delete(leaving), lambda: act(id, Action.DECOMPOSE, staying))  # noqa: B023

        now = read(id)
        assert outcomes[0] == "deleted"
        assert outcomes[1] in ("DeletionProposed", "ReadyForDeletion")
        assert (now.status, now.from_has_decomposed, now.to_has_decomposed) == (Status.READY_FOR_DELETION, True, True)
        assert (now.from_, now.to) == (PSEUDONYM, staying.address)
        assert sorted(reasons(now)[-2:]) == ["Decomposition", "DecompositionDueToIdentityDeletion"]
        assert traces(leaving.address) == []
        pairs = [item for item in stored_items() if item["pk"].startswith("PAIR#")]
        assert [pair for pair in pairs if staying.address in pair["pk"]] == []


def test_a_deletion_and_an_answer_agree_on_who_was_first() -> None:
    for _ in range(ROUNDS):
        leaving, staying, id = given("Pending")

        outcomes = at_once(lambda: delete(leaving), lambda: act(id, Action.ACCEPT, staying))  # noqa: B023

        accepted = outcomes[1] == "Active"
        assert accepted or outcomes[1] == "relationshipIsNotInCorrectStatus"
        assert reasons(read(id)) == [
            "Creation",
            *(["AcceptanceOfCreation"] if accepted else []),
            "DecompositionDueToIdentityDeletion",
        ]
        assert traces(leaving.address) == []


def test_what_is_created_during_a_deletion_is_refused_or_left() -> None:
    for _ in range(ROUNDS):
        leaving, owner, guest = active_caller(), active_caller(), active_caller()
        of_leaving, of_owner = given_template(leaving).id, given_template(owner).id

        outcomes = at_once(
            lambda: create(of_owner, leaving),  # noqa: B023
            lambda: create(of_leaving, guest),  # noqa: B023
            lambda: delete(leaving),  # noqa: B023
        )

        for outcome in outcomes[:2]:
            if isinstance(outcome, Relationship):
                now = read(outcome.id)
                assert PSEUDONYM in (now.from_, now.to)
                assert now.status is Status.DELETION_PROPOSED
            else:
                assert outcome in ("recordNotFound", "peerIsToBeDeleted")
        left = [item for item in traces(leaving.address) if not item["sk"].startswith("A#")]
        assert left == []


def test_both_sides_are_deleted_at_once() -> None:
    for _ in range(ROUNDS):
        one, other, id = given("Active")

        assert at_once(lambda: delete(one), lambda: delete(other)) == ["deleted"] * 2  # noqa: B023

        now = read(id)
        assert (now.status, now.from_, now.to) == (Status.READY_FOR_DELETION, PSEUDONYM, PSEUDONYM)
        assert reasons(now)[-2:] == ["DecompositionDueToIdentityDeletion"] * 2
        assert traces(one.address) == traces(other.address) == []


def test_the_same_deletion_delivered_twice_at_once_happens_once() -> None:
    for _ in range(ROUNDS):
        leaving, staying, id = given("Active")
        template = given_template(staying)
        fetch(template, leaving)

        at_once(*[lambda: delete(leaving)] * 3)  # noqa: B023

        assert reasons(read(id)).count("DecompositionDueToIdentityDeletion") == 1
        allocations = [item for item in stored_items() if item["pk"] == template.id and item["sk"].startswith("A#")]
        assert [item["allocatedBy"] for item in allocations] == [PSEUDONYM]


def test_an_allocation_becomes_anonymous_while_its_template_is_deleted() -> None:
    for _ in range(ROUNDS):
        leaving, owner = active_caller(), active_caller()
        template = given_template(owner)
        created = create(template.id, leaving)

        at_once(lambda: delete(leaving), lambda: templates.delete(template.id, now=clock.now()))  # noqa: B023

        assert read(created.id).template_id is None
        assert table().get({"pk": template.id, "sk": "T"}) is None
        assert traces(leaving.address) == []


def test_news_do_not_get_in_the_way_of_changes() -> None:
    for _ in range(ROUNDS):
        leaving, staying, id = given("Active")

        def tell(address: Address = leaving.address) -> str:
            to_be_deleted(address)
            return "told"

        outcomes = at_once(tell, lambda: act(id, Action.TERMINATE, staying))  # noqa: B023

        assert outcomes == ["told", "Terminated"]
        names = [event["name"] for event in events_of({"pk": id, "sk": "R"})]
        assert names in (["PeerToBeDeleted"], ["RelationshipStatusChanged"])


def test_a_pair_that_went_between_reading_and_writing_stops_nobody() -> None:
    leaving, staying, id = given("Terminated")
    attempts = []

    def decide(relationship: Relationship) -> Transition:
        attempts.append(relationship.status)
        if len(attempts) == 1:
            delete(leaving)
        return domain.act(relationship, Action.DECOMPOSE, staying, now=clock.now())

    changed = relationships.change(id, decide, now=clock.now())

    assert changed.status is Status.READY_FOR_DELETION
    assert attempts == [Status.TERMINATED, Status.DELETION_PROPOSED]
