"""Who wins when several come at once.  Against DynamoDB Local, whose conditions and transactions are real."""

from functools import partial
from typing import Any

import pytest

from backbone.caller import Caller
from backbone.dynamodb import Table
from backbone.events import carried_by
from backbone.ids import ChallengeId
from backbone.readmodels import challenges, identities
from functions.devices import api
from functions.devices.client_store import ClientStore
from functions.devices.items import identity_key
from functions.devices.models import ChangePasswordIn, CreateDeviceIn, CreateIdentityIn
from functions.devices.store import DeviceStore
from functions.devices.user_store import UserStore
from tests.support.builders import PASSWORD, given_client, given_device, given_identity
from tests.support.keys import ClientKey
from tests.unit.devices.race import at_once, logging_in

pytestmark = pytest.mark.local_dynamodb


@pytest.fixture(autouse=True)
def _tables(local_dynamodb: None) -> None:
    given_client()


def _challenge() -> dict[str, str]:
    challenge = {"id": ChallengeId.new(), "expiresAt": "2099-01-01T00:00:00.000Z"}
    challenges.table().put({"pk": challenge["id"], "expiresAt": challenge["expiresAt"]})
    return challenge


def _registration(key: ClientKey, client_id: str = "test") -> CreateIdentityIn:
    body: dict[str, Any] = {
        "clientId": client_id,
        "clientSecret": "test",
        "identityPublicKey": key.public_key,
        "devicePassword": PASSWORD,
        "identityVersion": 1,
        "signedChallenge": key.sign(_challenge()),
    }
    return CreateIdentityIn.model_validate(body)


def _new_device(key: ClientKey, **changes: Any) -> CreateDeviceIn:
    body = {"devicePassword": PASSWORD, "signedChallenge": key.sign(_challenge()), **changes}
    return CreateDeviceIn.model_validate(body)


def _table() -> Table:
    return identities.table()


def test_ten_parallel_log_ins_of_one_device_all_succeed() -> None:
    """devices.md §16: Ten parallel token requests for one device -> all 200"""
    user = given_device(given_identity(ClientKey.new().address)).user

    assert at_once(*[logging_in(user.username)] * 10) == ["200"] * 10


def test_ten_parallel_first_log_ins_of_a_backup_device_all_succeed_and_raise_one_event() -> None:
    """devices.md §10.7: The first successful token request makes it an ordinary device; §15.13: Parallel logins of one
    device must all succeed."""
    identity = given_identity(ClientKey.new().address)
    user = given_device(identity, is_backup_device=True).user

    assert at_once(*[logging_in(user.username)] * 10) == ["200"] * 10

    found = UserStore().find_user(user.username)
    assert found is not None
    assert not found.is_backup_device
    item = _table().get(identity_key(identity.address)) or {}
    assert "backupDeviceId" not in item
    assert [event.name for event in carried_by(item)] == ["BackupDeviceUsed"]


def test_parallel_wrong_passwords_are_counted_one_by_one() -> None:
    """devices.md §2.3, rows 10 to 12: two are told so, the third and all later ones find the user locked"""
    user = given_device(given_identity(ClientKey.new().address)).user

    outcomes = at_once(*[logging_in(user.username, "wrong")] * 10)

    assert outcomes == ["400 access_denied"] * 8 + ["400 invalid_grant"] * 2
    assert logging_in(user.username)() == "400 access_denied"


def test_a_user_locked_between_reading_and_writing_does_not_log_in() -> None:
    """devices.md §2.3, row 10: currently locked out (even with the right password)"""
    user = given_device(given_identity(ClientKey.new().address)).user
    for _ in range(3):
        logging_in(user.username, "wrong")()

    original = UserStore.before_log_in
    with pytest.MonkeyPatch.context() as stale:
        stale.setattr(UserStore, "before_log_in", lambda *names: (original(*names)[0], user))
        assert logging_in(user.username)() == "400 access_denied"


def test_one_key_makes_one_identity() -> None:
    """devices.md §7.1, row 7: address already exists (also when the race is lost)"""
    key = ClientKey.new()
    body = _registration(key)

    outcomes = at_once(*[partial(api.create_identity, body)] * 5)

    assert outcomes == ["addressAlreadyExists"] * 4 + ["ok"]
    assert len(DeviceStore().devices_of(key.address)) == 1


def test_a_limit_holds_for_parallel_registrations() -> None:
    """devices.md §3: clientReachedIdentitiesLimit (not transactional in the reference, exact here)"""
    given_client("limited", "test", max_identities=2)
    bodies = [_registration(ClientKey.new(), "limited") for _ in range(6)]

    outcomes = at_once(*(partial(api.create_identity, body) for body in bodies))

    assert outcomes == ["clientReachedIdentitiesLimit"] * 4 + ["ok"] * 2
    client = ClientStore().get("limited")
    assert client is not None
    assert client.identities == 2


def test_parallel_registrations_without_limit_all_succeed_and_are_counted() -> None:
    bodies = [_registration(ClientKey.new()) for _ in range(8)]

    outcomes = at_once(*(partial(api.create_identity, body) for body in bodies))

    assert outcomes == ["ok"] * 8
    assert ClientStore().count_identities("test") == 8


def test_parallel_requests_make_one_backup_device() -> None:
    """devices.md §10.3: Row 3 is not protected against races in the reference (it is here)."""
    key = ClientKey.new()
    identity = given_identity(key.address, public_key=key.public_key_json)
    caller = Caller(identity.address, given_device(identity).device.id, "test")
    body = _new_device(key, isBackupDevice=True)

    outcomes = at_once(*[partial(api.create_device, body, caller)] * 5)

    assert outcomes == ["ok"] + ["onlyOneBackupDeviceCanExist"] * 4
    assert len(DeviceStore().devices_of(key.address)) == 2


def test_parallel_new_devices_are_all_added() -> None:
    key = ClientKey.new()
    identity = given_identity(key.address, public_key=key.public_key_json)
    caller = Caller(identity.address, given_device(identity).device.id, "test")
    body = _new_device(key)

    assert at_once(*[partial(api.create_device, body, caller)] * 5) == ["ok"] * 5


def test_parallel_deletions_of_one_device_succeed_once() -> None:
    """devices.md §10.6: unknown -> 404"""
    identity = given_identity(ClientKey.new().address)
    caller = Caller(identity.address, given_device(identity).device.id, "test")
    device = given_device(identity).device

    outcomes = at_once(*[partial(api.delete_device, device.id, caller)] * 5)

    assert outcomes == ["ok"] + ["recordNotFound"] * 4


@pytest.mark.parametrize("is_backup_device", [False, True])
def test_a_device_is_either_deleted_or_logs_in(is_backup_device: bool) -> None:
    """devices.md §10.6: a device that has **never logged in**; §2.3, row 9: device already deleted"""
    seen = set()
    for _ in range(6):
        identity = given_identity(ClientKey.new().address)
        caller = Caller(identity.address, given_device(identity).device.id, "test")
        device = given_device(identity, is_backup_device=is_backup_device).device

        outcomes = at_once(
            partial(api.delete_device, device.id, caller),
            logging_in(device.username),
        )

        seen.add(tuple(outcomes))
        assert len(DeviceStore().devices_of(identity.address)) == (1 if "ok" in outcomes else 2)
        item = _table().get(identity_key(identity.address)) or {}
        assert "backupDeviceId" not in item
    assert seen <= {("400 invalid_grant", "ok"), ("200", "deviceCannotBeDeleted")}


def test_of_parallel_password_changes_one_wins() -> None:
    """devices.md §10.5: Wrong old password 400 changePasswordFailed"""
    identity = given_identity(ClientKey.new().address)
    device = given_device(identity).device
    caller = Caller(identity.address, device.id, "test")
    bodies = [
        ChangePasswordIn.model_validate({"oldPassword": PASSWORD, "newPassword": f"new {number}"})
        for number in range(4)
    ]

    outcomes = at_once(*(partial(api.change_own_password, body, caller) for body in bodies))

    assert outcomes == ["changePasswordFailed"] * 3 + ["ok"]
    assert [logging_in(device.username, f"new {number}")() for number in range(2)].count("200") <= 1


def test_a_password_changed_between_reading_and_writing_does_not_log_in() -> None:
    """devices.md §16: old password no longer accepted by /connect/token"""
    user = given_device(given_identity(ClientKey.new().address)).user
    UserStore().change_password(user, "another hash")

    original = UserStore.before_log_in
    with pytest.MonkeyPatch.context() as stale:
        stale.setattr(UserStore, "before_log_in", lambda *names: (original(*names)[0], user))
        assert logging_in(user.username)() == "400 invalid_grant"
