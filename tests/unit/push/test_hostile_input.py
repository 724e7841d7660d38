"""Input that means no good: an answer of the contract, never a 500, and nothing is written by a refusal."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbone.dynamodb import client
from backbone.settings import settings as backbone_settings
from tests.support.api import InProcessApi, new_caller
from tests.support.engine import PUSH_APP_ID

pytestmark = pytest.mark.slow
PATH = "/api/v2/Devices/Self/PushNotifications"
RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
text = st.text(st.characters(codec="utf-8"), max_size=600)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
almost_right = st.fixed_dictionaries(
    {
        "platform": st.sampled_from(["fcm", "apns", "dummy", "sse"]) | anything,
        "handle": text | anything,
        "appId": st.sampled_from([PUSH_APP_ID]) | text | anything,
        "environment": st.sampled_from(["Development", "Production", None]) | anything,
    }
)


def stored() -> int:
    return int(client().scan(TableName=backbone_settings().push_table)["Count"])


@RELAXED
@given(body=almost_right | anything)
def test_any_registration_is_accepted_or_refused(api: InProcessApi, body: Any) -> None:
    before = stored()

    answer = api.put(PATH, body, caller=new_caller())

    assert answer.status in (200, 400)
    assert stored() == before + (answer.status == 200)


@RELAXED
@given(body=anything)
def test_any_test_notification_is_accepted_or_refused(api: InProcessApi, body: Any) -> None:
    before = stored()

    answer = api.post(f"{PATH}/SendTestNotification", body, caller=new_caller())

    assert answer.status == (400 if body is None else 204)
    assert stored() == before + (answer.status == 204)


@RELAXED
@given(body=st.binary(max_size=200))
def test_any_bytes_are_accepted_or_refused(api: InProcessApi, body: bytes) -> None:
    for method, path in (("PUT", PATH), ("POST", f"{PATH}/SendTestNotification"), ("DELETE", PATH)):
        headers = {"content-type": "application/json"}
        assert api.request(method, path, body=body, headers=headers, caller=new_caller()).status < 500
