"""The state machine of relationships.  Contract: relationships.md, section 3.2."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from backbone.addresses import Address
from backbone.caller import Caller
from backbone.errors import BackboneError, RecordNotFound
from backbone.ids import RelationshipTemplateId
from functions.relationships import domain
from functions.relationships.domain import Action, Transition
from functions.relationships.relationship import Reason, Relationship, Status
from tests.support.api import new_caller

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
FROM, TO = new_caller(), new_caller()


def created(now: datetime = NOW) -> Transition:
    return domain.create(template_id=RelationshipTemplateId.new(), template_creator=TO.address, caller=FROM, now=now)


def after(*steps: tuple[Caller, Action]) -> Relationship:
    relationship = created().after
    for actor, action in steps:
        relationship = domain.act(relationship, action, actor, now=NOW).after
    return relationship


def test_a_new_relationship_is_pending_and_tells_the_templates_creator() -> None:
    creation = created()

    entry = creation.after.last_entry
    assert creation.after.status is Status.PENDING
    assert (creation.after.from_, creation.after.to) == (FROM.address, TO.address)
    assert (entry.reason, entry.old_status, entry.new_status) == (Reason.CREATION, None, Status.PENDING)
    assert (entry.created_by, entry.created_by_device) == (FROM.address, FROM.device_id)
    assert creation.event.model_dump()["peer"] == TO.address


def test_a_stranger_learns_nothing() -> None:
    with pytest.raises(RecordNotFound):
        domain.act(created().after, Action.ACCEPT, new_caller(), now=NOW)


def test_the_status_is_checked_before_the_actor() -> None:
    """relationships.md §11.5"""
    active = after((TO, Action.ACCEPT))

    with pytest.raises(BackboneError) as refusal:
        domain.act(active, Action.ACCEPT, FROM, now=NOW)

    assert refusal.value.code.endswith("relationshipIsNotInCorrectStatus")


def test_accepting_a_reactivation_raises_no_status_change() -> None:
    """relationships.md §11.9"""
    requested = after((TO, Action.ACCEPT), (FROM, Action.TERMINATE), (FROM, Action.REQUEST_REACTIVATION))

    accepted = domain.act(requested, Action.ACCEPT_REACTIVATION, TO, now=NOW)

    assert accepted.after.status is Status.ACTIVE
    assert accepted.event.name == "RelationshipReactivationCompleted"
    assert accepted.event.model_dump()["peer"] == FROM.address


def test_after_a_rejected_reactivation_either_side_may_ask_again() -> None:
    """relationships.md §3.2, notes"""
    rejected = after(
        (TO, Action.ACCEPT),
        (FROM, Action.TERMINATE),
        (FROM, Action.REQUEST_REACTIVATION),
        (TO, Action.REJECT_REACTIVATION),
    )

    for actor in (FROM, TO):
        requested = domain.act(rejected, Action.REQUEST_REACTIVATION, actor, now=NOW).after
        assert requested.last_entry.created_by == actor.address


def test_decomposing_makes_an_open_request_unanswerable() -> None:
    """relationships.md §3.2, notes"""
    decomposed = after(
        (TO, Action.ACCEPT), (FROM, Action.TERMINATE), (FROM, Action.REQUEST_REACTIVATION), (FROM, Action.DECOMPOSE)
    )

    with pytest.raises(BackboneError) as refusal:
        domain.act(decomposed, Action.ACCEPT_REACTIVATION, TO, now=NOW)

    assert refusal.value.code.endswith("noAcceptableRelationshipReactivationRequestExists")


def test_the_log_never_runs_backwards_when_clocks_disagree() -> None:
    relationship = created(now=NOW).after

    accepted = domain.act(relationship, Action.ACCEPT, TO, now=NOW - timedelta(seconds=3)).after

    assert accepted.last_entry.created_at == NOW


def test_every_change_has_an_event_id_of_its_own() -> None:
    ids = set()
    step = created()
    ids.add(step.event.event_id)
    asked_and_answered = [(FROM, Action.REQUEST_REACTIVATION), (FROM, Action.REVOKE_REACTIVATION)] * 2
    for actor, action in [(TO, Action.ACCEPT), (FROM, Action.TERMINATE), *asked_and_answered]:
        step = domain.act(step.after, action, actor, now=NOW)
        ids.add(step.event.event_id)

    assert len(ids) == 7


def may(relationship: Relationship, actor: Address, is_from: bool, action: Action) -> bool:
    """The contract's own table "Who may do what, by status", written down apart from the implementation."""
    has_decomposed = relationship.from_has_decomposed if is_from else relationship.to_has_decomposed
    last = relationship.audit_log[-1]
    if relationship.status is Status.PENDING:
        return action is Action.REVOKE if is_from else action in (Action.ACCEPT, Action.REJECT)
    if relationship.status is Status.ACTIVE:
        return action is Action.TERMINATE
    if relationship.status is Status.TERMINATED and last.reason is not Reason.REACTIVATION_REQUESTED:
        return action in (Action.REQUEST_REACTIVATION, Action.DECOMPOSE)
    if relationship.status is Status.TERMINATED and last.created_by == actor:
        return action in (Action.REVOKE_REACTIVATION, Action.DECOMPOSE)
    if relationship.status is Status.TERMINATED:
        return action in (Action.ACCEPT_REACTIVATION, Action.REJECT_REACTIVATION, Action.DECOMPOSE)
    if relationship.status is Status.READY_FOR_DELETION:
        return False
    return action is Action.DECOMPOSE and not has_decomposed


class Life(RuleBasedStateMachine):
    """Two identities do anything to their relationship, in any order."""

    @initialize()
    def begin(self) -> None:
        self.relationship = created().after

    @rule(actor=st.sampled_from([FROM, TO]), action=st.sampled_from(list(Action)), seconds=st.integers(-5, 5))
    def act(self, actor: Caller, action: Action, seconds: int) -> None:
        before = self.relationship
        try:
            transition = domain.act(
                before, action, actor, now=before.last_entry.created_at + timedelta(seconds=seconds)
            )
        except BackboneError:
            assert not may(before, actor.address, actor is FROM, action)
            return
        assert may(before, actor.address, actor is FROM, action)
        self.relationship = transition.after
        assert transition.after.audit_log[:-1] == before.audit_log
        assert transition.after.last_entry.created_by == actor.address
        assert transition.event.model_dump()["peer"] == before.peer_of(actor.address)

    @invariant()
    def status_and_log_agree(self) -> None:
        entries = self.relationship.audit_log
        assert entries[-1].new_status is self.relationship.status
        assert entries[0].old_status is None
        assert all(later.old_status is earlier.new_status for earlier, later in pairwise(entries))
        assert sorted(entries, key=lambda entry: entry.created_at) == list(entries)

    @invariant()
    def decomposition_and_status_agree(self) -> None:
        relationship = self.relationship
        sides = relationship.from_has_decomposed + relationship.to_has_decomposed
        expected = {Status.DELETION_PROPOSED: 1, Status.READY_FOR_DELETION: 2}.get(relationship.status, 0)
        assert sides == expected
        assert sides == sum(entry.reason is Reason.DECOMPOSITION for entry in relationship.audit_log)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
