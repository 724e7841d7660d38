"""The keys of access tokens: first key, rotation, removal.  Decision: docs/decisions/access-tokens.md."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from backbone import custom_resource
from backbone.custom_resource import Request
from backbone.settings import settings
from functions.keys import domain, handler

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
LIFE = timedelta(seconds=300)
PREFIX = "/fresh/token-keys"


@pytest.fixture
def attributes() -> list[dict[str, str]]:
    """The attributes that CloudFormation gets."""
    return []


@pytest.fixture
def answers(moto: None, attributes: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What CloudFormation is told; the parameters live in moto."""
    told: list[str] = []

    def answer(request: Request, name: str, status: str, reason: str, data: dict[str, str]) -> None:
        told.append(status)
        attributes.append(data)

    monkeypatch.setenv("BACKBONE_TOKEN_KEYS", PREFIX)
    settings.cache_clear()
    monkeypatch.setattr(custom_resource, "answer", answer)
    return told


def request(kind: str, rotation: str = "1", before: str = "1") -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResourceProperties": {"Rotation": rotation},
        "OldResourceProperties": {"Rotation": before},
        "StackId": "s",
        "RequestId": "r",
        "LogicalResourceId": "l",
        "ResponseURL": "http://localhost",
    }


def key_ids(kind: str) -> list[str]:
    value = boto3.client("ssm").get_parameter(Name=f"{PREFIX}/{kind}", WithDecryption=True)["Parameter"]["Value"]
    return [key["kid"] for key in json.loads(value)["keys"]]


def test_the_public_set_holds_no_private_member() -> None:
    sets = domain.add_key(None, now=NOW, tokens_valid_for=LIFE)

    assert "d" in json.loads(sets.private)["keys"][0]
    assert all("d" not in key for key in json.loads(sets.public)["keys"])


def test_a_new_key_comes_first_and_the_previous_one_stays() -> None:
    first = domain.add_key(None, now=NOW, tokens_valid_for=LIFE)
    second = domain.add_key(first.private, now=NOW + DAY, tokens_valid_for=LIFE)
    third = domain.add_key(second.private, now=NOW + 2 * DAY, tokens_valid_for=LIFE)

    ids = [[key["kid"] for key in json.loads(sets.public)["keys"]] for sets in (first, second, third)]
    assert ids[1][1:] == ids[0]
    assert ids[2][1:] == ids[1][:1]


def test_a_key_stays_as_long_as_a_token_may_be_signed_with_it() -> None:
    """A rotation that is rolled back rotates twice within minutes, while the first key has not been replaced yet."""
    first = domain.add_key(None, now=NOW, tokens_valid_for=LIFE)
    second = domain.add_key(first.private, now=NOW + DAY, tokens_valid_for=LIFE)
    rolled_back = domain.add_key(second.private, now=NOW + DAY + timedelta(seconds=359), tokens_valid_for=LIFE)
    late = domain.add_key(second.private, now=NOW + DAY + timedelta(seconds=361), tokens_valid_for=LIFE)

    (first_id,) = [key["kid"] for key in json.loads(first.private)["keys"]]
    assert [first_id in sets.private for sets in (rolled_back, late)] == [True, False]
    assert [first_id in sets.public for sets in (rolled_back, late)] == [True, False]


def test_the_first_deployment_makes_a_key(answers: list[str]) -> None:
    handler.custom_resource(request("Create"), None)

    assert answers == ["SUCCESS"]
    assert key_ids("private") == key_ids("public")


def test_an_update_without_new_rotation_leaves_the_keys_alone(answers: list[str]) -> None:
    handler.custom_resource(request("Create"), None)
    before = key_ids("public")

    handler.custom_resource(request("Update"), None)

    assert key_ids("public") == before


def test_a_new_rotation_adds_a_key(answers: list[str]) -> None:
    handler.custom_resource(request("Create"), None)
    before = key_ids("public")

    handler.custom_resource(request("Update", rotation="2"), None)

    assert key_ids("public")[1:] == before


def test_templates_are_told_the_public_keys_whatever_is_asked_for(
    answers: list[str], attributes: list[dict[str, str]]
) -> None:
    for asked in (request("Create"), request("Update"), request("Update", rotation="2")):
        handler.custom_resource(asked, None)

        keys = json.loads(attributes[-1]["Public"])["keys"]
        assert [key["kid"] for key in keys] == key_ids("public")
        assert all("d" not in key for key in keys)


def test_a_deleted_stack_forgets_its_keys(answers: list[str]) -> None:
    handler.custom_resource(request("Create"), None)

    handler.custom_resource(request("Delete"), None)

    with pytest.raises(ClientError, match="ParameterNotFound"):
        key_ids("private")


def test_a_failure_is_told_to_cloudformation(answers: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "KeySetStore", lambda: 1 / 0)

    handler.custom_resource(request("Create"), None)

    assert answers == ["FAILED"]
