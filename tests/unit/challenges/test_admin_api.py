"""Challenges over the Admin API.  Contract: admin-api.md, sections 11.1 and 19."""

from datetime import timedelta

import pytest

from backbone import clock
from tests.support.api import InProcessApi, new_caller


@pytest.mark.parametrize("body", [..., None])
def test_operators_get_challenges_that_belong_to_nobody(admin: InProcessApi, api: InProcessApi, body: object) -> None:
    """admin-api.md §19: `POST /Challenges` → 201 with null creator; §11.1: `Location` contains `?id=…`"""
    before = clock.now()
    answer = admin.post("/api/v1/Challenges", body)

    assert answer.status == 201
    challenge = answer.result
    assert answer.headers["location"].endswith(f"?id={challenge['id']}")
    assert (challenge["createdBy"], challenge["createdByDevice"]) == (None, None)
    lifetime = clock.parse(challenge["expiresAt"]) - before
    assert timedelta(minutes=10) <= lifetime < timedelta(minutes=10, seconds=5)
    assert api.get(f"/api/v2/Challenges/{challenge['id']}", caller=new_caller()).result == challenge


def test_nobody_gets_one_without_key(admin: InProcessApi) -> None:
    """admin-api.md §19: any endpoint without `X-API-KEY` → 401, empty body"""
    answer = admin.post("/api/v1/Challenges", headers={"x-api-key": ""})

    assert (answer.status, answer.body) == (401, "")
