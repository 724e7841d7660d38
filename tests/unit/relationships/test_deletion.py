"""What peers see of an identity's deletion.  Contract: relationships.md, sections 5, 6 and 12."""

import json
import time
from typing import Any

import pytest

from backbone import clock
from backbone.addresses import anonymised_address
from backbone.caller import Caller
from backbone.events.devices import IdentityDeleted
from backbone.readmodels.relationships import has_left_all, pair_key, table
from functions.relationships.parties_store import PartyStore
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import LONG_AGO, given_identity, given_relationship
from tests.support.engine import DOMAIN
from tests.support.witness import witnessed
from tests.unit.relationships.deletion_scenes import (
    GRACE_PERIOD_ENDS_AT,
    PROCESS,
    PSEUDONYM,
    cancelled,
    deleted,
    flags_changed,
    heard,
    to_be_deleted,
    traces,
)
from tests.unit.relationships.scenes import (
    EXHAUSTED,
    NOT_FOUND,
    RELATIONSHIPS,
    TEMPLATES,
    Two,
    active_caller,
    create,
    events_of,
    fetch,
    given_template,
    in_the_future,
    refused,
    stored_items,
    two,
)

pytestmark = pytest.mark.slow

ALL = ["Pending", "Active", "Terminated", "Rejected", "Revoked", "DeletionProposed", "ReadyForDeletion"]
TOLD = ["Pending", "Active", "Terminated"]


def sides(here: Two, leaver: str) -> tuple[Caller, Caller]:
    """Who leaves and who stays."""
    return (here.from_, here.to) if leaver == "from" else (here.to, here.from_)


@pytest.mark.parametrize("status", ALL)
@pytest.mark.parametrize("leaver", ["from", "to"])
def test_peers_hear_of_a_deletion_that_is_coming(api: InProcessApi, status: str, leaver: str) -> None:
    """relationships.md §12: Identity to be deleted → peers with Pending/Active/Terminated relationships get
    PeerToBeDeleted with deletionDate = grace period end; none for DeletionProposed."""
    here = two(api, status)
    leaving, staying = sides(here, leaver)

    with witnessed() as seen:
        to_be_deleted(leaving.address)

    told = {
        "peerOfIdentityToBeDeleted": staying.address,
        "relationshipId": here.id,
        "identityToBeDeleted": leaving.address,
        "gracePeriodEndsAt": "2026-12-06T00:00:00.123000Z",
        "deletionProcessId": PROCESS,
    }
    assert clock.render(GRACE_PERIOD_ENDS_AT) == "2026-12-06T00:00:00.123Z"
    assert seen.told("PeerToBeDeleted") == ([told] if status in TOLD else [])
    assert len(seen.events) == (status in TOLD)


@pytest.mark.parametrize("status", ALL)
def test_peers_hear_that_it_is_cancelled(api: InProcessApi, status: str) -> None:
    """relationships.md §12: Cancel deletion → PeerDeletionCancelled to the same peers."""
    here = two(api, status)
    to_be_deleted(here.from_.address)

    with witnessed() as seen:
        cancelled(here.from_.address)

    told = {
        "peerOfIdentityWithDeletionCancelled": here.to.address,
        "relationshipId": here.id,
        "identityWithDeletionCancelled": here.from_.address,
        "deletionProcessId": PROCESS,
    }
    assert seen.told("PeerDeletionCancelled") == ([told] if status in TOLD else [])


def test_news_change_nothing_else(api: InProcessApi) -> None:
    """relationships.md §6: Relationship data unchanged."""
    here = two(api, "Active")
    before = here.get(here.to).result

    to_be_deleted(here.from_.address)
    cancelled(here.from_.address)
    flags_changed(here.from_.address)

    assert here.get(here.to).result == before
    assert here.act("Terminate", here.from_).status == 200


def test_what_is_heard_twice_is_told_once(api: InProcessApi) -> None:
    here = two(api, "Active")
    to_be_deleted(here.from_.address)

    with witnessed() as seen:
        to_be_deleted(here.from_.address)

    assert (seen.writes, seen.events) == (0, [])


def test_the_start_of_a_deletion_is_no_news_after_its_cancellation(api: InProcessApi) -> None:
    """docs/events.md: effects happen once and do not depend on the order"""
    here = two(api, "Active")
    cancelled(here.from_.address)

    with witnessed() as seen:
        to_be_deleted(here.from_.address)

    assert seen.events == []


def test_an_identity_hears_of_every_peer_and_nobody_hears_of_strangers(api: InProcessApi) -> None:
    owner, here = active_caller(), two(api, "Active")
    peers = [active_caller() for _ in range(3)]
    for peer in peers:
        given_relationship(owner.address, peer.address)

    with witnessed() as seen:
        to_be_deleted(owner.address)

    told = {event["peerOfIdentityToBeDeleted"] for event in seen.told("PeerToBeDeleted")}
    assert told == {peer.address for peer in peers}
    assert [event["name"] for event in here.events] == ["RelationshipStatusChanged"]


@pytest.mark.parametrize("status", ALL)
def test_peers_hear_of_feature_flags(api: InProcessApi, status: str) -> None:
    """relationships.md §6, Feature flags: {peers of X in relationships with status Pending or Active}"""
    here = two(api, status)

    with witnessed() as seen:
        flags_changed(here.to.address)

    told = {"peerAddress": here.to.address, "notifiedIdentityAddress": here.from_.address}
    heard_of = [{**event, "changedAt": None} for event in seen.told("PeerFeatureFlagsChanged")]
    assert heard_of == ([{**told, "changedAt": None}] if status in ("Pending", "Active") else [])


def test_allocators_hear_of_feature_flags_once(api: InProcessApi) -> None:
    """relationships.md §6, Feature flags: ∪ {identities that have allocated any template created by X} each get
    PeerFeatureFlagsChanged."""
    owner, peer, guest, gone = active_caller(), active_caller(), active_caller(), active_caller()
    first, second = given_template(api, owner), given_template(api, owner)
    create(api, first, peer)
    for template_id in (first, second):
        fetch(api, template_id, guest)
        fetch(api, template_id, gone)
    deleted(gone.address)

    with witnessed() as seen:
        flags_changed(owner.address)
        flags_changed(owner.address)

    told = [event["notifiedIdentityAddress"] for event in seen.told("PeerFeatureFlagsChanged")]
    assert sorted(told) == sorted([peer.address, guest.address])
    assert len(seen.events) == 2


@pytest.mark.parametrize("status", TOLD)
@pytest.mark.parametrize("leaver", ["from", "to"])
def test_a_deleted_identity_leaves_a_relationship(api: InProcessApi, status: str, leaver: str) -> None:
    """relationships.md §12: Identity deleted → PeerDeleted and RelationshipStatusChanged to peers; relationship
    DeletionProposed, deleted address and its audit entries replaced by the pseudonym, last entry
    DecompositionDueToIdentityDeletion with createdByDevice null."""
    here = two(api, status)
    leaving, staying = sides(here, leaver)
    before = here.get(staying).result

    with witnessed() as seen:
        deleted(leaving.address)

    [peer_deleted] = seen.told("PeerDeleted")
    [changed] = seen.told("RelationshipStatusChanged")
    assert peer_deleted == {
        "peerOfDeletedIdentity": staying.address,
        "relationshipId": here.id,
        "deletedIdentity": leaving.address,
        "deletionProcessId": PROCESS,
    }
    assert changed == {
        "relationshipId": here.id,
        "newStatus": "DeletionProposed",
        "initiator": leaving.address,
        "peer": staying.address,
        "wasDueToIdentityDeletion": True,
        "auditPosition": len(before["auditLog"]) + 1,
    }
    after = here.get(staying).result
    *older, last = after["auditLog"]
    assert after["status"] == "DeletionProposed"
    assert (after["from"], after["to"]) == (
        (PSEUDONYM, staying.address) if leaver == "from" else (staying.address, PSEUDONYM)
    )
    renamed = {leaving.address: PSEUDONYM, staying.address: staying.address}
    assert older == [{**entry, "createdBy": renamed[entry["createdBy"]]} for entry in before["auditLog"]]
    assert last == {
        "createdAt": last["createdAt"],
        "createdBy": PSEUDONYM,
        "createdByDevice": None,
        "reason": "DecompositionDueToIdentityDeletion",
        "oldStatus": status,
        "newStatus": "DeletionProposed",
    }
    assert {**after, "status": 0, "from": 0, "to": 0, "auditLog": 0} == {
        **before,
        "status": 0,
        "from": 0,
        "to": 0,
        "auditLog": 0,
    }
    assert traces(leaving.address) == []


@pytest.mark.parametrize("status", ["Rejected", "Revoked"])
def test_what_has_never_been_is_left_without_a_farewell(api: InProcessApi, status: str) -> None:
    """relationships.md §6: for each of its relationships with status Pending, Active or Terminated: PeerDeleted;
    step 1: every relationship where the identity is from or to (any status)"""
    here = two(api, status)

    with witnessed() as seen:
        deleted(here.to.address)

    assert seen.told("PeerDeleted") == []
    assert [event["newStatus"] for event in seen.told("RelationshipStatusChanged")] == ["DeletionProposed"]
    assert here.get(here.from_).result["to"] == PSEUDONYM


def test_who_leaves_second_makes_it_ready_for_deletion(api: InProcessApi) -> None:
    """relationships.md §6 step 1: status DeletionProposed → ReadyForDeletion"""
    here = two(api, "DeletionProposed")  # `from` has decomposed

    with witnessed() as seen:
        deleted(here.to.address)

    [changed] = seen.told("RelationshipStatusChanged")
    assert (changed["newStatus"], changed["peer"]) == ("ReadyForDeletion", here.from_.address)
    assert seen.told("PeerDeleted") == []
    listed = api.get(RELATIONSHIPS, query={"ids": here.id}, caller=here.from_).result[0]
    assert (listed["status"], listed["to"]) == ("ReadyForDeletion", PSEUDONYM)
    items = [item for item in stored_items() if item["pk"] == here.id]
    assert len(items) == 5
    assert all("ttl" in item for item in items)


@pytest.mark.parametrize("status", ["DeletionProposed", "ReadyForDeletion"])
def test_what_it_has_decomposed_before_only_loses_the_name(api: InProcessApi, status: str) -> None:
    """relationships.md §11.10: A relationship that the deleted identity had already decomposed is not anonymised

    Here it is, because nothing keeps the address of a deleted identity; everything else is as there.
    """
    here = two(api, status)  # `from` has decomposed
    query = {"query": {"ids": here.id}, "caller": here.to}
    before = json.dumps(api.get(RELATIONSHIPS, **query).result)

    with witnessed() as seen:
        deleted(here.from_.address)

    after = api.get(RELATIONSHIPS, **query).result
    assert after == json.loads(before.replace(here.from_.address, PSEUDONYM))
    assert seen.told("RelationshipAnonymised") == [
        {
            "relationshipId": here.id,
            "deletedIdentity": here.from_.address,
            "peer": here.to.address,
            "deletionProcessId": PROCESS,
        }
    ]
    assert {event["name"] for event in seen.events} == {"RelationshipAnonymised", "IdentityDataDeleted"}
    assert traces(here.from_.address) == []


def test_the_survivor_decomposes_what_is_left(api: InProcessApi) -> None:
    """relationships.md §6, Surviving peers: They can decompose it; then it becomes ReadyForDeletion."""
    here = two(api, "Active")
    deleted(here.from_.address)

    answer = here.act("Decompose", here.to)

    assert answer.result["status"] == "ReadyForDeletion"
    assert [entry["createdBy"] for entry in answer.result["auditLog"][-2:]] == [PSEUDONYM, here.to.address]
    assert here.events[0] | {"auditPosition": 0} == {
        "name": "RelationshipStatusChanged",
        "relationshipId": here.id,
        "newStatus": "ReadyForDeletion",
        "initiator": here.to.address,
        "peer": PSEUDONYM,
        "wasDueToIdentityDeletion": False,
        "auditPosition": 0,
    }
    assert here.get(here.to).error == refused("relationshipAlreadyDecomposed")


@pytest.mark.parametrize("action", ["Accept", "Terminate", "Reactivate", "Reactivate/Accept"])
def test_the_survivor_can_do_nothing_else(api: InProcessApi, action: str) -> None:
    """relationships.md §3.2: DeletionProposed: only the one who has not decomposed: Decompose, GET"""
    here = two(api, "Active")
    deleted(here.from_.address)

    answer = here.act(action, here.to)

    wrong = "noAcceptableRelationshipReactivationRequestExists" if action.endswith("/Accept") else None
    assert answer.error == refused(wrong or "relationshipIsNotInCorrectStatus")


def test_the_survivor_of_an_older_relationship_decomposes_it_too(api: InProcessApi) -> None:
    """The pair's item is gone with the identity: nobody can create a relationship with it any more"""
    from_, to = active_caller(), active_caller()
    older = given_relationship(from_.address, to.address, "Rejected", created_at=LONG_AGO)
    younger = given_relationship(from_.address, to.address, "Active")
    deleted(from_.address)

    for relationship in (older, younger):
        assert Two(api, from_, to, relationship.id).act("Decompose", to).result["status"] == "ReadyForDeletion"
    assert table().get(pair_key(from_.address, to.address)) is None
    assert [item for item in stored_items() if item["pk"].startswith("PAIR#")] == []


def test_a_survivor_of_many_deleted_identities_keeps_them_apart(api: InProcessApi) -> None:
    """relationships.md §6: The pseudonym is the same for every deleted identity of one Backbone."""
    survivor = active_caller()
    relationships = []
    for n in range(3):
        peer = active_caller()
        relationships.append(Two(api, peer, survivor, given_relationship(peer.address, survivor.address).id))
        deleted(peer.address, process=type(PROCESS)(f"IDP{n}"))

    relationships[1].act("Decompose", survivor)

    assert relationships[0].get(survivor).result["status"] == "DeletionProposed"
    assert relationships[1].get(survivor).error == refused("relationshipAlreadyDecomposed")
    assert relationships[2].get(survivor).result["status"] == "DeletionProposed"


def test_of_two_deleted_identities_nothing_is_left(api: InProcessApi) -> None:
    here = two(api, "Active")

    with witnessed() as seen:
        deleted(here.to.address)
        deleted(here.from_.address, process=type(PROCESS)("IDP2"))

    assert traces(here.to.address) == traces(here.from_.address) == []
    first, second = seen.told("RelationshipStatusChanged")
    assert (first["newStatus"], first["initiator"], first["peer"]) == (
        "DeletionProposed",
        here.to.address,
        here.from_.address,
    )
    assert (second["newStatus"], second["initiator"], second["peer"]) == (
        "ReadyForDeletion",
        here.from_.address,
        PSEUDONYM,
    )
    entries = sorted((item for item in stored_items() if item["sk"].startswith("E#")), key=lambda item: item["sk"])
    assert [entry["by"] for entry in entries] == ["from", "to", "to", "from"]


def test_its_templates_are_gone(api: InProcessApi) -> None:
    """relationships.md §12: Identity deleted → its templates gone (§6 step 2: other people's relationships get
    relationshipTemplateId null)"""
    owner, guest, peer = active_caller(), active_caller(), active_caller()
    unused, used = given_template(api, owner), given_template(api, owner, maxNumberOfAllocations=3)
    fetch(api, unused, guest)
    here = Two(api, peer, owner, create(api, used, peer).result["id"])

    deleted(owner.address)

    for template_id in (unused, used):
        assert fetch(api, template_id, guest).error == NOT_FOUND
    assert here.get(peer).result["relationshipTemplateId"] is None
    assert [item for item in stored_items() if item["pk"].startswith("RLT")] == []


def test_templates_for_it_are_for_nobody(api: InProcessApi) -> None:
    """relationships.md §12: forIdentity of templates for it … anonymised."""
    owner, leaving, third = active_caller(), active_caller(), active_caller()
    template_id = given_template(api, owner, forIdentity=leaving.address)

    deleted(leaving.address)

    assert fetch(api, template_id, owner).result["forIdentity"] == PSEUDONYM
    assert fetch(api, template_id, third).error == NOT_FOUND
    assert traces(leaving.address) == []


def test_its_allocations_are_nobodys_and_still_count(api: InProcessApi) -> None:
    """relationships.md §12: its allocations anonymised (§6 step 4: They still count towards maxNumberOfAllocations)."""
    owner = active_caller()
    template_id = given_template(api, owner, maxNumberOfAllocations=2, expiresAt=in_the_future(days=1))
    for n in range(2):
        leaving = active_caller()
        fetch(api, template_id, leaving)
        deleted(leaving.address, process=type(PROCESS)(f"IDP{n}"))
        assert traces(leaving.address) == []

    assert fetch(api, template_id, active_caller()).error == EXHAUSTED
    allocations = [item for item in stored_items() if item["sk"].startswith("A#")]
    assert [item["allocatedBy"] for item in allocations] == [PSEUDONYM] * 2
    assert all("ttl" in item for item in allocations)


def test_a_template_still_finds_the_relationship_of_a_deleted_identity(api: InProcessApi) -> None:
    """relationships.md §4.4: relationships keep existing with relationshipTemplateId null"""
    owner, leaving = active_caller(), active_caller()
    template_id = given_template(api, owner)
    here = Two(api, leaving, owner, create(api, template_id, leaving).result["id"])
    deleted(leaving.address)

    assert api.delete(f"{TEMPLATES}/{template_id}", caller=owner).status == 204

    assert here.get(owner).result["relationshipTemplateId"] is None
    assert [item for item in stored_items() if item["pk"].startswith("RLT")] == []


def test_an_allocation_of_a_template_that_is_gone_goes_too(api: InProcessApi) -> None:
    owner, leaving = active_caller(), active_caller()
    template_id = given_template(api, owner)
    fetch(api, template_id, leaving)
    table().delete({"pk": template_id, "sk": "T"})

    deleted(leaving.address)

    assert [item for item in stored_items() if item["pk"] == template_id] == []


def test_the_pseudonym_is_the_contracts() -> None:
    """relationships.md §12: Pseudonym for domain localhost is did:e:localhost:dids:3a29ae5c1f591bbd9a2aaa."""
    assert anonymised_address(DOMAIN) == PSEUDONYM
    assert anonymised_address("prod.enmeshed.eu") == "did:e:prod.enmeshed.eu:dids:3a29ae5c1f591bbd9a2a59"


def test_in_the_end_relationships_says_so(api: InProcessApi) -> None:
    """relationships.md §6: each group logged in the deletion process audit log"""
    leaving = new_caller()
    assert not has_left_all(PROCESS)

    with witnessed() as seen:
        deleted(leaving.address)

    assert seen.told("IdentityDataDeleted") == [
        {
            "identityAddress": leaving.address,
            "deletionProcessId": PROCESS,
            "service": "relationships",
            "aggregates": ["Relationships", "RelationshipTemplates", "RelationshipTemplateAllocations"],
        }
    ]
    assert has_left_all(PROCESS)


def test_the_rest_of_the_world_is_not_touched(api: InProcessApi) -> None:
    leaving, owner, guest, here = active_caller(), active_caller(), active_caller(), two(api, "Active")
    template_id = given_template(api, owner, forIdentity=guest.address, maxNumberOfAllocations=5)
    create(api, template_id, guest)
    world = sorted(map(str, stored_items()))
    given_relationship(leaving.address, here.to.address)
    fetch(api, given_template(api, leaving), guest)

    deleted(leaving.address)

    after = set(map(str, stored_items()))
    assert [item for item in world if item not in after] == []


@pytest.mark.parametrize("status", ["Deleting", None])
def test_a_deleted_identity_creates_no_relationship_any_more(api: InProcessApi, status: str | None) -> None:
    """Tokens outlive their identity by minutes: nothing may come after the deletion has looked"""
    owner, leaving = active_caller(), new_caller()
    if status:
        given_identity(leaving.address, status)
    template_id = given_template(api, owner)

    answer = create(api, template_id, leaving)

    assert answer.error == NOT_FOUND
    assert "Identity not found." in answer.json["error"]["message"]


def test_an_identity_to_be_deleted_may_still_create_relationships(api: InProcessApi) -> None:
    """relationships.md §5.2: it is stopped by its quotas only"""
    leaving = new_caller()
    given_identity(leaving.address, "ToBeDeleted")

    assert create(api, given_template(api, active_caller()), leaving).status == 201


class TestWhileTheIndexLags:
    """An index does not have yet what was written a moment before the event."""

    def look_twice(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """The indexes are empty until somebody has waited; gives the pauses."""
        pauses: list[float] = []
        keys = PartyStore._keys

        def late(self: PartyStore, *arguments: Any) -> Any:
            return keys(self, *arguments) if pauses else iter(())

        monkeypatch.setattr(PartyStore, "_keys", late)
        monkeypatch.setattr(time, "sleep", pauses.append)
        return pauses

    def test_a_deletion_looks_again(self, api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
        here = two(api, "Active")
        template_id = given_template(api, here.from_)
        pauses = self.look_twice(monkeypatch)

        deleted(here.from_.address)

        assert pauses == [0.0]
        assert traces(here.from_.address) == []
        assert fetch(api, template_id, here.to).error == NOT_FOUND

    def test_news_are_told_at_the_second_look(self, api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
        here = two(api, "Active")
        self.look_twice(monkeypatch)

        to_be_deleted(here.from_.address)

        assert [event["name"] for event in events_of({"pk": here.id, "sk": "R"})] == ["PeerToBeDeleted"]

    def test_the_pause_ends_two_seconds_after_the_event(
        self, api: InProcessApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pauses = self.look_twice(monkeypatch)

        heard(IdentityDeleted(identity_address=new_caller().address, deletion_process_id=PROCESS), at=clock.now())

        [pause] = pauses
        assert 1 < pause <= 2
