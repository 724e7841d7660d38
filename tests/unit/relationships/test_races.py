"""Races, against a real engine: exactly one wins, the others get the error they would have got by coming second."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier
from typing import Any

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.errors import BackboneError
from backbone.ids import DeviceId, RelationshipId, RelationshipTemplateId
from backbone.quotas import Allowance, Metric
from backbone.readmodels.relationships import pair_key, table
from backbone.settings import settings
from functions.relationships import creation, domain, templates_domain
from functions.relationships.domain import Action
from functions.relationships.relationship import Relationship, Status
from functions.relationships.store import RelationshipStore
from functions.relationships.templates_domain import RelationshipTemplate
from functions.relationships.templates_store import TemplateStore
from tests.support.api import new_caller
from tests.support.builders import given_relationship
from tests.unit.relationships.scenes import active_caller, events_of

pytestmark = [pytest.mark.local_dynamodb, pytest.mark.usefixtures("local_dynamodb")]
ROUNDS = 3
COUNTED = (Metric.NUMBER_OF_RELATIONSHIPS,)
relationships, templates = RelationshipStore(), TemplateStore()


def at_once(*attempts: Callable[[], Any]) -> list[Any]:
    """Run them in as many threads, starting together; results, with the last part of the code of an error."""
    barrier = Barrier(len(attempts))

    def run(attempt: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return attempt()
        except BackboneError as error:
            return error.code.rpartition(".")[2]

    with ThreadPoolExecutor(len(attempts)) as pool:
        return list(pool.map(run, attempts))


def given_template(owner: Caller, maximum: int | None = None) -> RelationshipTemplate:
    template, event = templates_domain.issue_template(
        owner,
        max_number_of_allocations=maximum,
        expires_at=None,
        for_identity=None,
        password=None,
        now=clock.now(),
    )
    templates.add(template, b"content", event, Allowance.unlimited())
    return template


def fetch(template: RelationshipTemplate, caller: Caller) -> str:
    creation.fetch_template(templates, template.id, caller, now=clock.now())
    return "fetched"


def create(template_id: RelationshipTemplateId, caller: Caller) -> Relationship:
    now = clock.now()
    with Allowance.begin(caller, COUNTED, now=now) as allowance:
        return creation.create_relationship(
            relationships, templates, template_id, caller, content=b"content", allowance=allowance, now=now
        )


def act(id: RelationshipId, action: Action, caller: Caller, content: bytes | None = None) -> str:
    now = clock.now()
    metrics = COUNTED if action is Action.ACCEPT else ()
    with Allowance.begin(caller, metrics, now=now) as allowance:
        changed = relationships.change(
            id,
            lambda relationship: domain.act(relationship, action, caller, now=now),
            content=content,
            allowance=allowance if metrics else None,
            now=now,
        )
    return changed.status.value


def read(id: RelationshipId) -> Relationship:
    return relationships.get(id, now=clock.now()).relationship


def open_relationships(one: Caller, other: Caller) -> int:
    item = table().get(pair_key(one.address, other.address))
    assert item is not None
    return int(item["openRelationships"])


def given(status: str) -> tuple[Caller, Caller, RelationshipId]:
    from_, to = active_caller(), active_caller()
    return from_, to, given_relationship(from_.address, to.address, status).id


def test_of_two_identities_creating_in_both_directions_one_wins() -> None:
    """§12: Two concurrent POSTs between the same pair → exactly one 201."""
    for _ in range(ROUNDS):
        one, other = active_caller(), active_caller()
        of_one, of_other = given_template(one).id, given_template(other).id

        outcomes = at_once(lambda: create(of_one, other), lambda: create(of_other, one), lambda: create(of_one, other))  # noqa: B023

        [created] = [outcome for outcome in outcomes if isinstance(outcome, Relationship)]
        assert [outcome for outcome in outcomes if outcome is not created] == ["relationshipToTargetAlreadyExists"] * 2
        assert read(created.id) == created
        assert open_relationships(one, other) == 1


def test_no_more_allocators_than_slots_and_one_event() -> None:
    """§4.2: RelationshipTemplateAllocationsExhausted is raised exactly once, by the last allocation"""
    template = given_template(new_caller(), maximum=3)

    outcomes = at_once(*(lambda: fetch(template, new_caller()) for _ in range(10)))

    key = {"pk": template.id, "sk": "N"}
    assert sorted(outcomes) == ["fetched"] * 3 + ["maxNumberOfAllocationsExhausted"] * 7
    assert table().get(key)["allocations"] == 3  # type: ignore[index]  # it is there
    assert [event["name"] for event in events_of(key)] == ["RelationshipTemplateAllocationsExhausted"]


@pytest.mark.parametrize("maximum", [2, None])
def test_two_devices_of_an_identity_take_one_allocation(maximum: int | None) -> None:
    template, caller = given_template(new_caller(), maximum), new_caller()
    devices = [Caller(caller.address, DeviceId.new(), "test") for _ in range(4)]

    outcomes = at_once(*(lambda device=device: fetch(template, device) for device in devices))

    assert outcomes == ["fetched"] * 4
    counter = table().get({"pk": template.id, "sk": "N"})
    assert counter is None if maximum is None else counter is not None and counter["allocations"] == 1


def test_of_acceptance_and_revocation_one_wins() -> None:
    """§3.4: a loser should get the error it would have got if it had come second"""
    for _ in range(ROUNDS):
        from_, to, id = given("Pending")

        outcomes = at_once(lambda: act(id, Action.ACCEPT, to), lambda: act(id, Action.REVOKE, from_))  # noqa: B023

        now = read(id)
        assert sorted(outcomes) in (
            ["Active", "relationshipIsNotInCorrectStatus"],
            ["Revoked", "relationshipIsNotInCorrectStatus"],
        )
        assert now.status.value in outcomes
        assert len(now.audit_log) == 2
        assert open_relationships(from_, to) == int(now.status is Status.ACTIVE)


def test_the_loser_of_an_answer_does_not_overwrite_the_winners_content() -> None:
    size = settings().inline_payload_bytes + 1
    contents = {"Active": b"a" * size, "Rejected": b"r" * size}
    for _ in range(ROUNDS):
        _, to, id = given("Pending")

        at_once(
            lambda: act(id, Action.ACCEPT, to, contents["Active"]),  # noqa: B023
            lambda: act(id, Action.REJECT, to, contents["Rejected"]),  # noqa: B023
        )

        stored = relationships.get(id, now=clock.now())
        assert stored.creation_response_content() == contents[stored.relationship.status.value]


def test_both_sides_decompose_at_once_and_both_succeed() -> None:
    for _ in range(ROUNDS):
        from_, to, id = given("Terminated")

        outcomes = at_once(lambda: act(id, Action.DECOMPOSE, from_), lambda: act(id, Action.DECOMPOSE, to))  # noqa: B023

        now = read(id)
        assert sorted(outcomes) == ["DeletionProposed", "ReadyForDeletion"]
        assert (now.status, now.from_has_decomposed, now.to_has_decomposed) == (Status.READY_FOR_DELETION, True, True)
        assert [entry.new_status.value for entry in now.audit_log[-2:]] == ["DeletionProposed", "ReadyForDeletion"]
        assert open_relationships(from_, to) == 0


def test_two_devices_decompose_at_once_and_one_is_late() -> None:
    from_, _, id = given("Terminated")

    outcomes = at_once(*[lambda: act(id, Action.DECOMPOSE, from_)] * 3)

    assert sorted(outcomes) == ["DeletionProposed", "relationshipAlreadyDecomposed", "relationshipAlreadyDecomposed"]


def test_of_two_reactivation_requests_one_is_late() -> None:
    from_, to, id = given("Terminated")

    outcomes = at_once(
        lambda: act(id, Action.REQUEST_REACTIVATION, from_), lambda: act(id, Action.REQUEST_REACTIVATION, to)
    )

    assert sorted(outcomes) == ["Terminated", "cannotRequestReactivationWhenThereIsAnOpenReactivationRequest"]


def test_a_deleted_template_leaves_no_trace_on_a_relationship_created_meanwhile() -> None:
    for _ in range(ROUNDS):
        owner, caller, newcomer = active_caller(), active_caller(), active_caller()
        template = given_template(owner)
        fetch(template, caller)

        def delete() -> None:
            templates.delete(template.id, now=clock.now())  # noqa: B023

        outcomes = at_once(lambda: create(template.id, caller), lambda: create(template.id, newcomer), delete)  # noqa: B023

        for created in (outcome for outcome in outcomes if isinstance(outcome, Relationship)):
            assert read(created.id).template_id is None
        assert all(isinstance(it, Relationship) or it == "recordNotFound" for it in outcomes[:2])


def test_the_second_of_two_deletions_finds_nothing_or_finishes_the_same() -> None:
    owner = active_caller()
    template = given_template(owner)
    created = create(template.id, active_caller())

    at_once(*[lambda: templates.delete(template.id, now=clock.now())] * 2)

    assert read(created.id).template_id is None
    assert table().get({"pk": template.id, "sk": "T"}) is None


def test_readers_never_see_half_a_change() -> None:
    from_, _, id = given("Terminated")

    def ask_and_take_back() -> str:
        for _ in range(6):
            act(id, Action.REQUEST_REACTIVATION, from_)
            act(id, Action.REVOKE_REACTIVATION, from_)
        return "done"

    def look() -> str:
        for _ in range(40):
            log = read(id).audit_log
            assert all(later.created_at >= earlier.created_at for earlier, later in pairwise(log))
        return "done"

    assert at_once(ask_and_take_back, look, look) == ["done"] * 3
    assert base64.b64encode(relationships.get(id, now=clock.now()).creation_content() or b"") == b"Y29udGVudA=="
