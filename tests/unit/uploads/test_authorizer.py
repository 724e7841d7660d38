"""Whose bodies are stored, and where.  Contract: http-common.md, section 5.1; docs/decisions/large-uploads.md."""

from collections.abc import Iterator

import pytest

from backbone.settings import settings
from functions.uploads.handler import authorize
from tests.support.api import new_caller, token_of
from tests.unit.uploads.large import FILES, asked

pytestmark = pytest.mark.usefixtures("moto")


def effect(answer: dict[str, object]) -> str:
    """Allow or Deny."""
    policy = answer["policyDocument"]
    assert isinstance(policy, dict)
    [statement] = policy["Statement"]
    assert statement["Resource"] == "arn:the-method"
    return str(statement["Effect"])


def test_a_caller_gets_a_name_of_his_own_for_each_body() -> None:
    caller = new_caller()

    first, second = asked(caller), asked(caller)

    assert [effect(first), effect(second)] == ["Allow", "Allow"]
    assert first["context"]["owner"] == second["context"]["owner"]
    assert first["context"]["upload"] != second["context"]["upload"]
    assert first["context"]["location"] == f"/api/v2/Uploads/Files/{first['context']['upload']}"


def test_identities_do_not_share_a_folder_and_keys_tell_no_addresses() -> None:
    alice, bob = new_caller(), new_caller()

    owners = {asked(each)["context"]["owner"] for each in (alice, bob)}

    assert len(owners) == 2
    assert not [owner for owner in owners if alice.address in owner or bob.address in owner]


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer garbage"}, {"authorization": "Basic dGVzdA=="}])
def test_strangers_are_denied_without_an_error_of_the_function(header: dict[str, str]) -> None:
    answer = asked(None, FILES, **header)

    assert (effect(answer), answer["context"]) == ("Deny", {})


def test_the_name_of_the_header_is_written_in_any_case() -> None:
    caller = new_caller()
    headers = {"AUTHORIZATION": f"Bearer {token_of(caller)}"}

    assert effect(asked(None, FILES, **headers)) == "Allow"


def test_an_event_that_is_no_request_loads_the_function() -> None:
    assert authorize({}, None) == {}


@pytest.fixture
def browsers_allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An origin that may call."""
    monkeypatch.setenv("BACKBONE_CORS_ALLOWED_ORIGINS", "nmshd://prod")
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.usefixtures("browsers_allowed")
@pytest.mark.parametrize(("origin", "allowed"), [("nmshd://prod", "nmshd://prod"), ("https://evil.example", "")])
def test_browsers_may_follow_the_redirect_from_allowed_pages(origin: str, allowed: str) -> None:
    """http-common.md §9, CORS: a redirect is a response, too"""
    assert asked(new_caller(), FILES, Origin=origin)["context"]["origin"] == allowed
