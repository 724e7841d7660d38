"""Tokens over HTTP: create, list, delete.  Contract: tokens.md, sections 3.1, 3.3, 3.4 and Checklist."""

import base64
import re
from datetime import timedelta
from typing import Any

import pytest

from backbone import clock
from backbone.dynamodb import TRANSACTION_LIMIT
from tests.support.api import InProcessApi, new_caller
from tests.support.engine import BUCKET, aws
from tests.unit.tokens.scenes import (
    CONTENT,
    FORBIDDEN,
    INVALID,
    INVALID_PAGE_SIZE,
    NOT_FOUND,
    PASSWORD,
    TOKENS,
    UNKNOWN,
    UNPARSABLE,
    WRONG_PASSWORD,
    allocations,
    at,
    events_of,
    failed_attempts,
    fill,
    get,
    given_expired,
    given_failed_attempts,
    given_token,
    in_the_future,
    stored,
    stored_items,
    table,
    token_key,
)

LARGE = base64.urlsafe_b64encode(bytes(range(256)) * 100).decode()


class TestCreating:
    def test_the_answer_is_id_and_time(self, api: InProcessApi) -> None:
        """tokens.md Checklist: POST authenticated `{content, expiresAt}` -> 201 `{id, createdAt}` only"""
        answer = api.post(TOKENS, {"content": CONTENT, "expiresAt": in_the_future(days=1)}, caller=new_caller())

        assert answer.status == 201
        assert set(answer.result) == {"id", "createdAt"}
        assert re.fullmatch(r"TOK[A-Za-z0-9]{17}", answer.result["id"])
        assert answer.headers["location"] == f"https://localhost:8090{TOKENS}/{answer.result['id']}"

    def test_a_token_is_what_its_creator_sent(self, api: InProcessApi) -> None:
        """§3.2: Response `result`: id, createdBy, createdByDevice, forIdentity, createdAt, expiresAt, content,
        isPasswordProtected"""
        creator, reader = new_caller(), new_caller()
        members = {"content": LARGE, "expiresAt": in_the_future(days=1), "forIdentity": reader.address}
        created = api.post(TOKENS, {**members, "password": PASSWORD}, caller=creator).result

        assert get(api, created["id"], creator).result == {
            **members,
            **created,
            "content": LARGE.rstrip("="),
            "createdBy": creator.address,
            "createdByDevice": creator.device_id,
            "isPasswordProtected": True,
        }

    @pytest.mark.parametrize("content", [{}, {"content": None}])
    def test_without_content_it_is_empty(self, api: InProcessApi, content: dict[str, Any]) -> None:
        """Checklist: POST authenticated without `content` -> 201; GET by creator -> `content` null"""
        creator = new_caller()

        created = api.post(TOKENS, {"expiresAt": in_the_future(days=1), **content}, caller=creator)

        assert created.status == 201
        token = get(api, created.result["id"], creator).result
        assert (token["content"], token["forIdentity"], token["isPasswordProtected"]) == (None, None, False)

    def test_an_anonymous_one_has_no_creator(self, api: InProcessApi) -> None:
        """Checklist: POST anonymous `{expiresAt: +1 min}` -> 201, `createdBy` null"""
        created = api.post(TOKENS, {"expiresAt": in_the_future(minutes=1)})

        assert created.status == 201
        token = get(api, created.result["id"], None).result
        assert (token["createdBy"], token["createdByDevice"], token["content"]) == (None, None, None)

    @pytest.mark.parametrize("content", [CONTENT, ""])
    def test_an_anonymous_one_has_no_content(self, api: InProcessApi, content: str) -> None:
        """Checklist: POST anonymous with `content` (also `""`) -> 400 error.platform.validation.invalidPropertyValue"""
        answer = api.post(TOKENS, {"content": content, "expiresAt": in_the_future(minutes=1)})

        assert answer.error == INVALID
        assert stored_items() == []

    def test_an_anonymous_one_does_not_live_long(self, api: InProcessApi) -> None:
        """Checklist: POST anonymous `expiresAt` +10 min -> 400 error.platform.validation.invalidPropertyValue"""
        assert api.post(TOKENS, {"expiresAt": in_the_future(minutes=10)}).error == INVALID
        assert api.post(TOKENS, {"expiresAt": in_the_future(minutes=10)}, token="garbage").error == INVALID

    @pytest.mark.parametrize(("milliseconds", "status"), [(299_999, 201), (300_000, 400)])
    def test_five_minutes_are_too_long(
        self, api: InProcessApi, monkeypatch: pytest.MonkeyPatch, milliseconds: int, status: int
    ) -> None:
        """Surprises 6: The anonymous validity limit is strict: `expiresAt` must be *less than* now + 5 min."""
        now = clock.now()
        at(monkeypatch, now)

        expires_at = clock.render(now + timedelta(milliseconds=milliseconds))
        assert api.post(TOKENS, {"expiresAt": expires_at}).status == status

    @pytest.mark.parametrize("anonymous", [False, True])
    def test_it_expires_in_the_future(self, api: InProcessApi, anonymous: bool) -> None:
        """Checklist: POST with `expiresAt` in the past -> 400; missing -> 400 error.platform.inputCannotBeParsed"""
        caller = None if anonymous else new_caller()

        assert api.post(TOKENS, {"expiresAt": in_the_future(seconds=-1)}, caller=caller).error == INVALID
        assert api.post(TOKENS, {}, caller=caller).error == UNPARSABLE
        assert api.post(TOKENS, {"expiresAt": None}, caller=caller).error == UNPARSABLE
        assert stored_items() == []

    @pytest.mark.parametrize(
        "members",
        [
            {"password": ""},
            {"password": base64.b64encode(bytes(201)).decode()},
            {"forIdentity": ""},
            {"forIdentity": "did:e:enmeshedeu:dids:06a391378e5df5c1399f77"},
            {"forIdentity": "TOK"},
        ],
    )
    @pytest.mark.parametrize("anonymous", [False, True])
    def test_password_and_reader_have_rules(self, api: InProcessApi, members: dict[str, Any], anonymous: bool) -> None:
        """Checklist: POST with `password:""` or 201 bytes -> 400; with invalid `forIdentity` -> 400"""
        caller = None if anonymous else new_caller()

        assert api.post(TOKENS, {"expiresAt": in_the_future(minutes=1), **members}, caller=caller).error == INVALID
        assert stored_items() == []

    def test_a_password_of_200_bytes_is_fine(self, api: InProcessApi) -> None:
        """§2: password: bytes 1..200"""
        password = base64.b64encode(bytes(200)).decode()

        token_id = given_token(api, new_caller(), password=password)

        assert get(api, token_id, new_caller(), password).status == 200

    def test_the_reader_need_not_exist(self, api: InProcessApi) -> None:
        """§2: forIdentity: existence of the identity is not checked"""
        reader = "did:e:prod.enmeshed.eu:dids:3a29ae5c1f591bbd9a2a59"
        creator = new_caller()

        token_id = given_token(api, creator, forIdentity=reader)

        assert get(api, token_id, creator).result["forIdentity"] == reader

    def test_more_than_ten_mebibytes_are_refused(self, api: InProcessApi) -> None:
        """§3.1: content 0..10 MiB"""
        for size, status in ((10 * 1024 * 1024, 201), (10 * 1024 * 1024 + 1, 400)):
            content = base64.b64encode(bytes(size)).decode()
            members = {"content": content, "expiresAt": in_the_future(days=1)}

            assert api.post(TOKENS, members, caller=new_caller()).status == status

    def test_what_cannot_be_bound_comes_before_every_rule(self, api: InProcessApi) -> None:
        """§3.1: binding (400 inputCannotBeParsed) -> forIdentity -> password -> expiresAt -> content"""
        breaks_all_rules: dict[str, Any] = {
            "forIdentity": "nobody",
            "password": "",
            "expiresAt": in_the_future(days=-1),
            "content": "",
        }
        unbindable: list[Any] = [
            {**breaks_all_rules, "content": "no base64!"},
            {**breaks_all_rules, "password": 7},
            {**breaks_all_rules, "forIdentity": 7},
            {**breaks_all_rules, "expiresAt": "tomorrow"},
            [],
            "text",
        ]

        answers = [api.post(TOKENS, body) for body in unbindable]

        assert [answer.error for answer in answers] == [UNPARSABLE] * len(unbindable)
        messages = []
        for member, value in (
            (None, None),
            ("forIdentity", None),
            ("password", None),
            ("expiresAt", in_the_future(days=1)),
            ("content", None),
        ):
            if member:
                breaks_all_rules[member] = value
            answer = api.post(TOKENS, breaks_all_rules)
            assert answer.error == INVALID
            messages.append(answer.json["error"]["message"])
        expected = ["address", "password", "expiresAt", "content", "expiresAt"]
        assert [word in message for word, message in zip(expected, messages, strict=True)] == [True] * 5

    def test_it_is_announced(self, api: InProcessApi) -> None:
        """§6: TokenCreated: TokenId, CreatedBy (nullable)"""
        creator = new_caller()
        ids = given_token(api, creator), given_token(api, None)

        assert events_of(ids[0]) == [{"name": "TokenCreated", "tokenId": ids[0], "createdBy": creator.address}]
        assert events_of(ids[1]) == [{"name": "TokenCreated", "tokenId": ids[1], "createdBy": None}]

    def test_large_content_lives_in_s3_and_is_no_longer_pending(self, api: InProcessApi) -> None:
        """docs/decisions/payloads.md: the object is put first, tagged pending, and settled after the item"""
        token_id = given_token(api, new_caller(), content=LARGE)

        tags = aws("s3").get_object_tagging(Bucket=BUCKET, Key=f"tokens/{token_id}/content")["TagSet"]
        assert tags == []
        assert "content" not in stored(token_id)


class TestHousekeeping:
    def test_tokens_are_removed_thirty_days_after_their_expiry(self, api: InProcessApi) -> None:
        """Checklist: tokens expired for 30 days or more are physically removed"""
        reader = new_caller()
        expires_at = clock.now() + timedelta(days=1)
        token_id = given_token(api, new_caller(), expiresAt=clock.render(expires_at))
        get(api, token_id, reader)

        removal = clock.epoch_seconds(expires_at + timedelta(days=30))
        assert [item["ttl"] for item in stored_items()] == [removal, removal]

    def test_the_end_of_time_is_never(self, api: InProcessApi) -> None:
        token_id = given_token(api, new_caller(), expiresAt="9999-12-31T23:59:59.999Z")

        assert "ttl" not in stored(token_id)
        assert get(api, token_id, new_caller()).result["expiresAt"] == "9999-12-31T23:59:59.999Z"


class TestListing:
    def test_a_list_needs_ids(self, api: InProcessApi) -> None:
        """Checklist: list without ids -> 400"""
        for query in ("", "ids=", "tokens.0.password=AQID", "tokens.1.id=TOKa", "ids=&tokens.0.id=TOKa"):
            assert api.get(TOKENS, query=query, caller=new_caller()).error == INVALID

    @pytest.mark.parametrize("name", ["ids", "IDS"])
    def test_only_tokens_that_were_made_or_read_are_listed(self, api: InProcessApi, name: str) -> None:
        """Checklist: with `ids=` list returns only created or allocated tokens"""
        caller, other = new_caller(), new_caller()
        made, read, never_read = given_token(api, caller), given_token(api, other), given_token(api, other)
        get(api, read, caller)

        listed = api.get(TOKENS, query={name: [never_read, read, made]}, caller=caller).result

        assert [token["id"] for token in listed] == [made, read]
        assert all(token["content"] == CONTENT for token in listed)
        assert listed[0] == get(api, made, caller).result

    @pytest.mark.parametrize("form", ["tokens.{}.id", "Tokens.{}.ID"])
    def test_the_legacy_form_works(self, api: InProcessApi, form: str) -> None:
        """Checklist: `tokens.0.id=` form works"""
        caller = new_caller()
        ids = [given_token(api, caller) for _ in range(3)]
        legacy = {form.format(0): ids[0], form.format(1): ids[1], "tokens.1.password": "%%%", form.format(3): ids[2]}

        listed = api.get(TOKENS, query=legacy, caller=caller).result
        both = api.get(TOKENS, query={**legacy, "ids": ids[2]}, caller=caller).result

        assert [token["id"] for token in listed] == ids[:2]
        assert [token["id"] for token in both] == [ids[2]]

    def test_neither_password_nor_reader_nor_lock_nor_expiry_matter(self, api: InProcessApi) -> None:
        """Checklist: list does not need passwords and does not allocate"""
        creator, reader, stranger = new_caller(), new_caller(), new_caller()
        token_id = given_token(api, creator, password=PASSWORD, forIdentity=reader.address)
        get(api, token_id, reader, PASSWORD)
        given_failed_attempts(token_id, 100)
        given_expired(token_id)

        counts = [len(api.get(TOKENS, query={"ids": token_id}, caller=it).result) for it in (creator, reader, stranger)]

        assert counts == [1, 1, 0]
        assert allocations(token_id) == [reader.address]
        assert failed_attempts(token_id) == 100

    def test_pages_have_limits(self, api: InProcessApi) -> None:
        """Checklist: list `pageNumber=0` -> 400; `pageSize=201` -> 400 …pagination.invalidPageSize"""
        caller = new_caller()

        def error(**query: Any) -> tuple[int, str]:
            return api.get(TOKENS, query={"ids": "TOKa", **query}, caller=caller).error

        assert error(pageNumber=0) == INVALID
        assert error(pageSize=201) == INVALID_PAGE_SIZE
        assert error(pageSize=201, pageNumber=0, ids="") == INVALID_PAGE_SIZE
        assert error(ids="FILa") == INVALID
        assert error(ids="FILa", pageSize=201) == INVALID_PAGE_SIZE
        assert error(pageNumber="one") == UNPARSABLE

    def test_pages_come_oldest_first(self, api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
        """§3.3: Sort `createdAt` ascending"""
        caller, now = new_caller(), clock.now()
        ids = []
        for number in range(3):
            at(monkeypatch, now + timedelta(milliseconds=number))
            ids.append(given_token(api, caller))

        pages = [
            api.get(TOKENS, query={"ids": [*reversed(ids), ids[0]], "pageSize": 2, "pageNumber": page}, caller=caller)
            for page in (1, 2)
        ]

        assert [[token["id"] for token in page.result] for page in pages] == [ids[:2], ids[2:]]
        assert pages[0].json["pagination"] == {"pageNumber": 1, "pageSize": 2, "totalPages": 2, "totalRecords": 3}

    def test_a_list_needs_a_caller(self, api: InProcessApi) -> None:
        """§3: GET /api/v2/Tokens: user token"""
        assert api.get(TOKENS, query={"ids": "TOKa"}).status == 401

    def test_content_that_has_just_gone_takes_the_token_along(self, api: InProcessApi) -> None:
        creator = new_caller()
        gone, there = given_token(api, creator, content=LARGE), given_token(api, creator, content=LARGE)
        aws("s3").delete_object(Bucket=BUCKET, Key=f"tokens/{gone}/content")

        listed = api.get(TOKENS, query={"ids": [gone, there]}, caller=creator)

        assert [token["id"] for token in listed.result] == [there]
        assert get(api, gone, creator).error == NOT_FOUND


class TestDeleting:
    def test_the_creator_deletes_it_for_everybody(self, api: InProcessApi) -> None:
        """Checklist: DELETE by creator -> 204 then GET -> 404"""
        creator, reader = new_caller(), new_caller()
        token_id = given_token(api, creator)
        get(api, token_id, reader)

        answer = api.delete(f"{TOKENS}/{token_id}", caller=creator)

        assert (answer.status, answer.body) == (204, "")
        assert [get(api, token_id, who).error for who in (creator, reader, None)] == [NOT_FOUND] * 3
        assert stored_items() == []

    def test_others_may_not(self, api: InProcessApi) -> None:
        """Checklist: DELETE by other -> 403 error.platform.forbidden; unknown -> 404"""
        reader = new_caller()
        token_id = given_token(api, new_caller())
        get(api, token_id, reader)

        assert api.delete(f"{TOKENS}/{token_id}", caller=reader).error == FORBIDDEN
        assert api.delete(f"{TOKENS}/{UNKNOWN}", caller=reader).error == NOT_FOUND
        assert api.delete(f"{TOKENS}/FILa", caller=reader).error == INVALID
        assert api.delete(f"{TOKENS}/{token_id}").status == 401
        assert get(api, token_id, reader).status == 200

    def test_an_expired_token_can_be_deleted(self, api: InProcessApi) -> None:
        """§3.4: Expired tokens can be deleted."""
        creator = new_caller()
        token_id = given_token(api, creator)
        given_expired(token_id)

        assert api.delete(f"{TOKENS}/{token_id}", caller=creator).status == 204

    def test_an_anonymous_token_can_be_deleted_by_nobody_until_it_is_filled(self, api: InProcessApi) -> None:
        """§3.4: Anonymously created, not yet filled tokens (createdBy null) can be deleted by nobody (403)."""
        caller = new_caller()
        token_id = given_token(api, None)

        assert api.delete(f"{TOKENS}/{token_id}", caller=caller).error == FORBIDDEN
        fill(api, token_id, caller)
        assert api.delete(f"{TOKENS}/{token_id}", caller=caller).status == 204

    def test_more_readers_than_a_transaction_takes_are_forgotten_too(self, api: InProcessApi) -> None:
        creator = new_caller()
        token_id = given_token(api, creator)
        for number in range(TRANSACTION_LIMIT + 1):
            table().put({"pk": token_id, "sk": f"A#{number}"})

        assert api.delete(f"{TOKENS}/{token_id}", caller=creator).status == 204
        assert stored_items() == []

    def test_allocations_of_a_token_that_is_gone_make_no_token(self, api: InProcessApi) -> None:
        """Who reads a token while it is being deleted may leave an allocation behind."""
        creator, reader = new_caller(), new_caller()
        token_id = given_token(api, creator)
        get(api, token_id, reader)
        table().delete(token_key(token_id))

        assert get(api, token_id, reader).error == NOT_FOUND
        assert api.delete(f"{TOKENS}/{token_id}", caller=creator).error == NOT_FOUND
        assert api.get(TOKENS, query={"ids": token_id}, caller=reader).result == []


def test_a_wrong_password_is_not_needed_to_list_what_was_read(api: InProcessApi) -> None:
    """§3.3: So a token must have been fetched once with 3.2 (with password) before it can be listed."""
    reader = new_caller()
    token_id = given_token(api, new_caller(), password=PASSWORD)

    def listed() -> int:
        return len(api.get(TOKENS, query={"ids": token_id}, caller=reader).result)

    assert listed() == 0
    get(api, token_id, reader, WRONG_PASSWORD)
    assert listed() == 0
    get(api, token_id, reader, PASSWORD)
    assert listed() == 1
