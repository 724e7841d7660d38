"""Devices, identities and log-ins."""

from urllib.parse import urlencode

from tests.faults.operations import operation
from tests.faults.world import Act, Person, World
from tests.support.builders import PASSWORD, given_device

FORM = {"content-type": "application/x-www-form-urlencoded"}
IDENTITIES, DEVICES = "/api/v2/Identities", "/api/v2/Devices"
PROCESSES = f"{IDENTITIES}/Self/DeletionProcesses"
DEVICE_PUSH = f"{DEVICES}/Self/PushNotifications"


def log_in(world: World, username: str, password: str = PASSWORD) -> Act:
    """POST /connect/token"""
    credentials = {"client_id": "test", "client_secret": "test", "username": username, "password": password}
    body = urlencode({"grant_type": "password", **credentials}).encode()
    return lambda: world.api.request("POST", "/connect/token", body=body, headers=FORM)


@operation("POST /connect/token")
def _(world: World) -> Act:
    return log_in(world, world.alice.username)


@operation("POST /connect/token, wrong password")
def _(world: World) -> Act:
    return log_in(world, world.alice.username, "wrong")


@operation("POST /connect/token, the wrong password that locks")
def _(world: World) -> Act:
    for _ in range(2):
        log_in(world, world.alice.username, "wrong")()
    return log_in(world, world.alice.username, "wrong")


@operation("POST /connect/token, unknown user")
def _(world: World) -> Act:
    return log_in(world, "USRunknown")


@operation("POST /connect/token, first use of a backup device")
def _(world: World) -> Act:
    return log_in(world, given_device_of(world.alice, is_backup_device=True))


def given_device_of(person: Person, *, is_backup_device: bool = False) -> str:
    """Another device; its username."""
    return given_device(person.identity, is_backup_device=is_backup_device).user.username


def registration(world: World, name: str = "carol", client_secret: str | None = "test") -> dict[str, object]:
    """The body of POST /Identities for somebody new."""
    key = world.new_key(name)
    return {
        "clientId": "test",
        **({"clientSecret": client_secret} if client_secret else {"deviceCommunicationLanguage": "de"}),
        "identityPublicKey": key.public_key,
        "devicePassword": PASSWORD,
        "identityVersion": 1,
        "signedChallenge": key.sign(world.made("/api/v2/Challenges", {})),
    }


@operation("POST /api/v2/Identities")
def _(world: World) -> Act:
    body = registration(world)
    return lambda: world.api.post(IDENTITIES, body)


def _new_device(world: World, **members: object) -> dict[str, object]:
    return {"devicePassword": PASSWORD, "signedChallenge": world.challenge_of(world.alice), **members}


@operation("POST /api/v2/Devices")
def _(world: World) -> Act:
    body = _new_device(world)
    return lambda: world.api.post(DEVICES, body, caller=world.alice.caller)


@operation("POST /api/v2/Devices, backup device")
def _(world: World) -> Act:
    body = _new_device(world, isBackupDevice=True)
    return lambda: world.api.post(DEVICES, body, caller=world.alice.caller)


@operation("PUT /api/v2/Devices/Self")
def _(world: World) -> Act:
    return lambda: world.api.put(f"{DEVICES}/Self", {"communicationLanguage": "de"}, caller=world.alice.caller)


@operation("PUT /api/v2/Devices/Self/Password")
def _(world: World) -> Act:
    body = {"oldPassword": PASSWORD, "newPassword": "Another0!?"}
    return lambda: world.api.put(f"{DEVICES}/Self/Password", body, caller=world.alice.caller)


@operation("DELETE /api/v2/Devices/{id}")
def _(world: World) -> Act:
    created = world.made(DEVICES, _new_device(world), world.alice)["id"]
    return lambda: world.api.delete(f"{DEVICES}/{created}", caller=world.alice.caller)


@operation("DELETE /api/v2/Devices/{id}, backup device")
def _(world: World) -> Act:
    created = world.made(DEVICES, _new_device(world, isBackupDevice=True), world.alice)["id"]
    return lambda: world.api.delete(f"{DEVICES}/{created}", caller=world.alice.caller)


def registered_for_push(world: World, person: Person, platform: str = "fcm", handle: str | None = None) -> None:
    """The first device wants notifications."""
    body = {"platform": platform, "handle": handle or f"handle-of-{person.address[-22:]}", "appId": "org.example.app"}
    assert world.api.put(DEVICE_PUSH, body, caller=person.caller).status == 200


@operation("PUT /api/v2/Devices/Self/PushNotifications")
def _(world: World) -> Act:
    body = {"platform": "fcm", "handle": "handle-0123456789", "appId": "org.example.app"}
    return lambda: world.api.put(DEVICE_PUSH, body, caller=world.alice.caller)


@operation("DELETE /api/v2/Devices/Self/PushNotifications")
def _(world: World) -> Act:
    registered_for_push(world, world.alice)
    return lambda: world.api.delete(DEVICE_PUSH, caller=world.alice.caller)


@operation("POST /api/v2/Devices/Self/PushNotifications/SendTestNotification")
def _(world: World) -> Act:
    return lambda: world.api.post(f"{DEVICE_PUSH}/SendTestNotification", {"data": {}}, caller=world.alice.caller)


@operation("GET /api/v1/sse")
def _(world: World) -> Act:
    registered_for_push(world, world.alice, "sse")
    return lambda: world.api.get("/api/v1/sse", caller=world.alice.caller)


@operation("GET /api/v2/sse")
def _(world: World) -> Act:
    registered_for_push(world, world.alice, "sse")
    return lambda: world.api.get("/api/v2/sse", caller=world.alice.caller)


@operation("POST /api/v2/Identities/Self/DeletionProcesses")
def _(world: World) -> Act:
    return lambda: world.api.post(PROCESSES, {}, caller=world.alice.caller)


@operation("PUT /api/v2/Identities/Self/DeletionProcesses/{id}/Cancel")
def _(world: World) -> Act:
    process = world.made(PROCESSES, {}, world.alice)["id"]
    return lambda: world.api.put(f"{PROCESSES}/{process}/Cancel", caller=world.alice.caller)


@operation("PATCH /api/v2/Identities/Self/FeatureFlags")
def _(world: World) -> Act:
    return lambda: world.api.patch(f"{IDENTITIES}/Self/FeatureFlags", {"flag": True}, caller=world.alice.caller)


@operation("PATCH /api/v2/Identities/Self/FeatureFlags, one more")
def _(world: World) -> Act:
    world.api.patch(f"{IDENTITIES}/Self/FeatureFlags", {"flag": True}, caller=world.alice.caller)
    return lambda: world.api.patch(f"{IDENTITIES}/Self/FeatureFlags", {"other": True}, caller=world.alice.caller)


@operation("POST /api/v2/Notifications")
def _(world: World) -> Act:
    world.related()
    body = {"recipients": [world.bob.address], "code": "TestCode"}
    return lambda: world.api.post("/api/v2/Notifications", body, caller=world.alice.caller)
