"""How many relationships an identity may have.  Contract: quotas.md; relationships.md, sections 3.4, 5.2 and 12."""

import itertools
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbone import clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.errors import BackboneError
from backbone.ids import QUEUED_FOR_DELETION_TIER, RelationshipTemplateId
from backbone.quotas import Allowance, Metric, Period
from backbone.quotas import store as usage
from backbone.quotas.periods import window_of, windows_of
from backbone.readmodels.relationships import relationship_key, table
from functions.relationships import counting, creation, domain, templates_domain
from functions.relationships.domain import Action
from functions.relationships.relationship import Relationship, Status
from functions.relationships.store import RelationshipStore
from functions.relationships.templates_store import TemplateStore
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import (
    LONG_AGO,
    given_identity,
    given_individual_quota,
    given_relationship,
    given_tier_quota,
    process_of,
    usage_of,
)
from tests.unit.relationships.deletion_scenes import deleted
from tests.unit.relationships.scenes import (
    INVALID,
    NOT_FOUND,
    UNPARSABLE,
    Two,
    active_caller,
    create,
    fetch,
    given_template,
    refused,
    stored_items,
    two,
)
from tests.unit.relationships.test_races import at_once

pytestmark = pytest.mark.slow

HAS = Metric.NUMBER_OF_RELATIONSHIPS
EXHAUSTED = (429, "error.platform.quotaExhausted")
END_OF_TIME = "9999-12-31T23:59:59.9999999"


def relationships_of(caller: Caller) -> int:
    return usage_of(caller.address, HAS).get("total", 0)


def exhaustion(answer: Answer) -> Any:
    assert answer.error == EXHAUSTED
    return answer.json["error"]["data"]


def test_who_has_as_many_as_allowed_creates_no_more(api: InProcessApi) -> None:
    """relationships.md §12: Quota NumberOfRelationships exhausted -> 429 on POST and on Accept"""
    caller, owners = active_caller(), [active_caller() for _ in range(2)]
    given_individual_quota(caller.address, HAS, 1, Period.MONTH)
    first, second = (given_template(api, owner) for owner in owners)

    assert create(api, first, caller).status == 201
    answer = create(api, second, caller)

    until = window_of(Period.MONTH, clock.now()).rendered_end
    assert exhaustion(answer) == [{"metricKey": "NumberOfRelationships", "isExhaustedUntil": until}]
    assert relationships_of(caller) == 1
    assert [item for item in stored_items() if item["sk"] == "R" and item["to"] == owners[1].address] == []


def test_who_has_as_many_as_allowed_accepts_no_more(api: InProcessApi) -> None:
    """quotas.md, checklist: `PUT /Relationships/{id}/Accept` with exhausted `NumberOfRelationships` -> 429"""
    here = two(api)
    given_individual_quota(here.to.address, HAS, 0)

    answer = here.act("Accept", here.to)

    assert exhaustion(answer) == [{"metricKey": "NumberOfRelationships", "isExhaustedUntil": END_OF_TIME}]
    assert here.get(here.to).result["status"] == "Pending"


def test_an_acceptance_counts_for_who_accepts(api: InProcessApi) -> None:
    """quotas.md §2: Active, Terminated: both participants"""
    here = two(api)
    assert (relationships_of(here.from_), relationships_of(here.to)) == (1, 0)

    assert here.act("Accept", here.to).status == 200

    assert (relationships_of(here.from_), relationships_of(here.to)) == (1, 1)


@pytest.mark.parametrize(
    ("status", "actor", "action"),
    [
        ("Pending", "to", "Reject"),
        ("Pending", "from_", "Revoke"),
        ("Active", "from_", "Terminate"),
        ("Terminated", "to", "Decompose"),
        ("DeletionProposed", "to", "Decompose"),
    ],
)
def test_nothing_else_is_limited(api: InProcessApi, status: str, actor: str, action: str) -> None:
    """relationships.md §12: 429 ... not on Reject/Revoke/Terminate; quotas.md §7: Everything else (…
    reject/terminate …) stays possible"""
    here = two(api, status)
    given_tier_quota(HAS, 0)

    assert here.act(action, getattr(here, actor)).status == 200


def test_reactivation_is_not_limited(api: InProcessApi) -> None:
    here = two(api, "Terminated")
    given_tier_quota(HAS, 0)

    assert here.act("Reactivate", here.from_).status == 200
    assert here.act("Reactivate/Accept", here.to).status == 200


def test_an_identity_to_be_deleted_creates_and_accepts_nothing(api: InProcessApi) -> None:
    """quotas.md, checklist: starting a deletion process -> POST Relationships -> 429 with year 9999; relationships.md
    §5.2: its own POST relationship, Accept ... are therefore answered 429"""
    here, template_id = two(api), given_template(api, active_caller())
    given_identity(here.to.address, "ToBeDeleted", tier_id=QUEUED_FOR_DELETION_TIER)

    for answer in (here.act("Accept", here.to), create(api, template_id, here.to)):
        assert exhaustion(answer) == [{"metricKey": "NumberOfRelationships", "isExhaustedUntil": END_OF_TIME}]
    assert here.act("Reject", here.to).status == 200


def test_what_comes_before_the_quota_of_a_creation(api: InProcessApi) -> None:
    """relationships.md §3.4, POST: 1 body, 2 template, 3 the template creator's identity, 4 `creationContent` size,
    5 Quota -> 429"""
    given_tier_quota(HAS, 0)
    caller, owner = active_caller(), active_caller()
    template_id = given_template(api, owner)
    of_leaving, of_nobody = given_template(api, leaving := active_caller()), given_template(api, new_caller())
    given_identity(leaving.address, "ToBeDeleted")
    taken = given_template(api, owner, maxNumberOfAllocations=1)
    fetch(api, taken, active_caller())
    too_large = "A" * (4 * (10 * 1024 * 1024 // 3 + 1))

    assert create(api, "RLTunknown", caller).error == NOT_FOUND
    assert create(api, "RLT!", caller).error == INVALID
    assert create(api, template_id, caller, creationContent=7).error == UNPARSABLE
    assert create(api, taken, caller).error[1].endswith("maxNumberOfAllocationsExhausted")
    assert create(api, of_leaving, caller).error == refused("peerIsToBeDeleted")
    assert create(api, of_nobody, caller).error == NOT_FOUND
    assert create(api, template_id, caller, creationContent=too_large).error == INVALID
    assert create(api, template_id, caller).error == EXHAUSTED


def test_what_comes_after_the_quota_of_a_creation(api: InProcessApi) -> None:
    """relationships.md §3.4, POST: 5 Quota -> 429, 7 relationshipToTargetAlreadyExists, 8
    cannotCreateRelationshipWithYourself"""
    caller, owner = active_caller(), active_caller()
    given_relationship(owner.address, caller.address, "Active")
    own, others = given_template(api, caller), given_template(api, owner)
    given_tier_quota(HAS, 0)

    assert create(api, own, caller).error == EXHAUSTED
    assert create(api, others, caller).error == EXHAUSTED


def test_a_refused_creation_has_allocated_the_template(api: InProcessApi) -> None:
    """relationships.md §11.1: POST Relationships allocates the template as a side effect (before ... quota)"""
    caller, template_id = active_caller(), given_template(api, active_caller(), maxNumberOfAllocations=1)
    given_individual_quota(caller.address, HAS, 0)

    assert create(api, template_id, caller).error == EXHAUSTED

    assert fetch(api, template_id, caller).status == 200
    assert fetch(api, template_id, new_caller()).status == 400


def test_the_order_of_checks_of_an_acceptance(api: InProcessApi) -> None:
    """relationships.md §3.4: Order: body parse -> id format -> [quota] -> 404 -> state-machine checks"""
    active, stranger = two(api, "Active"), active_caller()
    given_tier_quota(HAS, 0)

    assert active.act("Accept", active.to, {"creationResponseContent": 7}).error == UNPARSABLE
    assert Two(api, active.from_, active.to, "REL!").act("Accept", active.to).error == INVALID
    assert Two(api, active.from_, active.to, "RELunknown").act("Accept", stranger).error == EXHAUSTED
    assert active.act("Accept", stranger).error == EXHAUSTED
    assert active.act("Accept", active.to).error == EXHAUSTED


def test_a_refused_request_is_not_counted(api: InProcessApi) -> None:
    here = two(api, "Active")
    template_id = given_template(api, here.to)

    assert here.act("Accept", here.to).status == 400
    assert create(api, template_id, here.from_).status == 400

    assert (relationships_of(here.from_), relationships_of(here.to)) == (1, 1)


def test_freed_by_a_rejection_one_may_ask_again_at_once(api: InProcessApi) -> None:
    """quotas.md §2: Rejected, Revoked, ReadyForDeletion: nobody.  Stricter in time than the reference, where the number
    is recalculated by an event"""
    here = two(api)
    given_individual_quota(here.from_.address, HAS, 1)
    template_id = given_template(api, active_caller())
    assert create(api, template_id, here.from_).error == EXHAUSTED

    here.act("Reject", here.to)

    assert create(api, template_id, here.from_).status == 201


def test_an_acceptance_counts_when_the_relationship_was_created(api: InProcessApi) -> None:
    """quotas.md, Surprises 6: Accepting a relationship ... counts relationships by their creation time"""
    from_, to = active_caller(), active_caller()
    relationship = given_relationship(from_.address, to.address, "Pending", created_at=LONG_AGO)
    given_individual_quota(to.address, HAS, 1, Period.YEAR)

    assert Two(api, from_, to, relationship.id).act("Accept", to).status == 200

    assert usage_of(to.address, HAS)["total"] == 1
    assert usage_of(to.address, HAS).get(window_of(Period.YEAR, clock.now()).name, 0) == 0
    assert two_with(api, to).act("Accept", to).status == 200  # nothing of this year is used up yet


def two_with(api: InProcessApi, to: Caller) -> Two:
    from_ = active_caller()
    return Two(api, from_, to, given_relationship(from_.address, to.address, "Pending").id)


# What counts for whom


def recounted(relationships: Iterable[Relationship], address: Address) -> list[datetime]:
    """When the relationships that count for an identity were created: the table of quotas.md §2, read again."""
    counted = []
    for one in relationships:
        status = one.status.value
        if status == "Pending" and address == one.from_:
            counted.append(one.created_at)
        if status in ("Active", "Terminated") and address in (one.from_, one.to):
            counted.append(one.created_at)
        has_left = {one.from_: one.from_has_decomposed, one.to: one.to_has_decomposed}
        if status == "DeletionProposed" and has_left.get(address) is False:
            counted.append(one.created_at)
    return counted


def assert_counted(address: Address, relationships: Iterable[Relationship], now: datetime) -> None:
    """The counters of an identity equal what there is, in every window of the moment."""
    counted, used = recounted(relationships, address), usage_of(address, HAS)
    for window in windows_of(now):
        assert used.get(window.name, 0) == sum(window.begin <= at <= window.end for at in counted), window.name


def every_transition() -> Iterable[tuple[Caller, Action, Relationship, Relationship]]:
    """Whatever can be done to a relationship in every state it can come to."""
    from_, to = new_caller(), new_caller()
    created = domain.create(
        template_id=RelationshipTemplateId.new(), template_creator=to.address, caller=from_, now=LONG_AGO
    )
    seen, waiting = set[Any](), [created.after]
    while waiting:
        before = waiting.pop()
        state = (before.status, before.from_has_decomposed, before.to_has_decomposed, before.last_entry.reason)
        if (state, before.last_entry.created_by) in seen:
            continue
        seen.add((state, before.last_entry.created_by))
        for actor, action in itertools.product((from_, to), Action):
            with suppress(BackboneError):
                after = domain.act(before, action, actor, now=LONG_AGO).after
                waiting.append(after)
                yield actor, action, before, after


def test_every_change_counts_what_it_changes(moto: None) -> None:
    """quotas.md §2, table of `NumberOfRelationships`"""
    seen = 0
    for actor, action, before, after in every_transition():
        counted = {actor.address: 1} if action is Action.ACCEPT else {}
        for write in counting.changes(before, after, now=LONG_AGO) if action is not Action.ACCEPT else []:
            if write.operation == "Update":
                request = write.request
                counted[Address(request["Key"]["pk"]["S"])] = int(request["ExpressionAttributeValues"][":amount"]["N"])
        numbers = {one: len(recounted([after], one)) - len(recounted([before], one)) for one in (after.from_, after.to)}
        assert counted == {one: number for one, number in numbers.items() if number}, (action, before.status)
        seen += 1
    assert seen > 30


BEGIN = datetime(2026, 12, 30, 22, 30, tzinfo=UTC)
STEP = timedelta(hours=5)
relationships, templates = RelationshipStore(), TemplateStore()
CREATE = "create"
steps = st.lists(
    st.tuples(st.sampled_from([0, 1]), st.sampled_from([*Action, CREATE, CREATE])), min_size=3, max_size=16
)


def ask(caller: Caller, owner: Caller, now: datetime) -> Relationship:
    template, event = templates_domain.issue_template(
        owner, max_number_of_allocations=None, expires_at=None, for_identity=None, password=None, now=now
    )
    templates.add(template, b"", event, Allowance.unlimited())
    with Allowance.begin(caller, (HAS,), now=now) as allowance:
        return creation.create_relationship(
            relationships, templates, template.id, caller, content=b"", allowance=allowance, now=now
        )


def do(relationship: Relationship, action: Action, caller: Caller, now: datetime) -> Relationship:
    with Allowance.begin(caller, (HAS,), now=now) as allowance:
        return relationships.change(
            relationship.id,
            lambda found: domain.act(found, action, caller, now=now),
            allowance=allowance if action is Action.ACCEPT else None,
            now=now,
        )


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, pace=st.sampled_from([timedelta(minutes=1), STEP]))
def test_whatever_two_identities_do_the_counters_are_right(
    moto: None, steps: list[tuple[int, Action | str]], pace: timedelta
) -> None:
    """quotas.md, checklist: pending relationship counts for `from` only; deletion-proposed counts only for the one who
    has not decomposed; relationships.md §5.2"""
    two_callers, all_of_them, now = (active_caller(), active_caller()), dict[str, Relationship](), BEGIN
    for who, action in steps:
        now += pace
        actor, other = two_callers[who], two_callers[1 - who]
        try:
            if isinstance(action, str):
                changed = ask(actor, other, now)
            elif all_of_them:
                changed = do([*all_of_them.values()][-1 if who else 0], action, actor, now)
            else:
                continue
        except BackboneError:
            pass
        else:
            all_of_them[changed.id] = changed
        for one in two_callers:
            assert_counted(one.address, all_of_them.values(), now)


@pytest.mark.parametrize("leaving", ["from", "to"])
@pytest.mark.parametrize("status", [status for status in Status if status is not Status.READY_FOR_DELETION])
def test_the_deletion_of_an_identity_leaves_the_others_counters_right(moto: None, status: Status, leaving: str) -> None:
    """relationships.md §6: decomposed due to identity deletion; quotas.md §2: counts for who has not decomposed"""
    from_, to = active_caller(), active_caller()
    relationship = given_relationship(from_.address, to.address, status.value)
    gone, left = (from_, to) if leaving == "from" else (to, from_)
    before = relationships_of(gone)

    given_identity(gone.address, "Deleting")
    deleted(gone.address)

    after = relationships.get(relationship.id, now=clock.now()).relationship
    assert_counted(left.address, [after], clock.now())
    assert relationships_of(gone) == before


def test_nothing_comes_back_of_a_deleted_identity(moto: None) -> None:
    """docs/decisions/quotas.md: while its relationships are being left, its counters may be gone already"""
    from_, to = active_caller(), active_caller()
    pending = given_relationship(from_.address, to.address, "Pending")
    refused_before = given_relationship(to.address, (gone := active_caller()).address, "Rejected")
    for caller in (from_, gone):
        given_identity(caller.address, "Deleting")
        usage.table().delete(usage.metric_key(caller.address, HAS))

    rejected = do(pending, Action.REJECT, to, clock.now())
    given_up = do(refused_before, Action.DECOMPOSE, to, clock.now())

    assert (rejected.status, given_up.status) == (Status.REJECTED, Status.DELETION_PROPOSED)
    assert usage_of(from_.address, HAS) == usage_of(gone.address, HAS) == {}


def test_two_identities_that_are_deleted_at_once_count_nothing(moto: None) -> None:
    from_, to = active_caller(), active_caller()
    relationship = given_relationship(from_.address, to.address, "Rejected")
    for caller in (from_, to):
        given_identity(caller.address, "Deleting")
        usage.table().delete(usage.metric_key(caller.address, HAS))

    deleted(from_.address)
    deleted(to.address, process_of(to.address))

    head = table().get(relationship_key(relationship.id))
    assert head is not None
    assert head["status"] == "ReadyForDeletion"
    assert usage_of(from_.address, HAS) == usage_of(to.address, HAS) == {}


# Races


@pytest.mark.local_dynamodb
def test_of_many_acceptances_at_once_as_many_as_allowed_come_through(local_dynamodb: None) -> None:
    """quotas.md §5, and stricter: 30 parallel acceptances against a quota of 10 let exactly 10 through"""
    api, to = InProcessApi(["relationships"]), active_caller()
    given_individual_quota(to.address, HAS, 10, Period.DAY)
    pending = [two_with(api, to) for _ in range(30)]

    outcomes = at_once(*(lambda one=one: one.act("Accept", to).status for one in pending))

    assert (outcomes.count(200), outcomes.count(429)) == (10, 20)
    assert relationships_of(to) == 10
    assert [one.get(to).result["status"] for one in pending].count("Active") == 10


@pytest.mark.local_dynamodb
def test_of_many_creations_at_once_as_many_as_allowed_come_through(local_dynamodb: None) -> None:
    """relationships.md §12: Quota NumberOfRelationships exhausted -> 429 on POST; who is refused leaves nothing"""
    api, from_ = InProcessApi(["relationships"]), active_caller()
    given_individual_quota(from_.address, HAS, 5, Period.HOUR)
    asked = [given_template(api, active_caller()) for _ in range(20)]

    outcomes = at_once(*(lambda template=template: create(api, template, from_).status for template in asked))

    assert (outcomes.count(201), outcomes.count(429)) == (5, 15)
    assert relationships_of(from_) == 5
    assert len([item for item in stored_items() if item["sk"] in ("R", "P")]) == 2 * 5


@pytest.mark.local_dynamodb
def test_creations_rejections_and_revocations_at_once_lose_no_count(local_dynamodb: None) -> None:
    from_, others = active_caller(), [active_caller() for _ in range(12)]
    pending = [given_relationship(from_.address, other.address, "Pending") for other in others[:8]]

    def attempts() -> Iterable[Any]:
        for one, other in zip(pending, others, strict=False):
            yield lambda one=one, other=other: do(one, Action.REJECT, other, clock.now())
            yield lambda one=one: do(one, Action.REVOKE, from_, clock.now())
        for other in others[8:]:
            yield lambda other=other: ask(from_, other, clock.now())

    outcomes = at_once(*attempts())

    created = [one for one in outcomes if isinstance(one, Relationship) and one.status is Status.PENDING]
    assert len(created) == 4
    assert outcomes.count("relationshipIsNotInCorrectStatus") == 8
    assert relationships_of(from_) == 4
