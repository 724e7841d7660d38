"""Whatever an operator sends, the answer is a success or a refusal with a code: never a 500."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.devices.client_store import ClientStore
from tests.support.api import InProcessApi
from tests.support.builders import TIER, given_client, given_identity
from tests.support.keys import ClientKey
from tests.unit.devices.test_hostile_input import json_values, relaxed

pytestmark = pytest.mark.slow
ADDRESS = ClientKey.new().address
REQUESTS = (
    ("POST", "/api/v1/Clients"),
    ("PUT", "/api/v1/Clients/test"),
    ("PATCH", "/api/v1/Clients/test/ChangeSecret"),
    ("POST", "/api/v1/Tiers"),
    ("POST", "/api/v1/Identities"),
    ("PUT", f"/api/v1/Identities/{ADDRESS}"),
)
MEMBERS = (
    "defaultTier",
    "clientId",
    "displayName",
    "clientSecret",
    "maxIdentities",
    "newSecret",
    "name",
    "tierId",
    "identityPublicKey",
    "devicePassword",
    "deviceCommunicationLanguage",
    "identityVersion",
    "signedChallenge",
)
likely = st.sampled_from(
    ["Basic", TIER, "test", "AAAA", "en", 0, 1, None, "", {"challenge": "{}", "signature": "AAAA"}]
)
bodies = json_values | st.fixed_dictionaries({}, optional=dict.fromkeys(MEMBERS, likely | json_values))


@pytest.fixture(autouse=True)
def _world(admin: InProcessApi) -> None:
    given_client()
    given_identity(ADDRESS)


@relaxed
@given(request=st.sampled_from(REQUESTS), body=bodies)
def test_any_body_is_taken_or_refused(admin: InProcessApi, request: tuple[str, str], body: Any) -> None:
    """admin-api.md §3.3: 400 with a code for whatever cannot be bound or breaks a rule"""
    answer = admin.request(*request, json_body=body)

    assert answer.status in (200, 201, 204) or answer.error[0] in (400, 404)


@relaxed
@given(name=st.text(min_size=1, max_size=120).filter(lambda text: "/" not in text))
def test_any_text_is_an_id_that_is_not_found(admin: InProcessApi, name: str) -> None:
    """admin-api.md §5: ids of clients are free text"""
    for client_id in (name, quote(name)):
        assert admin.get(f"/api/v1/Clients/{client_id}").error == (404, "error.platform.recordNotFound")
        assert admin.delete(f"/api/v1/Clients/{client_id}").error == (404, "error.platform.recordNotFound")
    assert admin.delete(f"/api/v1/Tiers/{quote(name)}").error[0] in (400, 404)
    assert admin.get(f"/api/v1/Identities/{quote(name)}").error[0] == 400


@relaxed
@given(client_id=st.text(min_size=1, max_size=100), secret=st.text(min_size=1, max_size=40))
def test_any_text_may_be_the_id_of_a_client(admin: InProcessApi, client_id: str, secret: str) -> None:
    """admin-api.md §4: client ids themselves are free text, max 100"""
    made = admin.post("/api/v1/Clients", {"defaultTier": TIER, "clientId": client_id, "clientSecret": secret})

    if made.status != 201:
        assert made.error == (400, "error.platform.validation.device.clientIdAlreadyExists")
        return
    assert made.result["clientId"] == client_id
    client = ClientStore().get(client_id)
    assert client is not None
    assert client.client_id == client_id
    ClientStore().delete(client_id)
