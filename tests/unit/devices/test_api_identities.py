"""Identities over HTTP.  Contract: devices.md, sections 7 and 16 (Identities)."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from nacl.signing import SigningKey

from backbone import clock, dynamodb
from backbone.caller import Caller
from backbone.encoding import to_base64url
from backbone.events import carried_by
from backbone.ids import DeviceId
from backbone.readmodels import identities
from functions.devices.client_store import ClientStore
from functions.devices.store import DeviceStore
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import LONG_AGO, TIER, given_client, given_device, given_identity
from tests.support.keys import ClientKey
from tests.unit.devices.journeys import (
    add_device,
    caller_of,
    let_time_pass,
    log_in,
    register,
    registration,
    require_strong_passwords,
)

INPUT_CANNOT_BE_PARSED = (400, "error.platform.inputCannotBeParsed")
INVALID_PROPERTY_VALUE = (400, "error.platform.validation.invalidPropertyValue")
UNAUTHORIZED = (400, "error.platform.unauthorized")
INVALID_LANGUAGE = (400, "error.platform.validation.invalidDeviceCommunicationLanguage")
INVALID_SIGNATURE = (400, "error.platform.validation.device.invalidSignature")
CHALLENGE_NOT_FOUND = (404, "error.platform.recordNotFound")
CHALLENGE_HAS_EXPIRED = (400, "error.platform.validation.device.challengeHasExpired")
ADDRESS_ALREADY_EXISTS = (400, "error.platform.validation.device.addressAlreadyExists")
LIMIT_REACHED = (400, "error.platform.validation.device.clientReachedIdentitiesLimit")
REGISTRATION_FAILED = (400, "error.platform.validation.device.registrationFailed")


@pytest.fixture(autouse=True)
def _client(api: InProcessApi) -> None:
    given_client()


@pytest.mark.parametrize("dot_net", [False, True])
def test_clients_of_both_kinds_create_identities(api: InProcessApi, dot_net: bool) -> None:
    """devices.md §16: POST with the vectors' formats (client and .NET SDK style) -> 201; address equals own computation
    for the configured domain"""
    key = ClientKey.new(dot_net=dot_net)

    answer = register(api, key)

    assert answer.status == 201
    assert answer.headers["location"] == ""
    assert answer.result["address"] == key.address
    assert answer.result["createdAt"] == answer.result["device"]["createdAt"]
    assert set(answer.result) == {"address", "createdAt", "device"}
    assert set(answer.result["device"]) == {"id", "username", "createdAt"}
    assert log_in(api, answer.result["device"]["username"]).status == 200


def test_the_vector_s_key_gets_the_vector_s_address(api: InProcessApi) -> None:
    """devices.md §5.4: address, domain `localhost`"""
    key = ClientKey(SigningKey(bytes(range(32))))

    assert register(api, key).result["address"] == "did:e:localhost:dids:76a33ea3665eef489c70bb"


def test_a_new_identity_is_active_and_in_its_client_s_tier(api: InProcessApi) -> None:
    """devices.md §16: GET Self -> status `Active`, deletionGracePeriodEndsAt null"""
    created = register(api, ClientKey.new(), identityVersion=255)

    answer = api.get("/api/v2/Identities/Self", caller=caller_of(created))

    assert answer.result == {
        "address": created.result["address"],
        "createdAt": created.result["createdAt"],
        "identityVersion": 255,
        "tierId": TIER,
        "status": "Active",
        "deletionGracePeriodEndsAt": None,
    }


def test_the_first_device_created_itself_and_is_no_backup_device(api: InProcessApi) -> None:
    """devices.md §7.1: first device (createdByDevice = its own id, not a backup device)"""
    created = register(api, ClientKey.new())

    device = api.get("/api/v2/Devices/Self", caller=caller_of(created)).result

    assert device["createdByDevice"] == device["id"]
    assert device["isBackupDevice"] is False
    assert device["lastLogin"] is None


def test_a_new_identity_is_told_to_the_others(api: InProcessApi) -> None:
    """devices.md §13: IdentityCreated: address, tier"""
    key = ClientKey.new()
    register(api, key)

    item = identities.table().get(identities.key(key.address)) or {}

    assert [(event.name, event.payload) for event in carried_by(item)] == [
        ("IdentityCreated", {"address": key.address, "tier": TIER})
    ]


def test_the_same_key_cannot_be_used_twice(api: InProcessApi) -> None:
    """devices.md §16: Same key again -> 400 addressAlreadyExists"""
    key = ClientKey.new()
    register(api, key)

    assert register(api, key).error == ADDRESS_ALREADY_EXISTS


@pytest.mark.parametrize(
    "wrong", [{"clientSecret": "wrong"}, {"clientId": "unknown"}, {"clientId": ""}, {"clientSecret": ""}]
)
def test_wrong_client_credentials_are_a_bad_request(api: InProcessApi, wrong: dict[str, str]) -> None:
    """devices.md §16: wrong client secret -> 400 `error.platform.unauthorized`"""
    assert register(api, ClientKey.new(), **wrong).error == UNAUTHORIZED


def test_a_tampered_challenge_is_not_signed(api: InProcessApi) -> None:
    """devices.md §16: tampered challenge -> 400 invalidSignature"""
    key = ClientKey.new()
    body = registration(api, key)
    body["signedChallenge"]["challenge"] += " "

    assert api.post("/api/v2/Identities", body).error == INVALID_SIGNATURE


def test_a_challenge_signed_by_somebody_else_is_not_signed(api: InProcessApi) -> None:
    """devices.md §5.3: mismatch -> 400 invalidSignature"""
    signed = ClientKey.new().sign(api.post("/api/v2/Challenges", {}).result)

    assert register(api, ClientKey.new(), signedChallenge=signed).error == INVALID_SIGNATURE


@pytest.mark.parametrize("challenge_id", ["CHLthisisnonexisting", "CHL", "x", "", "C" * 3000])
def test_an_unknown_challenge_is_not_found(api: InProcessApi, challenge_id: str) -> None:
    """devices.md §16: unknown challenge id -> 404"""
    key = ClientKey.new()
    signed = key.sign({"id": challenge_id, "expiresAt": "2030-01-01T00:00:00.000Z"})

    answer = register(api, key, signedChallenge=signed)

    assert answer.error == CHALLENGE_NOT_FOUND
    assert answer.json["error"]["message"].startswith("Challenge not found.")


def test_an_expired_challenge_cannot_be_used(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """devices.md §16: expired -> 400 challengeHasExpired"""
    key = ClientKey.new()
    body = registration(api, key)
    let_time_pass(monkeypatch, timedelta(minutes=10, milliseconds=100))

    assert api.post("/api/v2/Identities", body).error == CHALLENGE_HAS_EXPIRED


def test_a_challenge_can_be_used_by_several(api: InProcessApi) -> None:
    """devices.md §4: Challenges are not consumed: one challenge can be used several times, by any identity"""
    challenge = api.post("/api/v2/Challenges", {}).result
    keys = ClientKey.new(), ClientKey.new()

    statuses = [register(api, key, signedChallenge=key.sign(challenge)).status for key in keys]

    assert statuses == [201, 201]


@pytest.mark.parametrize("maximum", [0, 1])
def test_a_client_with_a_limit_creates_no_more_identities(api: InProcessApi, maximum: int) -> None:
    """devices.md §16: Client with maxIdentities reached -> 400 clientReachedIdentitiesLimit"""
    given_client("limited", "secret", max_identities=maximum)

    statuses = [
        register(api, ClientKey.new(), clientId="limited", clientSecret="secret").status for _ in range(maximum)
    ]
    refused = register(api, ClientKey.new(), clientId="limited", clientSecret="secret")

    assert statuses == [201] * maximum
    assert refused.error == LIMIT_REACHED
    client = ClientStore().get("limited")
    assert client is not None
    assert client.identities == maximum


@pytest.mark.parametrize("language", ["xz", "", "EN", "deu", "e"])
def test_an_unknown_language_is_refused(api: InProcessApi, language: str) -> None:
    """devices.md §16: deviceCommunicationLanguage `xz` -> 400 invalidDeviceCommunicationLanguage"""
    assert register(api, ClientKey.new(), deviceCommunicationLanguage=language).error == INVALID_LANGUAGE


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({}, "en"),
        ({"deviceCommunicationLanguage": None}, "en"),
        ({"deviceCommunicationLanguage": "de"}, "de"),
        ({"communicationLanguage": "de"}, "en"),
    ],
)
def test_the_language_of_the_first_device_defaults_to_english(
    api: InProcessApi, sent: dict[str, Any], kept: str
) -> None:
    """devices.md §16: absent -> device has `en`"""
    created = register(api, ClientKey.new(), **sent)

    assert api.get("/api/v2/Devices/Self", caller=caller_of(created)).result["communicationLanguage"] == kept


@pytest.mark.parametrize(
    "change",
    [
        {"identityPublicKey": ""},
        {"devicePassword": ""},
        {"devicePassword": "  "},
        {"signedChallenge": {"challenge": "", "signature": "AAAA"}},
        {"signedChallenge": {"challenge": "{}", "signature": ""}},
    ],
)
def test_empty_properties_are_refused(api: InProcessApi, change: dict[str, Any]) -> None:
    """devices.md §7.1, row 3: identityPublicKey, devicePassword, signedChallenge not empty"""
    assert register(api, ClientKey.new(), **change).error == INVALID_PROPERTY_VALUE


@pytest.mark.parametrize(("size", "status"), [(1024, 201), (1025, 400), (1_000_000, 400)])
def test_a_public_key_does_not_carry_the_world(api: InProcessApi, size: int, status: int) -> None:
    """devices.md §5.1: any other member ignored (but stored, and an item is at most 400 KB)"""
    key = ClientKey.new()
    key_object = json.loads(key.public_key_json)
    padding = size - len(json.dumps({**key_object, "more": ""}))

    public_key = json.dumps({**key_object, "more": "x" * padding}).encode()
    answer = register(api, key, identityPublicKey=to_base64url(public_key))

    assert answer.status == status
    assert status == 201 or answer.error == INVALID_PROPERTY_VALUE


@pytest.mark.parametrize(
    "change",
    [
        {"clientId": None},
        {"clientSecret": 1},
        {"identityPublicKey": None},
        {"identityPublicKey": "!"},
        {"devicePassword": None},
        {"identityVersion": None},
        {"identityVersion": 256},
        {"identityVersion": -1},
        {"identityVersion": "x"},
        {"signedChallenge": None},
        {"signedChallenge": {}},
        {"signedChallenge": {"challenge": None, "signature": "AAAA"}},
        {"signedChallenge": {"challenge": "x", "signature": "!"}},
        {"deviceCommunicationLanguage": 1},
    ],
)
def test_what_cannot_be_bound_comes_before_the_client(api: InProcessApi, change: dict[str, Any]) -> None:
    """devices.md §7.1, row 1: binding -> 400 inputCannotBeParsed"""
    assert register(api, ClientKey.new(), **{"clientSecret": "wrong", **change}).error == INPUT_CANNOT_BE_PARSED


def test_unknown_members_and_other_casing_are_accepted(api: InProcessApi) -> None:
    """http-common.md §14: JSON with unknown members and different property-name casing -> accepted"""
    body = registration(api, ClientKey.new(), unknown=[1])

    answer = api.post("/api/v2/Identities", {name.upper(): value for name, value in body.items()})

    assert answer.status == 201


@pytest.mark.parametrize("password", ["Passw0rd!", "passw0rd!!", "PASSW0RD!!", "Password!!", "Passw0rd00"])
def test_in_production_a_weak_password_is_refused(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    """devices.md §7.1, row 9: password policy -> 400 registrationFailed"""
    require_strong_passwords(monkeypatch)

    assert register(api, ClientKey.new(), devicePassword=password).error == REGISTRATION_FAILED
    assert register(api, ClientKey.new(), devicePassword="Passw0rd!!").status == 201


Fault = Callable[[InProcessApi, dict[str, Any], ClientKey], None]


def _wrong_secret(api: InProcessApi, body: dict[str, Any], key: ClientKey) -> None:
    body["clientSecret"] = "wrong"


def _empty_password(api: InProcessApi, body: dict[str, Any], key: ClientKey) -> None:
    body["devicePassword"] = ""


def _bad_language(api: InProcessApi, body: dict[str, Any], key: ClientKey) -> None:
    body["deviceCommunicationLanguage"] = "xz"


def _bad_signature(api: InProcessApi, body: dict[str, Any], key: ClientKey) -> None:
    body["signedChallenge"] = {**body["signedChallenge"], "signature": "AAAA"}


def _unknown_challenge(api: InProcessApi, body: dict[str, Any], key: ClientKey) -> None:
    body["signedChallenge"] = key.sign({"id": "CHLunknown", "expiresAt": "2030-01-01T00:00:00Z"})


def _known_address(api: InProcessApi, body: dict[str, Any], key: ClientKey) -> None:
    given_identity(key.address)


def _full_client(api: InProcessApi, body: dict[str, Any], key: ClientKey) -> None:
    given_client("full", "full", max_identities=0)
    body.update(clientId="full", clientSecret="full")


def _weak_password(api: InProcessApi, body: dict[str, Any], key: ClientKey) -> None:
    body["devicePassword"] = body["devicePassword"] and "weak"


FAULTS: list[tuple[Fault, tuple[int, str]]] = [
    (_wrong_secret, UNAUTHORIZED),
    (_empty_password, INVALID_PROPERTY_VALUE),
    (_bad_language, INVALID_LANGUAGE),
    (_bad_signature, INVALID_SIGNATURE),
    (_unknown_challenge, CHALLENGE_NOT_FOUND),
    (_known_address, ADDRESS_ALREADY_EXISTS),
    (_full_client, LIMIT_REACHED),
    (_weak_password, REGISTRATION_FAILED),
]


@pytest.mark.parametrize("first", range(len(FAULTS)))
def test_the_checks_come_in_the_contract_s_order(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """devices.md §7.1: Checks in order (each request has the fault of its row and all of the later rows)"""
    require_strong_passwords(monkeypatch)
    key = ClientKey.new()
    body = registration(api, key)
    for fault, _ in reversed(FAULTS[first:]):
        fault(api, body, key)

    assert api.post("/api/v2/Identities", body).error == FAULTS[first][1]


@pytest.mark.parametrize(
    "change",
    [
        {"clientSecret": "wrong"},
        {"devicePassword": ""},
        {"deviceCommunicationLanguage": "xz"},
        {"signedChallenge": {"challenge": "x", "signature": "AAAA"}},
    ],
)
def test_a_refused_registration_writes_nothing(api: InProcessApi, change: dict[str, Any]) -> None:
    """Bad input writes nothing."""
    key = ClientKey.new()
    table = dynamodb.client()
    before = table.scan(TableName=identities.table().name)["Count"]

    assert register(api, key, **change).status == 400

    assert table.scan(TableName=identities.table().name)["Count"] == before


def test_an_identity_that_is_gone_is_not_found(api: InProcessApi) -> None:
    """http-common.md §2: handlers answer 404 `error.platform.recordNotFound` when the record is gone"""
    answer = api.get("/api/v2/Identities/Self", caller=new_caller())

    assert answer.error == (404, "error.platform.recordNotFound")
    assert answer.json["error"]["message"].startswith("Identity not found.")


def test_own_identity_needs_a_token(api: InProcessApi) -> None:
    """devices.md §7.2: user"""
    assert api.get("/api/v2/Identities/Self").status == 401


@pytest.mark.parametrize("grace_period", [None, timedelta(days=1)])
def test_an_identity_in_use_is_not_deleted(api: InProcessApi, grace_period: timedelta | None) -> None:
    """devices.md §16: IsDeleted without token for an active or to-be-deleted (running grace period) identity ->
    false/null"""
    ends_at = clock.now() + grace_period if grace_period else None
    status = "ToBeDeleted" if grace_period else "Active"
    identity = given_identity(ClientKey.new().address, status, deletion_grace_period_ends_at=ends_at)
    username = given_device(identity).device.username

    answer = api.get("/api/v2/Identities/IsDeleted", query={"username": username})

    assert answer.result == {"isDeleted": False, "deletionDate": None}


def test_an_identity_is_deleted_from_the_millisecond_its_grace_period_ends(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """devices.md §16: Start with 0 days, then IsDeleted -> true, deletionDate string equal to gracePeriodEndsAt"""
    now = let_time_pass(monkeypatch, timedelta())
    identity = given_identity(ClientKey.new().address, "ToBeDeleted", deletion_grace_period_ends_at=now)
    username = given_device(identity).device.username

    answer = api.get("/api/v2/Identities/IsDeleted", query={"username": username})

    assert answer.result == {"isDeleted": True, "deletionDate": clock.render(now)}


def test_a_device_added_while_the_grace_period_runs_ends_with_it(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """devices.md §7.3 and §2.3, row 9, for devices that join late"""
    key = ClientKey.new()
    ends_at = clock.now() + timedelta(minutes=5)
    given_identity(key.address, "ToBeDeleted", public_key=key.public_key_json, deletion_grace_period_ends_at=ends_at)
    caller = Caller(key.address, DeviceId.new(), "test")
    username = add_device(api, key, caller).result["username"]
    let_time_pass(monkeypatch, timedelta(minutes=6))

    assert log_in(api, username).json["error"] == "invalid_grant"
    assert api.get("/api/v2/Identities/IsDeleted", query={"username": username}).result["isDeleted"] is True


def test_an_unknown_username_is_not_deleted(api: InProcessApi) -> None:
    """devices.md §7.3: unknown username: false, null"""
    answer = api.get("/api/v2/Identities/IsDeleted", query={"username": "USR00000000000000000"})

    assert answer.result == {"isDeleted": False, "deletionDate": None}


def test_usernames_are_compared_exactly_when_asked_whether_they_are_deleted(api: InProcessApi) -> None:
    """devices.md §15.14: Usernames are case-insensitive at login, case-sensitive in IsDeleted."""
    identity = given_identity(ClientKey.new().address, "ToBeDeleted", deletion_grace_period_ends_at=LONG_AGO)
    username = given_device(identity).device.username
    other_case = "USR" + username[3:].swapcase()

    assert api.get("/api/v2/Identities/IsDeleted", query={"username": username}).result["isDeleted"] is True
    assert api.get("/api/v2/Identities/IsDeleted", query={"username": other_case}).result["isDeleted"] is False


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({}, INPUT_CANNOT_BE_PARSED),
        ({"username": ""}, INPUT_CANNOT_BE_PARSED),
        ({"username": "DVCabc"}, INVALID_PROPERTY_VALUE),
        ({"username": "USR000000000000000000"}, INVALID_PROPERTY_VALUE),
        ({"username": "USR-"}, INVALID_PROPERTY_VALUE),
    ],
)
def test_is_deleted_needs_a_username(api: InProcessApi, query: dict[str, str], error: tuple[int, str]) -> None:
    """devices.md §7.3: username missing/empty 400 `inputCannotBeParsed`; not a username id 400 invalidPropertyValue"""
    assert api.get("/api/v2/Identities/IsDeleted", query=query).error == error


def test_a_lost_race_for_an_address_is_told_as_such(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """devices.md §7.1, row 7 (lost race: 500 in the reference, the same code here)"""
    key = ClientKey.new()
    body = registration(api, key)
    add_identity = DeviceStore.add_identity

    def add_second(self: DeviceStore, *arguments: Any) -> None:
        given_identity(key.address)
        add_identity(self, *arguments)

    monkeypatch.setattr(DeviceStore, "add_identity", add_second)

    assert api.post("/api/v2/Identities", body).error == ADDRESS_ALREADY_EXISTS
