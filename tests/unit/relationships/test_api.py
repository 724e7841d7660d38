"""Relationships over HTTP: creating, reading, listing.  Contract: relationships.md, sections 3.3, 3.4 and 12."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from backbone import clock
from backbone.readmodels.relationships import relationship_key
from backbone.settings import settings
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import given_identity, given_relationship
from tests.unit.relationships.scenes import (
    CONTENT,
    EXHAUSTED,
    INVALID,
    NOT_FOUND,
    RELATIONSHIPS,
    TEMPLATES,
    UNPARSABLE,
    VALIDATION,
    active_caller,
    at,
    create,
    events_of,
    fetch,
    given_template,
    refused,
    stored_items,
    two,
)

TOO_LARGE = base64.b64encode(bytes(10 * 1024 * 1024 + 1)).decode()
OPEN = ["Pending", "Active", "Terminated", "DeletionProposed"]
CLOSED = ["Rejected", "Revoked", "ReadyForDeletion"]


class TestCreating:
    def test_a_relationship_begins_pending(self, api: InProcessApi) -> None:
        """§12: POST relationship → 201, status Pending, one audit entry Creation with oldStatus null; external event
        RelationshipStatusChanged for the template owner only."""
        owner, caller = active_caller(), active_caller()
        template_id = given_template(api, owner)

        answer = create(api, template_id, caller)

        created = answer.result
        entry = {
            "createdAt": created["createdAt"],
            "createdBy": caller.address,
            "createdByDevice": caller.device_id,
            "reason": "Creation",
            "oldStatus": None,
            "newStatus": "Pending",
        }
        assert (answer.status, answer.headers["location"]) == (201, "")
        assert created == {
            "id": created["id"],
            "relationshipTemplateId": template_id,
            "from": caller.address,
            "to": owner.address,
            "createdAt": created["createdAt"],
            "status": "Pending",
            "auditLog": [entry],
        }
        [event] = events_of(relationship_key(created["id"]))
        assert (event["name"], event["newStatus"]) == ("RelationshipStatusChanged", "Pending")
        assert (event["initiator"], event["peer"]) == (caller.address, owner.address)
        assert event["wasDueToIdentityDeletion"] is False

    def test_the_template_is_allocated_on_the_way(self, api: InProcessApi) -> None:
        """§12: POST relationship with template never fetched and without password → 201 and template is allocated."""
        owner, caller = active_caller(), active_caller()
        template_id = given_template(api, owner, maxNumberOfAllocations=1)

        assert create(api, template_id, caller).status == 201
        assert fetch(api, template_id, new_caller()).error == EXHAUSTED

    def test_the_allocation_stays_when_a_later_step_fails(self, api: InProcessApi) -> None:
        """§11.1: POST Relationships allocates the template as a side effect (before the peer-status check)"""
        template_id = given_template(api, new_caller(), maxNumberOfAllocations=1)

        assert create(api, template_id, active_caller()).error == NOT_FOUND
        assert fetch(api, template_id, new_caller()).error == EXHAUSTED

    def test_an_exhausted_template_is_refused(self, api: InProcessApi) -> None:
        """§3.4 step 2: limit exhausted → 400 …maxNumberOfAllocationsExhausted"""
        template_id = given_template(api, active_caller(), maxNumberOfAllocations=1)
        fetch(api, template_id, new_caller())

        assert create(api, template_id, active_caller()).error == EXHAUSTED

    def test_a_locked_template_must_have_been_fetched(self, api: InProcessApi) -> None:
        """§12: POST relationship with password-protected, never fetched template → 404."""
        template_id = given_template(api, active_caller(), password="YWJj")
        caller = active_caller()

        assert create(api, template_id, caller).error == NOT_FOUND
        fetch(api, template_id, caller, password="YWJj")
        assert create(api, template_id, caller).status == 201

    def test_an_unknown_template_is_not_found(self, api: InProcessApi) -> None:
        """§3.4 step 2: not existing → 404"""
        answer = create(api, "RLTunknown", active_caller())

        assert answer.error == NOT_FOUND
        assert answer.json["error"]["message"].startswith("RelationshipTemplate not found.")

    def test_a_template_for_somebody_else_is_not_found(self, api: InProcessApi) -> None:
        """§3.4 step 2: not for me → 404"""
        template_id = given_template(api, active_caller(), forIdentity=new_caller().address)

        assert create(api, template_id, active_caller()).error == NOT_FOUND

    @pytest.mark.parametrize("members", [{}, {"creationContent": TOO_LARGE}])
    def test_a_creator_without_identity_is_not_found(self, api: InProcessApi, members: dict[str, Any]) -> None:
        """§3.4 step 3: The template creator's identity: missing → 404 … (message starts `Identity not found.`)"""
        template_id = given_template(api, new_caller())

        answer = create(api, template_id, active_caller(), **members)

        assert answer.error == NOT_FOUND
        assert answer.json["error"]["message"].startswith("Identity not found.")

    @pytest.mark.parametrize("status", ["ToBeDeleted", "Deleting"])
    @pytest.mark.parametrize("members", [{}, {"creationContent": TOO_LARGE}])
    def test_a_creator_about_to_be_deleted_is_refused(
        self, api: InProcessApi, status: str, members: dict[str, Any]
    ) -> None:
        """§12: POST relationship with owner in ToBeDeleted → 400
        error.platform.validation.relationship.peerIsToBeDeleted."""
        owner = new_caller()
        given_identity(owner.address, status)

        answer = create(api, given_template(api, owner), active_caller(), **members)

        assert answer.error == refused("peerIsToBeDeleted")

    def test_a_creator_about_to_be_deleted_comes_before_an_existing_relationship(self, api: InProcessApi) -> None:
        """§3.4: order of steps 3 and 7"""
        owner, caller = new_caller(), active_caller()
        given_identity(owner.address, "ToBeDeleted")
        given_relationship(owner.address, caller.address)

        assert create(api, given_template(api, owner), caller).error == refused("peerIsToBeDeleted")

    def test_too_much_content_comes_before_an_existing_relationship(self, api: InProcessApi) -> None:
        """§3.4: order of steps 4 and 7"""
        owner, caller = active_caller(), active_caller()
        given_relationship(owner.address, caller.address)

        assert create(api, given_template(api, owner), caller, creationContent=TOO_LARGE).error == INVALID

    def test_nobody_has_a_relationship_with_himself(self, api: InProcessApi) -> None:
        """§12: POST relationship with own template → 400 …cannotCreateRelationshipWithYourself."""
        caller = active_caller()

        answer = create(api, given_template(api, caller), caller)

        assert answer.error == refused("cannotCreateRelationshipWithYourself")

    @pytest.mark.parametrize("status", [*OPEN, *CLOSED])
    def test_one_open_relationship_of_two_identities_is_enough(self, api: InProcessApi, status: str) -> None:
        """§12: POST relationship while Pending/Active/Terminated/DeletionProposed exists in either direction → 400
        …relationshipToTargetAlreadyExists; while only Rejected/Revoked/ReadyForDeletion exist → 201."""
        exists = refused("relationshipToTargetAlreadyExists")
        for opposite in (False, True):
            owner, caller = active_caller(), active_caller()
            first = (owner, caller) if opposite else (caller, owner)
            given_relationship(first[0].address, first[1].address, status)

            answer = create(api, given_template(api, owner), caller)

            assert answer.status == 201 if status in CLOSED else answer.error == exists

    def test_an_older_relationship_that_is_being_decomposed_blocks_a_new_one(self, api: InProcessApi) -> None:
        """§11.14: A `DeletionProposed` relationship that came from Rejected/Revoked also blocks new relationships until
        the peer decomposes it as well."""
        owner, caller = active_caller(), active_caller()
        template_id = given_template(api, owner)
        older = create(api, template_id, caller).result["id"]
        api.put(f"{RELATIONSHIPS}/{older}/Reject", {}, caller=owner)
        younger = create(api, template_id, caller).result["id"]
        api.put(f"{RELATIONSHIPS}/{younger}/Revoke", {}, caller=caller)
        assert api.put(f"{RELATIONSHIPS}/{older}/Decompose", caller=caller).status == 200

        assert create(api, template_id, caller).error == refused("relationshipToTargetAlreadyExists")
        assert api.put(f"{RELATIONSHIPS}/{older}/Decompose", caller=owner).status == 200
        assert create(api, template_id, caller).status == 201

    def test_the_content_may_be_missing(self, api: InProcessApi) -> None:
        """§11.16: `content` … must be ignored and the request accepted with null creationContent."""
        caller = active_caller()
        body = {"relationshipTemplateId": given_template(api, active_caller()), "content": CONTENT}

        created = api.post(RELATIONSHIPS, body, caller=caller)

        assert created.status == 201
        read = api.get(f"{RELATIONSHIPS}/{created.result['id']}", caller=caller).result
        assert (read["creationContent"], read["creationResponseContent"]) == (None, None)

    def test_malformed_requests_are_refused_and_leave_nothing(self, api: InProcessApi) -> None:
        """§3.4 steps 1 and 2"""
        bodies: list[tuple[Any, tuple[int, str]]] = [
            ({}, UNPARSABLE),
            ({"relationshipTemplateId": None}, UNPARSABLE),
            ({"relationshipTemplateId": 1}, UNPARSABLE),
            ({"relationshipTemplateId": "RLTx", "creationContent": "!"}, UNPARSABLE),
            ({"relationshipTemplateId": "RLTx", "creationContent": 1}, UNPARSABLE),
            (None, UNPARSABLE),
            ({"relationshipTemplateId": ""}, INVALID),
            ({"relationshipTemplateId": "RELx"}, INVALID),
            ({"relationshipTemplateId": "RLT" + "x" * 18}, INVALID),
        ]

        answers = [api.post(RELATIONSHIPS, body, caller=new_caller()).error for body, _ in bodies]

        assert answers == [error for _, error in bodies]
        assert stored_items() == []

    def test_a_token_and_json_are_needed(self, api: InProcessApi) -> None:
        """§1: no token → 401; `Content-Type: application/json` needed where a body is read (else 415)"""
        assert api.post(RELATIONSHIPS, {}).status == 401
        plain = {"content-type": "text/plain"}
        assert api.post(RELATIONSHIPS, body=b"{}", headers=plain, caller=new_caller()).status == 415


class TestCanCreate:
    PATH = f"{RELATIONSHIPS}/CanCreate"

    def ask(self, api: InProcessApi, peer: str) -> Any:
        return api.get(self.PATH, query={"peer": peer}, caller=new_caller())

    def test_an_unknown_peer_is_not_found(self, api: InProcessApi) -> None:
        """§12: CanCreate for unknown address → 404 with message containing "Identity not found."; …"""
        answer = self.ask(api, new_caller().address)

        assert answer.error == NOT_FOUND
        assert "Identity not found." in answer.json["error"]["message"]

    @pytest.mark.parametrize("status", ["ToBeDeleted", "Deleting"])
    def test_a_peer_about_to_be_deleted_is_an_obstacle(self, api: InProcessApi, status: str) -> None:
        """§12: CanCreate …; ToBeDeleted → canCreate false + peerIsToBeDeleted; …"""
        peer = new_caller().address
        given_identity(peer, status)

        assert self.ask(api, peer).result == {
            "canCreate": False,
            "code": f"{VALIDATION}.relationship.peerIsToBeDeleted",
        }

    def test_a_free_peer_is_none(self, api: InProcessApi) -> None:
        """§12: CanCreate …; free → canCreate true, code null."""
        assert self.ask(api, active_caller().address).result == {"canCreate": True, "code": None}

    @pytest.mark.parametrize("status", [*OPEN, *CLOSED])
    def test_an_open_relationship_is_an_obstacle(self, api: InProcessApi, status: str) -> None:
        """§3.4: open relationship exists (same rule as POST step 7) → 200 …relationshipToTargetAlreadyExists"""
        here = two(api, status)
        code = f"{VALIDATION}.relationship.relationshipToTargetAlreadyExists"

        for caller in (here.from_, here.to):
            answer = api.get(self.PATH, query={"peer": here.other(caller).address}, caller=caller)
            assert answer.result == {"canCreate": status not in OPEN, "code": code if status in OPEN else None}

    def test_asking_about_oneself_is_fine(self, api: InProcessApi) -> None:
        """§3.4: asking about oneself gives `canCreate: true`"""
        caller = active_caller()

        answer = api.get(self.PATH, query={"peer": caller.address}, caller=caller)

        assert answer.result == {"canCreate": True, "code": None}

    @pytest.mark.parametrize(
        ("query", "error"),
        [("", UNPARSABLE), ("peer=", UNPARSABLE), ("peer=did:e:enmeshedeu:dids:06a391378e5df5c1399f77", INVALID)],
    )
    def test_the_peer_must_be_an_address(self, api: InProcessApi, query: str, error: tuple[int, str]) -> None:
        """§3.4 CanCreate steps 1 and 2"""
        assert api.get(self.PATH, query=query, caller=new_caller()).error == error


class TestReading:
    def test_both_sides_see_the_same(self, api: InProcessApi) -> None:
        """§3.3: participant, not decomposed → 200"""
        here = two(api, "Active")

        assert here.get(here.from_).result == here.get(here.to).result
        assert here.get(here.from_).result["creationContent"] == base64.b64encode(b"content").decode().rstrip("=")

    def test_a_stranger_finds_nothing(self, api: InProcessApi) -> None:
        """§3.3: anyone else → 404; message starts with `Relationship not found.`"""
        answer = two(api).get(new_caller())

        assert answer.error == NOT_FOUND
        assert answer.json["error"]["message"].startswith("Relationship not found.")

    def test_after_decomposition_it_is_gone_for_that_side(self, api: InProcessApi) -> None:
        """§12: GET relationship after own decomposition → 400 …relationshipAlreadyDecomposed; by peer → 200."""
        here = two(api, "DeletionProposed")

        assert here.get(here.from_).error == refused("relationshipAlreadyDecomposed")
        assert here.get(here.to).status == 200

    @pytest.mark.parametrize(("id", "error"), [("RELunknown", NOT_FOUND), ("REL", NOT_FOUND), ("RLTx", INVALID)])
    def test_other_ids_are_refused(self, api: InProcessApi, id: str, error: tuple[int, str]) -> None:
        """§3.4: 400 `invalidPropertyValue` (bad id format) → 404"""
        assert api.get(f"{RELATIONSHIPS}/{id}", caller=new_caller()).error == error

    def test_large_contents_come_back_as_they_were(self, api: InProcessApi) -> None:
        size = settings().inline_payload_bytes + 1
        creation, response = (base64.urlsafe_b64encode(byte * size).decode().rstrip("=") for byte in (b"\xab", b"\xcd"))
        owner, caller = active_caller(), active_caller()
        id = create(api, given_template(api, owner), caller, creationContent=creation).result["id"]
        api.put(f"{RELATIONSHIPS}/{id}/Accept", {"creationResponseContent": response}, caller=owner)

        read = api.get(f"{RELATIONSHIPS}/{id}", caller=caller).result

        assert (read["creationContent"], read["creationResponseContent"]) == (creation, response)

    def test_thirty_days_after_both_gave_it_up_it_is_gone(
        self, api: InProcessApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """§12: Housekeeping removes ReadyForDeletion relationships after 30 days …

        events.md §10: relationship ReadyForDeletion for 30 days -> deleted."""
        here = two(api, "DeletionProposed")
        here.act("Decompose", here.to)
        removal = {item["sk"]: item.get("ttl") for item in stored_items() if item["pk"] == here.id}
        in_thirty_days = clock.epoch_seconds(clock.now() + timedelta(days=30))
        assert set(removal) == {"R", "E#000001", "E#000002", "E#000003", "E#000004"}
        assert all(ttl is not None and 0 <= in_thirty_days - ttl <= 30 for ttl in removal.values())

        at(monkeypatch, clock.now() + timedelta(days=30))

        assert here.get(here.to).error == NOT_FOUND
        assert here.act("Decompose", here.to).error == NOT_FOUND
        assert api.get(RELATIONSHIPS, query={"ids": here.id}, caller=here.to).result == []


class TestListing:
    def test_a_list_needs_ids(self, api: InProcessApi) -> None:
        """§12: GET relationships list without ids → 400 invalidPropertyValue; pageSize 201 → 400
        …pagination.invalidPageSize."""
        caller = new_caller()

        for query in ("", "ids=", "ids=RLTx", "ids=RELx&ids=bad"):
            assert api.get(RELATIONSHIPS, query=query, caller=caller).error == INVALID
        too_large = api.get(RELATIONSHIPS, query="pageSize=201", caller=caller)
        assert too_large.error == (400, f"{VALIDATION}.pagination.invalidPageSize")
        assert api.get(RELATIONSHIPS, query="ids=RELx&pageNumber=x", caller=caller).error == UNPARSABLE
        for page in ("pageNumber=0", "pageSize=0", "pageSize=-1"):  # 500 in the reference
            assert api.get(RELATIONSHIPS, query=f"ids=RELx&{page}", caller=caller).error == INVALID

    def test_only_own_relationships_are_listed_decomposed_ones_too(self, api: InProcessApi) -> None:
        """§3.3: item included; **still included** (no filter) after own decomposition; omitted for anyone else"""
        caller = active_caller()
        own = given_relationship(caller.address, new_caller().address).id
        decomposed = given_relationship(caller.address, new_caller().address, "DeletionProposed").id
        foreign = given_relationship(new_caller().address, new_caller().address).id

        listed = api.get(RELATIONSHIPS, query={"ids": [own, decomposed, foreign, "RELx", own]}, caller=caller).result

        assert {relationship["id"] for relationship in listed} == {own, decomposed}
        assert all(relationship["creationContent"] == "Y29udGVudA" for relationship in listed)
        single = api.get(f"{RELATIONSHIPS}/{own}", caller=caller).result
        assert single in listed

    def test_pages_are_in_order_of_creation(self, api: InProcessApi) -> None:
        """§3.4: sorted by createdAt ascending; §1: `pagination` only if `totalPages` > 1"""
        caller, began = active_caller(), clock.now()
        ids = [
            given_relationship(caller.address, new_caller().address, created_at=began + timedelta(seconds=second)).id
            for second in range(3)
        ]
        query = "&".join(f"ids={id}" for id in reversed(ids))

        first = api.get(RELATIONSHIPS, query=f"{query}&pageSize=2", caller=caller)
        last = api.get(RELATIONSHIPS, query=f"{query}&pageSize=2&pageNumber=2", caller=caller)
        beyond = api.get(RELATIONSHIPS, query=f"{query}&pageSize=2&pageNumber=9", caller=caller)

        assert [relationship["id"] for relationship in first.result + last.result] == ids
        assert first.json["pagination"] == {"pageNumber": 1, "pageSize": 2, "totalPages": 2, "totalRecords": 3}
        assert beyond.result == []
        assert "pagination" not in api.get(RELATIONSHIPS, query=query, caller=caller).json


def test_an_older_relationship_does_not_speak_for_the_pair(api: InProcessApi) -> None:
    """messages.md §4: the youngest relationship of two identities counts"""
    owner, caller = active_caller(), active_caller()
    template_id = given_template(api, owner)
    older = create(api, template_id, caller).result["id"]
    api.put(f"{RELATIONSHIPS}/{older}/Reject", {}, caller=owner)
    younger = create(api, template_id, caller).result["id"]

    api.put(f"{RELATIONSHIPS}/{older}/Decompose", caller=caller)

    [pair] = [item for item in stored_items() if item["sk"] == "P"]
    assert (pair["relationshipId"], pair["status"], pair["openRelationships"]) == (younger, "Pending", 2)


def test_both_relationships_of_a_template_forget_it(api: InProcessApi) -> None:
    owner, caller, other = active_caller(), active_caller(), active_caller()
    template_id = given_template(api, owner)
    first = create(api, template_id, caller).result["id"]
    api.put(f"{RELATIONSHIPS}/{first}/Revoke", {}, caller=caller)
    made = [first, create(api, template_id, caller).result["id"], create(api, template_id, other).result["id"]]

    assert api.delete(f"{TEMPLATES}/{template_id}", caller=owner).status == 204

    listed = api.get(RELATIONSHIPS, query={"ids": made}, caller=owner).result
    assert [relationship["relationshipTemplateId"] for relationship in listed] == [None] * 3
