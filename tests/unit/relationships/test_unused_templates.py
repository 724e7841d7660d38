"""Templates whose relationships have gone.  Contract: relationships.md §7; admin-api.md §15.3."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.events import EventEnvelope, farewell_of
from backbone.events.relationships import RelationshipRemoved
from backbone.ids import RelationshipId, RelationshipTemplateId
from backbone.readmodels.relationships import relationship_key, table
from functions.relationships import consumers
from functions.relationships.unused_templates_store import IN_FLIGHT, UnusedTemplateStore
from tests.support.api import InProcessApi
from tests.support.crashes import died, until_it_lives
from tests.unit.relationships.scenes import (
    NOT_FOUND,
    Two,
    active_caller,
    at,
    create,
    fetch,
    given_template,
    in_the_future,
    stored_items,
)

pytestmark = pytest.mark.slow
A_MONTH = timedelta(days=30)


def given_relationship_with(api: InProcessApi, template: str, owner: Caller, user: Caller) -> Two:
    return Two(api, user, owner, create(api, template, user).result["id"])


def give_up(relationship: Two) -> None:
    """Rejected and decomposed by both."""
    relationship.act("Reject", relationship.to)
    relationship.act("Decompose", relationship.from_)
    relationship.act("Decompose", relationship.to)


def remove(relationship: Two) -> list[EventEnvelope]:
    """What DynamoDB does a month later; gives what the stream tells of it."""
    item = table().get(relationship_key(relationship.id))
    table().delete(relationship_key(relationship.id))
    return farewell_of(item, clock.now())


def react(envelopes: list[EventEnvelope], *, now: datetime) -> None:
    for envelope in envelopes:
        event = envelope.event()
        assert isinstance(event, RelationshipRemoved)
        UnusedTemplateStore().release(event, now=now)


def ends(template: str) -> dict[str, Any]:
    return {item["sk"][:1]: item.get("ttl") for item in stored_items() if item["pk"] == template}


def test_a_template_goes_when_its_last_relationship_has_gone(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """relationships.md §7: Templates: `expiresAt` not null and ≤ now − 30 days **and** no relationship refers to it ->
    deleted (with allocations)."""
    owner, user = active_caller(), active_caller()
    expiry = in_the_future(hours=1)
    template = given_template(api, owner, expiresAt=expiry)
    relationship = given_relationship_with(api, template, owner, user)
    give_up(relationship)
    a_month_later = clock.now() + A_MONTH
    while_stored = ends(template)

    react(remove(relationship), now=a_month_later)

    end = clock.epoch_seconds(max(clock.parse(expiry) + A_MONTH, a_month_later))
    assert while_stored == {"T": None, "A": None}
    assert ends(template) == {"T": end, "A": end}
    at(monkeypatch, a_month_later)
    assert fetch(api, template, user).error == NOT_FOUND  # the exemption was that of the relationship (§4.2)
    assert fetch(api, template, owner).error == NOT_FOUND


def test_a_crash_between_any_two_calls_only_delays_it(api: InProcessApi) -> None:
    """No allocation stays behind for ever: it names an identity."""
    for call in until_it_lives():
        owner, user = active_caller(), active_caller()
        template = given_template(api, owner, expiresAt=in_the_future(hours=1))
        relationship = given_relationship_with(api, template, owner, user)
        give_up(relationship)
        removed, later = remove(relationship), clock.now() + A_MONTH

        has_died = died(call, partial(react, removed, now=later))
        react(removed, now=later)

        assert None not in ends(template).values(), f"died before call {call}"
        if not has_died:
            break


def test_it_stays_while_another_relationship_uses_it(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, first, second = (active_caller() for _ in range(3))
    template = given_template(api, owner, expiresAt=in_the_future(hours=1))
    gone = given_relationship_with(api, template, owner, first)
    given_relationship_with(api, template, owner, second)
    give_up(gone)

    react(remove(gone), now=clock.now() + A_MONTH)

    assert ends(template) == {"T": None, "A": None}
    at(monkeypatch, clock.now() + A_MONTH)
    assert fetch(api, template, second).status == fetch(api, template, owner).status == 200
    assert fetch(api, template, first).error == NOT_FOUND


def test_a_template_that_has_not_expired_is_looked_at_again(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, user = active_caller(), active_caller()
    expiry = in_the_future(days=100)
    template = given_template(api, owner, expiresAt=expiry)
    relationship = given_relationship_with(api, template, owner, user)
    give_up(relationship)

    react(remove(relationship), now=clock.now() + A_MONTH)

    key = {"pk": template, "sk": "TIMER"}
    timer = table().get(key)
    assert timer is not None
    assert timer["ttl"] == clock.epoch_seconds(clock.parse(expiry) + IN_FLIGHT)
    assert (table().get({"pk": template, "sk": "T"}) or {})["used"]
    table().delete(key)
    react(farewell_of(timer, clock.now()), now=clock.parse(expiry) + IN_FLIGHT)
    assert ends(template)["T"] == clock.epoch_seconds(clock.parse(expiry) + A_MONTH)


def test_a_template_that_never_expires_stays(api: InProcessApi) -> None:
    """admin-api.md §15.3: templates [...] without or with future expiry stay."""
    owner, user = active_caller(), active_caller()
    template = given_template(api, owner)
    relationship = given_relationship_with(api, template, owner, user)
    give_up(relationship)

    react(remove(relationship), now=clock.now() + 100 * A_MONTH)

    assert ends(template) == {"T": None, "A": None}


def test_who_uses_an_expired_template_again_keeps_it(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """relationships.md §11.4: participants of such a relationship still can GET it after expiry - and even create
    another relationship with it"""
    owner, user = active_caller(), active_caller()
    template = given_template(api, owner, expiresAt=in_the_future(hours=1))
    first = given_relationship_with(api, template, owner, user)
    give_up(first)
    a_month_later = clock.now() + A_MONTH
    look = UnusedTemplateStore._allocations
    looks = []

    def look_and_be_overtaken(store: UnusedTemplateStore, removed: RelationshipRemoved) -> Any:
        looks.append(removed)
        if len(looks) == 2:  # the mark has been taken away; somebody who found the allocation in use a moment ago comes
            key = {"pk": template, "sk": f"A#{user.address}"}
            table().update(key, "ADD relationships :ids", {"ids": {RelationshipId.new()}})
            table().update({"pk": template, "sk": "T"}, "SET used = :true REMOVE #ttl", {"true": True})
            return []  # and the look was just before
        return look(store, removed)

    with monkeypatch.context() as slow:
        slow.setattr(UnusedTemplateStore, "_allocations", look_and_be_overtaken)
        react(remove(first), now=a_month_later)

    assert len(looks) == 2
    assert ends(template) == {"T": None, "A": None}


def test_using_an_expired_template_marks_it_again(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, user = active_caller(), active_caller()
    template = given_template(api, owner, expiresAt=in_the_future(hours=1))
    first = given_relationship_with(api, template, owner, user)
    first.act("Reject", owner)
    at(monkeypatch, clock.now() + timedelta(days=1))
    table().update({"pk": template, "sk": "T"}, "REMOVE used SET #ttl = :ttl", {"ttl": 1})

    assert create(api, template, user).status == 201

    item = table().get({"pk": template, "sk": "T"}) or {}
    assert item["used"]
    assert "ttl" not in item


def test_repeats_and_what_is_deleted_do_no_harm(api: InProcessApi) -> None:
    template, relationship = RelationshipTemplateId.new(), RelationshipId.new()
    removed = RelationshipRemoved(relationship_id=relationship, template_id=template)
    for _ in range(2):
        consumers.consumers.handle(EventEnvelope.of(removed, clock.now()))

    assert stored_items() == []
