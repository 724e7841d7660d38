"""`backbone token …`.  Contract: tokens.md, sections 3.6, 3.7 and Checklist."""

from datetime import timedelta

import pytest

from backbone import clock
from tests.support.api import InProcessApi, new_caller
from tests.support.command import backbone
from tests.unit.tokens.scenes import (
    LOCKED,
    PASSWORD,
    UNKNOWN,
    WRONG_PASSWORD,
    at,
    events_of,
    failed_attempts,
    fill,
    get,
    given_expired,
    given_failed_attempts,
    given_token,
)

pytestmark = pytest.mark.slow

RESET = ["token", "reset-access-failed-count", "--id"]


def test_an_unknown_token_cannot_be_unlocked(api: InProcessApi) -> None:
    """Checklist: ResetAccessFailedCount unknown -> 404"""
    outcome = backbone(*RESET, UNKNOWN)

    assert outcome.code == 1
    assert outcome.err.startswith("error: Token not found.")


def test_a_malformed_id_is_refused(api: InProcessApi) -> None:
    """§3.7: Bad ID 400 error.platform.validation.invalidPropertyValue"""
    outcome = backbone(*RESET, "FILa")

    assert outcome.code == 2
    assert "not valid" in outcome.err


def test_an_unlocked_token_can_be_read_with_its_password_and_locked_again(api: InProcessApi) -> None:
    """Checklist: locked token -> 204 and readable again with the right password"""
    creator, reader = new_caller(), new_caller()
    token_id = given_token(api, creator, password=PASSWORD)
    for lock in (1, 2):
        given_failed_attempts(token_id, 99)
        assert get(api, token_id, new_caller(), WRONG_PASSWORD).error == LOCKED
        [event] = events_of(token_id)
        assert (event["name"], event["occurrence"]) == ("TokenLocked", lock)

        assert backbone(*RESET, token_id).code == 0

        assert failed_attempts(token_id) == 0
        assert get(api, token_id, reader, PASSWORD).status == 200


def test_an_identity_without_tokens_has_an_empty_list(api: InProcessApi) -> None:
    """Checklist: admin list for an identity without tokens -> 200 with `[]`"""
    given_token(api, new_caller())

    outcome = backbone("token", "list", new_caller().address)

    assert (outcome.code, outcome.out, outcome.err) == (0, "", "It has created no tokens.\n")


def test_the_tokens_of_an_identity_are_listed_oldest_first(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """§3.6: Items including expired tokens, `createdAt` ascending"""
    creator, now = new_caller(), clock.now()
    for number in (2, 0, 1):
        at(monkeypatch, now + timedelta(milliseconds=number))
        given_token(api, creator, password=PASSWORD if number == 1 else None)
    at(monkeypatch, now + timedelta(milliseconds=3))
    filled = given_token(api, None)
    fill(api, filled, creator)
    given_expired(filled)

    listed = backbone("token", "list", creator.address, "--json").json

    assert [each["createdAt"] for each in listed] == [clock.render(now + timedelta(milliseconds=n)) for n in range(4)]
    assert [each["id"] == filled for each in listed] == [False, False, False, True]
    assert [each["isExpired"] for each in listed] == [False, False, False, True]
    assert [each["wrongPasswords"] for each in listed] == [None, "0 of 100", None, None]


def test_who_has_many_tokens_sees_them_all(api: InProcessApi) -> None:
    """§3.6: if absent: no paging, all items"""
    creator = new_caller()
    ids = {given_token(api, creator) for _ in range(120)}

    assert {each["id"] for each in backbone("token", "list", creator.address, "--json").json} == ids


def test_what_an_operator_sees_of_a_token(api: InProcessApi) -> None:
    creator, reader = new_caller(), new_caller()
    token_id = given_token(api, creator, content=None, password=PASSWORD, forIdentity=reader.address)
    given_failed_attempts(token_id, 100)

    [seen] = backbone("token", "list", creator.address, "--json").json
    table = backbone("token", "list", creator.address).out

    assert (seen["isEmpty"], seen["forIdentity"]) == (True, reader.address)
    assert (seen["wrongPasswords"], seen["isLocked"]) == ("100 of 100", True)
    assert "Wrong passwords" in table.splitlines()[0]
    assert reader.address in table.splitlines()[1]
