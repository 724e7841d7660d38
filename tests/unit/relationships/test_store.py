"""The conditions of the stores, on both engines."""

from datetime import UTC, datetime, timedelta

import pytest

from backbone.caller import Caller
from backbone.dynamodb import BATCH_READ_LIMIT, TRANSACTION_LIMIT
from backbone.errors import BackboneError, RecordNotFound
from backbone.http import Page
from backbone.ids import RelationshipId, RelationshipTemplateId
from backbone.quotas import Allowance
from backbone.readmodels import relationships as read_model
from backbone.readmodels.relationships import RelationshipView, pair_key, relationship_key, table
from functions.relationships import creation, domain, templates_domain
from functions.relationships.domain import Action
from functions.relationships.relationship import Reason, Relationship, Status
from functions.relationships.store import RelationshipStore
from functions.relationships.templates_domain import RelationshipTemplate
from functions.relationships.templates_store import TemplateStore
from tests.support.api import new_caller
from tests.support.builders import given_identity, given_relationship
from tests.unit.relationships.scenes import active_caller, stored_items

pytestmark = pytest.mark.usefixtures("engine")
NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
relationships, templates = RelationshipStore(), TemplateStore()
FREE = Allowance.unlimited()


def given_template(owner: Caller, maximum: int | None = None) -> RelationshipTemplate:
    template, event = templates_domain.issue_template(
        owner,
        max_number_of_allocations=maximum,
        expires_at=NOW + timedelta(days=1),
        for_identity=None,
        password=None,
        now=NOW,
    )
    templates.add(template, b"content", event, Allowance.unlimited())
    return template


def act(id: RelationshipId, action: Action, caller: Caller) -> Relationship:
    return relationships.change(
        id, lambda relationship: domain.act(relationship, action, caller, now=NOW), content=b"", now=NOW
    )


def test_what_is_written_is_what_is_read() -> None:
    from_, to = active_caller(), active_caller()
    template = given_template(to)
    created = creation.create_relationship(
        relationships, templates, template.id, from_, content=b"", allowance=FREE, now=NOW
    )
    accepted = act(created.id, Action.ACCEPT, to)

    stored = relationships.get(created.id, now=NOW)

    assert stored.relationship == accepted
    assert (stored.creation_content(), stored.creation_response_content()) == (b"", b"")


def test_other_services_read_the_relationship_and_its_pair() -> None:
    """messages.md: the youngest relationship between two addresses; synchronization.md: its status by id"""
    from_, to = active_caller(), active_caller()
    template = given_template(to)
    created = creation.create_relationship(
        relationships, templates, template.id, from_, content=None, allowance=FREE, now=NOW
    )
    act(created.id, Action.ACCEPT, to)

    for key in (pair_key(to.address, from_.address), relationship_key(created.id)):
        item = read_model.table().get(key)
        assert item is not None
        assert RelationshipView.of(item) == RelationshipView(created.id, "Active")


def test_a_change_decided_on_an_outdated_state_is_decided_again() -> None:
    from_, to = active_caller(), active_caller()
    id = given_relationship(from_.address, to.address, "Pending").id
    seen: list[Status] = []

    def decide(relationship: Relationship) -> domain.Transition:
        seen.append(relationship.status)
        transition = domain.act(relationship, Action.REVOKE, from_, now=NOW)
        act(id, Action.ACCEPT, to)  # somebody is faster
        return transition

    with pytest.raises(BackboneError) as refusal:
        relationships.change(id, decide, now=NOW)

    assert seen == [Status.PENDING, Status.ACTIVE]
    assert refusal.value.code.endswith("relationshipIsNotInCorrectStatus")
    assert relationships.get(id, now=NOW).relationship.status is Status.ACTIVE


def test_who_loses_every_race_is_refused_in_the_end() -> None:
    from_, to = active_caller(), active_caller()
    id = given_relationship(from_.address, to.address, "Terminated").id
    table_update = "SET revision = revision + :one"

    def decide(relationship: Relationship) -> domain.Transition:
        table().update(relationship_key(id), table_update, {"one": 1})
        table().put({"pk": id, "sk": f"E#{len(relationship.audit_log) + 1:06d}", **_some_entry()})
        return domain.act(relationship, Action.DECOMPOSE, from_, now=NOW)

    with pytest.raises(BackboneError) as refusal:
        relationships.change(id, decide, now=NOW)

    assert refusal.value.code.endswith("relationshipIsNotInCorrectStatus")


def _some_entry() -> dict[str, str]:
    return {
        "at": "2026-01-02T03:04:05.678Z",
        "by": "to",
        "reason": Reason.REVOCATION_OF_REACTIVATION.value,
        "old": "Terminated",
        "new": "Terminated",
    }


def test_entries_of_a_change_that_is_only_half_visible_do_not_count() -> None:
    from_, to = active_caller(), active_caller()
    relationship = given_relationship(from_.address, to.address, "Terminated")
    table().put({"pk": relationship.id, "sk": "E#000004", **_some_entry()})

    assert relationships.get(relationship.id, now=NOW).relationship.audit_log == relationship.audit_log


def test_a_log_of_more_entries_than_a_transaction_takes_is_marked_completely() -> None:
    from_, to = active_caller(), active_caller()
    id = given_relationship(from_.address, to.address, "Terminated").id
    for position in range(4, 4 + TRANSACTION_LIMIT):
        table().put({"pk": id, "sk": f"E#{position:06d}", **_some_entry()})
    table().update(relationship_key(id), "SET revision = :n", {"n": 3 + TRANSACTION_LIMIT})

    act(id, Action.DECOMPOSE, from_)
    act(id, Action.DECOMPOSE, to)

    items = [item for item in stored_items() if item["pk"] == id]
    assert len(items) == 1 + 3 + TRANSACTION_LIMIT + 2
    assert all("ttl" in item for item in items)
    page = relationships.find_all([id], to.address, Page(1, 1), now=NOW)
    assert len(page.items[0].relationship.audit_log) == len(items) - 1 > BATCH_READ_LIMIT


@pytest.mark.parametrize("maximum", [1, 2, 3])
def test_there_are_as_many_allocations_as_allowed(maximum: int) -> None:
    template = given_template(new_caller(), maximum)
    latecomer = new_caller()

    for _ in range(maximum):
        templates.allocate(template, new_caller(), now=NOW)
    with pytest.raises(templates_domain.AllocationsExhausted):
        templates.allocate(template, latecomer, now=NOW)

    assert counted(template) == maximum
    assert not templates.find(template.id, latecomer.address).viewer.has_allocation


@pytest.mark.parametrize("maximum", [1, 2, None])
def test_an_allocation_is_taken_once(maximum: int | None) -> None:
    template, guest = given_template(new_caller(), maximum), new_caller()

    templates.allocate(template, guest, now=NOW)
    templates.allocate(template, guest, now=NOW)

    assert templates.find(template.id, guest.address).viewer.has_allocation
    assert counted(template) == (None if maximum is None else 1)


def counted(template: RelationshipTemplate) -> int | None:
    """How many allocations the template has, as far as it counts them."""
    counter = table().get({"pk": template.id, "sk": "N"})
    return counter["allocations"] if counter else None


def test_an_allocation_of_a_template_that_was_deleted_meanwhile_is_never_looked_at() -> None:
    template, guest = given_template(new_caller()), new_caller()
    templates.delete(template.id, now=NOW)

    templates.allocate(template, guest, now=NOW)

    with pytest.raises(RecordNotFound):
        templates.find(template.id, guest.address)


def test_deleting_a_template_leaves_nothing() -> None:
    template = given_template(new_caller(), maximum=1)
    templates.allocate(template, new_caller(), now=NOW)

    templates.delete(template.id, now=NOW)

    assert stored_items() == []


@pytest.mark.parametrize("status", ["ToBeDeleted", "Deleting"])
def test_the_peer_is_looked_at_before_the_pair(status: str) -> None:
    """§3.4: order of steps 3 and 7"""
    from_, to = active_caller(), new_caller()
    given_identity(to.address, status)
    given_relationship(from_.address, to.address, "Active")

    with pytest.raises(BackboneError) as refusal:
        creation.create_relationship(
            relationships, templates, given_template(to).id, from_, content=None, allowance=FREE, now=NOW
        )

    assert refusal.value.code.endswith("peerIsToBeDeleted")


def test_a_template_that_was_deleted_meanwhile_is_not_used() -> None:
    from_, to = active_caller(), active_caller()
    template = given_template(to)
    templates.allocate(template, from_, now=NOW)
    templates.delete(template.id, now=NOW)
    new = domain.create(template_id=template.id, template_creator=to.address, caller=from_, now=NOW)

    with pytest.raises(RecordNotFound):
        relationships.add(new, b"", templates.using(template, from_.address, new.after.id, now=NOW), FREE)

    assert stored_items() == []


def test_a_deletion_that_broke_off_is_finished_by_repeating_it() -> None:
    from_, to = active_caller(), active_caller()
    template = given_template(to)
    created = creation.create_relationship(
        relationships, templates, template.id, from_, content=b"", allowance=FREE, now=NOW
    )
    table().update({"pk": template.id, "sk": "T"}, "SET deletedAt = :now", {"now": "2026"})

    found = templates.find(template.id, to.address)
    found.template.check_deletable_by(found.viewer, NOW)
    templates.delete(found.template.id, now=NOW)

    assert relationships.get(created.id, now=NOW).relationship.template_id is None
    with pytest.raises(RecordNotFound):
        templates.find(template.id, to.address)


def test_forgetting_the_template_does_not_disturb_a_change() -> None:
    """A change decided before the template was deleted still counts: it does not write the template's id."""
    from_, to = active_caller(), active_caller()
    template = given_template(to)
    created = creation.create_relationship(
        relationships, templates, template.id, from_, content=b"", allowance=FREE, now=NOW
    )

    def decide(relationship: Relationship) -> domain.Transition:
        templates.delete(template.id, now=NOW)
        return domain.act(relationship, Action.ACCEPT, to, now=NOW)

    relationships.change(created.id, decide, now=NOW)

    now = relationships.get(created.id, now=NOW).relationship
    assert (now.status, now.template_id) == (Status.ACTIVE, None)


def test_templates_are_found_in_any_number() -> None:
    owner = new_caller()
    ids = [given_template(owner).id for _ in range(BATCH_READ_LIMIT // 2 + 1)]

    found = templates.find_all([*ids, ids[0], RelationshipTemplateId("RLTx")], owner.address)

    assert [each.template.id for each in found] == ids
