"""Whatever is sent to the Admin API: never a 500, and what is refused leaves nothing behind."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbone.dynamodb import client
from backbone.settings import settings as backbone_settings
from tests.support.api import InProcessApi, new_caller

pytestmark = pytest.mark.slow

FEW = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=30))
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
languages = st.sampled_from(["en", "de", "EN", "xz", ""])
texts = st.fixed_dictionaries({"language": languages, "title": st.text(max_size=5), "body": st.text(max_size=5)})
actions = st.fixed_dictionaries(
    {"displayName": st.dictionaries(languages, st.text(max_size=32), max_size=3), "link": st.text(max_size=5)}
)
dates = st.one_of(
    st.datetimes().map(str),
    st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.9999999-14:00", "9999-12-31", "now"]),
)
announcements = st.fixed_dictionaries(
    {
        "severity": st.sampled_from(["Low", 1, "x"]),
        "isSilent": st.booleans() | scalars,
        "texts": st.lists(texts, max_size=3) | anything,
    },
    optional={
        "expiresAt": dates | scalars,
        "recipients": st.lists(st.sampled_from([new_caller().address, "did:e:x", ""]), max_size=3) | anything,
        "actions": st.lists(actions, max_size=3) | anything,
        "iqlQuery": scalars,
    },
)


def stored() -> list[Any]:
    items: list[Any] = client().scan(TableName=backbone_settings().announcements_table)["Items"]
    return sorted(items, key=str)


@FEW
@given(body=announcements | anything)
def test_no_announcement_makes_it_fail(admin: InProcessApi, body: Any) -> None:
    before = stored()

    answer = admin.post("/api/v1/Announcements", body)

    assert answer.status in (201, 400), answer.body
    if answer.status == 201:
        assert admin.get(f"/api/v1/Announcements/{answer.result['id']}").json in (answer.json, GONE)
        assert admin.get("/api/v1/Announcements").status == 200
    else:
        assert stored() == before


class _Gone:
    """An announcement that expired so long ago that it is removed at once."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict) and other["error"]["code"] == "error.platform.recordNotFound"

    def __hash__(self) -> int:
        return 0


GONE = _Gone()


@FEW
@given(id=st.text(min_size=1, max_size=25).filter(lambda text: "/" not in text))
def test_no_id_makes_it_fail(admin: InProcessApi, id: str) -> None:
    for method in ("GET", "DELETE"):
        assert admin.request(method, f"/api/v1/Announcements/{id}").status in (400, 404)
