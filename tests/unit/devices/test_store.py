"""Conditions of the stores, in moto and in DynamoDB Local."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.errors import RecordNotFound
from backbone.ids import ChallengeId, DeviceId, Username
from backbone.readmodels import challenges, identities
from functions.devices import domain
from functions.devices.client_store import ClientStore
from functions.devices.domain import DeviceAndUser, Identity
from functions.devices.errors import (
    AddressAlreadyExists,
    ChangePasswordFailed,
    ClientReachedIdentitiesLimit,
    DeviceCannotBeDeleted,
    OnlyOneBackupDeviceCanExist,
    RegistrationFailed,
)
from functions.devices.items import identity_key
from functions.devices.log_in import AccessDenied, InvalidGrant
from functions.devices.store import DeviceStore
from functions.devices.user_store import UserStore
from tests.support.builders import LONG_AGO, given_client, given_device, given_identity
from tests.support.keys import ClientKey

pytestmark = pytest.mark.usefixtures("engine")

NOW = LONG_AGO + timedelta(days=1)
LOCKOUT = timedelta(minutes=1)
devices, users, clients = DeviceStore(), UserStore(), ClientStore()


def _new_identity() -> tuple[Identity, DeviceAndUser]:
    client = given_client()
    identity = domain.new_identity(
        address=ClientKey.new().address, public_key=b"{}", identity_version=1, client=client, now=NOW
    )
    return identity, _new_device(identity)


def _new_device(identity: Identity, *, is_backup_device: bool = False) -> DeviceAndUser:
    return domain.new_device(
        identity,
        caller=None,
        password_hash="hash",
        communication_language="en",
        is_backup_device=is_backup_device,
        now=NOW,
    )


def test_an_identity_comes_back_as_it_was_kept() -> None:
    identity, first = _new_identity()

    devices.add_identity(identity, first, given_client())

    assert devices.get_identity(identity.address) == identity
    assert devices.with_users(devices.devices_of(identity.address)) == [first]
    assert devices.get_device(Caller(identity.address, first.device.id, "test")) == first


def test_everything_about_an_identity_and_its_devices_is_kept() -> None:
    identity = given_identity(
        ClientKey.new().address,
        "ToBeDeleted",
        deletion_grace_period_ends_at=NOW,
        backup_device_id=DeviceId("DVCabc"),
    )
    new = _new_device(identity)

    devices.add_device(identity, new)

    assert devices.get_identity(identity.address) == identity
    assert devices.get_device(Caller(identity.address, new.device.id, "test")) == new


def test_an_address_is_taken_once() -> None:
    identity, first = _new_identity()
    devices.add_identity(identity, first, given_client())

    with pytest.raises(AddressAlreadyExists):
        devices.add_identity(identity, _new_device(identity), given_client())
    assert len(devices.devices_of(identity.address)) == 1


def test_a_taken_username_makes_the_registration_fail() -> None:
    """A random id that is taken is no 500."""
    identity, first = _new_identity()
    devices.add_identity(identity, first, given_client())
    other, second = _new_identity()
    same_name = replace(second, user=replace(second.user, username=Username(first.user.username.swapcase())))

    with pytest.raises(RegistrationFailed):
        devices.add_identity(other, same_name, given_client())
    with pytest.raises(RegistrationFailed):
        devices.add_device(identity, first)


def test_a_limited_client_counts_up_to_its_limit() -> None:
    limited = given_client("limited", max_identities=1)
    identity, first = _new_identity()
    devices.add_identity(identity, first, limited)
    other, second = _new_identity()

    with pytest.raises(ClientReachedIdentitiesLimit):
        devices.add_identity(other, second, limited)
    assert clients.count_identities("limited") == 1
    with pytest.raises(RecordNotFound):
        devices.get_identity(other.address)


def test_what_a_registration_needs_comes_in_one_piece() -> None:
    identity, first = _new_identity()
    devices.add_identity(identity, first, given_client())
    challenge_id = ChallengeId.new()
    challenges.table().put({"pk": challenge_id, "expiresAt": clock.render(NOW)})

    found = devices.before_identity("test", challenge_id, identity.address)
    nothing = devices.before_identity("x" * 3000, None, None)

    assert found.client == given_client()
    assert found.challenge is not None
    assert found.challenge.expires_at == NOW
    assert found.address_exists
    assert (nothing.client, nothing.challenge, nothing.address_exists) == (None, None, False)


def test_there_is_one_backup_device() -> None:
    identity = given_identity(ClientKey.new().address)
    devices.add_device(identity, _new_device(identity, is_backup_device=True))

    with pytest.raises(OnlyOneBackupDeviceCanExist):
        devices.add_device(identity, _new_device(identity, is_backup_device=True))
    devices.add_device(identity, _new_device(identity))
    assert len(devices.devices_of(identity.address)) == 2


def test_a_device_needs_its_identity() -> None:
    identity, _ = _new_identity()

    for is_backup_device in (False, True):
        with pytest.raises(RecordNotFound):
            devices.add_device(identity, _new_device(identity, is_backup_device=is_backup_device))
    with pytest.raises(RecordNotFound):
        devices.before_device(identity.address, None)


@pytest.mark.parametrize("is_backup_device", [False, True])
def test_a_device_added_while_a_deletion_starts_gets_its_grace_period(is_backup_device: bool) -> None:
    address = ClientKey.new().address
    before = given_identity(address)
    given_identity(address, "ToBeDeleted", deletion_grace_period_ends_at=NOW)

    new = _new_device(before, is_backup_device=is_backup_device)
    devices.add_device(before, new)

    user = users.find_user(new.user.username)
    assert user is not None
    assert user.deletion_grace_period_ends_at == NOW


def test_a_device_added_while_a_deletion_is_cancelled_has_no_grace_period() -> None:
    address = ClientKey.new().address
    before = given_identity(address, "ToBeDeleted", deletion_grace_period_ends_at=NOW)
    given_identity(address)

    new = _new_device(before)
    devices.add_device(before, new)

    user = users.find_user(new.user.username)
    assert user is not None
    assert user.deletion_grace_period_ends_at is None


def test_the_events_of_an_earlier_write_are_not_told_again() -> None:
    identity, first = _new_identity()
    devices.add_identity(identity, first, given_client())

    devices.add_device(identity, _new_device(identity, is_backup_device=True))

    assert "events" not in (identities.table().get(identity_key(identity.address)) or {})


def test_a_log_in_is_kept_and_forgets_failures() -> None:
    user = given_device(given_identity(ClientKey.new().address)).user
    with pytest.raises(InvalidGrant):
        users.add_failed_log_in(user, now=NOW, lockout=LOCKOUT)

    users.log_in(user, now=NOW)

    found = users.find_user(user.username)
    assert found == replace(user, last_log_in_at=NOW)


def test_failures_are_counted_even_by_those_who_read_before() -> None:
    user = given_device(given_identity(ClientKey.new().address)).user

    outcomes = []
    for _ in range(5):
        with pytest.raises((InvalidGrant, AccessDenied)) as refused:
            users.add_failed_log_in(user, now=NOW, lockout=LOCKOUT)
        outcomes.append(refused.type)

    assert outcomes == [InvalidGrant, InvalidGrant, AccessDenied, AccessDenied, AccessDenied]
    found = users.find_user(user.username)
    assert found is not None
    assert (found.failed_log_ins, found.locked_until) == (0, NOW + LOCKOUT)


def test_a_locked_user_logs_in_when_the_lock_is_over() -> None:
    user = given_device(given_identity(ClientKey.new().address)).user
    for _ in range(3):
        with pytest.raises((InvalidGrant, AccessDenied)):
            users.add_failed_log_in(user, now=NOW, lockout=LOCKOUT)

    with pytest.raises(AccessDenied):
        users.log_in(user, now=NOW)
    users.log_in(user, now=NOW + LOCKOUT)

    found = users.find_user(user.username)
    assert found is not None
    assert found.locked_until is None


def test_nobody_logs_in_once_the_grace_period_is_over() -> None:
    identity = given_identity(ClientKey.new().address, "ToBeDeleted", deletion_grace_period_ends_at=NOW)
    user = given_device(identity).user

    users.log_in(user, now=NOW - timedelta(milliseconds=1))
    with pytest.raises(InvalidGrant):
        users.log_in(user, now=NOW)


@pytest.mark.parametrize("is_backup_device", [False, True])
def test_nobody_logs_in_with_a_deleted_device(is_backup_device: bool) -> None:
    identity = given_identity(ClientKey.new().address)
    new = given_device(identity, is_backup_device=is_backup_device)
    devices.delete_device(new.device, is_backup_device=is_backup_device)

    with pytest.raises(InvalidGrant):
        users.log_in(new.user, now=NOW)
    with pytest.raises(InvalidGrant):
        users.add_failed_log_in(new.user, now=NOW, lockout=LOCKOUT)
    assert users.find_user(new.user.username) is None


@pytest.mark.parametrize("is_backup_device", [False, True])
def test_a_device_that_has_logged_in_stays(is_backup_device: bool) -> None:
    new = given_device(given_identity(ClientKey.new().address), is_backup_device=is_backup_device)
    users.log_in(new.user, now=NOW)

    with pytest.raises(DeviceCannotBeDeleted):
        devices.delete_device(new.device, is_backup_device=is_backup_device)
    assert users.find_user(new.user.username) is not None


def test_a_device_is_deleted_once_and_completely() -> None:
    identity = given_identity(ClientKey.new().address)
    device = given_device(identity).device
    caller = Caller(identity.address, DeviceId.new(), "test")
    devices.delete_device(device, is_backup_device=False)

    with pytest.raises(RecordNotFound):
        devices.delete_device(device, is_backup_device=False)
    assert devices.device_to_delete(caller, device.id).owner is None
    assert devices.devices_of(identity.address) == []


def test_looking_for_an_unknown_user_leaves_no_trace() -> None:
    users.miss("USR00000000000000000")

    assert users.before_log_in("test", "USR00000000000000000") == (None, None)


def test_a_password_is_changed_from_the_one_that_was_verified() -> None:
    user = given_device(given_identity(ClientKey.new().address)).user
    users.change_password(user, "new")

    with pytest.raises(ChangePasswordFailed):
        users.change_password(user, "another")
    found = users.find_user(user.username)
    assert found is not None
    assert found.password_hash == "new"


def test_the_password_of_a_deleted_device_cannot_be_changed() -> None:
    new = given_device(given_identity(ClientKey.new().address))
    devices.delete_device(new.device, is_backup_device=False)

    with pytest.raises(RecordNotFound):
        users.change_password(new.user, "new")
