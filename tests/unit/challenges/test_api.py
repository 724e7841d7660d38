"""Challenges over HTTP.  Contract: devices.md, section 16, Challenges."""

from datetime import UTC, datetime, timedelta

import pytest

from backbone import clock
from tests.support.api import InProcessApi, new_caller


def test_an_anonymous_challenge_names_no_creator_and_expires_in_ten_minutes(api: InProcessApi) -> None:
    """devices.md §16: POST anonymous -> 201, createdBy and createdByDevice null, expiresAt about 10 minutes ahead"""
    answer = api.post("/api/v2/Challenges", {})

    challenge = answer.result
    ahead = clock.parse(challenge["expiresAt"]) - datetime.now(UTC)
    assert answer.status == 201
    assert challenge["createdBy"] is None
    assert challenge["createdByDevice"] is None
    assert timedelta(minutes=9, seconds=50) < ahead <= timedelta(minutes=10)


def test_a_challenge_made_with_a_token_names_its_creator(api: InProcessApi) -> None:
    """devices.md §16: POST with token -> createdBy/createdByDevice of the caller"""
    caller = new_caller()

    challenge = api.post("/api/v2/Challenges", {}, caller=caller).result

    assert challenge["createdBy"] == caller.address
    assert challenge["createdByDevice"] == caller.device_id


def test_a_challenge_made_with_a_garbage_token_is_anonymous(api: InProcessApi) -> None:
    """http-common.md §14: POST /api/v2/Challenges with a garbage token -> 201, createdBy null"""
    answer = api.post("/api/v2/Challenges", token="garbage")

    assert answer.status == 201
    assert answer.result["createdBy"] is None


def test_anybody_with_a_token_may_read_any_challenge(api: InProcessApi) -> None:
    """devices.md §16: GET own or foreign challenge -> 200"""
    challenge = api.post("/api/v2/Challenges", caller=new_caller()).result

    answer = api.get(f"/api/v2/Challenges/{challenge['id']}", caller=new_caller())

    assert answer.result == challenge


def test_an_unknown_challenge_is_not_found(api: InProcessApi) -> None:
    """devices.md §16: GET `CHLthisisnonexisting` -> 404"""
    answer = api.get("/api/v2/Challenges/CHLthisisnonexisting", caller=new_caller())

    assert answer.error == (404, "error.platform.recordNotFound")
    assert answer.json["error"]["message"].startswith("Challenge not found.")


def test_a_challenge_cannot_be_read_without_token(api: InProcessApi) -> None:
    """devices.md §16: GET without token -> 401"""
    answer = api.get("/api/v2/Challenges/CHLthisisnonexisting")

    assert (answer.status, answer.body) == (401, "")


@pytest.mark.parametrize(("age", "status"), [(timedelta(minutes=69), 200), (timedelta(minutes=70, seconds=1), 404)])
def test_a_challenge_stays_readable_for_seventy_minutes(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch, age: timedelta, status: int
) -> None:
    """devices.md §4: GET still delivers a challenge until 60 minutes after expiresAt"""
    with monkeypatch.context() as earlier:
        created = clock.now() - age
        earlier.setattr(clock, "now", lambda: created)
        challenge = api.post("/api/v2/Challenges").result

    assert api.get(f"/api/v2/Challenges/{challenge['id']}", caller=new_caller()).status == status
