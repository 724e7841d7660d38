"""Relationship templates over HTTP.  Contract: relationships.md, sections 4 and 12."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.settings import settings
from tests.support.api import InProcessApi, new_caller
from tests.support.engine import BUCKET, aws, forget_environment
from tests.unit.relationships.scenes import (
    CONTENT,
    EXHAUSTED,
    FORBIDDEN,
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
    in_the_future,
    stored_items,
)

PASSWORD = base64.b64encode(b"\xfb\xff secret").decode()
WRONG_PASSWORD = base64.b64encode(b"wrong").decode()


class TestCreating:
    def test_a_template_needs_content(self, api: InProcessApi) -> None:
        """§12: POST template without content → 400 error.platform.inputCannotBeParsed; with `content: ""` → 201."""
        owner = new_caller()

        assert api.post(TEMPLATES, {}, caller=owner).error == UNPARSABLE
        assert api.post(TEMPLATES, {"content": None}, caller=owner).error == UNPARSABLE
        assert api.post(TEMPLATES, {"content": ""}, caller=owner).status == 201

    def test_its_members_have_limits(self, api: InProcessApi) -> None:
        """§12: POST template: expiresAt in the past, maxNumberOfAllocations 0, bad forIdentity, 201-byte password → 400
        error.platform.validation.invalidPropertyValue."""
        beyond_limits: list[dict[str, Any]] = [
            {"expiresAt": "2020-01-01T00:00:00.000Z"},
            {"maxNumberOfAllocations": 0},
            {"maxNumberOfAllocations": -1},
            {"forIdentity": "did:e:enmeshedeu:dids:06a391378e5df5c1399f77"},
            {"forIdentity": ""},
            {"password": base64.b64encode(bytes(201)).decode()},
            {"password": ""},
        ]

        answers = [api.post(TEMPLATES, {"content": CONTENT, **it}, caller=new_caller()) for it in beyond_limits]

        assert [answer.error for answer in answers] == [INVALID] * len(beyond_limits)
        assert stored_items() == []

    def test_more_than_ten_mebibytes_are_refused(self, api: InProcessApi) -> None:
        """§4.1: content 0..10 MiB decoded"""
        too_much = base64.b64encode(bytes(10 * 1024 * 1024 + 1)).decode()

        assert api.post(TEMPLATES, {"content": too_much}, caller=new_caller()).error == INVALID

    def test_what_cannot_be_bound_is_refused(self, api: InProcessApi) -> None:
        """§1: a wrong type → 400 error.platform.inputCannotBeParsed"""
        unbindable: list[Any] = [
            {"content": "no base64!"},
            {"content": 7},
            {"content": CONTENT, "maxNumberOfAllocations": "many"},
            {"content": CONTENT, "maxNumberOfAllocations": 2**31},
            {"content": CONTENT, "maxNumberOfAllocations": 1.5},
            {"content": CONTENT, "expiresAt": "tomorrow"},
            {"content": CONTENT, "expiresAt": 0},
            {"content": CONTENT, "password": "no base64!"},
            {"content": CONTENT, "forIdentity": 1},
            [],
            "content",
        ]

        answers = [api.post(TEMPLATES, body, caller=new_caller()) for body in unbindable]

        assert [answer.error for answer in answers] == [UNPARSABLE] * len(unbindable)
        assert stored_items() == []

    def test_the_answer_holds_id_and_creation_date(self, api: InProcessApi) -> None:
        """§12: POST template → 201 with exactly id and createdAt; event RelationshipTemplateCreated."""
        owner = new_caller()

        answer = api.post(TEMPLATES, {"content": CONTENT}, caller=owner)

        template_id = answer.result["id"]
        assert answer.status == 201
        assert set(answer.result) == {"id", "createdAt"}
        assert answer.headers["location"].endswith(f"/api/v2/RelationshipTemplates/{template_id}")
        assert events_of({"pk": template_id, "sk": "T"}) == [
            {"name": "RelationshipTemplateCreated", "templateId": template_id, "createdBy": owner.address}
        ]

    def test_the_end_of_time_is_an_expiry_like_any_other(self, api: InProcessApi) -> None:
        owner = new_caller()

        template_id = given_template(api, owner, expiresAt="9999-12-31T23:59:59.999Z")

        assert fetch(api, template_id, owner).result["expiresAt"] == "9999-12-31T23:59:59.999Z"

    def test_a_token_is_needed(self, api: InProcessApi) -> None:
        """§1: no token → 401"""
        assert api.post(TEMPLATES, {"content": CONTENT}).status == 401
        assert api.get(f"{TEMPLATES}/RLTx").status == 401


class TestFetching:
    def test_the_answer_holds_everything_but_the_password(self, api: InProcessApi) -> None:
        """§12: GET template returns content as base64url without padding; never the password."""
        owner, friend = new_caller(), new_caller()
        expiry = in_the_future(days=1)
        content = base64.b64encode(b"\xfb\xff\xfe\xfd").decode()
        template_id = given_template(
            api,
            owner,
            content=content,
            expiresAt=expiry,
            maxNumberOfAllocations=7,
            forIdentity=friend.address,
            password=PASSWORD,
        )

        fetched = fetch(api, template_id, friend, password=PASSWORD).result

        created_at = fetched.pop("createdAt")
        assert clock.parse(created_at) <= clock.now()
        assert fetched == {
            "id": template_id,
            "createdBy": owner.address,
            "createdByDevice": owner.device_id,
            "maxNumberOfAllocations": 7,
            "expiresAt": expiry,
            "content": "-__-_Q",
            "forIdentity": friend.address,
        }

    def test_what_is_not_given_is_null(self, api: InProcessApi) -> None:
        """§1: nullable properties are always present with `null`"""
        fetched = fetch(api, given_template(api, owner := new_caller()), owner).result

        assert [fetched[name] for name in ("maxNumberOfAllocations", "expiresAt", "forIdentity")] == [None] * 3

    @pytest.mark.parametrize("query", [{}, {"password": ""}, {"password": WRONG_PASSWORD}])
    def test_a_locked_template_looks_missing(self, api: InProcessApi, query: dict[str, str]) -> None:
        """§12: GET template by non-owner with no/wrong password → 404 error.platform.recordNotFound, no allocation
        created."""
        template_id = given_template(api, new_caller(), password=PASSWORD, maxNumberOfAllocations=1)

        answer = fetch(api, template_id, new_caller(), **query)

        assert answer.error == NOT_FOUND
        assert answer.json["error"]["message"].startswith("RelationshipTemplate not found.")
        assert [item["sk"] for item in stored_items()] == ["T"]
        assert fetch(api, template_id, new_caller(), password=PASSWORD).status == 200

    def test_the_owner_and_returning_guests_need_no_password(self, api: InProcessApi) -> None:
        """§12: GET template by owner without password → 200; by identity that already allocated, without password →
        200."""
        owner, guest = new_caller(), new_caller()
        template_id = given_template(api, owner, password=PASSWORD)
        fetch(api, template_id, guest, password=PASSWORD)

        assert fetch(api, template_id, owner).status == 200
        assert fetch(api, template_id, guest).status == 200
        assert fetch(api, template_id, guest, password=WRONG_PASSWORD).status == 200

    def test_a_password_nobody_asked_for_does_no_harm(self, api: InProcessApi) -> None:
        """§4.2: giving a password for a template without one is fine"""
        assert fetch(api, given_template(api, new_caller()), new_caller(), password=PASSWORD).status == 200

    @pytest.mark.parametrize(
        ("password", "error"),
        [
            ("no base64!", UNPARSABLE),
            ("YQ", UNPARSABLE),  # standard base64 has padding
            ("-_8=", UNPARSABLE),  # and another alphabet than base64url
            (base64.b64encode(bytes(201)).decode(), INVALID),
        ],
    )
    def test_a_malformed_password_is_refused(self, api: InProcessApi, password: str, error: tuple[int, str]) -> None:
        """§4.2: undecodable → 400 error.platform.inputCannotBeParsed; 1..200 bytes, else 400 invalidPropertyValue"""
        assert fetch(api, "RLTx", new_caller(), password=password).error == error

    def test_a_personalised_template_is_for_that_person(self, api: InProcessApi) -> None:
        """§12: GET template personalised for someone else → 404 for third parties, 200 for forIdentity and creator."""
        owner, friend = new_caller(), new_caller()
        template_id = given_template(api, owner, forIdentity=friend.address)

        assert fetch(api, template_id, new_caller()).error == NOT_FOUND
        assert fetch(api, template_id, friend).status == 200
        assert fetch(api, template_id, owner).status == 200

    @pytest.mark.parametrize("template_id", ["RLTunknown", "RLT"])
    def test_an_unknown_template_is_not_found(self, api: InProcessApi, template_id: str) -> None:
        """§4.2: no such template → 404"""
        assert fetch(api, template_id, new_caller()).error == NOT_FOUND

    def test_a_malformed_id_is_refused(self, api: InProcessApi) -> None:
        """§4.2: id format → 400 invalidPropertyValue"""
        for template_id in ("RELx", "rltx", "RLT" + "x" * 18, "RLT-x"):
            assert fetch(api, template_id, new_caller()).error == INVALID, template_id

    def test_large_content_comes_back_as_it_was(self, api: InProcessApi) -> None:
        content = base64.urlsafe_b64encode(b"\xab" * (settings().inline_payload_bytes + 1)).rstrip(b"=").decode()
        owner = new_caller()

        template_id = given_template(api, owner, content=content)

        assert fetch(api, template_id, owner).result["content"] == content


class TestAllocating:
    def test_more_guests_than_allowed_are_turned_away(self, api: InProcessApi) -> None:
        """§12: GET template with max 1 by a second identity → 400
        error.platform.validation.relationshipTemplate.maxNumberOfAllocationsExhausted; by the same identity again →
        200."""
        owner, first = new_caller(), new_caller()
        template_id = given_template(api, owner, maxNumberOfAllocations=1)

        assert fetch(api, template_id, first).status == 200
        assert fetch(api, template_id, new_caller()).error == EXHAUSTED
        assert fetch(api, template_id, first).status == 200
        assert fetch(api, template_id, owner).status == 200

    def test_allocations_belong_to_identities_not_devices(self, api: InProcessApi) -> None:
        """§4.2: allocations are per identity, not per device"""
        template_id = given_template(api, new_caller(), maxNumberOfAllocations=1)
        guest = new_caller()
        fetch(api, template_id, guest)

        assert fetch(api, template_id, Caller(guest.address, new_caller().device_id, "test")).status == 200

    @pytest.mark.parametrize("maximum", [1, 3])
    def test_the_last_allocation_tells_the_creator(self, api: InProcessApi, maximum: int) -> None:
        """§12: First allocation of a max-1 template → creator gets external event
        RelationshipTemplateAllocationsExhausted with relationshipTemplateId."""
        owner = new_caller()
        template_id = given_template(api, owner, maxNumberOfAllocations=maximum)
        raised = []
        for _ in range(maximum):
            fetch(api, template_id, new_caller())
            raised.append(events_of({"pk": template_id, "sk": "N"}))

        assert raised[:-1] == [[]] * (maximum - 1)
        assert raised[-1] == [
            {
                "name": "RelationshipTemplateAllocationsExhausted",
                "relationshipTemplateId": template_id,
                "createdBy": owner.address,
            }
        ]

    def test_the_owner_takes_no_allocation(self, api: InProcessApi) -> None:
        """§12: GET by owner never allocates."""
        owner = new_caller()
        template_id = given_template(api, owner, maxNumberOfAllocations=1)

        fetch(api, template_id, owner)

        assert fetch(api, template_id, new_caller()).status == 200


class TestExpiry:
    def test_an_expired_template_is_gone_for_all_but_participants(
        self, api: InProcessApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """§12: GET expired template → 404 also for owner; 200 for participants of a relationship created with it."""
        owner, participant, guest = active_caller(), active_caller(), new_caller()
        used, unused = (given_template(api, owner, expiresAt=in_the_future(hours=1)) for _ in range(2))
        create(api, used, participant)
        fetch(api, used, guest)

        at(monkeypatch, clock.now() + timedelta(hours=1))

        assert fetch(api, unused, owner).error == NOT_FOUND
        assert fetch(api, used, guest).error == NOT_FOUND
        assert fetch(api, used, owner).status == 200
        assert fetch(api, used, participant).status == 200

    def test_participants_may_use_an_expired_template_once_more(
        self, api: InProcessApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """§11.4: participants can even create another relationship with it (e.g. after a rejection)"""
        owner, participant = active_caller(), active_caller()
        template_id = given_template(api, owner, expiresAt=in_the_future(hours=1))
        first = create(api, template_id, participant).result["id"]
        api.put(f"{RELATIONSHIPS}/{first}/Reject", {}, caller=owner)

        at(monkeypatch, clock.now() + timedelta(days=400))

        assert create(api, template_id, participant).status == 201

    def test_housekeeping_spares_templates_that_were_used(self, api: InProcessApi) -> None:
        """§12: Housekeeping removes … unused templates 30 days after expiry."""
        owner, participant = active_caller(), active_caller()
        expiry = in_the_future(hours=1)
        used, unused = (given_template(api, owner, expiresAt=expiry) for _ in range(2))
        fetch(api, unused, participant)
        create(api, used, participant)

        removal = {(item["pk"], item["sk"]): item["ttl"] for item in stored_items() if "ttl" in item}

        thirty_days_later = clock.epoch_seconds(clock.parse(expiry) + timedelta(days=30))
        assert removal == {
            (unused, "T"): thirty_days_later,
            (unused, f"A#{participant.address}"): thirty_days_later,
        }


class TestListing:
    def listed(self, api: InProcessApi, caller: Caller, query: Any) -> list[str]:
        return [template["id"] for template in api.get(TEMPLATES, query=query, caller=caller).result]

    def test_a_list_needs_items_with_valid_ids(self, api: InProcessApi) -> None:
        """§12: List templates without items → 400 invalidPropertyValue; …  §4.3: malformed id → the same"""
        for query in ("", "ids=", "templates.1.id=RLTx", "templates.0.id=RLT-", "ids=RLTx&ids=bad"):
            assert api.get(TEMPLATES, query=query, caller=new_caller()).error == INVALID, query

    def test_wrong_passwords_are_omitted_and_nothing_is_allocated(self, api: InProcessApi) -> None:
        """§12: …; wrong passwords are omitted; no allocation."""
        owner = new_caller()
        locked, opened = (given_template(api, owner, password=PASSWORD, maxNumberOfAllocations=1) for _ in range(2))
        query = {
            "templates.0.id": locked,
            "templates.0.password": WRONG_PASSWORD,
            "templates.1.id": opened,
            "templates.1.password": PASSWORD,
        }

        assert self.listed(api, new_caller(), query) == [opened]
        assert {item["sk"] for item in stored_items()} == {"T"}

    def test_an_exhausted_template_is_listed(self, api: InProcessApi) -> None:
        """§11.3: the template list … ignores an exhausted allocation limit"""
        template_id = given_template(api, new_caller(), maxNumberOfAllocations=1)
        fetch(api, template_id, new_caller())

        assert self.listed(api, new_caller(), {"ids": template_id}) == [template_id]

    def test_items_may_be_numbered_or_plain_ids(self, api: InProcessApi) -> None:
        """§12: List templates accepts templates.0.id / templates.0.password and falls back to ids."""
        owner = new_caller()
        one, other = given_template(api, owner), given_template(api, owner)

        assert set(self.listed(api, new_caller(), f"ids={one}&ids={other}")) == {one, other}
        assert set(self.listed(api, new_caller(), f"templates.0.id={one}&templates.1.id={other}")) == {one, other}
        # Plain ids count only if there is no numbered item, and numbers must not leave a gap.
        assert self.listed(api, new_caller(), f"templates.0.id={one}&ids={other}&templates.2.id={other}") == [one]

    @pytest.mark.parametrize(
        ("query", "error"),
        [
            (f"templates.0.password={PASSWORD}", UNPARSABLE),
            ("templates.0.id=&templates.0.password=YWJj", UNPARSABLE),
            ("templates.0.id=RLTx&templates.0.password=!", UNPARSABLE),
            (f"templates.0.id=RLTx&templates.0.password={base64.b64encode(bytes(201)).decode()}", INVALID),
        ],
    )
    def test_malformed_items_are_refused(self, api: InProcessApi, query: str, error: tuple[int, str]) -> None:
        """§4.3: password length outside 1..200 → 400 invalidPropertyValue; an item with a password but no id → 400
        inputCannotBeParsed; undecodable password → 500 in the reference"""
        assert api.get(TEMPLATES, query=query, caller=new_caller()).error == error

    def test_the_page_size_is_checked_first(self, api: InProcessApi) -> None:
        """§4.3: page size check first (400 `…pagination.invalidPageSize`)"""
        answer = api.get(TEMPLATES, query="pageSize=201&ids=bad", caller=new_caller())

        assert answer.error == (400, f"{VALIDATION}.pagination.invalidPageSize")

    def test_pages_are_in_order_of_creation(self, api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
        """§1: Paging … sorted by `createdAt` ascending"""
        owner, began, ids = new_caller(), clock.now(), []
        for second in range(3):
            at(monkeypatch, began + timedelta(seconds=second))
            ids.append(given_template(api, owner))
        query = "&".join(f"ids={id}" for id in (*reversed(ids), "RLTunknown", ids[0]))

        page = api.get(TEMPLATES, query=f"{query}&pageSize=2&pageNumber=1", caller=owner)

        assert [template["id"] for template in page.result] == ids[:2]
        assert page.json["pagination"] == {"pageNumber": 1, "pageSize": 2, "totalPages": 2, "totalRecords": 3}
        assert self.listed(api, owner, query) == ids


class TestDeleting:
    def test_relationships_outlive_their_template(self, api: InProcessApi) -> None:
        """§12: DELETE template by owner → 204, then GET → 404; relationships keep existing with relationshipTemplateId
        null."""
        owner, participant, guest = active_caller(), active_caller(), new_caller()
        template_id = given_template(api, owner)
        fetch(api, template_id, guest)
        relationship = create(api, template_id, participant).result["id"]

        answer = api.delete(f"{TEMPLATES}/{template_id}", caller=owner)

        assert (answer.status, answer.body) == (204, "")
        assert [fetch(api, template_id, who).error for who in (owner, participant, guest)] == [NOT_FOUND] * 3
        assert api.delete(f"{TEMPLATES}/{template_id}", caller=owner).error == NOT_FOUND
        kept = api.get(f"{RELATIONSHIPS}/{relationship}", caller=participant).result
        assert (kept["relationshipTemplateId"], kept["status"]) == (None, "Pending")
        assert {item["sk"][0] for item in stored_items()} == {"R", "E", "P"}

    def test_a_relationship_without_template_lives_on(self, api: InProcessApi) -> None:
        owner, participant = active_caller(), active_caller()
        template_id = given_template(api, owner)
        relationship = create(api, template_id, participant).result["id"]
        api.delete(f"{TEMPLATES}/{template_id}", caller=owner)

        accepted = api.put(f"{RELATIONSHIPS}/{relationship}/Accept", {}, caller=owner).result

        assert (accepted["status"], accepted["relationshipTemplateId"]) == ("Active", None)

    def test_others_may_not_delete(self, api: InProcessApi) -> None:
        """§12: DELETE template by non-owner who may see it → 403 error.platform.forbidden; who may not see it → 404."""
        owner, friend = new_caller(), new_caller()
        template_id = given_template(api, owner, forIdentity=friend.address, password=PASSWORD)

        assert api.delete(f"{TEMPLATES}/{template_id}", caller=friend).error == FORBIDDEN
        assert api.delete(f"{TEMPLATES}/{template_id}", caller=new_caller()).error == NOT_FOUND
        assert fetch(api, template_id, owner).status == 200

    def test_the_owner_cannot_delete_an_expired_unused_template(
        self, api: InProcessApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """§4.4: an expired template without a relationship cannot be deleted by its owner (404)"""
        owner = new_caller()
        template_id = given_template(api, owner, expiresAt=in_the_future(hours=1))

        at(monkeypatch, clock.now() + timedelta(hours=1))

        assert api.delete(f"{TEMPLATES}/{template_id}", caller=owner).error == NOT_FOUND

    def test_a_malformed_id_is_refused(self, api: InProcessApi) -> None:
        """§4.4: id format 400"""
        assert api.delete(f"{TEMPLATES}/RELx", caller=new_caller()).error == INVALID


class TestPublicReferences:
    PATH = "/api/poc/PublicRelationshipTemplateReferences"

    def test_an_unconfigured_client_has_none(self, api: InProcessApi) -> None:
        """§12: GET poc/PublicRelationshipTemplateReferences for an unconfigured client → 200 with empty array."""
        answer = api.get(self.PATH, caller=new_caller())

        assert (answer.status, answer.result) == (200, [])

    def test_a_configured_client_gets_its_list(self, api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
        """§4.5: the configured list for the client id in the token's `client_id` claim"""
        references = '[{"title":"T","description":"D","truncatedReference":"R"}]'
        monkeypatch.setenv("BACKBONE_PUBLIC_TEMPLATE_REFERENCES", f'{{"app":{references}}}')
        forget_environment()

        answer = api.get(self.PATH, caller=new_caller("app"))

        assert answer.result == [{"title": "T", "description": "D", "truncatedReference": "R"}]
        assert api.get(self.PATH, caller=new_caller("other")).result == []

    def test_a_token_is_needed(self, api: InProcessApi) -> None:
        """§4.5: user token required"""
        assert api.get(self.PATH).status == 401


def test_large_content_is_no_longer_pending_once_its_item_is_written(api: InProcessApi) -> None:
    large = base64.b64encode(bytes(settings().inline_payload_bytes + 1)).decode()

    template_id = given_template(api, new_caller(), content=large)

    tags = aws("s3").get_object_tagging(Bucket=BUCKET, Key=f"relationships/{template_id}/content")["TagSet"]
    assert tags == []
