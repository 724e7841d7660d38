"""The tokens of a deleted identity.  Contract: tokens.md §7; events.md §6.3."""

from datetime import timedelta
from typing import Any

import pytest

from backbone import clock, dynamodb
from backbone.addresses import Address, anonymised_address
from backbone.caller import Caller
from backbone.deletion import deletion_mark_key
from backbone.dynamodb import Table
from backbone.events import EventEnvelope, carried_by
from backbone.events.devices import IdentityDeleted
from backbone.quotas import Allowance
from backbone.settings import settings
from functions.tokens.consumers import consumers
from functions.tokens.domain import Token, issue_token
from functions.tokens.store import TokenStore
from tests.support.api import new_caller
from tests.support.builders import process_of
from tests.support.crashes import died, until_it_lives
from tests.support.engine import DOMAIN

pytestmark = pytest.mark.slow

PSEUDONYM = anonymised_address(DOMAIN)
tokens = TokenStore()


def _given_token(creator: Caller, *, to: Address | None = None, read_by: tuple[Caller, ...] = ()) -> Token:
    now = clock.now()
    token, event = issue_token(
        creator, content=b"x", expires_at=now + timedelta(minutes=1), for_identity=to, password=None, now=now
    )
    tokens.add(token, b"x", event, Allowance.unlimited())
    for reader in read_by:
        tokens.allocate(token, reader, now=now)
    return token


def _delete(caller: Caller) -> None:
    event = IdentityDeleted(identity_address=caller.address, deletion_process_id=process_of(caller.address))
    consumers.handle(EventEnvelope.of(event, clock.now()))


def _items() -> list[dict[str, Any]]:
    found = dynamodb.client().scan(TableName=settings().tokens_table)["Items"]
    items = [dynamodb.decode(item) for item in found]
    return [item for item in items if not item["pk"].startswith("DELETED#")]


def _naming(caller: Caller) -> list[dict[str, Any]]:
    return [item for item in _items() if caller.address in repr(item)]


@pytest.mark.usefixtures("engine")
def test_its_tokens_go_and_those_of_others_lose_its_name() -> None:
    """tokens.md §7: (a) delete all tokens with `createdBy` = identity; (b) tokens with `forIdentity` = identity:
    `forIdentity` := anonymised address; (c) allocations of the identity: `allocatedBy` := anonymised address"""
    leaving, other = new_caller(), new_caller()
    for _ in range(3):
        _given_token(leaving, read_by=(other,))
    personal = _given_token(other, to=leaving.address)
    foreign = _given_token(new_caller(), read_by=(leaving, other))

    _delete(leaving)

    assert _naming(leaving) == []
    assert {item["pk"] for item in _items()} == {personal.id, foreign.id}
    assert tokens.get(personal.id).for_identity == PSEUDONYM
    allocations = {item["allocatedBy"] for item in _items() if item["sk"].startswith("A#")}
    assert allocations == {other.address, PSEUDONYM}


@pytest.mark.usefixtures("engine")
def test_two_deleted_identities_have_one_allocation() -> None:
    """tokens.md §7: two deleted identities with an allocation on the same token collide on the key; keep one"""
    one, two = new_caller(), new_caller()
    _given_token(new_caller(), read_by=(one, two))

    _delete(one)
    _delete(two)

    assert [item["allocatedBy"] for item in _items() if item["sk"].startswith("A#")] == [PSEUDONYM]


@pytest.mark.usefixtures("moto")
def test_a_token_that_somebody_else_has_filled_is_not_its_any_more() -> None:
    leaving, other = new_caller(), new_caller()
    now = clock.now()
    token, event = issue_token(
        leaving, content=None, expires_at=now + timedelta(minutes=1), for_identity=None, password=None, now=now
    )
    tokens.add(token, None, event, Allowance.unlimited())
    tokens.fill(*token.filled_by(other), b"content", now=clock.now())

    _delete(leaving)

    assert tokens.get(token.id).created_by == other.address


@pytest.mark.usefixtures("moto")
def test_it_says_so_at_the_end_and_says_it_again_when_asked_again() -> None:
    """tokens.md §7: (d) audit entry for aggregate `Tokens`"""
    caller = new_caller()
    for _ in range(2):
        _delete(caller)
        mark = Table(settings().tokens_table).get(deletion_mark_key(process_of(caller.address)))
        (told,) = carried_by(mark)
        assert (told.payload["service"], told.payload["aggregates"]) == ("tokens", ["Tokens"])


@pytest.mark.usefixtures("moto")
def test_a_crash_between_any_two_calls_only_delays_it() -> None:
    bystander = new_caller()
    _given_token(bystander, to=bystander.address, read_by=(bystander,))
    kept = _items()
    for call in until_it_lives():
        leaving, other = new_caller(), new_caller()
        _given_token(leaving, read_by=(other, leaving))
        _given_token(other, to=leaving.address)
        _given_token(other, read_by=(leaving,))

        crashed = died(call, lambda gone=leaving: _delete(gone))  # type: ignore[misc]  # a default argument
        _delete(leaving)
        assert _naming(leaving) == []
        _delete(other)
        assert _naming(other) == []
        if not crashed:
            break
    assert _naming(bystander) == kept
