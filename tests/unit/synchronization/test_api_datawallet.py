"""The datawallet over HTTP.  Contract: synchronization.md, sections 2 and 11."""

from typing import Any

import pytest

from tests.support.api import InProcessApi
from tests.support.builders import given_identity
from tests.unit.synchronization.steps import (
    MODIFICATIONS,
    VERSION_1,
    earlier,
    finalize,
    given_caller,
    given_event,
    given_owner,
    given_run,
    given_upgrade,
    listed,
    modification,
    other_device_of,
    push,
)

DATAWALLET = "error.platform.validation.datawallet"
INVALID = (400, "error.platform.validation.invalidPropertyValue")
UNPARSABLE = (400, "error.platform.inputCannotBeParsed")
NOT_FOUND = (404, "error.platform.recordNotFound")


def test_a_datawallet_comes_into_being_with_the_first_upgrade(api: InProcessApi) -> None:
    """synchronization.md §11: GET /Datawallet of a new identity -> 404 error.platform.recordNotFound; after
    FinalizeDatawalletVersionUpgrade version 1 -> 200 `{"version":1}`."""
    caller = given_caller()
    before = api.get("/api/v2/Datawallet", caller=caller)

    given_upgrade(api, caller, 1)

    assert before.error == NOT_FOUND
    assert api.get("/api/v2/Datawallet", caller=caller).result == {"version": 1}


def test_without_datawallet_the_list_is_empty(api: InProcessApi) -> None:
    """synchronization.md §11: GET /Datawallet/Modifications without datawallet -> 200 `[]`, also without the version
    header."""
    caller = given_caller()

    assert listed(api, caller).result == []
    assert api.get(MODIFICATIONS, caller=caller).result == []


def test_a_client_that_states_no_version_cannot_list(api: InProcessApi) -> None:
    """synchronization.md §11: GET /Datawallet/Modifications without header, datawallet version 1 -> 400
    …insufficientSupportedDatawalletVersion."""
    caller = given_owner(api)

    answer = api.get(MODIFICATIONS, caller=caller)

    assert answer.error == (400, f"{DATAWALLET}.insufficientSupportedDatawalletVersion")


def test_a_newer_client_may_list(api: InProcessApi) -> None:
    """synchronization.md §2: header > datawallet version -> allowed everywhere"""
    caller = given_owner(api)

    assert api.get(MODIFICATIONS, caller=caller, headers={"x-supported-datawallet-version": "2"}).status == 200


@pytest.mark.parametrize(
    ("size", "expected"), [(201, "error.platform.validation.pagination.invalidPageSize"), (200, None)]
)
def test_a_page_has_at_most_200_items(api: InProcessApi, size: int, expected: str | None) -> None:
    """synchronization.md §11: GET …/Modifications?PageSize=201 -> 400
    error.platform.validation.pagination.invalidPageSize; PageSize=200 -> 200."""
    answer = listed(api, given_owner(api), PageSize=size)

    assert answer.status == (400 if expected else 200)
    assert not expected or answer.error == (400, expected)


@pytest.mark.parametrize("query", [{"localIndex": "abc"}, {"localIndex": 2**31}, {"PageNumber": "x"}])
def test_a_query_that_is_no_number_cannot_be_parsed(api: InProcessApi, query: dict[str, Any]) -> None:
    """synchronization.md §11: GET …/Modifications?localIndex=abc -> 400 error.platform.inputCannotBeParsed."""
    assert listed(api, given_owner(api), **query).error == UNPARSABLE


@pytest.mark.parametrize("query", [{"PageNumber": 0}, {"PageSize": 0}, {"PageSize": -1}])
def test_a_page_that_cannot_be_is_refused(api: InProcessApi, query: dict[str, Any]) -> None:
    """synchronization.md §0.1: PageNumber <= 0, PageSize <= 0 are not validated and end as 500 in the reference (a 400
    is fine)"""
    assert listed(api, given_owner(api), **query).error == INVALID


@pytest.mark.parametrize("version", ["abc", "65536", "-1", "1.0"])
def test_a_header_that_is_no_uint16_cannot_be_parsed(api: InProcessApi, version: str) -> None:
    """synchronization.md §2: Not an integer or > 65535 -> 400 error.platform.inputCannotBeParsed."""
    caller = given_owner(api)
    headers = {"X-Supported-Datawallet-Version": version}
    body = {"localIndex": 0, "modifications": [modification()]}

    assert api.get(MODIFICATIONS, caller=caller, headers=headers).error == UNPARSABLE
    assert api.post(MODIFICATIONS, body, caller=caller, headers=headers).error == UNPARSABLE
    assert api.post("/api/v2/SyncRuns", {}, caller=caller, headers=headers).error == UNPARSABLE


def test_of_a_group_only_the_newest_is_listed(api: InProcessApi) -> None:
    """synchronization.md §11: two Updates of same object and category -> only the later is listed; Create and Update of
    the same object are both listed."""
    first, second = (modification(1, type="Update", encryptedPayload=payload) for payload in ("b25l", "dHdv"))
    caller = given_owner(api, modification(1), first)
    push(api, caller, 1, second)

    items = listed(api, caller).result

    assert [(item["index"], item["type"], item["encryptedPayload"]) for item in items] == [
        (0, "Create", modification(1)["encryptedPayload"]),
        (2, "Update", "dHdv"),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"payloadCategory": "Content"}, {"payloadCategory": "Metadata"}),
        ({"payloadCategory": None}, {"payloadCategory": "Content"}),
        ({"payloadCategory": None}, {"payloadCategory": ""}),
        ({"objectIdentifier": "a"}, {"objectIdentifier": "A"}),
        ({"payloadCategory": "a#b", "objectIdentifier": "c"}, {"payloadCategory": "a", "objectIdentifier": "b#c"}),
        ({"payloadCategory": None, "objectIdentifier": "1#x#y"}, {"payloadCategory": "x", "objectIdentifier": "y"}),
        ({"payloadCategory": None, "objectIdentifier": ""}, {"payloadCategory": "", "objectIdentifier": ""}),
    ],
)
def test_different_groups_are_not_collapsed(api: InProcessApi, one: dict[str, Any], other: dict[str, Any]) -> None:
    """synchronization.md §11: modifications with different categories or null vs. non-null category are not
    collapsed."""
    caller = given_owner(api, modification(**one), modification(**other))

    assert [item["index"] for item in listed(api, caller).result] == [0, 1]


def test_the_collection_does_not_tell_groups_apart(api: InProcessApi) -> None:
    """synchronization.md §10.8: The modification list is collapsed by (object, type, category) without `collection`."""
    caller = given_owner(api, modification(collection="Messages"), modification(collection="Files"))

    assert [item["collection"] for item in listed(api, caller).result] == ["Files"]


def test_within_one_push_the_last_of_a_group_counts(api: InProcessApi) -> None:
    """synchronization.md §2.2 step 4: keep only the one with the highest index of each group"""
    caller = given_owner(api)

    answer = push(api, caller, -1, modification(1), modification(2), modification(1, encryptedPayload="bmV3"))

    assert [item["index"] for item in answer.result["modifications"]] == [0, 1, 2]
    assert [item["index"] for item in listed(api, caller).result] == [1, 2]


def test_the_list_begins_after_the_local_index(api: InProcessApi) -> None:
    """synchronization.md §2.2: localIndex: highest index the client already applied; absent = from the beginning; the
    TypeScript library may send `-1`"""
    caller = given_owner(api, *(modification(number) for number in range(4)))

    def indices(**query: Any) -> list[int]:
        return [item["index"] for item in listed(api, caller, **query).result]

    assert indices() == indices(localIndex=-1) == indices(localIndex=-(2**31)) == [0, 1, 2, 3]
    assert indices(localIndex=1) == [2, 3]
    assert indices(localIndex=3) == indices(localIndex=99) == []


def test_more_than_a_page_is_told_as_pagination(api: InProcessApi) -> None:
    """synchronization.md §11: 51 modifications -> page 1 has 50 and `pagination.totalPages` 2; 50 modifications -> no
    `pagination`."""
    caller = given_owner(api, *(modification(number) for number in range(50)))
    fifty = listed(api, caller)
    push(api, caller, 49, modification(50))

    first, second = listed(api, caller), listed(api, caller, pageNumber=2)

    assert (len(fifty.result), "pagination" in fifty.json) == (50, False)
    assert len(first.result) == 50
    assert first.json["pagination"] == {"pageNumber": 1, "pageSize": 50, "totalPages": 2, "totalRecords": 51}
    assert [item["index"] for item in second.result] == [50]
    assert second.json["pagination"] == {"pageNumber": 2, "pageSize": 50, "totalPages": 2, "totalRecords": 51}


def test_nothing_is_overlooked_when_somebody_pushes_between_two_pages(api: InProcessApi) -> None:
    """synchronization.md §2.2: modifications pushed between two page requests can shift pages in the reference; here a
    later page holds what it would have held before, except what has got a higher index since."""
    caller = given_owner(api, *(modification(number) for number in range(7)))
    first = listed(api, caller, PageSize=3)
    push(api, other_device_of(caller), 6, modification(0), modification(4), modification(7))

    second, third = (listed(api, caller, PageSize=3, pageNumber=number) for number in (2, 3))
    rest = listed(api, caller, localIndex=6)

    pages = [[item["index"] for item in answer.result] for answer in (first, second, third, rest)]
    assert pages == [[0, 1, 2], [3, 5], [6], [7, 8, 9]]
    assert {answer.json["pagination"]["totalPages"] for answer in (first, second, third)} == {3}


def test_pages_of_another_size_are_found_without_the_first(api: InProcessApi) -> None:
    """synchronization.md §0.1: PageNumber, PageSize"""
    caller = given_owner(api, *(modification(number) for number in range(7)))
    listed(api, caller, PageSize=3)

    answer = listed(api, caller, PageSize=2, pageNumber=3)

    assert [item["index"] for item in answer.result] == [4, 5]
    assert answer.json["pagination"] == {"pageNumber": 3, "pageSize": 2, "totalPages": 4, "totalRecords": 7}


def test_a_page_beyond_the_end_is_empty_and_counts_too_much(api: InProcessApi) -> None:
    """synchronization.md §0.1: a page beyond the end reports a wrong, too high total and an empty array"""
    caller = given_owner(api, *(modification(number) for number in range(3)))

    answer = listed(api, caller, PageNumber=4, PageSize=2)

    assert answer.result == []
    assert answer.json["pagination"]["totalRecords"] == 6


def test_payloads_come_back_as_base64url_without_padding(api: InProcessApi) -> None:
    """synchronization.md §11: listed `encryptedPayload` has no `=`, `+`, `/`; null stays null."""
    caller = given_owner(
        api,
        modification(1, encryptedPayload="+/z9/v8="),
        modification(2, encryptedPayload=None),
        modification(3, encryptedPayload=""),
    )

    payloads = [item["encryptedPayload"] for item in listed(api, caller).result]

    assert payloads == ["-_z9_v8", None, ""]


def test_all_members_of_a_modification_are_listed(api: InProcessApi) -> None:
    """synchronization.md §2.2: 200 `result` items"""
    caller = given_owner(api)
    pushed = push(api, caller, -1, modification(7, payloadCategory=None, type="cachechanged")).result["modifications"]

    (item,) = listed(api, other_device_of(caller)).result

    assert item == {
        "id": pushed[0]["id"],
        "datawalletVersion": 1,
        "index": 0,
        "objectIdentifier": "OBJ7",
        "payloadCategory": None,
        "createdAt": pushed[0]["createdAt"],
        "createdByDevice": caller.device_id,
        "collection": "Messages",
        "type": "CacheChanged",
        "encryptedPayload": modification(7)["encryptedPayload"],
    }


def test_large_payloads_come_back_whole(api: InProcessApi) -> None:
    """synchronization.md §2.2: There is no per-item limit; only the request limit applies"""
    large = ["QUJD" * 20_000, "REVG" * 30_000]
    caller = given_owner(api, *(modification(n, encryptedPayload=text) for n, text in enumerate(large)))

    assert [item["encryptedPayload"] for item in listed(api, caller).result] == large


def test_an_empty_datawallet_does_not_compare_the_local_index(api: InProcessApi) -> None:
    """synchronization.md §11: POST …/Modifications to an empty datawallet with localIndex 0 -> 201, first index 0."""
    answer = push(api, given_owner(api), 0, modification())

    assert answer.status == 201
    assert answer.result["newIndex"] == answer.result["modifications"][0]["index"] == 0


def test_a_push_names_the_local_index(api: InProcessApi) -> None:
    """synchronization.md §11: POST …/Modifications without localIndex -> 400 error.platform.inputCannotBeParsed."""
    caller = given_owner(api)

    for body in ({"modifications": [modification()]}, {"localIndex": None, "modifications": [modification()]}):
        assert api.post(MODIFICATIONS, body, caller=caller, headers=VERSION_1).error == UNPARSABLE


@pytest.mark.parametrize("local_index", [-1, 0, 2, 2**63 - 1])
def test_a_stale_push_is_refused(api: InProcessApi, local_index: int) -> None:
    """synchronization.md §11: POST …/Modifications with stale localIndex -> 400 …datawalletNotUpToDate."""
    caller = given_owner(api, modification(1), modification(2))

    answer = push(api, caller, local_index, modification(3))

    assert answer.error == (400, f"{DATAWALLET}.datawalletNotUpToDate")
    assert len(listed(api, caller).result) == 2


def test_a_push_of_nothing_is_refused(api: InProcessApi) -> None:
    """synchronization.md §11: POST …/Modifications with [] -> 400 error.platform.validation.invalidPropertyValue."""
    assert push(api, given_owner(api), -1).error == INVALID


@pytest.mark.parametrize("headers", [{}, {"X-Supported-Datawallet-Version": "0"}])
def test_a_push_states_the_version(api: InProcessApi, headers: dict[str, str]) -> None:
    """synchronization.md §11: POST …/Modifications without header -> 400
    error.platform.validation.invalidPropertyValue."""
    body = {"localIndex": 0, "modifications": [modification()]}

    assert api.post(MODIFICATIONS, body, caller=given_owner(api), headers=headers).error == INVALID


@pytest.mark.parametrize(("member", "limit"), [("collection", 50), ("objectIdentifier", 100), ("payloadCategory", 50)])
def test_texts_have_a_limit(api: InProcessApi, member: str, limit: int) -> None:
    """synchronization.md §11: POST …/Modifications with collection of 51 chars, objectIdentifier of 101,
    payloadCategory of 51 -> 400 invalidPropertyValue."""
    caller = given_owner(api)

    assert push(api, caller, -1, {**modification(), member: "€" * (limit + 1)}).error == INVALID
    assert push(api, caller, -1, {**modification(), member: "€" * limit}).status == 201


@pytest.mark.parametrize(
    "members",
    [
        {"type": 4},
        {"type": "Nothing"},
        {"type": None},
        {"objectIdentifier": None},
        {"collection": None},
        {"datawalletVersion": None},
        {"datawalletVersion": 65536},
        {"encryptedPayload": "%%%"},
        {"encryptedPayload": 1},
        {"payloadCategory": 1},
    ],
)
def test_a_malformed_modification_cannot_be_parsed(api: InProcessApi, members: dict[str, Any]) -> None:
    """synchronization.md §2.3: 1 parsing -> 400 error.platform.inputCannotBeParsed; undefined integer for `type` -> 500
    in the reference"""
    caller = given_owner(api)

    assert push(api, caller, -1, modification(), modification(1, **members)).error == UNPARSABLE
    assert listed(api, caller).result == []


@pytest.mark.parametrize("missing", ["type", "objectIdentifier", "collection", "datawalletVersion"])
def test_a_modification_has_its_members(api: InProcessApi, missing: str) -> None:
    """synchronization.md §2.3: required"""
    incomplete = {name: value for name, value in modification().items() if name != missing}

    assert push(api, given_owner(api), -1, incomplete).error == UNPARSABLE


def test_dotnet_clients_send_pascal_case_and_numbers(api: InProcessApi) -> None:
    """synchronization.md §10.10: Enum values are accepted as integers and property names in any case"""
    caller = given_owner(api)
    sent = {"Type": 3, "ObjectIdentifier": "x", "Collection": "c", "DatawalletVersion": "1"}
    body = {"LocalIndex": "0", "Modifications": [sent]}

    assert api.post(MODIFICATIONS, body, caller=caller, headers=VERSION_1).status == 201
    assert [item["type"] for item in listed(api, caller).result] == ["CacheChanged"]


def test_a_modification_is_not_ahead_of_the_datawallet(api: InProcessApi) -> None:
    """synchronization.md §11: POST …/Modifications with datawalletVersion 2 on version 1 -> 400
    error.platform.datawallet.datawalletVersionOfModificationTooHigh, nothing stored."""
    caller = given_owner(api)

    answer = push(api, caller, -1, modification(1), modification(2, datawalletVersion=2))

    assert answer.error == (400, "error.platform.datawallet.datawalletVersionOfModificationTooHigh")
    assert listed(api, caller).result == []


def test_a_modification_may_be_behind_the_datawallet(api: InProcessApi) -> None:
    """synchronization.md §2: lower ones stay allowed, stored and returned as sent"""
    caller = given_owner(api)

    assert push(api, caller, -1, modification(datawalletVersion=0)).status == 201
    assert listed(api, caller).result[0]["datawalletVersion"] == 0


@pytest.mark.parametrize("type", ["DatawalletVersionUpgrade", "ExternalEventSync"])
@pytest.mark.parametrize("age_seconds", [0, 60])
def test_an_open_run_blocks_pushes_of_all_devices(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch, type: str, age_seconds: int
) -> None:
    """synchronization.md §11: POST …/Modifications with non-finalized run (active or expired) of any device -> 400
    …cannotPushDatawalletModificationsDuringActiveSyncRun."""
    caller = given_owner(api)
    given_event(caller.address)
    with earlier(monkeypatch, age_seconds):
        given_run(api, caller, type)

    for device in (caller, other_device_of(caller)):
        answer = push(api, device, -1, modification())
        assert answer.error == (400, f"{DATAWALLET}.cannotPushDatawalletModificationsDuringActiveSyncRun")


def test_a_push_needs_a_datawallet(api: InProcessApi) -> None:
    """synchronization.md §11: POST …/Modifications without datawallet -> 404."""
    assert push(api, given_caller(), -1, modification()).error == NOT_FOUND


def test_the_open_run_is_noticed_before_the_missing_datawallet(api: InProcessApi) -> None:
    """synchronization.md §2.3: checks in order: 3 before 4"""
    caller = given_caller()
    given_run(api, caller, "DatawalletVersionUpgrade")

    answer = push(api, caller, -1, modification())

    assert answer.error == (400, f"{DATAWALLET}.cannotPushDatawalletModificationsDuringActiveSyncRun")


def test_an_old_client_cannot_push(api: InProcessApi) -> None:
    """synchronization.md §2.3: 5 header < datawallet version -> 400 …insufficientSupportedDatawalletVersion"""
    caller = given_owner(api, modification())
    given_upgrade(api, caller, 2)

    answer = push(api, caller, -1, modification(datawalletVersion=3))

    assert answer.error == (400, f"{DATAWALLET}.insufficientSupportedDatawalletVersion")


def test_indices_are_handed_out_in_the_order_sent(api: InProcessApi) -> None:
    """synchronization.md §11: POST …/Modifications of n items -> 201, indices consecutive in request order, newIndex =
    last; one DatawalletModified."""
    caller = given_owner(api, modification(0))

    answer = push(api, caller, 0, *(modification(number) for number in range(1, 6)))

    assert answer.status == 201
    assert [item["index"] for item in answer.result["modifications"]] == [1, 2, 3, 4, 5]
    assert answer.result["newIndex"] == 5
    assert [set(item) for item in answer.result["modifications"]] == [{"id", "index", "createdAt"}] * 5
    assert answer.headers["location"] == ""
    stored = {item["objectIdentifier"]: item["index"] for item in listed(api, caller).result}
    assert stored == {f"OBJ{number}": number for number in range(6)}


def test_an_identity_to_be_deleted_goes_on_pushing_and_reading(api: InProcessApi) -> None:
    """synchronization.md §11: push by an identity in status ToBeDeleted -> 201."""
    caller = given_owner(api)
    given_identity(caller.address, "ToBeDeleted")

    assert push(api, caller, -1, modification()).status == 201
    assert len(listed(api, caller).result) == 1


def test_reading_is_allowed_while_a_run_is_active(api: InProcessApi) -> None:
    """synchronization.md §2.2: no sync run is needed; allowed while a sync run is active"""
    caller = given_owner(api, modification())
    given_event(caller.address)
    run = given_run(api, caller)

    during = listed(api, caller)
    finalize(api, caller, run["id"], (), [modification(1)])

    assert [item["index"] for item in during.result] == [0]
    assert [item["index"] for item in listed(api, caller, localIndex=0).result] == [1]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v2/Datawallet"),
        ("GET", MODIFICATIONS),
        ("POST", MODIFICATIONS),
        ("POST", "/api/v2/SyncRuns"),
        ("GET", "/api/v2/SyncRuns/SYR1"),
        ("PUT", "/api/v2/SyncRuns/SYR1/RefreshExpirationTime"),
        ("GET", "/api/v2/SyncRuns/SYR1/ExternalEvents"),
        ("PUT", "/api/v2/SyncRuns/SYR1/FinalizeExternalEventSync"),
        ("PUT", "/api/v2/SyncRuns/SYR1/FinalizeDatawalletVersionUpgrade"),
    ],
)
def test_every_endpoint_needs_a_token(api: InProcessApi, method: str, path: str) -> None:
    """synchronization.md §0: Missing/invalid token -> 401."""
    assert api.request(method, path).status == 401
