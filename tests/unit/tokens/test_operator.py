"""The operator's commands: what the Admin API will answer.  Contract: tokens.md, sections 3.6, 3.7 and Checklist."""

from datetime import timedelta

import pytest

from backbone import clock
from functions.tokens.operator import main
from tests.support.api import InProcessApi, new_caller
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

RESET = "reset-access-failed-count"


def test_an_unknown_token_cannot_be_unlocked(api: InProcessApi, capsys: pytest.CaptureFixture[str]) -> None:
    """Checklist: ResetAccessFailedCount unknown -> 404"""
    assert main([RESET, "--id", UNKNOWN]) == 1

    assert capsys.readouterr().err.startswith("Token not found.")


def test_a_malformed_id_is_refused(api: InProcessApi, capsys: pytest.CaptureFixture[str]) -> None:
    """§3.7: Bad ID 400 error.platform.validation.invalidPropertyValue"""
    assert main([RESET, "--id", "FILa"]) == 1

    assert "not valid" in capsys.readouterr().err


def test_an_unlocked_token_can_be_read_with_its_password_and_locked_again(api: InProcessApi) -> None:
    """Checklist: locked token -> 204 and readable again with the right password"""
    creator, reader = new_caller(), new_caller()
    token_id = given_token(api, creator, password=PASSWORD)
    for lock in (1, 2):
        given_failed_attempts(token_id, 99)
        assert get(api, token_id, new_caller(), WRONG_PASSWORD).error == LOCKED
        [event] = events_of(token_id)
        assert (event["name"], event["occurrence"]) == ("TokenLocked", lock)

        assert main([RESET, "--id", token_id]) == 0

        assert failed_attempts(token_id) == 0
        assert get(api, token_id, reader, PASSWORD).status == 200


def test_an_identity_without_tokens_has_an_empty_list(api: InProcessApi, capsys: pytest.CaptureFixture[str]) -> None:
    """Checklist: admin list for an identity without tokens -> 200 with `[]`"""
    given_token(api, new_caller())

    assert main(["list", "did:e:localhost:dids:nobody"]) == 0

    assert capsys.readouterr().out == ""


def test_the_tokens_of_an_identity_are_listed_oldest_first(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """§3.6: Items including expired tokens, `createdAt` ascending"""
    creator, now = new_caller(), clock.now()
    for number in (2, 0, 1):
        at(monkeypatch, now + timedelta(milliseconds=number))
        given_token(api, creator, password=PASSWORD if number == 1 else None)
    at(monkeypatch, now + timedelta(milliseconds=3))
    filled = given_token(api, None)
    fill(api, filled, creator)
    given_expired(filled)

    main(["list", creator.address])

    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    assert [line[1] for line in lines] == [clock.render(now + timedelta(milliseconds=n)) for n in range(4)]
    assert [line[0] == filled for line in lines] == [False, False, False, True]
    assert [line[2] for line in lines] == ["expires", "expires", "expires", "expired"]
    assert lines[1][-1] == "0 of 100 wrong passwords"


def test_who_has_many_tokens_sees_them_all(api: InProcessApi, capsys: pytest.CaptureFixture[str]) -> None:
    """§3.6: if absent: no paging, all items"""
    creator = new_caller()
    ids = {given_token(api, creator) for _ in range(120)}

    main(["list", creator.address])

    assert {line.split("  ")[0] for line in capsys.readouterr().out.splitlines()} == ids


def test_what_an_operator_sees_of_a_token(api: InProcessApi, capsys: pytest.CaptureFixture[str]) -> None:
    creator, reader = new_caller(), new_caller()
    token_id = given_token(api, creator, content=None, password=PASSWORD, forIdentity=reader.address)
    given_failed_attempts(token_id, 100)

    main(["list", creator.address])

    line = capsys.readouterr().out.strip()
    assert line.split("  ")[4:] == ["empty", f"for {reader.address}", "100 of 100 wrong passwords", "locked"]
