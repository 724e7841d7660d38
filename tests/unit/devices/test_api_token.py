"""Logging in over HTTP.  Contract: devices.md, sections 2 and 16 (OAuth)."""

import base64
import re
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from backbone import access_tokens, clock, dynamodb
from backbone.events import carried_by
from functions.devices import passwords
from functions.devices.user_store import UserStore
from tests.support.api import InProcessApi
from tests.support.builders import LONG_AGO, PASSWORD, given_client, given_device, given_identity, hash_of
from tests.support.keys import ClientKey
from tests.unit.devices.journeys import FORM, let_time_pass, log_in, outcome


@pytest.fixture
def username(api: InProcessApi) -> str:
    """A device that may log in with the client `test`."""
    given_client()
    return given_device(given_identity(ClientKey.new().address)).user.username


def test_the_right_credentials_give_a_token_and_the_device_shows_its_log_in(api: InProcessApi, username: str) -> None:
    """devices.md §16: Right credentials -> 200 with access_token, token_type `Bearer`, expires_in; then GET
    /Devices/Self shows lastLogin.time"""
    before = clock.now()

    answer = log_in(api, username)

    assert answer.status == 200
    assert set(answer.json) == {"access_token", "token_type", "expires_in"}
    assert answer.json["token_type"] == "Bearer"
    assert answer.json["expires_in"] == 300
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    device = api.get("/api/v2/Devices/Self", token=answer.json["access_token"]).result
    assert before <= clock.parse(device["lastLogin"]["time"]) <= clock.now()


def test_a_token_names_the_device_and_the_client_it_was_issued_to(api: InProcessApi) -> None:
    """devices.md §3: `client_id` of the token is the one used at login"""
    given_client("another", "secret")
    device = given_device(given_identity(ClientKey.new().address)).device

    token = log_in(api, device.username, client_id="another", client_secret="secret").json["access_token"]

    caller = access_tokens.caller_of(f"Bearer {token}")
    assert (caller.address, caller.device_id, caller.client_id) == (device.address, device.id, "another")


def test_the_answer_carries_the_headers_of_every_response(api: InProcessApi, username: str) -> None:
    """http-common.md §9: every response, including errors, 401 and `/connect/token`"""
    answer = log_in(api, username, headers={"x-correlation-id": "abc"})

    assert answer.headers["x-correlation-id"] == "abc"
    assert "x-request-time" in answer.headers


def test_the_third_wrong_password_in_a_row_locks_for_a_minute(
    api: InProcessApi, username: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """devices.md §16: Wrong password -> 400 `invalid_grant`; third in a row -> 400 `access_denied`; right password
    while locked -> 400 `access_denied`; works again after the lockout time"""
    wrong = [outcome(log_in(api, username, "wrong")) for _ in range(3)]
    locked = outcome(log_in(api, username))
    with monkeypatch.context() as soon:
        let_time_pass(soon, timedelta(seconds=59))
        still_locked = outcome(log_in(api, username))
    let_time_pass(monkeypatch, timedelta(seconds=61))

    assert wrong == [(400, "invalid_grant"), (400, "invalid_grant"), (400, "access_denied")]
    assert locked == still_locked == (400, "access_denied")
    assert log_in(api, username).status == 200


def test_in_production_the_lockout_lasts_ten_minutes(
    api: InProcessApi, username: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """devices.md §1: any other (production): Lockout after 3 consecutive failures 10 minutes"""
    monkeypatch.setitem(passwords.LOCKOUT, "relaxed", passwords.LOCKOUT["strict"])
    for _ in range(3):
        log_in(api, username, "wrong")

    with monkeypatch.context() as soon:
        let_time_pass(soon, timedelta(minutes=9, seconds=59))
        assert outcome(log_in(api, username)) == (400, "access_denied")
    let_time_pass(monkeypatch, timedelta(minutes=10, seconds=1))
    assert log_in(api, username).status == 200


def test_a_success_resets_the_counter_of_failures(api: InProcessApi, username: str) -> None:
    """devices.md §2.2: failed-login counter reset"""
    for _ in range(2):
        log_in(api, username, "wrong")

    assert log_in(api, username).status == 200
    assert [outcome(log_in(api, username, "wrong")) for _ in range(2)] == [(400, "invalid_grant")] * 2


def test_after_a_lockout_counting_starts_anew(
    api: InProcessApi, username: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """devices.md §2.3, row 12: locks the user, counter back to 0"""
    for _ in range(3):
        log_in(api, username, "wrong")
    let_time_pass(monkeypatch, timedelta(seconds=61))

    again = [outcome(log_in(api, username, "wrong")) for _ in range(3)]

    assert again == [(400, "invalid_grant"), (400, "invalid_grant"), (400, "access_denied")]


def _verified_hashes(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    verified: list[str | None] = []
    verify = passwords.matches

    def recorded(secret: str, secret_hash: str | None) -> bool:
        verified.append(secret_hash)
        return verify(secret, secret_hash)

    monkeypatch.setattr(passwords, "matches", recorded)
    return verified


@pytest.mark.parametrize("name", ["USR00000000000000000", "nobody", "USR' OR 1=1", "ÜSR00000000000000000", "U" * 3000])
def test_an_unknown_user_is_an_invalid_grant(api: InProcessApi, name: str) -> None:
    """devices.md §16: Unknown user -> 400 `invalid_grant`"""
    given_client()

    answer = log_in(api, name)

    assert outcome(answer) == (400, "invalid_grant")
    assert answer.json["error_uri"].endswith("/ID2024")
    assert answer.json["error_description"]


def test_an_unknown_user_pays_for_a_password_verification(api: InProcessApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown user takes as long as a wrong password: one Argon2id and one write."""
    given_client()
    verified = _verified_hashes(monkeypatch)
    log_in(api, "USR00000000000000000")
    verified.clear()

    log_in(api, "USR00000000000000000")

    assert verified == [None]


@pytest.mark.parametrize(
    "fields",
    [
        {"client_secret": "wrong"},
        {"client_id": "unknown"},
        {"client_id": "TEST"},
        {"client_id": "x" * 3000},
        {"client_secret": None},
        {"client_secret": ""},
        {"client_id": None},
        {"client_id": None, "client_secret": None},
    ],
)
def test_wrong_client_credentials_are_unauthorized(api: InProcessApi, username: str, fields: dict[str, Any]) -> None:
    """devices.md §16: wrong client secret -> 401 `invalid_client`"""
    answer = log_in(api, username, **fields)

    assert outcome(answer) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith('Basic error="invalid_client"')


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
        ({"scope": "offline_access"}, "invalid_request"),
        ({"username": None}, "invalid_request"),
        ({"username": ""}, "invalid_request"),
        ({"password": None}, "invalid_request"),
        ({"password": ""}, "invalid_request"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"scope": "openid everything"}, "invalid_scope"),
    ],
)
def test_a_malformed_request_is_refused_before_the_client_is_looked_at(
    api: InProcessApi, username: str, fields: dict[str, Any], error: str
) -> None:
    """devices.md §16: missing grant_type -> 400 `invalid_request`; `grant_type=client_credentials` -> 400
    `unsupported_grant_type`; and rows 2 to 6 of §2.3, which come before row 7"""
    assert outcome(log_in(api, username, **fields)) == (400, error)
    assert outcome(log_in(api, username, **{"client_secret": "wrong", **fields})) == (400, error)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"grant_type": "x", "scope": "offline_access"}, "unsupported_grant_type"),
        ({"scope": "offline_access x", "username": None}, "invalid_request"),
        ({"scope": "x", "username": None}, "invalid_request"),
    ],
)
def test_the_first_of_several_faults_counts(
    api: InProcessApi, username: str, fields: dict[str, Any], error: str
) -> None:
    """devices.md §2.3: First match wins"""
    assert outcome(log_in(api, username, **fields)) == (400, error)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/x-www-form-urlencoded; charset=utf-8", 200),
        ("Application/X-WWW-Form-Urlencoded", 200),
        ("application/json", 400),
        ("", 400),
    ],
)
def test_only_forms_are_read(api: InProcessApi, username: str, content_type: str, status: int) -> None:
    """devices.md §2.1: `Content-Type: application/x-www-form-urlencoded` (prefix match, charset allowed); §2.3 row 1"""
    answer = log_in(api, username, headers={"content-type": content_type})

    assert answer.status == status
    assert status == 200 or answer.json["error"] == "invalid_request"


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"&&&===", b"grant_type=password&grant_type=password", b"a=1&" * 5000, b"%zz=%"],
)
def test_a_broken_form_is_an_invalid_request(api: InProcessApi, body: bytes) -> None:
    """devices.md §2.3, row 1 and 2"""
    answer = api.request("POST", "/connect/token", body=body, headers=FORM)

    assert outcome(answer) == (400, "invalid_request")


def _basic(credentials: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


def test_client_credentials_may_come_as_http_basic(api: InProcessApi, username: str) -> None:
    """devices.md §2.1: in the form; HTTP Basic instead is accepted"""
    given_client("odd id", "a:b+c%")

    plain = log_in(api, username, client_id=None, client_secret=None, headers=_basic("test:test"))
    escaped = log_in(api, username, client_id=None, client_secret=None, headers=_basic("odd+id:a%3Ab%2Bc%25"))
    wrong = log_in(api, username, client_id=None, client_secret=None, headers=_basic("test:wrong"))

    assert (plain.status, escaped.status) == (200, 200)
    assert outcome(wrong) == (401, "invalid_client")


@pytest.mark.parametrize(
    "headers",
    [
        _basic("test:test"),
        {"authorization": "Basic ???"},
        {"authorization": "Basic"},
        _basic("no colon"),
        {"authorization": "Basic /w=="},
    ],
)
def test_credentials_in_both_places_or_an_unreadable_header_are_an_invalid_request(
    api: InProcessApi, username: str, headers: dict[str, str]
) -> None:
    """devices.md §2.3, row 1: credentials both in header and form -> 400 `invalid_request`"""
    assert outcome(log_in(api, username, headers=headers)) == (400, "invalid_request")


def test_the_scope_openid_is_accepted(api: InProcessApi, username: str) -> None:
    """devices.md §2.1: `openid` only is accepted"""
    assert log_in(api, username, scope="openid").status == 200


def test_usernames_are_trimmed_and_compared_in_any_case(api: InProcessApi, username: str) -> None:
    """devices.md §15.14: Usernames are case-insensitive at login, case-sensitive in IsDeleted."""
    assert log_in(api, username.lower()).status == 200
    assert log_in(api, f" \t{username.upper()} ").status == 200


def test_an_identity_whose_grace_period_is_over_cannot_log_in(api: InProcessApi) -> None:
    """devices.md §16: Identity whose grace period is over -> 400 `invalid_grant`; identity within grace
    period -> 200"""
    given_client()
    over = given_identity(ClientKey.new().address, "ToBeDeleted", deletion_grace_period_ends_at=LONG_AGO)
    running = given_identity(
        ClientKey.new().address, "ToBeDeleted", deletion_grace_period_ends_at=clock.now() + timedelta(days=1)
    )

    assert outcome(log_in(api, given_device(over).user.username)) == (400, "invalid_grant")
    assert log_in(api, given_device(running).user.username).status == 200


def test_a_deleted_device_cannot_log_in(api: InProcessApi) -> None:
    """devices.md §16: Device deleted before first use -> 400 `invalid_grant`"""
    given_client()
    identity = given_identity(ClientKey.new().address)
    device = given_device(identity).device
    token = log_in(api, given_device(identity).user.username).json["access_token"]

    deleted = api.delete(f"/api/v2/Devices/{device.id}", token=token)

    assert deleted.status == 204
    assert outcome(log_in(api, device.username)) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "BatchGetItem"),
        EndpointConnectionError(endpoint_url="https://dynamodb"),
        RuntimeError("a bug"),
    ],
)
@pytest.mark.parametrize("call", ["before_log_in", "log_in"])
def test_a_failure_of_the_system_is_not_blamed_on_the_credentials(
    api: InProcessApi, username: str, monkeypatch: pytest.MonkeyPatch, failure: Exception, call: str
) -> None:
    """http-common.md §13.8: A transient failure must therefore be reported with 503, not 500."""

    def fail(*_: Any, **__: Any) -> None:
        raise failure

    monkeypatch.setattr(UserStore, call, fail)

    assert outcome(log_in(api, username)) == (503, "temporarily_unavailable")


def test_without_signing_keys_nobody_is_logged_in(
    api: InProcessApi, username: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """http-common.md §13.8: 503, and the device has not logged in"""

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no keys")

    monkeypatch.setattr(access_tokens, "issue", fail)

    assert log_in(api, username).status == 503
    user = UserStore().before_log_in("test", username)[1]
    assert user is not None
    assert user.last_log_in_at is None


def test_a_warm_function_verifies_a_client_secret_once(
    api: InProcessApi, username: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token request pays one Argon2id, for the password, not two."""
    log_in(api, username)
    verified = _verified_hashes(monkeypatch)

    log_in(api, username)

    assert verified == [hash_of(PASSWORD)]


def test_a_backup_device_becomes_an_ordinary_one_when_it_logs_in(api: InProcessApi) -> None:
    """devices.md §16: First login of a backup device -> isBackupDevice false, push BackupDeviceUsed, new backup device
    possible"""
    given_client()
    identity = given_identity(ClientKey.new().address)
    backup = given_device(identity, is_backup_device=True)

    token = log_in(api, backup.user.username).json["access_token"]

    assert api.get("/api/v2/Devices/Self", token=token).result["isBackupDevice"] is False
    table = dynamodb.Table(UserStore()._table.name)
    item = table.get({"pk": f"ID#{identity.address}", "sk": "I"}) or {}
    assert "backupDeviceId" not in item
    assert [event.name for event in carried_by(item)] == ["BackupDeviceUsed"]
    assert carried_by(item)[0].payload == {"identityAddress": identity.address, "deviceId": backup.device.id}
    assert given_device(identity, is_backup_device=True).user.is_backup_device


def test_neither_logs_nor_errors_show_credentials(
    api: InProcessApi, username: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """operations.md §5.3: no secrets in logs"""
    answers = [log_in(api, username, "s3cret-w0rd"), log_in(api, username, client_secret="s3cret-w0rd")]

    shown = "".join([*capsys.readouterr(), *(answer.body for answer in answers)])
    assert not re.search(f"s3cret|{username}", shown)
