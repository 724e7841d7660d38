"""What is true of push registrations and notifications.  Contract: devices.md, sections 11 and 12.

A device has at most one registration.  A notification goes to devices; those that share a phone (an identical handle on
the same platform) get it once.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from backbone import clock
from backbone.addresses import Address
from backbone.errors import BackboneError
from backbone.ids import DeviceId, DevicePushIdentifier
from backbone.languages import DEFAULT

MIN_HANDLE_LENGTH = 10
MAX_HANDLE_LENGTH = 500
MAX_APP_ID_LENGTH = 256
"""That of SNS; the contract has none."""
MAX_TEST_DATA_BYTES = 16 * 1024
"""Its event travels with others; the contract has no limit, providers take 4 KB."""
MAX_TITLE_BYTES = 240
MAX_BODY_BYTES = 1500
"""Both providers take 4 KB in all; announcements may be longer."""
PARTS = "0123456789abcdef"
"""All registrations, divided: who reaches everybody does it part by part."""
_ELLIPSIS = "…"


class UnsupportedAppId(BackboneError):
    """There are no credentials for this app."""

    def __init__(self) -> None:
        super().__init__("error.platform.unsupportedAppId", "There are no push credentials for this app id.")


class Platform(StrEnum):
    """Who brings a notification to the device."""

    FCM = "fcm"
    APNS = "apns"
    DUMMY = "dummy"
    SSE = "sse"


MOBILE = frozenset({Platform.FCM, Platform.APNS})
"""Those with handles and credentials."""


class Environment(StrEnum):
    """Of APNS: apps under development have a server of their own."""

    DEVELOPMENT = "Development"
    PRODUCTION = "Production"


@dataclass(frozen=True, slots=True)
class Registration:
    """What a device asks for."""

    platform: Platform
    app_id: str
    environment: Environment = Environment.PRODUCTION
    handle: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RegisteredDevice:
    """A device that can be reached.

    `endpoint_arn` is its endpoint in SNS, once there has been something to push since it registered at `registered_at`.
    """

    address: Address
    device_id: DeviceId
    device_push_identifier: DevicePushIdentifier
    registration: Registration
    registered_at: datetime
    endpoint_arn: str | None = None

    @property
    def platform(self) -> Platform:
        """Of its registration."""
        return self.registration.platform

    @property
    def target(self) -> str:
        """Where its notifications go."""
        return target_of(self.registration, self.device_id)


def check(registration: Registration, app_ids: Mapping[str, Iterable[str]]) -> Registration:
    """A registration that can be served; what nobody needs is left out.  Raises `UnsupportedAppId`."""
    if registration.platform not in MOBILE:
        return Registration(registration.platform, registration.app_id, registration.environment)
    if registration.app_id not in app_ids.get(registration.platform, ()):
        raise UnsupportedAppId
    return registration


def target_of(registration: Registration, device_id: DeviceId) -> str:
    """The same for registrations that need only one notification: identical handles on the same platform.

    Others stand for themselves, unlike in the reference, where all of SSE is one target (events.md, section 7.5).
    """
    if registration.platform in MOBILE:
        return f"{registration.platform}#{hashlib.sha256(registration.handle.encode()).hexdigest()[:32]}"
    return f"{registration.platform}#{device_id}"


def part_of(target: str) -> str:
    """The part of all registrations that has this target."""
    return hashlib.sha256(target.encode()).hexdigest()[0]


@dataclass(frozen=True, slots=True)
class Text:
    """What a user reads."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Notification:
    """What is pushed.  `event_name` is None when there is nothing but the text (section 12.6)."""

    event_name: str | None
    texts: Mapping[str, Text] = field(repr=False)
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)
    collapse_id: str | None = None

    def text_in(self, language: str) -> Text:
        """In this language or else in English, not longer than providers take."""
        text = self.texts.get(language) or self.texts[DEFAULT]
        return Text(_shortened(text.title, MAX_TITLE_BYTES), _shortened(text.body, MAX_BODY_BYTES))


def _shortened(text: str, max_bytes: int) -> str:
    data = text.encode()
    if len(data) <= max_bytes:
        return text
    return data[: max_bytes - len(_ELLIPSIS.encode())].decode(errors="ignore") + _ELLIPSIS


@dataclass(frozen=True, slots=True)
class Recipient:
    """A device that shall be notified, and the language its user reads."""

    device: RegisteredDevice
    language: str


def recipients_of(
    registered: Iterable[RegisteredDevice], languages: Mapping[DeviceId, str], *, without: DeviceId | None = None
) -> list[Recipient]:
    """The registered devices that still exist (`languages` names them), except one."""
    return [
        Recipient(device, languages[device.device_id])
        for device in registered
        if device.device_id in languages and device.device_id != without
    ]


def distinct(recipients: Iterable[Recipient]) -> list[Recipient]:
    """One recipient per target, the first."""
    by_target: dict[str, Recipient] = {}
    for recipient in recipients:
        by_target.setdefault(recipient.device.target, recipient)
    return list(by_target.values())


def content_for(device: RegisteredDevice, notification: Notification, *, sent_at: datetime) -> dict[str, Any] | None:
    """The content object of section 12.3; None for a notification that is nothing but text."""
    if notification.event_name is None:
        return None
    return {
        "accRef": device.address,
        "devicePushIdentifier": device.device_push_identifier,
        "eventName": notification.event_name,
        "sentAt": clock.render(sent_at),
        "payload": dict(notification.payload),
    }
