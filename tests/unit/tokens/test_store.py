"""The conditions of the store, on moto and on DynamoDB Local."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.dynamodb import Write, transact
from backbone.errors import BackboneError, Forbidden, RecordNotFound
from backbone.http import Page
from backbone.ids import DeviceId, TokenId
from backbone.quotas import Allowance
from backbone.settings import settings
from functions.tokens import store as tokens_store
from functions.tokens.domain import ContentAlreadyExists, Token, TooManyFailedPasswordAttempts, issue_token
from functions.tokens.store import TokenStore
from tests.support.api import new_caller
from tests.unit.tokens.scenes import (
    allocations,
    events_of,
    failed_attempts,
    given_failed_attempts,
    stored,
    stored_items,
    table,
    token_key,
)

pytestmark = pytest.mark.usefixtures("engine")
store = TokenStore()
A, B = new_caller(), new_caller()


def given_token(
    creator: Caller | None = A,
    content: bytes | None = None,
    password: bytes | None = None,
    *,
    days_ago: float = 0,
    valid_days: float = 0.001,
) -> Token:
    now = clock.days_after(clock.now(), -days_ago)
    token, event = issue_token(
        creator,
        content=content,
        expires_at=clock.days_after(now, valid_days),
        for_identity=B.address,
        password=password,
        now=now,
    )
    store.add(token, content, event, Allowance.unlimited())
    return token


@pytest.mark.parametrize("creator", [A, None])
@pytest.mark.parametrize("password", [b"secret", None])
def test_a_token_is_read_as_it_was_written(creator: Caller | None, password: bytes | None) -> None:
    token = given_token(creator, password=password)

    assert store.get(token.id) == token
    assert store.find(token.id, None).token == token
    assert store.find(token.id, B.address).token == token
    assert store.find(token.id, B.address).content() is None


def fill(token: Token, caller: Caller, content: bytes) -> None:
    filled, event = token.filled_by(caller)
    store.fill(filled, event, content, now=clock.now())


@pytest.mark.parametrize("content", [b"", b"content", bytes(20_000)])
def test_content_is_read_as_it_was_written(content: bytes) -> None:
    created, filled = given_token(content=content), given_token()
    fill(filled, B, content)

    for token in (created, filled):
        found = store.find(token.id, None)
        assert not found.token.is_empty
        assert found.content() == content


def test_an_id_is_used_once() -> None:
    token = given_token()
    _, event = issue_token(
        B, content=None, expires_at=token.expires_at, for_identity=None, password=None, now=token.created_at
    )

    with pytest.raises(Exception, match="conditions failed"):
        store.add(replace(token, created_by=B.address), None, event, Allowance.unlimited())

    assert store.get(token.id) == token


def test_an_allocation_is_kept_once() -> None:
    token = given_token()
    store.allocate(token, B, now=clock.now())
    first = table().get({"pk": token.id, "sk": f"A#{B.address}"})
    store.allocate(token, Caller(B.address, DeviceId.new(), "test"), now=clock.now())

    assert table().get({"pk": token.id, "sk": f"A#{B.address}"}) == first
    assert allocations(token.id) == [B.address]
    assert store.find(token.id, B.address).viewer.has_allocation
    assert not store.find(token.id, A.address).viewer.has_allocation


def count(token: Token) -> Token | None:
    failed, event = token.after_wrong_password()
    return store.count_wrong_password(token, failed, event, now=clock.now())


def test_attempts_count_whatever_the_count_was_when_it_was_read() -> None:
    token = given_token(password=b"secret")

    assert [count(token) for _ in range(3)] == [None, None, None]

    assert failed_attempts(token.id) == 3
    assert [event["name"] for event in events_of(token.id)] == ["TokenCreated"]


def test_the_last_attempt_is_not_counted_like_the_others() -> None:
    """Whoever did not know that it was the last one learns it from the failed condition."""
    token = given_token(password=b"secret")
    given_failed_attempts(token.id, 99)

    before_last = count(token)

    assert before_last == replace(token, access_failed_count=99)
    assert count(before_last) is None
    assert store.get(token.id) == replace(token, access_failed_count=100, times_locked=1)
    assert [event["name"] for event in events_of(token.id)] == ["TokenLocked"]
    assert count(before_last) == store.get(token.id)


def test_a_token_that_was_filled_meanwhile_is_locked_for_its_new_creator() -> None:
    token = given_token(creator=None, password=b"secret")
    given_failed_attempts(token.id, 99)
    before_last = store.get(token.id)
    fill(token, B, b"content")

    filled = count(before_last)

    assert filled is not None
    assert filled.created_by == B.address
    assert count(filled) is None
    assert [event["createdBy"] for event in events_of(token.id)] == [B.address]


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda token: fill(token, A, b"first"), ContentAlreadyExists),
        (lambda token: fill(token, A, bytes(20_000)), ContentAlreadyExists),
        (lambda token: given_failed_attempts(token.id, 100), TooManyFailedPasswordAttempts),
        (lambda token: table().delete(token_key(token.id)), RecordNotFound),
    ],
    ids=["filled", "filled with much", "locked", "gone"],
)
@pytest.mark.parametrize("content", [b"second", bytes(20_001)])
def test_only_an_empty_open_token_is_filled(
    spoil: Callable[[Token], None], error: type[BackboneError], content: bytes
) -> None:
    """§7: two simultaneous fills: one wins, the other must end in `…contentAlreadyExists`"""
    token = given_token()
    spoil(token)
    before = stored_items()

    with pytest.raises(error):
        fill(token, B, content)

    assert stored_items() == before


def test_the_loser_of_a_fill_does_not_overwrite_the_winners_content() -> None:
    size = settings().inline_payload_bytes + 1
    token = given_token()
    fill(token, A, b"a" * size)

    with pytest.raises(ContentAlreadyExists):
        fill(token, B, b"b" * size)

    assert store.find(token.id, None).content() == b"a" * size


def test_what_is_gone_cannot_be_changed() -> None:
    token = given_token()
    table().delete(token_key(token.id))

    for change in (
        lambda: store.get(token.id),
        lambda: store.find(token.id, None),
        lambda: store.find(token.id, A.address),
        lambda: count(token),
        lambda: store.delete(token.id, A),
        lambda: store.reset_access_failed_count(token.id, now=clock.now()),
    ):
        with pytest.raises(RecordNotFound):
            change()
    assert stored_items() == []


def test_an_unlocked_token_remembers_how_often_it_was_locked() -> None:
    token = given_token(password=b"secret")
    given_failed_attempts(token.id, 99)
    count(store.get(token.id))

    store.reset_access_failed_count(token.id, now=clock.now())

    assert store.get(token.id) == replace(token, times_locked=1)


def test_a_token_taken_over_while_it_is_deleted_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The condition of the transaction, not the reading before it, decides."""
    token = given_token(creator=A)

    def overtaken(writes: Sequence[Write]) -> None:
        fill(token, B, b"content")
        transact(writes)

    monkeypatch.setattr(tokens_store, "transact", overtaken)
    with pytest.raises(Forbidden):
        store.delete(token.id, A)

    assert store.get(token.id).created_by == B.address


def test_the_index_knows_the_tokens_of_an_identity() -> None:
    made, filled, _ = given_token(creator=A), given_token(creator=None), given_token(creator=None)
    fill(filled, A, b"content")
    deleted = given_token(creator=A)
    store.delete(deleted.id, A)

    found = [found.token.id for found in store.created_by(A.address, now=clock.now()).items]

    assert sorted(found) == sorted([made.id, filled.id])
    assert store.created_by(B.address, now=clock.now()).items == []


def test_ids_are_found_in_the_order_asked_for_and_once() -> None:
    ids = [given_token().id for _ in range(3)]

    found = store.find_all([ids[2], ids[0], TokenId("TOKunknown"), ids[2]], A.address)

    assert [found.token.id for found in found] == [ids[2], ids[0]]


def test_a_token_without_content_has_no_attribute_for_it() -> None:
    token = given_token(creator=None)

    assert set(stored(token.id)) == {
        *("pk", "sk", "createdAt", "expiresAt", "forIdentity", "party", "accessFailedCount", "ttl", "events")
    }


def test_what_is_over_is_listed_and_unlocked_no_more_and_moves_the_others_up() -> None:
    """tokens.md §6: removed thirty days after the expiry; read time is exact, lists included"""
    over, old, young = given_token(days_ago=60, valid_days=29), given_token(days_ago=59, valid_days=60), given_token()

    first = store.created_by(A.address, Page(1, 1), now=clock.now())

    assert [found.token.id for found in first.items] == [old.id]
    assert first.counted == 2
    assert [found.token.id for found in store.created_by(A.address, now=clock.now()).items] == [old.id, young.id]
    with pytest.raises(RecordNotFound):
        store.reset_access_failed_count(over.id, now=clock.now())
