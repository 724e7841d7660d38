"""Identities over the Admin API.  Contract: admin-api.md, sections 8 and 19 (Identities)."""

from datetime import timedelta
from typing import Any

import pytest

from backbone.addresses import Address
from backbone.encoding import to_base64url
from backbone.events import carried_by
from backbone.ids import QUEUED_FOR_DELETION_TIER, TierId
from backbone.quotas import Metric, Period
from backbone.readmodels import identities
from tests.support.api import Answer, InProcessApi
from tests.support.builders import (
    PASSWORD,
    TIER,
    given_client,
    given_individual_quota,
    given_tier,
    given_tier_quota,
)
from tests.support.keys import ClientKey
from tests.unit.devices.deletions import everything
from tests.unit.devices.journeys import (
    add_device,
    caller_of,
    let_time_pass,
    log_in,
    register,
    require_strong_passwords,
)

pytestmark = pytest.mark.slow
IDENTITIES = "/api/v1/Identities"
INPUT_CANNOT_BE_PARSED = (400, "error.platform.inputCannotBeParsed")
INVALID_PROPERTY_VALUE = (400, "error.platform.validation.invalidPropertyValue")
INVALID_ID = (400, "error.platform.validation.invalidId")
INVALID_LANGUAGE = (400, "error.platform.validation.invalidDeviceCommunicationLanguage")
NOT_FOUND = (404, "error.platform.recordNotFound")
INVALID_SIGNATURE = (400, "error.platform.validation.device.invalidSignature")
CHALLENGE_HAS_EXPIRED = (400, "error.platform.validation.device.challengeHasExpired")
ADDRESS_ALREADY_EXISTS = (400, "error.platform.validation.device.addressAlreadyExists")
LIMIT_REACHED = (400, "error.platform.validation.device.clientReachedIdentitiesLimit")
REGISTRATION_FAILED = (400, "error.platform.validation.device.registrationFailed")
QUEUED = (400, "error.platform.validation.device.queuedForDeletionTierCannotBeManuallyAssignedOrUnassigned")
NEW_AND_OLD_MATCH = (400, "error.platform.validation.newAndOldMatch")
UNKNOWN = Address("did:e:localhost:dids:5fa7fa27af04ff32fc565d")
GOLD = TierId("TIRgold0000000000000")


@pytest.fixture(autouse=True)
def _client(admin: InProcessApi) -> None:
    given_client()
    given_tier(GOLD, "Gold")


def registering(admin: InProcessApi, key: ClientKey, **changes: Any) -> Answer:
    """POST /Identities; everything is right unless changed."""
    body: dict[str, Any] = {
        "clientId": "test",
        "identityPublicKey": key.public_key,
        "devicePassword": PASSWORD,
        "deviceCommunicationLanguage": "en",
        "identityVersion": 1,
    }
    if "signedChallenge" not in changes:
        body["signedChallenge"] = key.sign(admin.post("/api/v1/Challenges").result)
    sent = {name: value for name, value in {**body, **changes}.items() if value is not ...}
    return admin.post(IDENTITIES, sent)


# Detail ---------------------------------------------------------------------------------------------------------------


def test_an_identity_is_shown_with_devices_and_quotas(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §19: `GET /Identities/{a}` → 200 with devices and quotas; §8.1: publicKey base64url, lastLogin
    {time}|null, individual quotas first"""
    key = ClientKey.new()
    created = register(api, key, deviceCommunicationLanguage="de")
    caller = caller_of(created)
    second = add_device(api, key, caller, isBackupDevice=True).result
    log_in(api, created.result["device"]["username"])
    tier_quota = given_tier_quota(Metric.NUMBER_OF_TOKENS, 100, Period.DAY)
    own_quota = given_individual_quota(caller.address, Metric.NUMBER_OF_FILES, 5)

    answer = admin.get(f"{IDENTITIES}/{caller.address}")

    assert answer.status == 200
    devices, quotas = answer.result.pop("devices"), answer.result.pop("quotas")
    result = {name: value for name, value in answer.result.items() if name not in ("devices", "quotas")}
    assert result == {
        "address": caller.address,
        "clientId": "test",
        "publicKey": to_base64url(key.public_key_json),
        "tierId": TIER,
        "createdAt": created.result["createdAt"],
        "identityVersion": 1,
        "numberOfDevices": 2,
    }
    first = created.result["device"]
    assert devices[0] == {
        "id": first["id"],
        "username": first["username"],
        "createdAt": first["createdAt"],
        "createdByDevice": first["id"],
        "lastLogin": {"time": devices[0]["lastLogin"]["time"]},
        "communicationLanguage": "de",
        "isBackupDevice": False,
    }
    assert (devices[1]["id"], devices[1]["createdByDevice"]) == (second["id"], first["id"])
    assert (devices[1]["lastLogin"], devices[1]["isBackupDevice"]) == (None, True)
    assert quotas == [
        {
            "id": own_quota,
            "source": "Individual",
            "metric": {"key": "NumberOfFiles", "displayName": "Number of Files"},
            "max": 5,
            "usage": 0,
            "period": "Total",
        },
        {
            "id": tier_quota,
            "source": "Tier",
            "metric": {"key": "NumberOfTokens", "displayName": "Number of Tokens"},
            "max": 100,
            "usage": 0,
            "period": "Day",
        },
    ]


def test_the_status_of_an_identity_is_not_told(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §8.1: The identity's status (active, to be deleted, deleting) is not returned."""
    caller = caller_of(register(api, ClientKey.new()))
    before = set(admin.get(f"{IDENTITIES}/{caller.address}").result)

    api.post("/api/v2/Identities/Self/DeletionProcesses", caller=caller)

    after = admin.get(f"{IDENTITIES}/{caller.address}").result
    assert set(after) == before
    assert after["tierId"] == QUEUED_FOR_DELETION_TIER


@pytest.mark.parametrize(
    ("address", "error"),
    [
        (UNKNOWN, NOT_FOUND),
        ("nonsense", INVALID_PROPERTY_VALUE),
        (UNKNOWN[:-2] + "zz", INVALID_PROPERTY_VALUE),
        (UNKNOWN[:-1], INVALID_PROPERTY_VALUE),
    ],
)
def test_an_identity_that_cannot_be_shown(admin: InProcessApi, address: str, error: tuple[int, str]) -> None:
    """admin-api.md §19: unknown well-formed → 404 `error.platform.recordNotFound`; malformed → 400"""
    assert admin.get(f"{IDENTITIES}/{address}").error == error


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_without_the_key_nothing_is_told_or_changed(admin: InProcessApi, api: InProcessApi, method: str) -> None:
    """admin-api.md §19: any endpoint without `X-API-KEY` → 401, empty body"""
    caller = caller_of(register(api, ClientKey.new()))
    path = IDENTITIES if method == "POST" else f"{IDENTITIES}/{caller.address}"

    answer = admin.request(method, path, json_body={"tierId": GOLD}, headers={"x-api-key": "wrong"})

    assert (answer.status, answer.body) == (401, "")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_no_list_and_no_deletion(admin: InProcessApi, method: str) -> None:
    """admin-api.md §8.4: No list under `/api/v1/Identities` (see OData), no DELETE of an identity"""
    path = IDENTITIES if method == "GET" else f"{IDENTITIES}/{UNKNOWN}"

    answer = admin.request(method, path)

    assert (answer.status, answer.body) == (405, "")


# Tier -----------------------------------------------------------------------------------------------------------------


def test_an_identity_is_moved_to_another_tier(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §19: `PUT /Identities/{a}` other tier → 204; §8.2: Event `TierOfIdentityChanged` {OldTierId,
    NewTierId, IdentityAddress}"""
    caller = caller_of(register(api, ClientKey.new()))

    answer = admin.put(f"{IDENTITIES}/{caller.address}", {"tierId": GOLD})

    assert (answer.status, answer.body) == (204, "")
    assert admin.get(f"{IDENTITIES}/{caller.address}").result["tierId"] == GOLD
    assert api.get("/api/v2/Identities/Self", caller=caller).result["tierId"] == GOLD
    (event,) = carried_by(identities.table().get(identities.key(caller.address)))
    assert event.name == "TierOfIdentityChanged"
    assert event.payload == {
        "identityAddress": caller.address,
        "oldTierId": TIER,
        "newTierId": GOLD,
        "changedAt": event.payload["changedAt"],
    }


def test_the_quotas_of_the_tier_are_the_new_one_s_and_its_own_stay(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §8.2: drops the identity's tier quotas …, assigns those of the new tier …; individual quotas stay"""
    caller = caller_of(register(api, ClientKey.new()))
    given_tier_quota(Metric.NUMBER_OF_TOKENS, 100)
    of_gold = given_tier_quota(Metric.NUMBER_OF_FILES, 7, tier_id=GOLD)
    own = given_individual_quota(caller.address, Metric.NUMBER_OF_SENT_MESSAGES, 5)

    admin.put(f"{IDENTITIES}/{caller.address}", {"tierId": GOLD})

    quotas = admin.get(f"{IDENTITIES}/{caller.address}").result["quotas"]
    assert [(quota["id"], quota["source"]) for quota in quotas] == [(own, "Individual"), (of_gold, "Tier")]


def test_a_tier_is_not_changed_to_itself_or_to_that_for_deletion(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §19: same tier → 400 `error.platform.validation.newAndOldMatch`; queued tier → 400"""
    admin.get("/api/v1/Tiers")
    caller = caller_of(register(api, ClientKey.new()))
    path = f"{IDENTITIES}/{caller.address}"
    before = everything()

    assert admin.put(path, {"tierId": TIER}).error == NEW_AND_OLD_MATCH
    assert admin.put(path, {"tierId": QUEUED_FOR_DELETION_TIER}).error == QUEUED
    assert everything() == before

    api.post("/api/v2/Identities/Self/DeletionProcesses", caller=caller)
    assert admin.put(path, {"tierId": GOLD}).error == QUEUED
    assert admin.put(path, {"tierId": QUEUED_FOR_DELETION_TIER}).error == QUEUED


@pytest.mark.parametrize(
    ("address", "body", "error"),
    [
        ("nonsense", {"tierId": GOLD}, INVALID_PROPERTY_VALUE),
        (UNKNOWN, {"tierId": "nonsense"}, INVALID_PROPERTY_VALUE),
        (UNKNOWN, {"tierId": ""}, INVALID_PROPERTY_VALUE),
        (UNKNOWN, {"tierId": GOLD}, NOT_FOUND),
        (None, {"tierId": "TIR00000000000000000"}, NOT_FOUND),
        (None, {"tierId": "TIRshort"}, INVALID_ID),  # 500 in the reference (§17.13)
        (None, {}, INPUT_CANNOT_BE_PARSED),
        (None, {"tierId": None}, INPUT_CANNOT_BE_PARSED),
        ("nonsense", {}, INPUT_CANNOT_BE_PARSED),
    ],
)
def test_what_a_tier_cannot_be_changed_to(
    admin: InProcessApi, api: InProcessApi, address: str | None, body: Any, error: tuple[int, str]
) -> None:
    """admin-api.md §8.2: Order: malformed address or tier id 400 invalidPropertyValue; identity unknown 404; tier
    unknown 404"""
    address = address or caller_of(register(api, ClientKey.new())).address

    assert admin.put(f"{IDENTITIES}/{address}", body).error == error


# Creation -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dot_net", [False, True])
def test_an_operator_registers_an_identity_without_the_client_s_secret(
    admin: InProcessApi, api: InProcessApi, dot_net: bool
) -> None:
    """admin-api.md §19: `POST /Challenges` → 201 with null creator; `POST /Identities` with signature → 201; §8.3:
    Response `result`: `{address, createdAt, device:{id, username, createdAt}}`; event `IdentityCreated`"""
    key = ClientKey.new(dot_net=dot_net)

    answer = registering(admin, key, deviceCommunicationLanguage="de", identityVersion=255)

    assert answer.status == 201
    assert set(answer.result) == {"address", "createdAt", "device"}
    assert set(answer.result["device"]) == {"id", "username", "createdAt"}
    assert answer.result["address"] == key.address
    assert log_in(api, answer.result["device"]["username"]).status == 200
    found = admin.get(f"{IDENTITIES}/{key.address}").result
    assert (found["clientId"], found["tierId"], found["identityVersion"]) == ("test", TIER, 255)
    assert [device["communicationLanguage"] for device in found["devices"]] == ["de"]
    (event,) = carried_by(identities.table().get(identities.key(key.address)))
    assert (event.name, event.payload) == ("IdentityCreated", {"address": key.address, "tier": TIER})
    assert admin.get("/api/v1/Clients/test").result["numberOfIdentities"] == 1


def test_a_key_registers_once(admin: InProcessApi, api: InProcessApi) -> None:
    """admin-api.md §19: `POST /Identities` with reused public key → 400 …addressAlreadyExists"""
    key = ClientKey.new()
    register(api, key)

    assert registering(admin, key).error == ADDRESS_ALREADY_EXISTS


def test_a_full_client_gets_no_more_identities_from_operators_either(admin: InProcessApi) -> None:
    """admin-api.md §19: full client → 400 `…clientReachedIdentitiesLimit`"""
    given_client("full", max_identities=1)

    assert registering(admin, ClientKey.new(), clientId="full").status == 201
    assert registering(admin, ClientKey.new(), clientId="full").error == LIMIT_REACHED


def test_a_challenge_signed_with_another_key_proves_nothing(admin: InProcessApi) -> None:
    """admin-api.md §19: wrong signature → 400 `…invalidSignature`"""
    challenge = admin.post("/api/v1/Challenges").result

    answer = registering(admin, ClientKey.new(), signedChallenge=ClientKey.new().sign(challenge))

    assert answer.error == INVALID_SIGNATURE


def test_a_challenge_may_be_used_again_until_it_expires(admin: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """admin-api.md §8.3: The challenge is not consumed: it can be used again until it expires; challenge's `expiresAt`
    in the past 400 challengeHasExpired; challenge unknown 404"""
    challenge = admin.post("/api/v1/Challenges").result
    keys = [ClientKey.new() for _ in range(4)]

    assert [registering(admin, key, signedChallenge=key.sign(challenge)).status for key in keys[:2]] == [201, 201]
    unknown = {**challenge, "id": "CHLunknown0000000000"}
    assert registering(admin, keys[2], signedChallenge=keys[2].sign(unknown)).error == NOT_FOUND
    let_time_pass(monkeypatch, timedelta(minutes=11))
    assert registering(admin, keys[3], signedChallenge=keys[3].sign(challenge)).error == CHALLENGE_HAS_EXPIRED


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"clientId": ""}, INVALID_PROPERTY_VALUE),
        ({"identityPublicKey": ""}, INVALID_PROPERTY_VALUE),
        ({"devicePassword": " "}, INVALID_PROPERTY_VALUE),
        ({"signedChallenge": {"challenge": "", "signature": "AA"}}, INVALID_PROPERTY_VALUE),
        ({"signedChallenge": {"challenge": "{}", "signature": ""}}, INVALID_PROPERTY_VALUE),
        ({"deviceCommunicationLanguage": "xz"}, INVALID_LANGUAGE),
        ({"deviceCommunicationLanguage": ""}, INVALID_LANGUAGE),
        ({"identityPublicKey": "bm8ganNvbg"}, INVALID_SIGNATURE),  # 500 in the reference
        ({"signedChallenge": {"challenge": "{}", "signature": "bm8ganNvbg"}}, INVALID_SIGNATURE),
        ({"clientId": "unknown"}, NOT_FOUND),
        ({"clientId": ...}, INPUT_CANNOT_BE_PARSED),
        ({"identityPublicKey": ...}, INPUT_CANNOT_BE_PARSED),
        ({"devicePassword": None}, INPUT_CANNOT_BE_PARSED),
        ({"deviceCommunicationLanguage": ...}, INPUT_CANNOT_BE_PARSED),
        ({"identityVersion": 256}, INPUT_CANNOT_BE_PARSED),
        ({"identityVersion": ...}, INPUT_CANNOT_BE_PARSED),
        ({"signedChallenge": None}, INPUT_CANNOT_BE_PARSED),
        ({"identityPublicKey": "!"}, INPUT_CANNOT_BE_PARSED),
    ],
)
def test_what_is_wrong_with_a_registration_is_told(
    admin: InProcessApi, changes: dict[str, Any], error: tuple[int, str]
) -> None:
    """admin-api.md §8.3: empty fields 400 invalidPropertyValue; language 400 invalidDeviceCommunicationLanguage; client
    unknown 404; §17.13: unparsable public key → 500 (fix freely)"""
    before = everything()

    assert registering(admin, ClientKey.new(), **changes).error == error
    assert everything() == before


def test_registrations_are_checked_in_order(
    admin: InProcessApi, api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """admin-api.md §8.3: Order: empty fields; language; signature; challenge unknown; expired; address exists; client
    unknown; client full; password 400 registrationFailed"""
    require_strong_passwords(monkeypatch)
    given_client("full", max_identities=0)
    taken, key = ClientKey.new(), ClientKey.new()
    register(api, taken)
    challenge = admin.post("/api/v1/Challenges").result
    wrong: dict[str, Any] = {
        "identityPublicKey": taken.public_key,
        "devicePassword": "",
        "deviceCommunicationLanguage": "xz",
        "signedChallenge": ClientKey.new().sign({**challenge, "id": "CHLunknown0000000000"}),
        "clientId": "unknown",
    }

    steps: list[tuple[dict[str, Any], tuple[int, str]]] = [
        ({}, INVALID_PROPERTY_VALUE),
        ({"devicePassword": "weak"}, INVALID_LANGUAGE),
        ({"deviceCommunicationLanguage": "en"}, INVALID_SIGNATURE),
        ({"signedChallenge": taken.sign({**challenge, "id": "CHLunknown0000000000"})}, NOT_FOUND),
        ({"signedChallenge": taken.sign(challenge)}, ADDRESS_ALREADY_EXISTS),
        ({"identityPublicKey": key.public_key, "signedChallenge": key.sign(challenge)}, NOT_FOUND),
        ({"clientId": "full"}, LIMIT_REACHED),
        ({"clientId": "test"}, REGISTRATION_FAILED),
    ]
    for corrected, error in steps:
        wrong.update(corrected)
        assert registering(admin, key, **wrong).error == error
    assert registering(admin, key, **{**wrong, "devicePassword": PASSWORD}).status == 201
