"""What FCM and APNS get.  Contract: devices.md, sections 12.4 and 12.5."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.ids import DeviceId, DevicePushIdentifier
from functions.push import notifications
from functions.push.domain import (
    Environment,
    Notification,
    Platform,
    Recipient,
    RegisteredDevice,
    Registration,
    Text,
)
from functions.push.provider_messages import ProviderMessage, message_for
from tests.support.api import new_caller

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
PROVIDERS_TAKE_BYTES = 4096


def recipient(platform: Platform, environment: Environment = Environment.PRODUCTION) -> Recipient:
    registration = Registration(platform, "org.example.app", environment, "a handle of a phone")
    return Recipient(
        RegisteredDevice(new_caller().address, DeviceId.new(), DevicePushIdentifier.new(), registration, NOW), "de"
    )


def read(message: ProviderMessage, platform: str) -> Any:
    body = json.loads(message.body)
    assert set(body) == {"default", platform}
    assert body["default"]
    return json.loads(body[platform])


def test_fcm_gets_a_v1_message() -> None:
    """devices.md §12.4: data (string map), notification, android channel; with collapse id: tag and collapse_key"""
    to = recipient(Platform.FCM)
    message = message_for(notifications.external_event_created(), to, sent_at=NOW)

    content = {
        "accRef": to.device.address,
        "devicePushIdentifier": to.device.device_push_identifier,
        "eventName": "ExternalEventCreated",
        "sentAt": "2026-01-02T03:04:05.678Z",
        "payload": {},
    }
    sent = read(message, "GCM")["fcmV1Message"]["message"]
    assert json.loads(sent["data"].pop("content")) == content
    assert sent["data"] == {"android_channel_id": "ENMESHED", "content-available": "1"}
    assert sent["notification"]["title"] == "Es gibt Neuigkeiten"
    assert sent["android"] == {
        "notification": {"channel_id": "ENMESHED", "tag": "ExternalEventCreated"},
        "collapse_key": "ExternalEventCreated",
    }
    assert "token" not in sent  # SNS puts it there
    assert message.attributes == {}


def test_fcm_without_collapse_id_has_no_tag() -> None:
    """devices.md §12.4: with collapse id: `android.notification.tag` and `android.collapse_key` = that id"""
    sent = read(message_for(notifications.token_locked(), recipient(Platform.FCM), sent_at=NOW), "GCM")

    assert sent["fcmV1Message"]["message"]["android"] == {"notification": {"channel_id": "ENMESHED"}}


def test_fcm_gets_a_configured_text_without_content() -> None:
    """devices.md §12.6: no content object (FCM `data` then only has `android_channel_id`)"""
    notification = notifications.configured("TestCode", {"en": Text("t", "b")})
    sent = read(message_for(notification, recipient(Platform.FCM), sent_at=NOW), "GCM")["fcmV1Message"]["message"]

    assert sent["data"] == {"android_channel_id": "ENMESHED"}
    assert sent["notification"] == {"title": "t", "body": "b"}
    assert sent["android"]["collapse_key"] == "notification_TestCode"


def test_fcm_gets_no_blank_texts() -> None:
    """devices.md §12.4: `notification.title`, `notification.body` (omitted when blank)"""
    notification = Notification("X", {"en": Text("t", " ")})
    sent = read(message_for(notification, recipient(Platform.FCM), sent_at=NOW), "GCM")["fcmV1Message"]["message"]

    assert sent["notification"] == {"title": "t"}


@pytest.mark.parametrize(
    ("environment", "platform"), [(Environment.PRODUCTION, "APNS"), (Environment.DEVELOPMENT, "APNS_SANDBOX")]
)
def test_apns_gets_content_and_alert_and_the_headers_as_attributes(environment: Environment, platform: str) -> None:
    """devices.md §12.5: apns-topic = appId, apns-expiration: 0, apns-priority: 5, apns-push-type: alert,
    apns-collapse-id; `content-available`: "1" (string)"""
    to = recipient(Platform.APNS, environment)
    message = message_for(notifications.datawallet_modified(DeviceId("DVCa")), to, sent_at=NOW)

    sent = read(message, platform)
    assert set(sent) == {"content", "aps"}
    assert sent["content"]["payload"] == {"createdByDevice": "DVCa"}
    assert sent["aps"]["content-available"] == "1"
    assert set(sent["aps"]["alert"]) == {"title", "body"}
    assert message.attributes == {
        "AWS.SNS.MOBILE.APNS.TOPIC": "org.example.app",
        "AWS.SNS.MOBILE.APNS.PUSH_TYPE": "alert",
        "AWS.SNS.MOBILE.APNS.PRIORITY": "5",
        f"AWS.SNS.MOBILE.{platform}.TTL": "0",
        "AWS.SNS.MOBILE.APNS.COLLAPSE_ID": "DatawalletModified",
    }


def test_apns_gets_a_configured_text_without_content() -> None:
    """devices.md §12.5: `content`: content object or null; `content-available`: null without content"""
    notification = notifications.configured("TestCode", {"en": Text("t", "b")})
    sent = read(message_for(notification, recipient(Platform.APNS), sent_at=NOW), "APNS")

    assert sent == {"content": None, "aps": {"content-available": None, "alert": {"title": "t", "body": "b"}}}


def test_apns_without_collapse_id_has_no_such_header() -> None:
    """devices.md §12.5: `apns-collapse-id` = collapse id (if any)"""
    message = message_for(notifications.deletion_starts(), recipient(Platform.APNS), sent_at=NOW)

    assert "AWS.SNS.MOBILE.APNS.COLLAPSE_ID" not in message.attributes


LETTERS = st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from('\n"\\')


@given(text=st.text(LETTERS, min_size=1).filter(str.strip), times=st.sampled_from([1, 100, 5000]))
@pytest.mark.parametrize(("platform", "name"), [(Platform.FCM, "GCM"), (Platform.APNS, "APNS")])
def test_no_announcement_is_larger_than_providers_take(platform: Platform, name: str, text: str, times: int) -> None:
    """devices.md §12.2: title and body of the announcement; FCM and APNS take 4 KB"""
    notification = Notification(
        "NewAnnouncement", {"en": Text(text * times, text * times)}, {"announcementId": "ANC" + "x" * 17}
    )
    message = message_for(notification, recipient(platform), sent_at=NOW)

    assert len(json.loads(message.body)[name].encode()) <= PROVIDERS_TAKE_BYTES
