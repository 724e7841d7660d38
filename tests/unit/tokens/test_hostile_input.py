"""Whatever is sent: never a 500, and what is refused leaves nothing behind."""

from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbone.caller import Caller
from tests.support.api import InProcessApi, new_caller
from tests.unit.tokens.scenes import PASSWORD, TOKENS, given_token, stored_items

pytestmark = pytest.mark.slow

FEW = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=30))
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
base64_like = st.text("AZaz09+/-_=", max_size=12)
dates = st.one_of(
    st.datetimes().map(str),
    st.dates().map(str),
    st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.9999999-14:00", "now"]),
)
callers = st.sampled_from([new_caller(), None])
addresses = st.sampled_from([new_caller().address, "did:e:x", ""])
queries = st.dictionaries(
    st.sampled_from(
        [
            *("ids", "IDS", "password", "Password", "pageNumber", "pageSize"),
            *(
                "tokens.0.id",
                "tokens.0.password",
                "Tokens.1.Id",
                "tokens.-1.id",
                "tokens",
                "tokens..id",
                "tokens[0].id",
            ),
        ]
    ),
    st.lists(
        st.one_of(st.sampled_from(["TOKx", "FILx", "TOK", "1", "0", "-1", "201", "9" * 30]), st.text(max_size=20)),
        max_size=3,
    ),
    max_size=5,
)


@FEW
@given(
    caller=callers,
    body=st.one_of(
        anything,
        st.fixed_dictionaries(
            {"expiresAt": dates | scalars},
            optional={
                "content": base64_like | scalars,
                "forIdentity": addresses | scalars,
                "password": base64_like | scalars,
            },
        ),
    ),
)
def test_any_new_token(api: InProcessApi, caller: Caller | None, body: Any) -> None:
    before = len(stored_items())

    answer = api.post(TOKENS, body, caller=caller)

    assert answer.status in (201, 400)
    assert len(stored_items()) == before + (answer.status == 201)


@FEW
@given(body=st.one_of(anything, st.fixed_dictionaries({"newContent": base64_like | scalars, "password": base64_like})))
def test_any_content(api: InProcessApi, body: Any) -> None:
    caller = new_caller()
    token_id = given_token(api, None, password=PASSWORD)
    before = stored_items()

    answer = api.post(f"{TOKENS}/{token_id}/UpdateContent", body, caller=caller)

    assert answer.status in (400, 404)
    changed = [item for item in stored_items() if item not in before]
    assert len(changed) == (answer.status == 404)  # the counter of wrong passwords


@FEW
@given(caller=callers, query=queries, with_id=st.booleans())
def test_any_query(api: InProcessApi, caller: Caller | None, query: dict[str, list[str]], with_id: bool) -> None:
    path = f"{TOKENS}/TOKx" if with_id else TOKENS

    answer = api.get(path, query=urlencode(query, doseq=True), caller=caller)

    assert answer.status in (200, 400, 404) if caller or with_id else answer.status == 401
    assert stored_items() == []


@FEW
@given(id=st.text(min_size=1, max_size=25).map(lambda text: quote(text, safe="")), prefix=st.sampled_from(["", "TOK"]))
def test_any_id(api: InProcessApi, id: str, prefix: str) -> None:
    caller, path = new_caller(), f"{TOKENS}/{prefix}{id}"

    answers = [
        api.get(path, caller=caller),
        api.get(path),
        api.delete(path, caller=caller),
        api.post(f"{path}/UpdateContent", {"newContent": "AQID"}, caller=caller),
    ]

    assert {answer.status for answer in answers} <= {400, 404}
    assert stored_items() == []


@FEW
@given(body=st.binary(max_size=40), content_type=st.sampled_from(["application/json", "text/plain", ""]))
def test_any_bytes(api: InProcessApi, body: bytes, content_type: str) -> None:
    headers = {"content-type": content_type}

    assert api.request("POST", TOKENS, body=body, headers=headers).status in (400, 415)
    assert stored_items() == []
