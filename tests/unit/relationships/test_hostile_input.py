"""Whatever is sent: never a 500, and what is refused leaves nothing behind."""

from typing import Any
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.api import InProcessApi, new_caller
from tests.unit.relationships.scenes import (
    RELATIONSHIPS,
    TEMPLATES,
    active_caller,
    given_template,
    stored_items,
    two,
)

FEW = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=30))
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
base64_like = st.text("AZaz09+/-_=", max_size=12)
dates = st.one_of(st.datetimes().map(str), st.dates().map(str), st.sampled_from(["0001-01-01T00:00:00+14:00", "now"]))
queries = st.dictionaries(
    st.sampled_from(
        [
            *("ids", "IDS", "peer", "password", "pageNumber", "pageSize"),
            *(
                "templates.0.id",
                "templates.0.password",
                "templates.1.id",
                "templates.-1.id",
                "templates",
                "templates..id",
            ),
        ]
    ),
    st.lists(
        st.one_of(st.sampled_from(["RLTx", "RELx", "RLT", "1", "0", "-1", "201", "9" * 30]), st.text(max_size=20)),
        max_size=3,
    ),
    max_size=5,
)


@FEW
@given(
    body=st.one_of(
        anything,
        st.fixed_dictionaries(
            {"content": base64_like | scalars},
            optional={
                "maxNumberOfAllocations": scalars,
                "expiresAt": dates | scalars,
                "forIdentity": scalars,
                "password": base64_like | scalars,
            },
        ),
    )
)
def test_any_template(api: InProcessApi, body: Any) -> None:
    before = len(stored_items())

    answer = api.post(TEMPLATES, body, caller=new_caller())

    assert answer.status in (201, 400)
    assert len(stored_items()) == before + (answer.status == 201)


@FEW
@given(
    body=st.one_of(
        anything,
        st.fixed_dictionaries({"relationshipTemplateId": scalars}, optional={"creationContent": base64_like | scalars}),
    )
)
def test_any_relationship(api: InProcessApi, body: Any) -> None:
    assert api.post(RELATIONSHIPS, body, caller=new_caller()).status in (400, 404)
    assert stored_items() == []


@FEW
@given(
    query=queries, path=st.sampled_from([RELATIONSHIPS, f"{RELATIONSHIPS}/CanCreate", TEMPLATES, f"{TEMPLATES}/RLTx"])
)
def test_any_query(api: InProcessApi, query: dict[str, list[str]], path: str) -> None:
    answer = api.get(path, query=urlencode(query, doseq=True), caller=new_caller())

    assert answer.status in (200, 400, 404)


@FEW
@given(query=st.text(max_size=40).map(lambda text: f"password={text}"))
def test_any_raw_password(api: InProcessApi, query: str) -> None:
    assert api.get(f"{TEMPLATES}/RLTx", query=query, caller=new_caller()).status in (400, 404)


@FEW
@given(id=st.text("RELT0az-_.~", min_size=1, max_size=25), action=st.sampled_from(["", "/Accept", "/Decompose"]))
def test_any_id(api: InProcessApi, id: str, action: str) -> None:
    method = "PUT" if action else "GET"

    answer = api.request(method, f"{RELATIONSHIPS}/{id}{action}", json_body={}, caller=new_caller())

    assert answer.error[0] in (400, 404)


def test_any_answer(api: InProcessApi) -> None:
    here = two(api)
    contents: list[Any] = [1, "!", {}, [], True, "A", "A===", "é"]
    bodies: list[Any] = [{"creationResponseContent": content} for content in contents]

    for body in [*bodies, [], "", 0, None]:
        assert here.act("Accept", here.to, body).status == 400
    assert here.get(here.to).result["status"] == "Pending"


def test_a_body_that_is_no_json(api: InProcessApi) -> None:
    json = {"content-type": "application/json"}
    here = two(api)
    template_id = given_template(api, active_caller())

    for raw in (b"{", b"\xff\xfe", b'{"creationContent":"AA', b"[" * 100_000, b'{"a":NaN}'):
        for method, path in (
            ("POST", RELATIONSHIPS),
            ("POST", TEMPLATES),
            ("PUT", f"{RELATIONSHIPS}/{here.id}/Accept"),
        ):
            assert api.request(method, path, body=raw, headers=json, caller=here.to).status == 400
        assert api.delete(f"{TEMPLATES}/{template_id}", body=raw, caller=here.to).status == 403
