"""Tiers over the Admin API.  Contract: admin-api.md, sections 4, 6 and 19 (Tiers)."""

import re

import pytest

from backbone.events import carried_by, farewell_of
from backbone.ids import QUEUED_FOR_DELETION_TIER, TierId
from backbone.readmodels import tiers
from functions.devices.tier_store import TierStore
from tests.support.api import InProcessApi
from tests.support.builders import LONG_AGO, TIER, given_client, given_tier
from tests.support.keys import ClientKey
from tests.unit.devices.deletions import everything
from tests.unit.devices.journeys import caller_of, register

pytestmark = pytest.mark.slow
TIERS = "/api/v1/Tiers"
INPUT_CANNOT_BE_PARSED = (400, "error.platform.inputCannotBeParsed")
INVALID_PROPERTY_VALUE = (400, "error.platform.validation.invalidPropertyValue")
INVALID_ID = (400, "error.platform.validation.invalidId")
NOT_FOUND = (404, "error.platform.recordNotFound")
INVALID_NAME = (400, "error.platform.validation.invalidTierName")
NAME_EXISTS = (400, "error.platform.validation.device.tierNameAlreadyExists")
USED = (400, "error.platform.validation.device.usedTierCannotBeDeleted")
BASIC = (400, "error.platform.validation.device.basicTierCannotBeDeleted")
QUEUED = (400, "error.platform.validation.device.queuedForDeletionTierCannotBeDeleted")
PROCESSES = "/api/v2/Identities/Self/DeletionProcesses"
GOLD = TierId("TIRgold0000000000000")


def counts(admin: InProcessApi) -> dict[str, int]:
    """How many identities each tier has, by its name."""
    return {tier["name"]: tier["numberOfIdentities"] for tier in admin.get(TIERS).result}


def test_the_list_has_the_tiers_every_backbone_has(admin: InProcessApi) -> None:
    """admin-api.md §19: `GET /Tiers` → 200 array containing "Basic" and `TIR00000000000000001`; §4: flags"""
    answer = admin.get(TIERS)

    assert (answer.status, set(answer.json)) == (200, {"result"})
    by_name = {tier["name"]: tier for tier in answer.result}
    assert by_name["Queued for Deletion"] == {
        "id": "TIR00000000000000001",
        "name": "Queued for Deletion",
        "canBeUsedAsDefaultForClient": False,
        "canBeManuallyAssigned": False,
        "numberOfIdentities": 0,
    }
    basic = by_name["Basic"]
    assert re.fullmatch("TIR[A-Za-z0-9]{17}", basic["id"])
    assert (basic["canBeUsedAsDefaultForClient"], basic["canBeManuallyAssigned"]) == (True, True)
    assert admin.get(TIERS).result == answer.result


def test_a_tier_is_created_and_announced(admin: InProcessApi) -> None:
    """admin-api.md §19: `POST /Tiers` → 201 `{id,name}`; §6: New tiers have both flags true; event
    `TierCreated` {Id, Name}"""
    answer = admin.post(TIERS, {"name": "Gold"})

    assert (answer.status, set(answer.result)) == (201, {"id", "name"})
    (gold,) = [tier for tier in admin.get(TIERS).result if tier["id"] == answer.result["id"]]
    assert gold == {
        **answer.result,
        "canBeUsedAsDefaultForClient": True,
        "canBeManuallyAssigned": True,
        "numberOfIdentities": 0,
    }
    (event,) = carried_by(tiers.table().get(tiers.key(answer.result["id"])))
    assert (event.name, event.payload) == ("TierCreated", {"tierId": answer.result["id"], "tierName": "Gold"})


@pytest.mark.parametrize("name", ["Basic", "Gold", "Queued for Deletion"])
def test_a_name_is_taken_once(admin: InProcessApi, name: str) -> None:
    """admin-api.md §19: duplicate → 400 `error.platform.validation.device.tierNameAlreadyExists`; §6: comparison as
    stored"""
    admin.post(TIERS, {"name": "Gold"})
    before = everything()

    assert admin.post(TIERS, {"name": name}).error == NAME_EXISTS
    assert everything() == before
    assert admin.post(TIERS, {"name": name.upper()}).status == 201


@pytest.mark.parametrize(("length", "is_valid"), [(0, False), (2, False), (3, True), (30, True), (31, False)])
def test_a_name_has_3_to_30_characters(admin: InProcessApi, length: int, is_valid: bool) -> None:
    """admin-api.md §19: 2 or 31 characters → 400 `error.platform.validation.invalidTierName`"""
    answer = admin.post(TIERS, {"name": "ä" * length})

    assert answer.status == 201 if is_valid else answer.error == INVALID_NAME


@pytest.mark.parametrize("body", [{}, {"name": None}, {"name": 123}, [], None])
def test_a_tier_needs_a_name(admin: InProcessApi, body: object) -> None:
    """admin-api.md §3.3: missing required property, null for a non-nullable string, wrong type 400
    inputCannotBeParsed"""
    assert admin.post(TIERS, body).error == INPUT_CANNOT_BE_PARSED


def test_an_unused_tier_is_deleted(admin: InProcessApi) -> None:
    """admin-api.md §19: `DELETE /Tiers/{id}` → 204; §6: tier deleted `TierDeleted` {Id}"""
    before = everything() if admin.get(TIERS) else []
    gold = admin.post(TIERS, {"name": "Gold"}).result["id"]
    item = tiers.table().get(tiers.key(gold))

    answer = admin.delete(f"{TIERS}/{gold}")

    assert (answer.status, answer.body) == (204, "")
    assert everything() == before
    (event,) = farewell_of(item, LONG_AGO)
    assert (event.id, event.name, event.payload) == (f"{gold}/Deleted", "TierDeleted", {"tierId": gold})
    assert admin.delete(f"{TIERS}/{gold}").error == NOT_FOUND
    assert admin.post(TIERS, {"name": "Gold"}).status == 201


@pytest.mark.parametrize(
    ("tier_id", "error"),
    [
        ("nonsense", INVALID_PROPERTY_VALUE),
        ("TIR!", INVALID_PROPERTY_VALUE),
        ("TIR000000000000000000", INVALID_PROPERTY_VALUE),
        ("DVC00000000000000000", INVALID_PROPERTY_VALUE),
        ("TIR", INVALID_ID),
        ("TIR0000000000000000", INVALID_ID),
        ("TIR00000000000000000", NOT_FOUND),
    ],
)
def test_what_cannot_be_deleted_is_told_in_order(admin: InProcessApi, tier_id: str, error: tuple[int, str]) -> None:
    """admin-api.md §6: malformed 400 invalidPropertyValue; right prefix but wrong length 400 invalidId; unknown 404
    recordNotFound; §19: `TIR00000000000000000` → 404"""
    assert admin.delete(f"{TIERS}/{tier_id}").error == error


def test_the_tiers_every_backbone_has_stay(admin: InProcessApi) -> None:
    """admin-api.md §6: the Basic tier 400 basicTierCannotBeDeleted; the queued tier 400
    queuedForDeletionTierCannotBeDeleted; §19: Basic → 400"""
    basic = next(tier["id"] for tier in admin.get(TIERS).result if tier["name"] == "Basic")

    assert admin.delete(f"{TIERS}/{basic}").error == BASIC
    assert admin.delete(f"{TIERS}/{QUEUED_FOR_DELETION_TIER}").error == QUEUED


def test_the_default_tier_of_a_client_stays(admin: InProcessApi) -> None:
    """admin-api.md §19: tier in use → 400 `error.platform.validation.device.usedTierCannotBeDeleted`; §6: default tier
    of a client"""
    gold = admin.post(TIERS, {"name": "Gold"}).result["id"]
    client = admin.post("/api/v1/Clients", {"defaultTier": "Gold"}).result["clientId"]
    assert admin.delete(f"{TIERS}/{gold}").error == USED

    basic = next(tier["id"] for tier in admin.get(TIERS).result if tier["name"] == "Basic")
    admin.put(f"/api/v1/Clients/{client}", {"defaultTier": basic})

    assert admin.delete(f"{TIERS}/{basic}").error == USED  # comes before: it is Basic
    assert admin.delete(f"{TIERS}/{gold}").status == 204
    admin.delete(f"/api/v1/Clients/{client}")
    assert admin.delete(f"{TIERS}/{basic}").error == BASIC


def test_a_tier_with_identities_stays(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §6: identities assigned 400 usedTierCannotBeDeleted"""
    given_client()
    given_tier(GOLD, "Gold")
    address = register(api, ClientKey.new()).result["address"]

    admin.put(f"/api/v1/Identities/{address}", {"tierId": GOLD})
    assert admin.delete(f"{TIERS}/{GOLD}").error == USED

    admin.put(f"/api/v1/Identities/{address}", {"tierId": TIER})
    assert admin.delete(f"{TIERS}/{GOLD}").status == 204


def test_a_tier_stays_that_an_identity_gets_back_when_it_cancels_its_deletion(
    admin: InProcessApi, api: InProcessApi
) -> None:
    """devices.md §8: cancel: tierId restored; so it must still be there (stricter than admin-api.md §6 says)"""
    given_client()
    given_tier(GOLD, "Gold")
    created = register(api, ClientKey.new())
    caller = caller_of(created)
    admin.put(f"/api/v1/Identities/{caller.address}", {"tierId": GOLD})
    process = api.post(PROCESSES, caller=caller).result["id"]

    assert counts(admin)["Gold"] == 0
    assert admin.delete(f"{TIERS}/{GOLD}").error == USED
    assert admin.delete(f"{TIERS}/{QUEUED_FOR_DELETION_TIER}").error == USED

    api.put(f"{PROCESSES}/{process}/Cancel", caller=caller)
    assert api.get("/api/v2/Identities/Self", caller=caller).result["tierId"] == GOLD


def test_the_number_of_identities_follows_them(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §6: `numberOfIdentities` int; devices.md §8: tierId := `TIR00000000000000001`, tierId restored"""
    given_client()
    gold = admin.post(TIERS, {"name": "Gold"}).result["id"]
    callers = [caller_of(register(api, ClientKey.new())) for _ in range(3)]
    seen = [counts(admin)]

    admin.put(f"/api/v1/Identities/{callers[0].address}", {"tierId": gold})
    seen.append(counts(admin))
    process = api.post(PROCESSES, caller=callers[0]).result["id"]
    api.post(PROCESSES, caller=callers[1])
    seen.append(counts(admin))
    api.put(f"{PROCESSES}/{process}/Cancel", caller=callers[0])
    seen.append(counts(admin))

    names = ("Basic", "Gold", "Queued for Deletion")
    assert [tuple(each[name] for name in names) for each in seen] == [(3, 0, 0), (2, 1, 0), (1, 0, 2), (1, 1, 1)]


def test_a_tier_is_known_to_others_at_once(admin: InProcessApi) -> None:
    """admin-api.md §6: A replacement that is immediately consistent passes as well."""
    created = admin.post(TIERS, {"name": "Gold"}).result

    found = tiers.find(created["id"])

    assert found is not None
    assert (found.id, found.name) == (created["id"], "Gold")
    assert found in tiers.all_tiers()
    for unknown in ("", "Gold", "TIR!", "TIR00000000000000000", "x" * 3000):
        assert tiers.find(unknown) is None


@pytest.mark.usefixtures("engine")
def test_tiers_are_set_up_once() -> None:
    store = TierStore()

    store.set_up(now=LONG_AGO)
    found = store.all()
    store.set_up(now=LONG_AGO)

    assert sorted(tier.name for tier in found) == ["Basic", "Queued for Deletion"]
    assert store.all() == found
