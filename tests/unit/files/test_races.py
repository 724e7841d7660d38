"""Races, against a real engine: exactly one wins, the others get the error they would have got by coming second."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.dynamodb import Table
from backbone.errors import BackboneError
from backbone.events import carried_by
from backbone.settings import settings
from functions.files import domain
from functions.files.domain import File
from functions.files.store import FileStore
from tests.support.api import new_caller
from tests.unit.files.test_store import given_file

pytestmark = [pytest.mark.local_dynamodb, pytest.mark.usefixtures("local_dynamodb")]

ROUNDS = 8
WON, FORBIDDEN, NOT_FOUND = "won", "forbidden", "recordNotFound"
store = FileStore()


def claiming(file: File, token: str, caller: Caller) -> Callable[[], bool]:
    """PATCH ClaimOwnership"""
    now = clock.now()
    return lambda: (
        store.change(file.id, lambda found: domain.claim_ownership(found, token, caller, now=now), now=now).accepted
    )


def validating(file: File, token: str, caller: Caller) -> Callable[[], bool]:
    """POST ValidateOwnershipToken"""
    now = clock.now()
    return lambda: (
        store.change(file.id, lambda found: domain.validate_token(found, token, caller, now=now), now=now).accepted
    )


def deleting(file: File, caller: Caller) -> Callable[[], bool]:
    """DELETE"""

    def delete() -> bool:
        found = store.get(file.id, now=clock.now()).file
        found.check_deletable_by(caller)
        store.delete(found)
        return True

    return delete


def at_once(*requests: Callable[[], Any]) -> list[str]:
    """The outcome of each request."""
    barrier = Barrier(len(requests))

    def run(request: Callable[[], Any]) -> str:
        barrier.wait()
        try:
            return WON if request() else FORBIDDEN
        except BackboneError as refusal:
            return refusal.code.rpartition(".")[2]

    with ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(run, requests))


def test_of_many_claims_one_succeeds() -> None:
    """files.md §3.7: a token opens one claim"""
    for _ in range(ROUNDS):
        file, claimants = given_file(new_caller()), [new_caller() for _ in range(6)]

        outcomes = at_once(*(claiming(file, file.ownership_token, claimant) for claimant in claimants))

        assert sorted(outcomes) == [FORBIDDEN] * 5 + [WON]
        after = store.get(file.id, now=clock.now()).file
        assert after.owner == claimants[outcomes.index(WON)].address
        assert after.ownership_token != file.ownership_token
        assert after.ownership_is_locked  # the token of those who came later was not the right one any more


def test_the_same_claim_sent_twice_succeeds_once() -> None:
    """files.md §3.7 step 3"""
    for _ in range(ROUNDS):
        file, claimant = given_file(new_caller()), new_caller()

        outcomes = at_once(*[claiming(file, file.ownership_token, claimant)] * 3)

        assert sorted(outcomes) == ["cannotClaimOwnershipOfOwnFile"] * 2 + [WON]


def test_many_wrong_tokens_lock_once() -> None:
    """events.md §2.4: only on the change unlocked -> locked"""
    for _ in range(ROUNDS):
        file = given_file(new_caller())

        outcomes = at_once(*(validating(file, "wrong", new_caller()) for _ in range(6)))

        assert outcomes == [FORBIDDEN] * 6
        item = Table(settings().files_table).get({"pk": file.id})
        assert [event.name for event in carried_by(item)] == ["FileOwnershipLocked"]


def test_a_claim_and_a_wrong_one() -> None:
    """Whoever is first: the file has a new owner or is locked for both; in the end it is locked."""
    for _ in range(ROUNDS):
        file = given_file(new_caller())

        right, wrong = at_once(
            claiming(file, file.ownership_token, new_caller()), claiming(file, "wrong", new_caller())
        )

        after = store.get(file.id, now=clock.now()).file
        assert (right, wrong) in ((WON, FORBIDDEN), (FORBIDDEN, FORBIDDEN))
        assert (right == WON) == (after.owner != file.owner)
        assert after.ownership_is_locked


def test_a_claim_and_the_deletion() -> None:
    """files.md §3.5, §3.7: the file is gone in the end, and the claim came before or found nothing"""
    for _ in range(ROUNDS):
        creator = new_caller()
        file = given_file(creator)

        claim, deletion = at_once(claiming(file, file.ownership_token, new_caller()), deleting(file, creator))

        assert (claim, deletion) in ((WON, WON), (NOT_FOUND, WON))
        assert Table(settings().files_table).get({"pk": file.id}) is None


def test_many_deletions() -> None:
    """files.md §3.5: the second one finds nothing"""
    creator = new_caller()
    file = given_file(creator)

    assert sorted(at_once(*[deleting(file, creator)] * 5)) == [NOT_FOUND] * 4 + [WON]


def test_many_regenerations_each_give_a_token_and_the_last_one_holds() -> None:
    """files.md §3.6"""
    owner = new_caller()
    file = given_file(owner)
    tokens: list[str] = []

    def regenerate() -> bool:
        change = store.change(file.id, lambda found: domain.regenerate_token(found, owner), now=clock.now())
        tokens.append(change.after.ownership_token)
        return change.accepted

    assert at_once(*[regenerate] * 5) == [WON] * 5
    assert len(set(tokens)) == 5
    assert store.get(file.id, now=clock.now()).file.ownership_token in tokens
