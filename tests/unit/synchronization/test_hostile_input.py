"""Whatever is sent: never a 500, and what is refused leaves no trace."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backbone import clock
from backbone.encoding import to_base64url
from functions.synchronization import datawallet
from functions.synchronization.datawallet import Draft
from functions.synchronization.domain import Change, Head
from functions.synchronization.items import modification_sk
from functions.synchronization.store import SyncStore
from functions.synchronization.write_ahead_log import Entry, dump, load, parts
from tests.support.api import InProcessApi, new_caller
from tests.unit.synchronization.steps import (
    MODIFICATIONS,
    SYNC_RUNS,
    VERSION_1,
    given_event,
    given_owner,
    given_run,
    listed,
    modification,
    push,
)

pytestmark = pytest.mark.slow

KEPT = HealthCheck.function_scoped_fixture
FEW = settings(max_examples=20, deadline=None, suppress_health_check=[KEPT, HealthCheck.too_slow])

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=120)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
)
member_names = ["type", "objectIdentifier", "collection", "payloadCategory", "encryptedPayload", "datawalletVersion"]
odd_modifications = st.builds(
    lambda odd: {**modification(), **odd}, st.dictionaries(st.sampled_from(member_names), anything, max_size=3)
)
bodies = anything | st.fixed_dictionaries(
    {},
    optional={
        "localIndex": anything,
        "modifications": anything | st.lists(odd_modifications, max_size=3),
        "datawalletModifications": anything | st.lists(odd_modifications, max_size=3),
        "externalEventResults": anything | st.lists(st.dictionaries(st.text(max_size=5), anything), max_size=2),
        "newDatawalletVersion": anything,
        "type": anything,
        "duration": anything,
    },
)


def stored(address: str) -> list[dict[str, Any]]:
    return list(SyncStore()._table.query_all("pk = :pk", {"pk": address}))


@FEW
@given(body=bodies, route=st.integers(0, 3))
def test_no_body_breaks_an_endpoint(api: InProcessApi, body: Any, route: int) -> None:
    """synchronization.md §0: Unparsable body -> 400"""
    caller = given_owner(api)
    given_event(caller.address)
    run = given_run(api, caller)
    method, path = [
        ("POST", MODIFICATIONS),
        ("POST", SYNC_RUNS),
        ("PUT", f"{SYNC_RUNS}/{run['id']}/FinalizeExternalEventSync"),
        ("PUT", f"{SYNC_RUNS}/{run['id']}/FinalizeDatawalletVersionUpgrade"),
    ][route]
    before = stored(caller.address)

    answer = api.request(method, path, json_body=body, caller=caller, headers=VERSION_1)

    assert answer.status < 500, answer.body
    if answer.status >= 400:
        assert stored(caller.address) == before


@FEW
@given(
    name=st.sampled_from(["localIndex", "PageNumber", "PageSize"]),
    value=st.text(max_size=12) | st.integers().map(str),
    version=st.text("0123456789-+. abc", max_size=6),
)
def test_no_query_and_no_header_breaks_a_list(api: InProcessApi, name: str, value: str, version: str) -> None:
    """synchronization.md §0: Unparsable header / query -> 400"""
    caller = given_owner(api, modification())

    assert listed(api, caller, **{name: value}).status < 500
    headers = {"X-Supported-Datawallet-Version": version}
    assert api.get(MODIFICATIONS, caller=caller, headers=headers).status < 500


texts = st.text(max_size=50)


@FEW
@given(identifier=st.text(max_size=100), category=st.none() | texts, collection=texts, payload=st.binary(max_size=50))
def test_texts_and_payloads_come_back_as_sent(
    api: InProcessApi, identifier: str, category: str | None, collection: str, payload: bytes
) -> None:
    """synchronization.md §2.2: The server never looks into the payload."""
    caller = given_owner(api)
    sent = {
        "objectIdentifier": identifier,
        "payloadCategory": category,
        "collection": collection,
        "encryptedPayload": to_base64url(payload),
    }

    assert push(api, caller, -1, {**modification(), **sent}).status == 201

    (item,) = listed(api, caller).result
    assert {name: item[name] for name in sent} == sent


groups = st.tuples(st.sampled_from(["Create", "Update"]), st.none() | st.text("#1-a", max_size=4), st.text("#1-a"))


@given(one=groups, other=groups)
def test_different_groups_have_different_keys(
    one: tuple[str, str | None, str], other: tuple[str, str | None, str]
) -> None:
    """synchronization.md §2.2: group by (`objectIdentifier`, `type`, `payloadCategory`)"""
    caller = new_caller()
    change = datawallet.append(
        Change.of(Head(caller.address, version=1), clock.now()),
        [Draft(kind, "c", identifier, category, 1, None) for kind, category, identifier in (one, other)],
        device=caller.device_id,
    )

    first, second = (modification_sk(each) for each in change.appended)
    assert (first == second) is (one == other)


items = st.none() | st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.booleans(), max_size=3)
entries = st.lists(st.builds(Entry, st.text(), st.text(), items, st.none() | st.binary()), max_size=250)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(entries)
def test_a_log_is_read_as_it_was_written(written: list[Entry]) -> None:
    assert load(dump(written)) == written
    assert json.loads(dump(written)) is not None


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([0] * 99, [99]),
        ([0] * 100, [99, 1]),
        ([0] * 250, [99, 99, 52]),
        ([1_400_000] * 3, [2, 1]),
        ([2_998_000, 2_998_000], [1, 1]),
        ([], []),
    ],
)
def test_a_log_is_applied_in_parts_that_fit(sizes: list[int], expected: list[int]) -> None:
    """Next to 99 items a part checks the head."""
    written = [Entry("pk", str(number), {}, b"x" * size) for number, size in enumerate(sizes)]

    found = list(parts(written, inline_bytes=3_000_000))

    assert [len(part) for part in found] == expected
    assert not written or len(next(parts(written, inline_bytes=0))) == min(99, len(written))  # payloads in S3
    assert [entry for part in found for entry in part] == written
