"""Endpoints of phones in SNS, which hands notifications on to FCM and APNS.

An endpoint belongs to a platform application (the credentials of an app) and a handle.  SNS disables it when the
provider does not know the handle any more.  SNS tells many errors by nothing but their words.
"""

import re
from functools import lru_cache
from typing import Any, NoReturn

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from backbone.settings import settings
from functions.push.domain import MOBILE, Registration
from functions.push.provider_messages import ProviderMessage, sns_platform

_EXISTS = re.compile(r"Endpoint (arn:\S+) already exists with the same Token")
_NO_ENDPOINT = "No endpoint found"
_TOO_LONG = ("Message too long", "Invalid notification for protocol")
_MAX_CONNECTIONS = 20


class InvalidHandle(Exception):
    """The provider does not know the handle, or never could."""


class EndpointGone(Exception):
    """SNS does not know the endpoint any more."""


class AppNotConfigured(Exception):
    """There are no credentials for the app any more."""


class MessageTooLarge(Exception):
    """The provider would not take it; nor would it later."""


@lru_cache(maxsize=1)
def client() -> Any:
    """The process's SNS client."""
    config = Config(
        connect_timeout=1,
        read_timeout=3,
        retries={"mode": "standard", "max_attempts": 3},
        max_pool_connections=_MAX_CONNECTIONS,
        tcp_keepalive=True,
    )
    return boto3.client("sns", config=config)


class EndpointStore:
    """Endpoints in SNS.  A call takes about 20 ms."""

    def create(self, registration: Registration) -> str:
        """The ARN of an enabled endpoint for this handle; 1 call, or 2 when there is one that has to be healed.

        Raises `InvalidHandle` or `AppNotConfigured`.
        """
        try:
            answer = client().create_platform_endpoint(
                PlatformApplicationArn=_application_arn(registration),
                Token=registration.handle,
                Attributes={"Enabled": "true"},
            )
            return str(answer["EndpointArn"])
        except ClientError as error:
            if existing := _EXISTS.search(_message(error)):
                return self._heal(existing[1], registration)
            if _code(error) == "NotFound":
                raise AppNotConfigured from None
            if _code(error) == "InvalidParameter" and "Token" in _message(error):
                raise InvalidHandle from None
            raise

    def _heal(self, endpoint_arn: str, registration: Registration) -> str:
        client().set_endpoint_attributes(
            EndpointArn=endpoint_arn, Attributes={"Enabled": "true", "Token": registration.handle}
        )
        return endpoint_arn

    def publish(self, endpoint_arn: str, message: ProviderMessage) -> None:
        """Hand a message over to SNS; 1 call.  Raises `InvalidHandle`, `EndpointGone` or `MessageTooLarge`."""
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in message.attributes.items()}
        try:
            client().publish(
                TargetArn=endpoint_arn, Message=message.body, MessageStructure="json", MessageAttributes=attributes
            )
        except ClientError as error:
            _raise_understood(error)

    def delete(self, endpoint_arn: str) -> None:
        """1 call; may be repeated."""
        client().delete_endpoint(EndpointArn=endpoint_arn)


def belongs_together(one: Registration, other: Registration) -> bool:
    """Whether two registrations have the same endpoint."""
    if one.platform not in MOBILE or other.platform not in MOBILE:
        return False
    return (sns_platform(one), one.app_id, one.handle) == (sns_platform(other), other.app_id, other.handle)


def _application_arn(registration: Registration) -> str:
    if registration.app_id not in settings().push_app_ids.get(registration.platform, ()):
        raise AppNotConfigured
    return settings().push_application_arn.format(platform=sns_platform(registration), app_id=registration.app_id)


def _raise_understood(error: ClientError) -> NoReturn:
    code, message = _code(error), _message(error)
    if code == "EndpointDisabled":
        raise InvalidHandle from None
    if code == "NotFound" or (code == "InvalidParameter" and _NO_ENDPOINT in message):
        raise EndpointGone from None
    if code == "InvalidParameter" and any(words in message for words in _TOO_LONG):
        raise MessageTooLarge from None
    raise error


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def _message(error: ClientError) -> str:
    return str(error.response["Error"].get("Message", ""))
