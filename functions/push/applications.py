"""The platform applications: apps whose devices can be pushed to, with their credentials.

An operator puts the credentials of an app into an SSM parameter `<path>/fcm/<app id>` or `<path>/apns/<bundle id>`.  At
each deployment that changes `PushCredentialsVersion`, SNS gets them, and loses those whose parameter is gone.
Credentials that are wrong concern their own app alone: it keeps the former ones.
Decision: docs/decisions/push.md.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from functions.push.domain import Environment, Platform, Registration
from functions.push.provider_messages import sns_platform

_APP_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")
PLATFORMS = (Platform.FCM.value, Platform.APNS.value)
_NAME_SEPARATOR = "_"
"""Stacks have none in their names, so no stack takes another's applications for its own."""


class CredentialsInvalid(Exception):
    """The message names the mistake, never the value."""


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


_NotEmpty = Annotated[str, AfterValidator(_not_empty)]


class ApnsCredentials(BaseModel):
    """A key of Apple's for signing tokens: what stands in a parameter for APNS."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    team_id: _NotEmpty
    key_id: _NotEmpty
    private_key: _NotEmpty


class FcmCredentials(BaseModel):
    """A service account of Google's, as it was downloaded; SNS reads the rest of it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    project_id: _NotEmpty
    private_key: _NotEmpty
    client_email: _NotEmpty


@dataclass(frozen=True, slots=True)
class Application:
    """A platform application, as SNS shall have it."""

    platform: str
    name: str
    attributes: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class App:
    """An app whose devices can be pushed to: its place among the credentials, its applications in SNS."""

    place: str
    platform: str
    app_id: str
    applications: tuple[Application, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operator has put into SSM: apps, and what is wrong with the others, by place."""

    apps: tuple[App, ...]
    mistakes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of it: the places of apps that can be pushed to, and why others have been refused.

    An app that is refused goes on with its former credentials, if it had any.
    """

    places: tuple[str, ...]
    refused: Mapping[str, str]

    def attributes(self) -> dict[str, str]:
        """What the template asks for: the app ids that functions shall accept; and what an operator is to know."""
        ids = {
            platform: [place.partition("/")[2] for place in self.places if place.startswith(f"{platform}/")]
            for platform in PLATFORMS
        }
        return {"AppIds": _dump(ids), "Refused": _dump(self.refused)}


def prefix_of(stack: str) -> str:
    """What the names of a stack's applications begin with."""
    return stack + _NAME_SEPARATOR


def read(parameters: Mapping[str, str], stack: str) -> Wanted:
    """The apps for these credentials, by `<platform>/<app id>`.  A mistake in one of them concerns no other."""
    apps: list[App] = []
    mistakes: dict[str, str] = {}
    for place, value in sorted(parameters.items()):
        try:
            apps.append(app_of(place, value, stack))
        except CredentialsInvalid as mistake:
            mistakes[place] = str(mistake)
    return Wanted(tuple(apps), mistakes)


def app_of(place: str, value: str, stack: str) -> App:
    """The app with these credentials.  Raises `CredentialsInvalid`."""
    platform, app_id = names_at(place)
    attributes = _fcm(value) if platform == Platform.FCM else _apns(value, app_id)
    names = sns_names(platform, app_id, stack)
    return App(place, platform, app_id, tuple(Application(*each, attributes) for each in names))


def names_at(place: str) -> tuple[str, str]:
    """Platform and app id.  Raises `CredentialsInvalid`."""
    platform, _, app_id = place.partition("/")
    if platform not in PLATFORMS or not _APP_ID.fullmatch(app_id):
        raise CredentialsInvalid("neither fcm/<app id> nor apns/<bundle id>")
    return platform, app_id


def sns_names(platform: str, app_id: str, stack: str) -> list[tuple[str, str]]:
    """What SNS calls the applications of an app: its word for the platform, and the name."""
    return [(each, prefix_of(stack) + app_id) for each in _sns_platforms(platform, app_id)]


def _sns_platforms(platform: str, app_id: str) -> list[str]:
    """One for FCM, two for APNS: apps under development have a server of their own."""
    registrations = [Registration(Platform(platform), app_id, environment) for environment in Environment]
    return list(dict.fromkeys(map(sns_platform, registrations)))


def _fcm(value: str) -> dict[str, str]:
    try:
        FcmCredentials.model_validate_json(value)
    except ValidationError as error:
        raise CredentialsInvalid(_mistakes(error)) from None
    return {"PlatformCredential": value}


def _apns(value: str, bundle_id: str) -> dict[str, str]:
    try:
        credentials = ApnsCredentials.model_validate_json(value)
    except ValidationError as error:
        raise CredentialsInvalid(_mistakes(error)) from None
    return {
        "PlatformPrincipal": credentials.key_id,
        "PlatformCredential": credentials.private_key,
        "ApplePlatformTeamID": credentials.team_id,
        "ApplePlatformBundleID": bundle_id,
    }


def _mistakes(error: ValidationError) -> str:
    mistakes = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'JSON'}: {each['msg'][:80]}" for each in mistakes)


def _dump(value: Mapping[str, object]) -> str:
    return json.dumps(value, separators=(",", ":"))
