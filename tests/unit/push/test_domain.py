"""The rules of push.  Contract: devices.md, sections 11 and 12.1."""

from datetime import UTC, datetime

import pytest

from backbone.ids import DeviceId, DevicePushIdentifier
from functions.push import notifications
from functions.push.domain import (
    MAX_BODY_BYTES,
    MAX_TITLE_BYTES,
    PARTS,
    Environment,
    Notification,
    Platform,
    Recipient,
    RegisteredDevice,
    Registration,
    Text,
    UnsupportedAppId,
    check,
    content_for,
    distinct,
    part_of,
    recipients_of,
)
from functions.push.texts import TEXTS
from tests.support.api import new_caller

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
APPS = {"fcm": ("app",), "apns": ("other",)}


def device(platform: Platform = Platform.FCM, handle: str = "a handle of a phone") -> RegisteredDevice:
    return RegisteredDevice(
        new_caller().address,
        DeviceId.new(),
        DevicePushIdentifier.new(),
        Registration(platform, "app", handle=handle),
        NOW,
    )


def to(*devices: RegisteredDevice) -> list[Recipient]:
    return [Recipient(each, "en") for each in devices]


@pytest.mark.parametrize("platform", [Platform.FCM, Platform.APNS])
def test_accounts_on_the_same_phone_get_one_message(platform: Platform) -> None:
    """devices.md §12.1: Registrations with an identical handle on the same platform get **one** message per send"""
    one, other, elsewhere = device(platform), device(platform), device(platform, "another handle")

    assert [each.device for each in distinct(to(one, other, elsewhere))] == [one, elsewhere]


def test_the_same_handle_on_another_platform_is_another_phone() -> None:
    """devices.md §12.1: identical handle on the same platform"""
    recipients = to(device(Platform.FCM), device(Platform.APNS))

    assert distinct(recipients) == recipients


@pytest.mark.parametrize("platform", [Platform.SSE, Platform.DUMMY])
def test_listeners_are_never_taken_for_each_other(platform: Platform) -> None:
    """events.md §7.5: A new implementation should support several connections per identity and deliver to each"""
    recipients = to(device(platform, ""), device(platform, ""))

    assert distinct(recipients) == recipients


def test_one_device_can_be_left_out_and_unknown_ones_are() -> None:
    """devices.md §12.1: Recipients = all devices of the given identities, minus excluded devices"""
    first, excluded, gone = device(), device(), device()
    languages = {first.device_id: "de", excluded.device_id: "en"}

    assert recipients_of([first, excluded, gone], languages, without=excluded.device_id) == [Recipient(first, "de")]


@pytest.mark.parametrize(("language", "title"), [("de", "Titel"), ("en", "Title"), ("fr", "Title")])
def test_texts_are_in_the_language_of_the_device_or_in_english(language: str, title: str) -> None:
    """devices.md §12.1: Text language = the device's communicationLanguage; other languages fall back to `en`"""
    notification = Notification("X", {"en": Text("Title", "Body"), "de": Text("Titel", "Text")})

    assert notification.text_in(language).title == title


@pytest.mark.parametrize("event_name", TEXTS)
def test_every_event_has_texts_in_four_languages(event_name: str) -> None:
    """devices.md §12.1: texts exist in `en` (default), `de`, `pt`, `it`"""
    texts = TEXTS[event_name]

    assert set(texts) == {"en", "de", "pt", "it"}
    assert all(text.title.strip() and text.body.strip() for text in texts.values())
    assert all(
        len(text.title.encode()) <= MAX_TITLE_BYTES and len(text.body.encode()) <= MAX_BODY_BYTES
        for text in texts.values()
    )


@pytest.mark.parametrize("letter", ["a", "ä", "€", "😀"])
def test_long_texts_are_cut_between_characters(letter: str) -> None:
    """Both providers take 4 KB in all; an announcement may have more."""
    text = Notification("X", {"en": Text(letter * 5000, letter * 5000)}).text_in("en")

    assert text.title.endswith(f"{letter}…")
    assert text.body.rstrip("…").strip(letter) == ""
    assert MAX_TITLE_BYTES - 4 < len(text.title.encode()) <= MAX_TITLE_BYTES
    assert MAX_BODY_BYTES - 4 < len(text.body.encode()) <= MAX_BODY_BYTES


def test_the_content_object_names_the_account_by_its_push_identifier() -> None:
    """devices.md §12.3: accRef, devicePushIdentifier, eventName, sentAt, payload"""
    recipient = device()

    assert content_for(recipient, notifications.grace_period_reminder(5), sent_at=NOW) == {
        "accRef": recipient.address,
        "devicePushIdentifier": recipient.device_push_identifier,
        "eventName": "DeletionProcessGracePeriodReminder",
        "sentAt": "2026-01-02T03:04:05.678Z",
        "payload": {"daysUntilDeletion": 5},
    }


def test_a_configured_text_has_no_content() -> None:
    """devices.md §12.6: Message has only title/body and the collapse id; no content object"""
    notification = notifications.configured("TestCode", {"en": Text("t", "b")})

    assert content_for(device(), notification, sent_at=NOW) is None
    assert notification.collapse_id == "notification_TestCode"


@pytest.mark.parametrize(("platform", "app"), [(Platform.FCM, "other"), (Platform.APNS, "app"), (Platform.FCM, "APP")])
def test_apps_without_credentials_are_refused(platform: Platform, app: str) -> None:
    """devices.md §11: For fcm/apns an `appId` without configured credentials: 400 `error.platform.unsupportedAppId`"""
    with pytest.raises(UnsupportedAppId):
        check(Registration(platform, app, handle="0123456789"), APPS)


@pytest.mark.parametrize("platform", [Platform.DUMMY, Platform.SSE])
def test_other_platforms_need_no_credentials_and_no_handle(platform: Platform) -> None:
    """devices.md §11: handle: also for dummy and sse, where it is then discarded"""
    registration = check(Registration(platform, "any", Environment.DEVELOPMENT, "0123456789"), APPS)

    assert registration == Registration(platform, "any", Environment.DEVELOPMENT)


def test_targets_are_spread_over_all_parts() -> None:
    parts = {part_of(device(handle=f"handle {number}").target) for number in range(300)}

    assert parts == set(PARTS)


def test_handles_do_not_show_in_targets_and_logs() -> None:
    """§ Security: what identifies a phone stands in one place"""
    registered = device(handle="a secret handle")

    assert "secret" not in registered.target
    assert "secret" not in repr(registered)
