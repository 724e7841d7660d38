"""Identities and their devices over HTTP.  Contract: devices.md, sections 7 and 10."""

from backbone import clock
from backbone.caller import Caller
from backbone.http import Api, Created, NoContent, Page, PageOf, page_of
from backbone.ids import DeviceId
from backbone.settings import settings
from functions.devices import domain, languages, oauth_clients, passwords
from functions.devices.deletion_store import DeletionStore
from functions.devices.errors import ChangePasswordFailed, RegistrationFailed, Unauthorized
from functions.devices.models import (
    ChangePasswordIn,
    CreatedDeviceOut,
    CreateDeviceIn,
    CreatedIdentityOut,
    CreateIdentityIn,
    DeviceOut,
    DevicesQuery,
    IdentityOut,
    IsDeletedOut,
    IsDeletedQuery,
    UpdateDeviceIn,
)
from functions.devices.store import DeviceStore
from functions.devices.token_api import token_api
from functions.devices.user_store import UserStore

__all__ = ["api", "token_api"]

api = Api("devices")
devices = DeviceStore()
users = UserStore()
deletions = DeletionStore()


@api.post("/api/v2/Identities")
def create_identity(body: CreateIdentityIn) -> Created[CreatedIdentityOut]:
    """Create an identity with its first device.  The checks come in the contract's order (devices.md, section 7.1)."""
    now = clock.now()
    wanted = body.read()
    found = wanted.find()
    client = oauth_clients.authentic(found.client, body.client_secret)
    if client is None:
        raise Unauthorized
    address = wanted.check(found, now=now)
    try:
        identity, first = wanted.carry_out(address, client, now=now)
    except oauth_clients.ClientDeleted:
        raise Unauthorized from None
    return Created(CreatedIdentityOut.of(identity, first))


@api.get("/api/v2/Identities/Self")
def get_own_identity(caller: Caller) -> IdentityOut:
    """The caller's identity."""
    return IdentityOut.of(devices.get_identity(caller.address))


@api.get("/api/v2/Identities/IsDeleted")
def is_identity_deleted(query: IsDeletedQuery) -> IsDeletedOut:
    """Whether the identity of a device is gone: what a device asks that can no longer log in."""
    now = clock.now()
    user = users.find_user(query.username)
    if user is None:
        deleted_at = deletions.deleted_at(query.username, now=now)
        return IsDeletedOut(is_deleted=deleted_at is not None, deletion_date=deleted_at)
    if user.is_past_grace_period(now):
        return IsDeletedOut(is_deleted=True, deletion_date=user.deletion_grace_period_ends_at)
    return IsDeletedOut(is_deleted=False, deletion_date=None)


@api.get("/api/v2/Devices")
def list_devices(query: DevicesQuery, page: Page, caller: Caller) -> PageOf[DeviceOut]:
    """The caller's devices, oldest first; ids of others are left out."""
    own = devices.devices_of(caller.address)
    wanted = [device for device in own if not query.ids or device.id in query.ids]
    chosen = page_of(wanted, page)
    return PageOf(devices.with_users(list(chosen.items)), page, chosen.counted).map(DeviceOut.of)


@api.get("/api/v2/Devices/Self")
def get_own_device(caller: Caller) -> DeviceOut:
    """The device the token was issued to."""
    return DeviceOut.of(devices.get_device(caller))


@api.post("/api/v2/Devices")
def create_device(body: CreateDeviceIn, caller: Caller) -> Created[CreatedDeviceOut]:
    """Add a device to the caller's identity, signed with the identity's key."""
    now = clock.now()
    signed = body.signed_challenge.read()
    domain.require_content(devicePassword=body.device_password, signature=signed.signature, challenge=signed.text)
    language = languages.parse(body.communication_language)
    identity, challenge = devices.before_device(caller.address, signed.challenge_id)
    is_backup_device = bool(body.is_backup_device)
    if is_backup_device:
        identity.check_backup_device()
    signed.check(identity.public_key, challenge, now=now)
    if not passwords.is_acceptable(body.device_password, settings().password_policy):
        raise RegistrationFailed
    new = domain.new_device(
        identity,
        caller=caller,
        password_hash=passwords.hash_secret(body.device_password),
        communication_language=language,
        is_backup_device=is_backup_device,
        now=now,
    )
    devices.add_device(identity, new)
    return Created(CreatedDeviceOut.of(new))


@api.put("/api/v2/Devices/Self")
def update_own_device(body: UpdateDeviceIn, caller: Caller) -> NoContent:
    """Change the language the caller's device is spoken to in."""
    devices.set_language(caller, languages.parse(body.communication_language))
    return NoContent()


@api.put("/api/v2/Devices/Self/Password")
def change_own_password(body: ChangePasswordIn, caller: Caller) -> NoContent:
    """Change the password of the caller's device.  A wrong old one does not count towards the lockout."""
    user = devices.get_device(caller).user
    is_right = passwords.matches(body.old_password, user.password_hash)
    if not is_right or not passwords.is_acceptable(body.new_password, settings().password_policy):
        raise ChangePasswordFailed
    users.change_password(user, passwords.hash_secret(body.new_password))
    return NoContent()


@api.delete("/api/v2/Devices/{id}")
def delete_device(id: DeviceId, caller: Caller) -> NoContent:
    """Delete a device of the caller's identity that has never logged in."""
    found = devices.device_to_delete(caller, id)
    devices.delete_device(found.check(), is_backup_device=found.is_backup_device)
    return NoContent()
