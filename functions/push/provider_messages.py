"""Notifications as FCM and APNS get them, in the form SNS passes on.  Contract: devices.md, sections 12.4 and 12.5.

SNS takes a JSON object with a JSON text per platform; what is a header for APNS is a message attribute for SNS.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from functions.push.domain import Environment, Notification, Platform, Recipient, Registration, Text, content_for

_CHANNEL = "ENMESHED"
_ATTRIBUTE = "AWS.SNS.MOBILE"


@dataclass(frozen=True, slots=True)
class ProviderMessage:
    """`body` is SNS's `Message` with `MessageStructure` = json."""

    body: str = field(repr=False)
    attributes: Mapping[str, str]


def sns_platform(registration: Registration) -> str:
    """How SNS calls the provider."""
    if registration.platform is Platform.FCM:
        return "GCM"
    return "APNS_SANDBOX" if registration.environment is Environment.DEVELOPMENT else "APNS"


def message_for(notification: Notification, recipient: Recipient, *, sent_at: datetime) -> ProviderMessage:
    """What SNS shall bring to this device of FCM or APNS."""
    registration = recipient.device.registration
    text = notification.text_in(recipient.language)
    content = content_for(recipient.device, notification, sent_at=sent_at)
    if registration.platform is Platform.FCM:
        message = {"fcmV1Message": {"message": _fcm_message(text, content, notification.collapse_id)}}
        return ProviderMessage(_body("GCM", message, text), {})
    platform = sns_platform(registration)
    attributes = {
        f"{_ATTRIBUTE}.APNS.TOPIC": registration.app_id,
        f"{_ATTRIBUTE}.APNS.PUSH_TYPE": "alert",
        f"{_ATTRIBUTE}.APNS.PRIORITY": "5",
        f"{_ATTRIBUTE}.{platform}.TTL": "0",  # passed on as it is: now or never
    }
    if notification.collapse_id:
        attributes[f"{_ATTRIBUTE}.APNS.COLLAPSE_ID"] = notification.collapse_id
    return ProviderMessage(_body(platform, _apns_message(text, content), text), attributes)


def _fcm_message(text: Text, content: Mapping[str, Any] | None, collapse_id: str | None) -> dict[str, Any]:
    data = {"android_channel_id": _CHANNEL}
    if content is not None:
        data |= {"content": _json(content), "content-available": "1"}
    shown = {name: value for name, value in (("title", text.title), ("body", text.body)) if value.strip()}
    android: dict[str, Any] = {"notification": {"channel_id": _CHANNEL}}
    if collapse_id:
        android["notification"]["tag"] = collapse_id
        android["collapse_key"] = collapse_id
    return {"data": data, "notification": shown, "android": android}


def _apns_message(text: Text, content: Mapping[str, Any] | None) -> dict[str, Any]:
    available = "1" if content is not None else None
    return {
        "content": content,
        "aps": {"content-available": available, "alert": {"title": text.title, "body": text.body}},
    }


def _body(platform: str, message: Mapping[str, Any], text: Text) -> str:
    return _json({"default": text.title or text.body, platform: _json(message)})


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
