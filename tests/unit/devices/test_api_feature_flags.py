"""Feature flags over HTTP.  Contract: devices.md, sections 9 and 16 (Feature flags)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from backbone.caller import Caller
from backbone.events import carried_by
from backbone.http import camel_case
from backbone.readmodels import identities
from functions.devices.feature_flags import FeatureFlags
from functions.devices.feature_flags_store import flags_key
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import LONG_AGO, given_relationship
from tests.unit.devices.deletions import begun, given_owner

pytestmark = pytest.mark.slow

OWN = "/api/v2/Identities/Self/FeatureFlags"
INPUT_CANNOT_BE_PARSED = (400, "error.platform.inputCannotBeParsed")
INVALID_PROPERTY_VALUE = (400, "error.platform.validation.invalidPropertyValue")
TOO_MANY = (400, "error.platform.validation.featureFlag.maxNumberOfFeatureFlagsExceeded")
NOT_FOUND = (404, "error.platform.recordNotFound")


@pytest.fixture
def caller(api: InProcessApi) -> Caller:
    """An identity with one device."""
    return given_owner()


def _patch(api: InProcessApi, caller: Caller, flags: Any) -> Answer:
    return api.request("PATCH", OWN, json_body=flags, caller=caller)


def _flags(api: InProcessApi, caller: Caller, reader: Caller | None = None) -> Any:
    return api.get(f"/api/v2/Identities/{caller.address}/FeatureFlags", caller=reader or caller).result


def _item(caller: Caller) -> dict[str, Any] | None:
    return identities.table().get(flags_key(caller.address))


def test_flags_are_set_and_changed(api: InProcessApi, caller: Caller) -> None:
    """devices.md §16: PATCH two flags -> 204; GET own -> both; PATCH again changes values"""
    assert _flags(api, caller) == {}

    answer = _patch(api, caller, {"one": True, "two": False})
    assert (answer.status, answer.body) == (204, "")
    assert _flags(api, caller) == {"one": True, "two": False}

    assert _patch(api, caller, {"two": True, "three": True}).status == 204
    assert _flags(api, caller) == {"one": True, "two": True, "three": True}


def test_too_many_flags_are_refused_as_a_whole(api: InProcessApi, caller: Caller) -> None:
    """devices.md §16: 201 flags -> 400 maxNumberOfFeatureFlagsExceeded, nothing stored; 200 stored + 1 new -> 400, 200
    remain"""
    many = {f"flag{number}": True for number in range(201)}
    assert _patch(api, caller, many).error == TOO_MANY
    assert _item(caller) is None

    del many["flag200"]
    assert _patch(api, caller, many).status == 204
    assert _patch(api, caller, {"flag0": False, "one more": True}).error == TOO_MANY
    assert _flags(api, caller) == many
    assert _patch(api, caller, {"flag0": False}).status == 204


@pytest.mark.parametrize("flags", [{"a": 1}, {"a": "true"}, {"a": None}, {"a": {}}, [], [["a", True]], "a", 1, None])
def test_flags_are_an_object_of_booleans(api: InProcessApi, caller: Caller, flags: Any) -> None:
    """devices.md §9: JSON object name -> boolean (non-boolean 400 `inputCannotBeParsed`)"""
    assert _patch(api, caller, flags).error == INPUT_CANNOT_BE_PARSED
    assert _item(caller) is None


def test_names_are_checked_before_the_number_and_the_identity(api: InProcessApi, caller: Caller) -> None:
    """devices.md §9, order of checks: every name at most 200 characters (empty name allowed); number of flags in the
    request; identity exists; number of distinct names after the change"""
    many = {f"flag{number}": True for number in range(201)}
    nobody = new_caller()

    assert _patch(api, nobody, {**many, "x" * 201: True}).error == INVALID_PROPERTY_VALUE
    assert _patch(api, nobody, many).error == TOO_MANY
    assert _patch(api, nobody, {"a": True}).error == NOT_FOUND
    assert _patch(api, caller, {"": True, "x" * 200: False}).status == 204
    assert _flags(api, caller) == {"": True, "x" * 200: False}


@pytest.mark.parametrize("flags", [{"a": True}, {}])
def test_every_change_raises_an_event(api: InProcessApi, caller: Caller, flags: dict[str, bool]) -> None:
    """devices.md §9: Event `FeatureFlagsOfIdentityChanged` always (even `{}` or no real change)"""
    ids = []
    for _ in range(3):
        assert _patch(api, caller, flags).status == 204
        events = carried_by(_item(caller))
        assert [event.name for event in events] == ["FeatureFlagsOfIdentityChanged"]
        assert events[0].payload["identityAddress"] == caller.address
        ids.append(events[0].id)

    assert len(set(ids)) == 3
    assert all(len(id) <= 128 for id in ids)


def test_changes_of_the_same_instant_are_told_apart() -> None:
    first = FeatureFlags({}).changed({"a": True}, maximum=200, now=LONG_AGO)
    second = first.changed({"a": False}, maximum=200, now=LONG_AGO)

    assert (first.changed_at, second.changed_at) == (LONG_AGO, LONG_AGO + timedelta(milliseconds=1))


@pytest.mark.parametrize(("name", "shown"), [
    ("MyFlag", "myFlag"), ("ABC", "abc"), ("URLValue", "urlValue"), ("already", "already"), ("A", "a"), ("", ""),
    ("AB c", "ab c"), ("1A", "1A"), ("AbC", "abC"), ("ÄÖü", "äÖü"),
])  # fmt: skip
def test_names_come_back_in_camel_case(name: str, shown: str) -> None:
    """http-common.md §6: keys are camel-cased on output (first upper-case run lowered: `MyFlag` -> `myFlag`, `ABC` ->
    `abc`, `URLValue` -> `urlValue`)"""
    assert camel_case(name) == shown


def test_flags_are_shown_in_camel_case(api: InProcessApi, caller: Caller) -> None:
    """devices.md §15.7: Feature-flag names come back camel-cased"""
    _patch(api, caller, {"MyFlag": True})

    assert _flags(api, caller) == {"myFlag": True}


def test_strangers_see_nothing(api: InProcessApi, caller: Caller) -> None:
    """devices.md §16: GET by stranger -> 404"""
    _patch(api, caller, {"a": True})
    path = f"/api/v2/Identities/{caller.address}/FeatureFlags"

    assert api.get(path, caller=new_caller()).error == NOT_FOUND
    assert api.get(f"/api/v2/Identities/{new_caller().address}/FeatureFlags", caller=caller).error == NOT_FOUND
    assert api.get(path).status == 401
    assert api.request("PATCH", OWN, json_body={}).status == 401
    bad = caller.address[:-2] + "zz"
    assert api.get(f"/api/v2/Identities/{bad}/FeatureFlags", caller=caller).error == INVALID_PROPERTY_VALUE


@pytest.mark.parametrize(
    "status", ["Pending", "Active", "Rejected", "Revoked", "Terminated", "DeletionProposed", "ReadyForDeletion"]
)
def test_peers_see_the_flags(api: InProcessApi, caller: Caller, status: str) -> None:
    """devices.md §16: by peer with any relationship or template allocation -> 200"""
    _patch(api, caller, {"a": True})
    requestor, templator = new_caller(), new_caller()
    given_relationship(requestor.address, caller.address, status)
    given_relationship(caller.address, templator.address, status)

    assert _flags(api, caller, requestor) == _flags(api, caller, templator) == {"a": True}


def test_who_has_allocated_a_template_sees_its_creator_s_flags(api: InProcessApi, caller: Caller) -> None:
    """devices.md §9: caller has allocated a template created by address"""
    _patch(api, caller, {"a": True})
    reader = given_owner()
    template = api.post("/api/v2/RelationshipTemplates", {"content": "AAAA"}, caller=caller).result
    foreign = api.post("/api/v2/RelationshipTemplates", {"content": "AAAA"}, caller=given_owner()).result
    path = f"/api/v2/Identities/{caller.address}/FeatureFlags"

    api.get(f"/api/v2/RelationshipTemplates/{foreign['id']}", caller=reader)
    assert api.get(path, caller=reader).error == NOT_FOUND
    assert api.get(f"/api/v2/RelationshipTemplates/{template['id']}", caller=reader).status == 200
    assert _flags(api, caller, reader) == {"a": True}
    # The other direction is another matter.
    assert api.get(f"/api/v2/Identities/{reader.address}/FeatureFlags", caller=caller).error == NOT_FOUND


def test_an_identity_that_is_being_deleted_sets_no_flags(api: InProcessApi, caller: Caller) -> None:
    begun(caller)

    assert _patch(api, caller, {"a": True}).error == NOT_FOUND
    assert _item(caller) is None


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.one_of(
    st.dictionaries(st.text(max_size=210), st.booleans(), max_size=5).map(lambda flags: json.dumps(flags).encode()),
    st.dictionaries(st.text(max_size=5), st.booleans(), max_size=5).map(
        lambda flags: json.dumps(flags, ensure_ascii=False).encode("utf-8", "surrogatepass")
    ),
    st.sampled_from([b'{"\\ud800": true}', b'{"a": true, "a": false}', b'{"\\u0000": true}', b"{", b'{"a"', b"\xff"]),
    st.binary(max_size=30),
))  # fmt: skip
def test_hostile_bodies_are_refused_or_kept(api: InProcessApi, body: bytes) -> None:
    """Bad input never gives 500, and what is accepted comes back."""
    caller = given_owner()

    answer = api.request("PATCH", OWN, body=body, headers={"content-type": "application/json"}, caller=caller)

    assert answer.status in (204, 400)
    if answer.status == 204:
        kept = {camel_case(name): value for name, value in json.loads(body).items()}
        assert _flags(api, caller) == kept
    else:
        assert _item(caller) is None
