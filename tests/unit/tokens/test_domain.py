"""The rules of tokens, with plain values.  Contract: tokens.md."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.caller import Caller
from backbone.errors import BackboneError, Forbidden, InvalidPropertyValue, RecordNotFound
from backbone.ids import TokenId
from functions.tokens.domain import (
    MAX_CONTENT_BYTES,
    MAX_FAILED_ATTEMPTS,
    ContentAlreadyExists,
    Token,
    TooManyFailedPasswordAttempts,
    Viewer,
    issue_token,
)
from tests.support.api import new_caller

NOW = datetime(2025, 6, 7, 8, 9, 10, 123_000, tzinfo=UTC)
A, B, C = new_caller(), new_caller(), new_caller()
TOKEN = Token(
    id=TokenId("TOKx"),
    created_by=A.address,
    created_by_device=A.device_id,
    created_at=NOW,
    expires_at=NOW + timedelta(hours=1),
    for_identity=None,
    password=b"secret",
    is_empty=True,
)
LOCKED = replace(TOKEN, access_failed_count=MAX_FAILED_ATTEMPTS)


def issue(caller: Caller | None, *, content: bytes | None = None, ahead: timedelta = timedelta(minutes=1)) -> Token:
    token, event = issue_token(
        caller, content=content, expires_at=NOW + ahead, for_identity=None, password=None, now=NOW
    )
    assert (event.token_id, event.created_by) == (token.id, token.created_by)
    return token


class TestIssuing:
    def test_a_token_is_empty_only_without_content(self) -> None:
        """§2: null = empty token; a zero-length value is *not* empty"""
        assert issue(A).is_empty
        assert not issue(A, content=b"").is_empty
        assert not issue(A, content=b"content").is_empty

    def test_an_anonymous_one_has_no_creator(self) -> None:
        token = issue(None)

        assert (token.created_by, token.created_by_device) == (None, None)

    @pytest.mark.parametrize(
        ("caller", "content", "ahead"),
        [
            (A, None, timedelta(0)),
            (A, None, timedelta(seconds=-1)),
            (A, bytes(MAX_CONTENT_BYTES + 1), timedelta(days=1)),
            (None, b"", timedelta(minutes=1)),
            (None, None, timedelta(minutes=5)),
            (None, None, timedelta(0)),
        ],
    )
    def test_what_is_against_the_rules(self, caller: Caller | None, content: bytes | None, ahead: timedelta) -> None:
        """§3.1: later than now; anonymous: content null and earlier than now + 5 minutes"""
        with pytest.raises(InvalidPropertyValue):
            issue(caller, content=content, ahead=ahead)

    def test_a_named_creator_may_think_in_years(self) -> None:
        assert issue(A, ahead=timedelta(days=365_000)).disposable_at is not None


class TestReaching:
    @pytest.mark.parametrize(
        ("creator", "viewer", "is_open"),
        [
            (A, Viewer(A.address), True),
            (A, Viewer(B.address), False),
            (A, Viewer(B.address, has_allocation=True), True),
            (A, Viewer(None), False),
            (None, Viewer(None), True),
            (None, Viewer(B.address), False),
        ],
    )
    def test_who_is_always_let_in(self, creator: Caller | None, viewer: Viewer, is_open: bool) -> None:
        """§3.2, rules 1 and 2: createdBy equals the caller (null equals anonymous); caller has an allocation"""
        token = replace(TOKEN, created_by=creator.address if creator else None)

        assert token.is_always_open_to(viewer) is is_open

    def test_expiry_comes_before_the_lock_and_the_lock_before_the_reader(self) -> None:
        """§3.2, rules 3 to 5, top to bottom"""
        personal = replace(LOCKED, for_identity=B.address)

        with pytest.raises(RecordNotFound):
            personal.check_reachable_for(C.address, NOW + timedelta(hours=1, milliseconds=1))
        with pytest.raises(TooManyFailedPasswordAttempts):
            personal.check_reachable_for(C.address, NOW + timedelta(hours=1))

    @pytest.mark.parametrize(
        ("caller", "is_reachable"), [(A, True), (B, True), (C, False), (None, False)], ids=["A", "B", "C", "anonymous"]
    )
    def test_a_personal_token(self, caller: Caller | None, is_reachable: bool) -> None:
        """§3.2, 5 (anonymous always differs); §3.5, 6 (the creator may)"""
        for creator in (A.address, None):
            personal = replace(TOKEN, created_by=creator, for_identity=B.address)
            address = caller.address if caller else None
            if is_reachable and (caller is B or creator):
                personal.check_reachable_for(address, NOW)
            else:
                with pytest.raises(RecordNotFound):
                    personal.check_reachable_for(address, NOW)

    def test_a_password_is_compared_byte_by_byte(self) -> None:
        """§2: compared byte by byte in plain form"""
        assert [TOKEN.is_opened_by(it) for it in (b"secret", b"Secret", b"secre", b"", None)] == [True] + [False] * 4
        assert [replace(TOKEN, password=None).is_opened_by(it) for it in (b"secret", None)] == [True, True]


class TestCounting:
    def test_every_wrong_password_counts_and_the_hundredth_locks(self) -> None:
        """§4: `TokenLocked` is raised exactly when the count crosses from 99 to 100"""
        token, events = TOKEN, []
        for _ in range(MAX_FAILED_ATTEMPTS):
            assert not token.is_locked
            token, event = token.after_wrong_password()
            events.append(event)

        assert token.is_locked
        assert events[:-1] == [None] * 99
        [last] = events[-1:]
        assert last is not None
        assert (last.token_id, last.created_by, last.event_id) == (TOKEN.id, A.address, "TOKx/Locked/1")

    def test_a_locked_token_counts_no_more(self) -> None:
        with pytest.raises(TooManyFailedPasswordAttempts):
            LOCKED.after_wrong_password()

    def test_every_lock_has_an_event_of_its_own(self) -> None:
        """§4: again after a reset and a new lock"""
        again = replace(TOKEN, access_failed_count=MAX_FAILED_ATTEMPTS - 1, times_locked=1)

        _, event = again.after_wrong_password()

        assert event is not None
        assert event.event_id == "TOKx/Locked/2"


class TestFillingAndDeleting:
    def test_who_fills_it_is_its_creator(self) -> None:
        """§3.5, 9"""
        filled, _ = TOKEN.filled_by(B)

        assert filled == replace(TOKEN, created_by=B.address, created_by_device=B.device_id, is_empty=False)
        with pytest.raises(ContentAlreadyExists):
            filled.check_empty()

    @pytest.mark.parametrize(("creator", "caller"), [(A.address, B), (None, B)])
    def test_only_the_creator_deletes(self, creator: str | None, caller: Caller) -> None:
        """§3.4"""
        TOKEN.check_deletable_by(A)
        with pytest.raises(Forbidden):
            replace(TOKEN, created_by=creator).check_deletable_by(caller)  # type: ignore[arg-type]


@given(
    expires_in=st.integers(-2, 2),
    count=st.integers(0, MAX_FAILED_ATTEMPTS),
    for_identity=st.sampled_from([None, A.address, B.address]),
    caller=st.sampled_from([A.address, B.address, C.address, None]),
)
def test_nobody_gets_further_than_the_rules_say(
    expires_in: int, count: int, for_identity: str | None, caller: str | None
) -> None:
    """§3.2: decision table, evaluated top to bottom"""
    token = replace(
        TOKEN,
        expires_at=NOW + timedelta(milliseconds=expires_in),
        access_failed_count=count,
        for_identity=for_identity,  # type: ignore[arg-type]
    )
    expected: type[BackboneError] | None = None
    if expires_in < 0:
        expected = RecordNotFound
    elif count == MAX_FAILED_ATTEMPTS:
        expected = TooManyFailedPasswordAttempts
    elif for_identity is not None and caller not in (for_identity, A.address):
        expected = RecordNotFound

    refusal = None
    try:
        token.check_reachable_for(caller, NOW)  # type: ignore[arg-type]
    except BackboneError as error:
        refusal = type(error)

    assert refusal is expected
