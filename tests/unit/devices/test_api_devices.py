"""Devices over HTTP.  Contract: devices.md, sections 10 and 16 (Devices)."""

from datetime import timedelta
from typing import Any

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.ids import DeviceId
from tests.support.api import InProcessApi, new_caller
from tests.support.builders import LONG_AGO, PASSWORD, given_client, given_device, given_identity
from tests.support.keys import ClientKey
from tests.unit.devices.journeys import add_device, let_time_pass, log_in, outcome, require_strong_passwords

NOT_FOUND = (404, "error.platform.recordNotFound")
INPUT_CANNOT_BE_PARSED = (400, "error.platform.inputCannotBeParsed")
INVALID_PROPERTY_VALUE = (400, "error.platform.validation.invalidPropertyValue")
INVALID_LANGUAGE = (400, "error.platform.validation.invalidDeviceCommunicationLanguage")
ONLY_ONE_BACKUP = (400, "error.platform.validation.device.onlyOneBackupDeviceCanExist")
INVALID_SIGNATURE = (400, "error.platform.validation.device.invalidSignature")
CHALLENGE_HAS_EXPIRED = (400, "error.platform.validation.device.challengeHasExpired")
REGISTRATION_FAILED = (400, "error.platform.validation.device.registrationFailed")
CHANGE_PASSWORD_FAILED = (400, "error.platform.validation.device.changePasswordFailed")
CANNOT_BE_DELETED = (400, "error.platform.validation.device.deviceCannotBeDeleted")


@pytest.fixture
def key(api: InProcessApi) -> ClientKey:
    """The key of an identity; there is a client to log in with, too."""
    key = ClientKey.new()
    given_client()
    given_identity(key.address, public_key=key.public_key_json)
    return key


@pytest.fixture
def caller(key: ClientKey) -> Caller:
    """The first device of the identity."""
    device = given_device(given_identity(key.address, public_key=key.public_key_json)).device
    return Caller(device.address, device.id, "test")


def test_a_device_adds_another(api: InProcessApi, key: ClientKey, caller: Caller) -> None:
    """devices.md §16: POST -> 201 with createdByDevice = caller"""
    answer = add_device(api, key, caller)

    assert answer.status == 201
    assert answer.headers["location"] == ""
    assert set(answer.result) == {"id", "username", "createdAt", "createdByDevice", "isBackupDevice"}
    assert answer.result["createdByDevice"] == caller.device_id
    assert answer.result["isBackupDevice"] is False
    assert log_in(api, answer.result["username"]).status == 200


def test_there_is_at_most_one_backup_device(api: InProcessApi, key: ClientKey, caller: Caller) -> None:
    """devices.md §16: backup -> isBackupDevice true; second backup -> 400 onlyOneBackupDeviceCanExist"""
    first = add_device(api, key, caller, isBackupDevice=True)
    second = add_device(api, key, caller, isBackupDevice=True)

    assert first.result["isBackupDevice"] is True
    assert second.error == ONLY_ONE_BACKUP
    assert add_device(api, key, caller).status == 201


def test_a_used_backup_device_makes_room_for_another(api: InProcessApi, key: ClientKey, caller: Caller) -> None:
    """devices.md §16: First login of a backup device -> isBackupDevice false, push BackupDeviceUsed, new backup device
    possible"""
    backup = add_device(api, key, caller, isBackupDevice=True).result
    log_in(api, backup["username"])

    listed = api.get("/api/v2/Devices", caller=caller, query={"ids": backup["id"]}).result

    assert [device["isBackupDevice"] for device in listed] == [False]
    assert add_device(api, key, caller, isBackupDevice=True).status == 201


def test_a_deleted_backup_device_makes_room_for_another(api: InProcessApi, key: ClientKey, caller: Caller) -> None:
    """devices.md §10.7: It is deletable while unused."""
    backup = add_device(api, key, caller, isBackupDevice=True).result

    assert api.delete(f"/api/v2/Devices/{backup['id']}", caller=caller).status == 204
    assert add_device(api, key, caller, isBackupDevice=True).status == 201


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"devicePassword": ""}, INVALID_PROPERTY_VALUE),
        ({"devicePassword": " "}, INVALID_PROPERTY_VALUE),
        ({"signedChallenge": {"challenge": "", "signature": "AAAA"}}, INVALID_PROPERTY_VALUE),
        ({"signedChallenge": {"challenge": "x", "signature": ""}}, INVALID_PROPERTY_VALUE),
        ({"communicationLanguage": "xz"}, INVALID_LANGUAGE),
        ({"communicationLanguage": ""}, INVALID_LANGUAGE),
        ({"devicePassword": None}, INPUT_CANNOT_BE_PARSED),
        ({"signedChallenge": None}, INPUT_CANNOT_BE_PARSED),
        ({"isBackupDevice": "yes"}, INPUT_CANNOT_BE_PARSED),
        ({"signedChallenge": {"challenge": "x", "signature": "AAAA"}}, INVALID_SIGNATURE),
    ],
)
def test_bad_input_adds_no_device(
    api: InProcessApi, key: ClientKey, caller: Caller, change: dict[str, Any], error: tuple[int, str]
) -> None:
    """devices.md §10.3, row 1: validators as 7.1 rows 3-4"""
    assert add_device(api, key, caller, **change).error == error
    assert len(api.get("/api/v2/Devices", caller=caller).result) == 1


def test_a_device_needs_an_identity(api: InProcessApi) -> None:
    """devices.md §10.3, row 2: identity exists -> 404"""
    answer = add_device(api, ClientKey.new(), new_caller())

    assert answer.error == NOT_FOUND
    assert answer.json["error"]["message"].startswith("Identity not found.")


def test_only_the_identity_s_key_adds_devices(api: InProcessApi, caller: Caller) -> None:
    """devices.md §10.3: signed with the **identity** key"""
    assert add_device(api, ClientKey.new(), caller).error == INVALID_SIGNATURE


def test_an_unknown_challenge_adds_no_device(api: InProcessApi, key: ClientKey, caller: Caller) -> None:
    """devices.md §10.3, row 4: challenge as 7.1 row 6"""
    signed = key.sign({"id": "CHLunknown", "expiresAt": "2030-01-01T00:00:00Z"})

    answer = add_device(api, key, caller, signedChallenge=signed)

    assert answer.error == NOT_FOUND
    assert answer.json["error"]["message"].startswith("Challenge not found.")


def test_an_expired_challenge_adds_no_device(
    api: InProcessApi, key: ClientKey, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """devices.md §10.3, row 4: challenge as 7.1 row 6"""
    with monkeypatch.context() as earlier:
        let_time_pass(earlier, timedelta(minutes=-10, milliseconds=-100))
        challenge = api.post("/api/v2/Challenges", {}).result

    assert add_device(api, key, caller, signedChallenge=key.sign(challenge)).error == CHALLENGE_HAS_EXPIRED


def test_a_weak_password_adds_no_device(
    api: InProcessApi, key: ClientKey, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """devices.md §10.3, row 5: password policy -> 400 registrationFailed"""
    require_strong_passwords(monkeypatch)

    assert add_device(api, key, caller, devicePassword="weak").error == REGISTRATION_FAILED


def test_the_checks_of_a_new_device_come_in_the_contract_s_order(
    api: InProcessApi, key: ClientKey, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """devices.md §10.3: language before identity before backup before signature before challenge before password"""
    require_strong_passwords(monkeypatch)
    unknown = key.sign({"id": "CHLunknown", "expiresAt": "2030-01-01T00:00:00Z"})
    unsigned = {**unknown, "signature": "AAAA"}
    weak: dict[str, Any] = {"devicePassword": "weak", "isBackupDevice": True}
    stranger = new_caller()

    bad_language = add_device(api, key, stranger, **weak, communicationLanguage="xz", signedChallenge=unsigned)
    no_identity = add_device(api, key, stranger, **weak, signedChallenge=unsigned)
    bad_signature = add_device(api, key, caller, **weak, signedChallenge=unsigned)
    bad_challenge = add_device(api, key, caller, **weak, signedChallenge=unknown)
    bad_password = add_device(api, key, caller, **weak)
    given_device(given_identity(key.address, public_key=key.public_key_json), is_backup_device=True)
    second_backup = add_device(api, key, caller, **weak, signedChallenge=unsigned)

    assert bad_language.error == INVALID_LANGUAGE
    assert no_identity.error == NOT_FOUND
    assert bad_signature.error == INVALID_SIGNATURE
    assert bad_challenge.error == NOT_FOUND
    assert bad_password.error == REGISTRATION_FAILED
    assert second_backup.error == ONLY_ONE_BACKUP


def test_own_device_shows_what_is_known_of_it(api: InProcessApi, key: ClientKey, caller: Caller) -> None:
    """devices.md §10.2: 200 device object of the token's device"""
    created = add_device(api, key, caller, communicationLanguage="de").result

    device = api.get("/api/v2/Devices/Self", caller=Caller(caller.address, DeviceId(created["id"]), "test")).result

    assert device == {
        "id": created["id"],
        "username": created["username"],
        "createdAt": created["createdAt"],
        "createdByDevice": caller.device_id,
        "lastLogin": None,
        "communicationLanguage": "de",
        "isBackupDevice": False,
    }


def test_a_device_that_is_gone_is_not_found(api: InProcessApi, caller: Caller) -> None:
    """devices.md §10.2: 404 if gone; §10.4 and 10.5 likewise"""
    gone = Caller(caller.address, DeviceId.new(), "test")
    passwords = {"oldPassword": PASSWORD, "newPassword": "another"}

    assert api.get("/api/v2/Devices/Self", caller=gone).error == NOT_FOUND
    assert api.put("/api/v2/Devices/Self", {"communicationLanguage": "de"}, caller=gone).error == NOT_FOUND
    assert api.put("/api/v2/Devices/Self/Password", passwords, caller=gone).error == NOT_FOUND


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v2/Devices"),
        ("GET", "/api/v2/Devices/Self"),
        ("POST", "/api/v2/Devices"),
        ("PUT", "/api/v2/Devices/Self"),
        ("PUT", "/api/v2/Devices/Self/Password"),
        ("DELETE", "/api/v2/Devices/DVC00000000000000000"),
    ],
)
def test_everything_needs_a_token(api: InProcessApi, method: str, path: str) -> None:
    """http-common.md §14: GET /api/v2/Devices without token -> 401, empty body, `WWW-Authenticate: Bearer`"""
    answer = api.request(method, path)

    assert (answer.status, answer.body, answer.headers["www-authenticate"]) == (401, "", "Bearer")


def test_the_list_is_sorted_by_creation(api: InProcessApi, key: ClientKey) -> None:
    """devices.md §16: sorted by createdAt"""
    identity = given_identity(key.address)
    created = [
        given_device(identity, created_at=LONG_AGO + timedelta(seconds=second)).device for second in (3, 1, 2, 0)
    ]
    caller = Caller(key.address, created[0].id, "test")

    listed = api.get("/api/v2/Devices", caller=caller)

    assert [device["id"] for device in listed.result] == [created[place].id for place in (3, 1, 2, 0)]
    assert "pagination" not in listed.json


def test_the_list_comes_in_pages(api: InProcessApi, key: ClientKey) -> None:
    """http-common.md §14: List of 3 with PageSize 2 -> `pagination` = {1, 2, 2, 3}; with PageSize 3 -> no
    `pagination`"""
    identity = given_identity(key.address)
    created = [given_device(identity, created_at=LONG_AGO + timedelta(days=day)).device for day in range(3)]
    caller = Caller(key.address, created[0].id, "test")

    first = api.get("/api/v2/Devices", caller=caller, query={"PageSize": 2})
    second = api.get("/api/v2/Devices", caller=caller, query={"PageSize": 2, "PageNumber": 2})
    whole = api.get("/api/v2/Devices", caller=caller, query={"PageSize": 3})

    assert first.json["pagination"] == {"pageNumber": 1, "pageSize": 2, "totalPages": 2, "totalRecords": 3}
    assert [device["id"] for device in first.result + second.result] == [device.id for device in created]
    assert "pagination" not in whole.json


def test_ids_of_others_are_missing_from_the_list(api: InProcessApi, key: ClientKey, caller: Caller) -> None:
    """devices.md §16: GET list with ids of foreign devices -> they are missing"""
    foreign = given_device(given_identity(ClientKey.new().address)).device
    add_device(api, key, caller)

    listed = api.get("/api/v2/Devices", caller=caller, query={"ids": [foreign.id, caller.device_id, "DVCunknown"]})

    assert [device["id"] for device in listed.result] == [caller.device_id]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"PageSize": 201}, (400, "error.platform.validation.pagination.invalidPageSize")),
        ({"PageSize": 201, "ids": "x"}, (400, "error.platform.validation.pagination.invalidPageSize")),
        ({"ids": ["USR00000000000000000"]}, INVALID_PROPERTY_VALUE),
        ({"ids": ["DVC000000000000000000"]}, INVALID_PROPERTY_VALUE),
        ({"PageNumber": "abc"}, INPUT_CANNOT_BE_PARSED),
        ({"PageNumber": 0}, INVALID_PROPERTY_VALUE),
    ],
)
def test_a_bad_query_is_refused(
    api: InProcessApi, caller: Caller, query: dict[str, Any], error: tuple[int, str]
) -> None:
    """devices.md §10.1: Errors: page size; bad id 400 `invalidPropertyValue`"""
    assert api.get("/api/v2/Devices", caller=caller, query=query).error == error


def test_an_identity_without_devices_has_an_empty_list(api: InProcessApi) -> None:
    """http-common.md §3.1: Empty arrays are fine."""
    assert api.get("/api/v2/Devices", caller=new_caller()).result == []


def test_the_language_of_a_device_can_be_changed(api: InProcessApi, caller: Caller) -> None:
    """devices.md §16: PUT Self language `de` -> 204 and persisted; `xz` -> 400 invalidDeviceCommunicationLanguage"""
    changed = api.put("/api/v2/Devices/Self", {"communicationLanguage": "de"}, caller=caller)
    refused = api.put("/api/v2/Devices/Self", {"communicationLanguage": "xz"}, caller=caller)

    assert (changed.status, changed.body) == (204, "")
    assert refused.error == INVALID_LANGUAGE
    assert api.get("/api/v2/Devices/Self", caller=caller).result["communicationLanguage"] == "de"


@pytest.mark.parametrize("body", [{}, {"communicationLanguage": None}, {"communicationLanguage": 1}, None])
def test_a_language_has_to_be_sent(api: InProcessApi, caller: Caller, body: Any) -> None:
    """http-common.md §4.1: Required property missing, null -> 400 `inputCannotBeParsed`"""
    assert api.put("/api/v2/Devices/Self", body, caller=caller).error == INPUT_CANNOT_BE_PARSED


def _change_password(api: InProcessApi, caller: Caller, old: Any, new: Any) -> Any:
    return api.put("/api/v2/Devices/Self/Password", {"oldPassword": old, "newPassword": new}, caller=caller)


def test_a_password_can_be_changed(api: InProcessApi, caller: Caller) -> None:
    """devices.md §16: PUT Password -> 204, old password no longer accepted by /connect/token"""
    username = api.get("/api/v2/Devices/Self", caller=caller).result["username"]

    changed = _change_password(api, caller, PASSWORD, "new")

    assert (changed.status, changed.body) == (204, "")
    assert outcome(log_in(api, username, PASSWORD)) == (400, "invalid_grant")
    assert log_in(api, username, "new").status == 200


def test_a_wrong_old_password_changes_nothing_and_locks_nobody(api: InProcessApi, caller: Caller) -> None:
    """devices.md §16: wrong old password -> 400 changePasswordFailed; §10.5: Does not count towards lockout"""
    username = api.get("/api/v2/Devices/Self", caller=caller).result["username"]

    errors = [_change_password(api, caller, "wrong", "new").error for _ in range(4)]

    assert errors == [CHANGE_PASSWORD_FAILED] * 4
    assert log_in(api, username).status == 200


def test_a_new_password_may_be_the_old_one(api: InProcessApi, caller: Caller) -> None:
    """devices.md §10.5: new password same as old is allowed"""
    assert _change_password(api, caller, PASSWORD, PASSWORD).status == 204


def test_a_weak_new_password_is_refused(api: InProcessApi, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """devices.md §10.5: Wrong old password or policy violation 400 changePasswordFailed"""
    require_strong_passwords(monkeypatch)

    assert _change_password(api, caller, PASSWORD, "weak").error == CHANGE_PASSWORD_FAILED


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("", "new", INVALID_PROPERTY_VALUE),
        (" ", "new", INVALID_PROPERTY_VALUE),
        (PASSWORD, "", INVALID_PROPERTY_VALUE),
        (None, "new", INPUT_CANNOT_BE_PARSED),
        (PASSWORD, None, INPUT_CANNOT_BE_PARSED),
    ],
)
def test_both_passwords_have_to_be_sent(
    api: InProcessApi, caller: Caller, old: Any, new: Any, error: tuple[int, str]
) -> None:
    """devices.md §10.5: both not empty (400 `invalidPropertyValue`)"""
    assert _change_password(api, caller, old, new).error == error


def test_an_unused_device_can_be_deleted(api: InProcessApi, key: ClientKey, caller: Caller) -> None:
    """devices.md §16: DELETE unused own device -> 204"""
    device = add_device(api, key, caller).result

    deleted = api.delete(f"/api/v2/Devices/{device['id']}", caller=caller)

    assert (deleted.status, deleted.body) == (204, "")
    assert [left["id"] for left in api.get("/api/v2/Devices", caller=caller).result] == [caller.device_id]
    assert api.delete(f"/api/v2/Devices/{device['id']}", caller=caller).error == NOT_FOUND


def test_a_used_device_cannot_be_deleted(api: InProcessApi, key: ClientKey, caller: Caller) -> None:
    """devices.md §16: used -> 400 deviceCannotBeDeleted"""
    device = add_device(api, key, caller).result
    log_in(api, device["username"])

    assert api.delete(f"/api/v2/Devices/{device['id']}", caller=caller).error == CANNOT_BE_DELETED
    assert len(api.get("/api/v2/Devices", caller=caller).result) == 2


def test_a_foreign_device_cannot_be_deleted(api: InProcessApi, caller: Caller) -> None:
    """devices.md §16: foreign -> 400 deviceCannotBeDeleted"""
    foreign = given_device(given_identity(ClientKey.new().address)).device

    assert api.delete(f"/api/v2/Devices/{foreign.id}", caller=caller).error == CANNOT_BE_DELETED
    assert api.get("/api/v2/Devices/Self", caller=Caller(foreign.address, foreign.id, "test")).status == 200


def test_an_unknown_device_cannot_be_deleted(api: InProcessApi, caller: Caller) -> None:
    """devices.md §16: `DVC00000000000000000` -> 404"""
    assert api.delete("/api/v2/Devices/DVC00000000000000000", caller=caller).error == NOT_FOUND


@pytest.mark.parametrize("device_id", ["USR00000000000000000", "DVC000000000000000000", "DVC-"])
def test_a_bad_id_is_refused(api: InProcessApi, caller: Caller, device_id: str) -> None:
    """devices.md §10.6: bad id -> 400 `error.platform.validation.invalidPropertyValue`"""
    assert api.delete(f"/api/v2/Devices/{device_id}", caller=caller).error == INVALID_PROPERTY_VALUE


def test_timestamps_have_milliseconds(api: InProcessApi, key: ClientKey, caller: Caller) -> None:
    r"""http-common.md §14: Timestamps in results match `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`"""
    created_at = add_device(api, key, caller).result["createdAt"]

    assert clock.render(clock.parse(created_at)) == created_at
