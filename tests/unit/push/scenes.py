"""Identities with devices that can be pushed to."""

from datetime import datetime
from itertools import count

from backbone import clock
from backbone.caller import Caller
from backbone.events import DomainEvent, EventEnvelope
from functions.devices.domain import Identity
from functions.push.consumers import consumers
from functions.push.domain import Environment, Platform, RegisteredDevice, Registration
from functions.push.registration_store import RegistrationStore
from tests.support.api import new_caller
from tests.support.builders import given_device, given_identity
from tests.support.engine import PUSH_APP_ID

registrations = RegistrationStore()
_handles = count()


def new_handle() -> str:
    """A phone of its own."""
    return f"handle-{next(_handles):08}"


def someone(status: str = "Active") -> Identity:
    """An identity without devices."""
    return given_identity(new_caller().address, status)


def device_of(identity: Identity, language: str = "en") -> Caller:
    """One more device, not registered."""
    return Caller(identity.address, given_device(identity, communication_language=language).device.id, "test")


def registered(
    identity: Identity,
    handle: str | None = None,
    *,
    platform: Platform = Platform.FCM,
    language: str = "en",
    environment: Environment = Environment.PRODUCTION,
    at: datetime | None = None,
) -> RegisteredDevice:
    """One more device, registered for push."""
    registration = Registration(platform, PUSH_APP_ID, environment, handle or new_handle())
    return registrations.register(device_of(identity, language), registration, now=at or clock.now())


def handle_of(device: RegisteredDevice) -> str:
    return device.registration.handle


def of_device(caller: Caller) -> RegisteredDevice | None:
    """A device's registration as it is now."""
    registered_ones = registrations.of_identity(caller.address)
    return next((each for each in registered_ones if each.device_id == caller.device_id), None)


def caller_of(device: RegisteredDevice) -> Caller:
    """The device with a token."""
    return Caller(device.address, device.device_id, "test")


def again(device: RegisteredDevice) -> RegisteredDevice | None:
    """The registration of this device as it is now."""
    return of_device(caller_of(device))


def happens(event: DomainEvent) -> None:
    """As the bus brings it."""
    consumers.handle(EventEnvelope.of(event, clock.now()))
