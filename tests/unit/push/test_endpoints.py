"""Endpoints in SNS: made, healed, used, removed.  The words of its errors are those of AWS."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from functions.push import endpoint_store
from functions.push.domain import Environment, Platform, Registration
from functions.push.endpoint_store import (
    AppNotConfigured,
    EndpointGone,
    EndpointStore,
    InvalidHandle,
    MessageTooLarge,
    belongs_together,
)
from functions.push.provider_messages import ProviderMessage
from tests.support.engine import MOTO_ACCOUNT, PUSH_APP_ID, REGION
from tests.unit.push.provider import Provider

store = EndpointStore()
PHONE = Registration(Platform.FCM, PUSH_APP_ID, handle="0123456789")
MESSAGE = ProviderMessage('{"default": "x", "GCM": "{}"}', {})
ARN = f"arn:aws:sns:{REGION}:{MOTO_ACCOUNT}:endpoint/GCM/test_app/5e3e9847-3183-3f18-a7e8-671c3a57d4b3"

pytestmark = pytest.mark.usefixtures("moto")


@pytest.fixture
def aws(moto: None) -> Iterator[Stubber]:
    """SNS as AWS, which answers what the test says."""
    with Stubber(endpoint_store.client()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_an_endpoint_is_made_once(sns: Provider) -> None:
    assert store.create(PHONE) == store.create(PHONE)
    assert len(sns.endpoints()) == 1


@pytest.mark.parametrize(
    ("registration", "application"),
    [
        (PHONE, "app/GCM/test_"),
        (Registration(Platform.APNS, PUSH_APP_ID, handle="0123456789"), "app/APNS/test_"),
        (Registration(Platform.APNS, PUSH_APP_ID, Environment.DEVELOPMENT, "0123456789"), "app/APNS_SANDBOX/test_"),
    ],
)
def test_an_endpoint_belongs_to_the_app_and_its_environment(
    aws: Stubber, registration: Registration, application: str
) -> None:
    """devices.md §12.5: Production, Development"""
    arn = f"arn:aws:sns:{REGION}:{MOTO_ACCOUNT}:{application}{PUSH_APP_ID}"
    expected = {"PlatformApplicationArn": arn, "Token": "0123456789", "Attributes": {"Enabled": "true"}}
    aws.add_response("create_platform_endpoint", {"EndpointArn": ARN}, expected)

    assert store.create(registration) == ARN


def test_a_disabled_endpoint_is_healed(sns: Provider) -> None:
    endpoint_arn = store.create(PHONE)
    sns.disable(endpoint_arn)
    with pytest.raises(InvalidHandle):
        store.publish(endpoint_arn, MESSAGE)

    assert store.create(PHONE) == endpoint_arn
    store.publish(endpoint_arn, MESSAGE)


def test_an_endpoint_that_differs_is_found_by_the_words_of_the_error(aws: Stubber) -> None:
    words = (
        f"Invalid parameter: Token Reason: Endpoint {ARN} already exists with the same Token, but different attributes."
    )
    aws.add_client_error("create_platform_endpoint", "InvalidParameter", words, 400)
    expected = {"EndpointArn": ARN, "Attributes": {"Enabled": "true", "Token": "0123456789"}}
    aws.add_response("set_endpoint_attributes", {}, expected)

    assert store.create(PHONE) == ARN


@pytest.mark.parametrize(
    ("code", "words", "outcome"),
    [
        ("InvalidParameter", "Invalid parameter: Token Reason: must be at most 8192 bytes long", InvalidHandle),
        (
            "InvalidParameter",
            "Invalid parameter: Token Reason: iOS device tokens must be no more than 400",
            InvalidHandle,
        ),
        ("NotFound", "PlatformApplication does not exist", AppNotConfigured),
        ("InternalError", "", ClientError),
        ("Throttled", "Rate exceeded", ClientError),
    ],
)
def test_refusals_to_make_an_endpoint_are_understood(
    aws: Stubber, code: str, words: str, outcome: type[Exception]
) -> None:
    aws.add_client_error("create_platform_endpoint", code, words, 400)

    with pytest.raises(outcome):
        store.create(PHONE)


def test_an_app_whose_credentials_are_gone_is_not_asked_for(aws: Stubber) -> None:
    with pytest.raises(AppNotConfigured):
        store.create(Registration(Platform.FCM, "gone", handle="0123456789"))


@pytest.mark.parametrize(
    ("code", "words", "outcome"),
    [
        ("EndpointDisabled", "Endpoint is disabled", InvalidHandle),
        (
            "InvalidParameter",
            "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified",
            EndpointGone,
        ),
        ("NotFound", "Endpoint does not exist", EndpointGone),
        (
            "InvalidParameter",
            "Invalid parameter: Message Reason: Invalid notification for protocol APNS: Notification is too long",
            MessageTooLarge,
        ),
        ("InvalidParameter", "Invalid parameter: Message too long", MessageTooLarge),
        ("InvalidParameter", "Invalid parameter: something else", ClientError),
        ("PlatformApplicationDisabled", "", ClientError),
        ("AuthorizationError", "", ClientError),
    ],
)
def test_refusals_to_publish_are_understood(aws: Stubber, code: str, words: str, outcome: type[Exception]) -> None:
    aws.add_client_error("publish", code, words, 400)

    with pytest.raises(outcome):
        store.publish(ARN, MESSAGE)


def test_attributes_are_texts(aws: Stubber) -> None:
    expected = {
        "TargetArn": ARN,
        "Message": "{}",
        "MessageStructure": "json",
        "MessageAttributes": {"AWS.SNS.MOBILE.APNS.TTL": {"DataType": "String", "StringValue": "0"}},
    }
    aws.add_response("publish", {"MessageId": "1"}, expected)

    store.publish(ARN, ProviderMessage("{}", {"AWS.SNS.MOBILE.APNS.TTL": "0"}))


def test_removing_twice_is_no_mistake(sns: Provider) -> None:
    endpoint_arn = store.create(PHONE)

    store.delete(endpoint_arn)
    store.delete(endpoint_arn)

    assert sns.endpoints() == []


def test_registrations_have_the_same_endpoint_if_app_environment_and_handle_are_the_same() -> None:
    apns = Registration(Platform.APNS, PUSH_APP_ID, Environment.PRODUCTION, "0123456789")

    assert belongs_together(PHONE, PHONE)
    assert belongs_together(PHONE, Registration(Platform.FCM, PUSH_APP_ID, Environment.DEVELOPMENT, "0123456789"))
    assert not belongs_together(PHONE, apns)
    assert not belongs_together(apns, Registration(Platform.APNS, PUSH_APP_ID, Environment.DEVELOPMENT, "0123456789"))
    assert not belongs_together(PHONE, Registration(Platform.FCM, "other", handle="0123456789"))
    assert not belongs_together(PHONE, Registration(Platform.FCM, PUSH_APP_ID, handle="another one"))
    assert not belongs_together(PHONE, Registration(Platform.SSE, PUSH_APP_ID))
    assert not belongs_together(Registration(Platform.SSE, "a"), Registration(Platform.SSE, "a"))
