"""The platform applications: apps whose devices can be pushed to, with their credentials.

An operator puts the credentials of an app into an SSM parameter `<path>/fcm/<app id>` or `<path>/apns/<bundle id>`.  At
each deployment that changes `PushCredentialsVersion`, SNS gets them, and loses those whose parameter is gone.
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
_NAME_SEPARATOR = "_"
"""Stacks have none in their names, so no stack takes another's applications for its own."""


class CredentialsInvalid(Exception):
    """The message names the parameter, never its value."""


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
class Applications:
    """All of them, and the app ids by our own platforms."""

    wanted: tuple[Application, ...]
    app_ids: Mapping[str, tuple[str, ...]]


def prefix_of(stack: str) -> str:
    """What the names of a stack's applications begin with."""
    return stack + _NAME_SEPARATOR


def read(parameters: Mapping[str, str], stack: str) -> Applications:
    """The applications for these credentials, by `<platform>/<app id>`.  Raises `CredentialsInvalid`."""
    wanted: list[Application] = []
    app_ids: dict[str, list[str]] = {"fcm": [], "apns": []}
    for place, value in sorted(parameters.items()):
        platform, _, app_id = place.partition("/")
        if platform not in app_ids or not _APP_ID.fullmatch(app_id):
            raise CredentialsInvalid(f"{place}: neither fcm/<app id> nor apns/<bundle id>")
        attributes = _fcm(place, value) if platform == Platform.FCM else _apns(place, value, app_id)
        wanted += [
            Application(each, prefix_of(stack) + app_id, attributes) for each in _sns_platforms(platform, app_id)
        ]
        app_ids[platform].append(app_id)
    return Applications(tuple(wanted), {platform: tuple(ids) for platform, ids in app_ids.items()})


def _sns_platforms(platform: str, app_id: str) -> list[str]:
    """One for FCM, two for APNS: apps under development have a server of their own."""
    registrations = [Registration(Platform(platform), app_id, environment) for environment in Environment]
    return list(dict.fromkeys(map(sns_platform, registrations)))


def _fcm(place: str, value: str) -> dict[str, str]:
    try:
        FcmCredentials.model_validate_json(value)
    except ValidationError as error:
        raise CredentialsInvalid(f"{place}: {_mistakes(error)}") from None
    return {"PlatformCredential": value}


def _apns(place: str, value: str, bundle_id: str) -> dict[str, str]:
    try:
        credentials = ApnsCredentials.model_validate_json(value)
    except ValidationError as error:
        raise CredentialsInvalid(f"{place}: {_mistakes(error)}") from None
    return {
        "PlatformPrincipal": credentials.key_id,
        "PlatformCredential": credentials.private_key,
        "ApplePlatformTeamID": credentials.team_id,
        "ApplePlatformBundleID": bundle_id,
    }


def _mistakes(error: ValidationError) -> str:
    mistakes = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'JSON'}: {each['msg'][:80]}" for each in mistakes)


def attributes_of(applications: Applications) -> dict[str, str]:
    """What the template asks for: the app ids that functions shall accept."""
    return {"AppIds": json.dumps(applications.app_ids, separators=(",", ":"))}
