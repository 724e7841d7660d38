"""Races, against a real engine: exactly one wins, the others get the error they would have got by coming second."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.errors import BackboneError
from backbone.ids import DeviceId
from backbone.quotas import Allowance
from functions.tokens import access
from functions.tokens.domain import Token, issue_token
from functions.tokens.store import TokenStore
from tests.support.api import new_caller
from tests.unit.tokens.scenes import allocations, events_of, failed_attempts, given_failed_attempts, stored_items

pytestmark = [pytest.mark.local_dynamodb, pytest.mark.usefixtures("local_dynamodb")]
ROUNDS = 3
PASSWORD = b"secret"
store = TokenStore()


def at_once(*attempts: Callable[[], Any]) -> list[Any]:
    """Run them in as many threads, starting together; results, with the last part of the code of an error."""
    barrier = Barrier(len(attempts))

    def run(attempt: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return attempt()
        except BackboneError as error:
            return error.code.rpartition(".")[2]

    with ThreadPoolExecutor(len(attempts)) as pool:
        return list(pool.map(run, attempts))


def given_token(creator: Caller | None = None, password: bytes | None = PASSWORD) -> Token:
    now = clock.now()
    token, event = issue_token(
        creator,
        content=None,
        expires_at=now + timedelta(minutes=1),
        for_identity=None,
        password=password,
        now=now,
    )
    store.add(token, None, event, Allowance.unlimited())
    return token


def read(token: Token, caller: Caller | None, password: bytes | None = PASSWORD) -> str:
    access.read_token(store, token.id, caller, password=password, now=clock.now())
    return "read"


def fill(token: Token, caller: Caller, content: bytes, password: bytes | None = PASSWORD) -> Token:
    return access.fill_token(store, token.id, caller, content=content, password=password, now=clock.now())


@pytest.mark.parametrize("already_failed", [0, 50])
def test_of_a_hundred_wrong_passwords_at_once_every_one_counts_and_one_locks(already_failed: int) -> None:
    """§7: every wrong attempt counts once and `TokenLocked` is raised once"""
    creator = new_caller()
    token = given_token(creator)
    given_failed_attempts(token.id, already_failed)

    outcomes = at_once(*(lambda: read(token, new_caller(), b"wrong") for _ in range(100)))

    not_found = 99 - already_failed
    assert Counter(outcomes) == {"recordNotFound": not_found, "tooManyFailedPasswordAttempts": 100 - not_found}
    assert failed_attempts(token.id) == 100
    assert [(event["name"], event["occurrence"]) for event in events_of(token.id)] == [("TokenLocked", 1)]
    assert allocations(token.id) == []


def test_attempts_at_reading_and_filling_are_counted_together() -> None:
    token = given_token()
    given_failed_attempts(token.id, 95)

    outcomes = at_once(
        *(lambda: read(token, new_caller(), b"wrong") for _ in range(5)),
        *(lambda: fill(token, new_caller(), b"content", b"wrong") for _ in range(5)),
    )

    assert Counter(outcomes) == {"recordNotFound": 4, "tooManyFailedPasswordAttempts": 6}
    assert failed_attempts(token.id) == 100


def test_a_reset_in_the_midst_of_it_loses_nothing() -> None:
    token = given_token()
    given_failed_attempts(token.id, 98)

    outcomes = at_once(
        lambda: store.reset_access_failed_count(token.id, now=clock.now()),
        *(lambda: read(token, new_caller(), b"wrong") for _ in range(9)),
    )

    assert set(outcomes) <= {None, "recordNotFound", "tooManyFailedPasswordAttempts"}
    assert failed_attempts(token.id) < 100


@pytest.mark.parametrize("size", [7, 20_000])
def test_of_two_who_fill_a_token_one_is_late(size: int) -> None:
    """§7: two simultaneous fills: one wins, the other must end in `…contentAlreadyExists`"""
    for _ in range(ROUNDS):
        token = given_token(password=None)
        fillers = {b"1": new_caller(), b"2": new_caller(), b"3": new_caller()}

        outcomes = at_once(*(lambda k=k, it=it: fill(token, it, k * size) for k, it in fillers.items()))  # noqa: B023

        [filled] = [outcome for outcome in outcomes if isinstance(outcome, Token)]
        assert outcomes.count("contentUpdateNotPossibleBecauseContentAlreadyExists") == 2
        found = store.find(token.id, None)
        assert found.token == filled
        content = found.content()
        assert content is not None
        assert len(content) == size
        assert fillers[content[:1]].address == filled.created_by


def test_the_devices_of_an_identity_take_one_allocation() -> None:
    """§7: Two simultaneous first reads by the same identity: treating the duplicate as success is compatible"""
    token, reader = given_token(), new_caller()
    devices = [Caller(reader.address, DeviceId.new(), "test") for _ in range(5)]

    outcomes = at_once(*(lambda device=device: read(token, device) for device in devices))

    assert outcomes == ["read"] * 5
    assert allocations(token.id) == [reader.address]


def test_many_identities_are_let_in_at_once() -> None:
    token = given_token()
    readers = [new_caller() for _ in range(10)]

    outcomes = at_once(*(lambda reader=reader: read(token, reader) for reader in readers))

    assert outcomes == ["read"] * 10
    assert sorted(allocations(token.id)) == sorted(reader.address for reader in readers)


def test_of_two_deletions_one_is_late() -> None:
    for _ in range(ROUNDS):
        creator = new_caller()
        token = given_token(creator)
        read(token, new_caller())

        outcomes = at_once(*[lambda: store.delete(token.id, creator)] * 3)  # noqa: B023

        assert sorted(map(str, outcomes)) == ["None", "recordNotFound", "recordNotFound"]
        assert stored_items() == []


def test_of_deletion_and_taking_over_one_wins() -> None:
    for _ in range(ROUNDS):
        creator, other = new_caller(), new_caller()
        token = given_token(creator)

        deleted, filled = at_once(lambda: store.delete(token.id, creator), lambda: fill(token, other, b"content"))  # noqa: B023

        if isinstance(filled, Token):
            assert deleted == "forbidden"
            assert store.get(token.id).created_by == other.address
        else:
            assert (deleted, filled) == (None, "recordNotFound")


def test_what_is_deleted_while_passwords_are_tried_does_not_come_back() -> None:
    for _ in range(ROUNDS):
        creator = new_caller()
        token = given_token(creator)

        outcomes = at_once(
            lambda: store.delete(token.id, creator),  # noqa: B023
            *[lambda: read(token, None, b"wrong")] * 4,  # noqa: B023
        )

        assert outcomes == [None] + ["recordNotFound"] * 4
        assert stored_items() == []
