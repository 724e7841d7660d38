"""Reading and filling tokens over HTTP.  Contract: tokens.md, sections 3.2, 3.5, 4, 5 and Checklist."""

import base64

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.ids import DeviceId
from tests.support.api import InProcessApi, new_caller
from tests.support.engine import BUCKET, aws
from tests.unit.tokens.scenes import (
    ALREADY_FILLED,
    ATTEMPTS,
    CONTENT,
    INVALID,
    LOCKED,
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
    stored_items,
)

LARGE = base64.urlsafe_b64encode(bytes(range(256)) * 100).decode()
A, B, C = new_caller(), new_caller(), new_caller()
PEOPLE: dict[str, Caller | None] = {"A": A, "B": B, "C": C, "anonymous": None}


class TestReading:
    @pytest.mark.parametrize(
        ("for_identity", "has_password", "reader", "password", "status"),
        [
            *[(None, False, who, given, 200) for who in ("A", "B", "anonymous") for given in (None, PASSWORD)],
            (None, True, "A", None, 200),
            *[(None, True, who, PASSWORD, 200) for who in ("B", "anonymous")],
            *[(None, True, who, given, 404) for who in ("B", "anonymous") for given in (None, WRONG_PASSWORD)],
            ("A", False, "A", None, 200),
            *[("A", False, who, None, 404) for who in ("B", "anonymous")],
            *[("B", False, who, None, 200) for who in ("A", "B")],
            ("B", False, "anonymous", None, 404),
            ("B", True, "B", PASSWORD, 200),
            ("B", True, "B", WRONG_PASSWORD, 404),
            *[("B", True, who, PASSWORD, 404) for who in ("C", "anonymous")],
        ],
    )
    def test_who_may_read_what(
        self,
        api: InProcessApi,
        for_identity: str | None,
        has_password: bool,
        reader: str,
        password: str | None,
        status: int,
    ) -> None:
        """Checklist: GET matrix of section 5"""
        meant_for = PEOPLE[for_identity] if for_identity else None
        token_id = given_token(
            api,
            A,
            forIdentity=meant_for.address if meant_for else None,
            password=PASSWORD if has_password else None,
        )

        assert get(api, token_id, PEOPLE[reader], password).status == status

    def test_a_superfluous_password_does_no_harm(self, api: InProcessApi) -> None:
        """Checklist: GET with superfluous password -> 200"""
        token_id = given_token(api, A)

        assert get(api, token_id, B, PASSWORD).status == 200
        assert get(api, token_id, None, PASSWORD).status == 200

    def test_who_has_read_it_needs_no_password_any_more(self, api: InProcessApi) -> None:
        """Checklist: GET by non-creator first time creates an allocation; second GET without password -> 200"""
        token_id = given_token(api, A, password=PASSWORD)

        first = get(api, token_id, B, PASSWORD)
        second = get(api, token_id, Caller(B.address, DeviceId.new(), "test"))

        assert (first.status, second.status) == (200, 200)
        assert first.result == second.result
        assert allocations(token_id) == [B.address]

    def test_nobody_else_is_remembered(self, api: InProcessApi) -> None:
        """Checklist: GET anonymous never allocates"""
        token_id = given_token(api, A, password=PASSWORD)

        for who, password in ((None, PASSWORD), (A, None), (B, WRONG_PASSWORD)):
            get(api, token_id, who, password)

        assert allocations(token_id) == []
        assert get(api, token_id, None).error == NOT_FOUND

    def test_expired_tokens_are_there_for_those_who_know_them(self, api: InProcessApi) -> None:
        """Checklist: GET expired by stranger -> 404; by creator -> 200; by allocated identity -> 200"""
        token_id = given_token(api, A)
        get(api, token_id, B)
        given_expired(token_id)

        assert [get(api, token_id, who).status for who in (A, B, C, None)] == [200, 200, 404, 404]
        assert get(api, token_id, C).error == NOT_FOUND

    def test_a_token_is_not_expired_in_its_last_instant(
        self, api: InProcessApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """§2: `expired` means `expiresAt < now` (strictly)"""
        expires_at = in_the_future(minutes=1)
        token_id = given_token(api, A, expiresAt=expires_at)

        at(monkeypatch, clock.parse(expires_at))

        assert get(api, token_id, B).status == 200

    def test_an_invalid_access_token_is_none(self, api: InProcessApi) -> None:
        """Checklist: GET with invalid bearer token behaves as anonymous (no 401)"""
        token_id, for_b = given_token(api, A), given_token(api, A, forIdentity=B.address)

        assert api.get(f"{TOKENS}/{token_id}", token="garbage").status == 200
        assert api.get(f"{TOKENS}/{for_b}", token="garbage").error == NOT_FOUND
        assert allocations(token_id) == []

    @pytest.mark.parametrize(
        "query", ["password=%%%", "password=%25%25", "password=abc", "password=-_-_", "password=+w==x"]
    )
    def test_a_password_is_standard_base64(self, api: InProcessApi, query: str) -> None:
        """Checklist: GET `password=%%%` or bad base64 -> 400 error.platform.inputCannotBeParsed"""
        token_id = given_token(api, A, password=PASSWORD)

        assert api.get(f"{TOKENS}/{token_id}", query=query, caller=B).error == UNPARSABLE
        assert failed_attempts(token_id) == 0

    def test_passwords_travel_percent_encoded(self, api: InProcessApi) -> None:
        """§3.2: standard base64 with padding, percent-encoded (`+` as `%2B`; a raw `+` is decoded to a space)"""
        password = base64.b64encode(b"\xfb\xef\xbe\xff").decode()
        assert password == "++++/w=="
        token_id = given_token(api, A, password=password)

        assert api.get(f"{TOKENS}/{token_id}", query=f"password={password}").error == UNPARSABLE
        assert api.get(f"{TOKENS}/{token_id}", query="password=%2B%2B%2B%2B%2Fw%3D%3D").status == 200

    def test_an_empty_password_is_none_and_a_long_one_too_long(self, api: InProcessApi) -> None:
        """§3.2: An empty value counts as absent. Decoded length over 200: 400 invalidPropertyValue"""
        open_one, closed_one = given_token(api, A), given_token(api, A, password=PASSWORD)

        assert api.get(f"{TOKENS}/{open_one}", query="password=").status == 200
        assert api.get(f"{TOKENS}/{closed_one}", query="password=").error == NOT_FOUND
        assert get(api, closed_one, B, base64.b64encode(bytes(201)).decode()).error == INVALID
        assert get(api, closed_one, B, base64.b64encode(bytes(200)).decode()).error == NOT_FOUND

    def test_unknown_and_impossible_ids(self, api: InProcessApi) -> None:
        """§3.2: ID syntax (400 invalidPropertyValue) and existence (404 recordNotFound)"""
        for caller in (B, None):
            assert get(api, UNKNOWN, caller).error == NOT_FOUND
            assert get(api, "TOK", caller).error == NOT_FOUND
            assert get(api, "FILthisisnonexisting", caller).error == INVALID
            assert get(api, f"{UNKNOWN}x", caller).error == INVALID
        assert get(api, UNKNOWN, B).json["error"]["message"].startswith("Token not found.")
        assert stored_items() == []

    def test_what_nobody_made_is_open_to_everybody_without_a_name(self, api: InProcessApi) -> None:
        """Surprises 1: an anonymously created token that has not been filled is readable by every anonymous caller
        regardless of password, personalisation, lock and expiry (rule 1). Authenticated callers go through the normal
        rules."""
        token_id = given_token(api, None, password=PASSWORD, forIdentity=B.address)
        assert get(api, token_id, None, WRONG_PASSWORD).status == 200
        assert get(api, token_id, B, WRONG_PASSWORD).error == NOT_FOUND
        assert get(api, token_id, C, PASSWORD).error == NOT_FOUND
        assert failed_attempts(token_id) == 1

        given_failed_attempts(token_id, ATTEMPTS)
        assert get(api, token_id, None).status == 200
        assert get(api, token_id, B, PASSWORD).error == LOCKED
        given_expired(token_id)
        assert get(api, token_id, None).status == 200
        assert get(api, token_id, B, PASSWORD).error == NOT_FOUND

    def test_it_says_whether_it_has_a_password(self, api: InProcessApi) -> None:
        """§3.2: isPasswordProtected: boolean (password present and not empty)"""
        with_password, without = given_token(api, A, password=PASSWORD), given_token(api, A)

        assert get(api, with_password, A).result["isPasswordProtected"] is True
        assert get(api, without, A).result["isPasswordProtected"] is False


@pytest.mark.slow
class TestLockout:
    def test_the_hundredth_wrong_password_locks_the_token(self, api: InProcessApi) -> None:
        """Checklist: 100th wrong attempt -> 400 error.platform.token.tooManyFailedPasswordAttempts and one
        `TokenLocked`; 1st–99th -> 404"""
        token_id = given_token(api, A, password=PASSWORD)
        people, passwords = (B, C, None), (None, WRONG_PASSWORD)

        answers = [get(api, token_id, people[n % 3], passwords[n % 2]) for n in range(ATTEMPTS)]

        assert [answer.error for answer in answers] == [NOT_FOUND] * 99 + [LOCKED]
        assert events_of(token_id) == [
            {"name": "TokenLocked", "tokenId": token_id, "createdBy": A.address, "occurrence": 1}
        ]
        assert failed_attempts(token_id) == ATTEMPTS

    def test_a_lock_shuts_out_who_was_not_there_before(self, api: InProcessApi) -> None:
        """Checklist: right password after lock by a new identity -> 400; creator and allocated -> 200"""
        token_id = given_token(api, A, password=PASSWORD)
        get(api, token_id, B, PASSWORD)
        given_failed_attempts(token_id, ATTEMPTS)

        assert [get(api, token_id, who, PASSWORD).status for who in (A, B)] == [200, 200]
        assert [get(api, token_id, who, PASSWORD).error for who in (C, None)] == [LOCKED, LOCKED]
        assert failed_attempts(token_id) == ATTEMPTS

    def test_strangers_cannot_lock_a_personal_token(self, api: InProcessApi) -> None:
        """Checklist: wrong password by an identity other than `forIdentity` does not count"""
        token_id = given_token(api, A, password=PASSWORD, forIdentity=B.address)

        for who in (C, None):
            assert get(api, token_id, who, WRONG_PASSWORD).error == NOT_FOUND
            assert get(api, token_id, who, PASSWORD).error == NOT_FOUND
        assert failed_attempts(token_id) == 0
        get(api, token_id, B, WRONG_PASSWORD)
        assert failed_attempts(token_id) == 1

    def test_the_worked_example(self, api: InProcessApi) -> None:
        """§4: Token t: creator A, password p, not personalised, not expired. (Step 9: test_operator.py)"""
        d = new_caller()
        t = given_token(api, A, password=PASSWORD)

        assert get(api, t, B, PASSWORD).status == 200
        assert {get(api, t, None).error for _ in range(99)} == {NOT_FOUND}
        assert failed_attempts(t) == 99
        assert get(api, t, A).status == 200
        assert get(api, t, C, WRONG_PASSWORD).error == LOCKED
        assert get(api, t, C, PASSWORD).error == LOCKED
        assert get(api, t, B).status == 200
        assert get(api, t, A).status == 200
        assert fill(api, t, d, password=PASSWORD).error == LOCKED

    def test_a_right_password_does_not_make_up_for_wrong_ones(self, api: InProcessApi) -> None:
        """§4: There is no time window and no automatic reset; a correct password does not reset the counter."""
        token_id = given_token(api, A, password=PASSWORD)

        get(api, token_id, B, WRONG_PASSWORD)
        get(api, token_id, B, PASSWORD)

        assert failed_attempts(token_id) == 1

    def test_a_token_without_password_is_never_locked(self, api: InProcessApi) -> None:
        """§4: A token without password can never be locked."""
        token_id = given_token(api, A)

        for _ in range(3):
            get(api, token_id, None, WRONG_PASSWORD)

        assert failed_attempts(token_id) == 0

    def test_an_expired_token_counts_nothing(self, api: InProcessApi) -> None:
        """§4: requests rejected earlier (expired, locked, personalised for someone else) never increment"""
        token_id = given_token(api, A, password=PASSWORD)
        given_expired(token_id)

        assert get(api, token_id, B, WRONG_PASSWORD).error == NOT_FOUND
        assert fill(api, token_id, B, password=WRONG_PASSWORD).error == NOT_FOUND
        assert failed_attempts(token_id) == 0

    def test_the_lock_of_an_anonymous_token_concerns_nobody(self, api: InProcessApi) -> None:
        """events.md §2.4: TokenLocked: TokenId, CreatedBy (nullable)"""
        token_id = given_token(api, None, password=PASSWORD)
        given_failed_attempts(token_id, ATTEMPTS - 1)

        assert fill(api, token_id, B, password=WRONG_PASSWORD).error == LOCKED

        [event] = events_of(token_id)
        assert (event["name"], event["createdBy"]) == ("TokenLocked", None)


class TestFilling:
    def test_an_empty_token_belongs_to_who_fills_it(self, api: InProcessApi) -> None:
        """Checklist: UpdateContent on empty token by another identity -> 200, `createdBy` = that identity, anonymous
        GET then returns the content"""
        token_id = given_token(api, None)
        before = get(api, token_id, None).result

        filled = fill(api, token_id, B)

        assert filled.status == 200
        assert filled.result == {
            **{name: value for name, value in before.items() if name != "content"},
            "createdBy": B.address,
            "createdByDevice": B.device_id,
        }
        assert get(api, token_id, None).result == {**filled.result, "content": CONTENT}
        assert allocations(token_id) == []

    def test_it_is_filled_once(self, api: InProcessApi) -> None:
        """Checklist: UpdateContent twice -> 400
        error.platform.token.contentUpdateNotPossibleBecauseContentAlreadyExists"""
        token_id = given_token(api, None)
        fill(api, token_id, B)

        assert fill(api, token_id, B, newContent="BAUG").error == ALREADY_FILLED
        assert fill(api, token_id, C, newContent="BAUG").error == ALREADY_FILLED
        assert get(api, token_id, B).result["content"] == CONTENT

    @pytest.mark.parametrize("content", ["", LARGE])
    def test_what_has_content_is_not_empty(self, api: InProcessApi, content: str) -> None:
        """Surprises 7: `content:""` from an authenticated caller creates a token whose content is a zero-length value;
        it cannot be filled"""
        token_id = given_token(api, A, content=content)

        assert fill(api, token_id, A).error == ALREADY_FILLED
        assert get(api, token_id, A).result["content"] == content.rstrip("=")

    def test_it_is_filled_by_whom_it_is_for_and_in_time(self, api: InProcessApi) -> None:
        """Checklist: UpdateContent on expired or foreign-personalised token -> 404; wrong password -> 404 and counts;
        locked -> 400"""
        expired = given_token(api, A, content=None)
        given_expired(expired)
        personal = given_token(api, A, content=None, forIdentity=B.address)
        protected = given_token(api, A, content=None, password=PASSWORD)
        locked = given_token(api, A, content=None, password=PASSWORD)
        given_failed_attempts(locked, ATTEMPTS)

        assert fill(api, expired, A).error == NOT_FOUND
        assert fill(api, personal, C).error == NOT_FOUND
        assert fill(api, protected, C, password=WRONG_PASSWORD).error == NOT_FOUND
        assert fill(api, protected, C).error == NOT_FOUND
        assert failed_attempts(protected) == 2
        assert fill(api, locked, A, password=PASSWORD).error == LOCKED
        assert all(get(api, id, A).result["content"] is None for id in (expired, personal, protected, locked))

    def test_whom_it_is_for_and_the_creator_may_fill_a_personal_token(self, api: InProcessApi) -> None:
        """§3.5, 6: `forIdentity` set, different from the caller, and caller is not `createdBy`: 404"""
        for who in (A, B):
            assert fill(api, given_token(api, A, content=None, forIdentity=B.address), who).status == 200

    def test_the_creator_needs_the_password_too(self, api: InProcessApi) -> None:
        """§3.5: There is no owner shortcut here: the creator, too, needs the password"""
        token_id = given_token(api, A, content=None, password=PASSWORD)

        assert fill(api, token_id, A).error == NOT_FOUND
        assert failed_attempts(token_id) == 1
        assert fill(api, token_id, A, password=PASSWORD).status == 200

    def test_a_wrong_password_comes_before_existing_content(self, api: InProcessApi) -> None:
        """§3.5: conditions in order: 7 wrong or missing password, 8 content already present"""
        token_id = given_token(api, A, password=PASSWORD)

        assert fill(api, token_id, A, password=WRONG_PASSWORD).error == NOT_FOUND
        assert fill(api, token_id, A, password=PASSWORD).error == ALREADY_FILLED

    def test_the_hundredth_wrong_password_locks_an_empty_token(self, api: InProcessApi) -> None:
        """§3.5, 7: 404, or 400 tooManyFailedPasswordAttempts when the count reaches 100; maybe `TokenLocked`"""
        token_id = given_token(api, A, content=None, password=PASSWORD)
        given_failed_attempts(token_id, ATTEMPTS - 2)

        assert fill(api, token_id, B, password=WRONG_PASSWORD).error == NOT_FOUND
        assert fill(api, token_id, B, password=WRONG_PASSWORD).error == LOCKED
        assert [event["name"] for event in events_of(token_id)] == ["TokenLocked"]

    def test_who_filled_it_owns_it_and_the_creator_does_not(self, api: InProcessApi) -> None:
        """Surprises 5: Filling changes `createdBy`, … and the original (identified) creator loses owner rights."""
        token_id = given_token(api, A, content=None)

        fill(api, token_id, B)

        assert api.delete(f"{TOKENS}/{token_id}", caller=A).status == 403
        assert api.delete(f"{TOKENS}/{token_id}", caller=B).status == 204

    def test_an_empty_token_that_was_looked_at_delivers_its_content_later(self, api: InProcessApi) -> None:
        """§3.5: An authenticated device that checks emptiness with 3.2 gets an allocation."""
        token_id = given_token(api, None)

        assert get(api, token_id, B).result["content"] is None
        assert allocations(token_id) == [B.address]
        fill(api, token_id, C)
        assert get(api, token_id, B).result["content"] == CONTENT

    def test_after_filling_the_ordinary_rules_hold(self, api: InProcessApi) -> None:
        """§3.5: After filling: `createdBy` is set, so rules 3–7 apply"""
        token_id = given_token(api, None, password=PASSWORD)
        assert get(api, token_id, None).status == 200

        fill(api, token_id, B, password=PASSWORD)

        assert get(api, token_id, None).error == NOT_FOUND
        assert get(api, token_id, None, PASSWORD).status == 200

    def test_large_content_lives_in_s3_and_goes_with_the_token(self, api: InProcessApi) -> None:
        """docs/decisions/payloads.md"""
        token_id = given_token(api, None)

        assert fill(api, token_id, B, newContent=LARGE).status == 200
        assert get(api, token_id, None).result["content"] == LARGE.rstrip("=")
        [put] = aws("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
        assert put["Key"].startswith(f"tokens/{token_id}/")
        assert aws("s3").get_object_tagging(Bucket=BUCKET, Key=put["Key"])["TagSet"] == []

    @pytest.mark.parametrize(
        "body",
        [
            None,
            {},
            {"newContent": None},
            {"newContent": "no base64!"},
            {"newContent": 7},
            {"newContent": "", "password": 7},
        ],
    )
    def test_what_cannot_be_bound_is_refused(self, api: InProcessApi, body: object) -> None:
        """§3.5, 1: binding (e.g. `newContent` missing or null, bad base64): 400 inputCannotBeParsed"""
        assert api.post(f"{TOKENS}/FILa/UpdateContent", body, caller=B).error == UNPARSABLE

    def test_content_and_password_have_limits(self, api: InProcessApi) -> None:
        """§3.5, 2: bad ID, `newContent` zero-length or too big, password length: 400 invalidPropertyValue"""
        too_long = base64.b64encode(bytes(201)).decode()
        too_large = base64.b64encode(bytes(10 * 1024 * 1024 + 1)).decode()

        assert fill(api, "FILa", B).error == INVALID
        assert fill(api, UNKNOWN, B, newContent="").error == INVALID
        assert fill(api, UNKNOWN, B, newContent=too_large).error == INVALID
        assert fill(api, UNKNOWN, B, password="").error == INVALID
        assert fill(api, UNKNOWN, B, password=too_long).error == INVALID
        assert fill(api, UNKNOWN, B).error == NOT_FOUND

    def test_it_is_a_post_with_a_caller(self, api: InProcessApi) -> None:
        """§3.5: It is a `POST`; the TypeScript library also sends `id` in the body (ignored)"""
        token_id = given_token(api, None)

        assert api.post(f"{TOKENS}/{token_id}/UpdateContent", {"newContent": CONTENT}).status == 401
        assert fill(api, token_id, B, id="TOKanother").status == 200
