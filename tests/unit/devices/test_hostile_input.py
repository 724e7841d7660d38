"""Whatever strangers send, the answer is a refusal with a code: never a 500, and nothing is written."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbone import dynamodb
from backbone.encoding import to_base64url
from backbone.readmodels import identities
from tests.support.api import InProcessApi
from tests.support.builders import given_client
from tests.support.keys import ClientKey
from tests.unit.devices.journeys import FORM, register

pytestmark = pytest.mark.slow

relaxed = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
KEY = ClientKey.new()

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)
almost_keys = st.fixed_dictionaries(
    {}, optional={"pub": json_values | st.binary(max_size=40).map(to_base64url), "alg": json_values}
)
almost_signatures = st.fixed_dictionaries(
    {}, optional={"sig": json_values | st.binary(max_size=70).map(to_base64url), "alg": json_values}
)
almost_texts = st.fixed_dictionaries(
    {}, optional={"id": json_values | st.just("CHLabc"), "expiresAt": json_values | st.just("2030-01-01T00:00:00Z")}
)


def _encoded(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


@pytest.fixture(autouse=True)
def _client(api: InProcessApi) -> None:
    given_client()


@relaxed
@given(key=st.binary(min_size=1, max_size=200) | (json_values | almost_keys).map(_encoded))
def test_garbage_for_a_public_key_has_signed_nothing(api: InProcessApi, key: bytes) -> None:
    """devices.md §5.3: Garbage that cannot be parsed gives 500 in the reference; here it is no valid signature"""
    answer = register(
        api, KEY, identityPublicKey=to_base64url(key), signedChallenge=KEY.sign_text('{"id":"CHLabc","expiresAt":"x"}')
    )

    assert answer.error == (400, "error.platform.validation.device.invalidSignature")


@relaxed
@given(signature=st.binary(min_size=1, max_size=200) | (json_values | almost_signatures).map(_encoded))
def test_garbage_for_a_signature_is_none(api: InProcessApi, signature: bytes) -> None:
    """devices.md §5.3: Signature length other than 64 or mismatch -> 400 invalidSignature"""
    signed = {"challenge": '{"id":"CHLabc","expiresAt":"2030-01-01"}', "signature": to_base64url(signature)}

    answer = register(api, KEY, signedChallenge=signed)

    assert answer.error == (400, "error.platform.validation.device.invalidSignature")


@relaxed
@given(text=(st.text(min_size=1) | (json_values | almost_texts).map(json.dumps)).filter(str.strip))
def test_signed_garbage_is_an_invalid_property_or_names_no_challenge(api: InProcessApi, text: str) -> None:
    """devices.md §5.3: correctly signed challenge text that is not JSON or lacks `id`/`expiresAt`"""
    answer = register(api, KEY, signedChallenge=KEY.sign_text(text))

    assert answer.error in (
        (400, "error.platform.validation.invalidPropertyValue"),
        (404, "error.platform.recordNotFound"),
    )


@relaxed
@given(body=json_values.map(json.dumps))
def test_any_json_for_a_body_is_refused(api: InProcessApi, body: str) -> None:
    """http-common.md §4.2: any binding error -> 400 `inputCannotBeParsed`"""
    headers = {"content-type": "application/json"}

    answer = api.request("POST", "/api/v2/Identities", body=body.encode(), headers=headers)

    assert answer.error == (400, "error.platform.inputCannotBeParsed")


@relaxed
@given(body=st.binary(max_size=200))
def test_any_bytes_for_a_form_are_an_invalid_request(api: InProcessApi, body: bytes) -> None:
    """devices.md §2.3, rows 1 and 2"""
    answer = api.request("POST", "/connect/token", body=body, headers=FORM)

    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


@relaxed
@given(fields=st.tuples(*[st.text(min_size=1, max_size=30)] * 4))
def test_any_credentials_are_refused_in_oauth_s_words(api: InProcessApi, fields: tuple[str, ...]) -> None:
    """devices.md §2.3: never 500, never 503"""
    names = ("username", "password", "client_id", "client_secret")
    right = {"grant_type": "password", "client_id": "test", "client_secret": "test"}
    strange = dict(zip(names, fields, strict=True))

    unknown_client = urlencode({**right, **strange}).encode()
    unknown_user = urlencode({**strange, **right}).encode()

    first = api.request("POST", "/connect/token", body=unknown_client, headers=FORM)
    second = api.request("POST", "/connect/token", body=unknown_user, headers=FORM)
    assert (first.status, first.json["error"]) == (401, "invalid_client")
    assert (second.status, second.json["error"]) == (400, "invalid_grant")


@relaxed
@given(username=st.text(max_size=30))
def test_any_username_can_be_asked_for(api: InProcessApi, username: str) -> None:
    """devices.md §7.3: a code for whatever is no username"""
    answer = api.get("/api/v2/Identities/IsDeleted", query={"username": username})

    assert answer.status == 200 or answer.error[0] == 400


def test_garbage_writes_nothing(api: InProcessApi) -> None:
    count = dynamodb.client().scan(TableName=identities.table().name)["Count"]

    for change in ({"identityPublicKey": "AAAA"}, {"signedChallenge": KEY.sign_text("garbage")}):
        assert register(api, KEY, **change).status == 400

    assert dynamodb.client().scan(TableName=identities.table().name)["Count"] == count
