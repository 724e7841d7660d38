"""Which event notifies whom of what.  Contract: devices.md, sections 12.2 and 16; events.md, sections 3.2, 3.3, 10."""

from collections.abc import Callable
from typing import Any

import pytest

from backbone import clock
from backbone.addresses import Address
from backbone.events import DomainEvent, EventEnvelope
from backbone.events.announcements import AnnouncementCreated, AnnouncementText
from backbone.events.devices import (
    BackupDeviceUsed,
    DeletionGracePeriodReminderDue,
    IdentityDeletionCancelled,
    IdentityToBeDeleted,
    NotificationRequested,
)
from backbone.events.push import NotificationTestRequested
from backbone.events.synchronization import DatawalletModified, ExternalEventCreated
from backbone.events.texts import TextInLanguage
from backbone.events.tokens import TokenLocked
from backbone.ids import AnnouncementId, DeviceId, ExternalEventId, IdentityDeletionProcessId, TokenId
from backbone.invocations import InvocationFailed
from functions.push.consumers import consumers
from functions.push.domain import Environment, Platform
from functions.push.handler import consume
from functions.push.mailbox_store import MailboxStore
from tests.support.api import InProcessApi, new_caller
from tests.unit.push.provider import Provider
from tests.unit.push.scenes import (
    again,
    device_of,
    handle_of,
    happens,
    new_handle,
    of_device,
    registered,
    someone,
)
from tests.unit.push.sse import listen, names

pytestmark = pytest.mark.usefixtures("moto")
PROCESS = IdentityDeletionProcessId.new()
ANNOUNCEMENT = AnnouncementId.new()
DEVICE = DeviceId.new()
NOW = clock.now()


def external_event(owner: Address, *, blocked: bool = False) -> DomainEvent:
    return ExternalEventCreated(external_event_id=ExternalEventId.new(), owner=owner, is_delivery_blocked=blocked)


def datawallet(identity: Address, by: DeviceId = DEVICE) -> DomainEvent:
    return DatawalletModified(identity=identity, modified_by_device=by, index=1)


def token_locked(owner: Address | None) -> DomainEvent:
    return TokenLocked(token_id=TokenId.new(), created_by=owner)


def backup_used(address: Address) -> DomainEvent:
    return BackupDeviceUsed(identity_address=address, device_id=DEVICE)


def started(address: Address) -> DomainEvent:
    return IdentityToBeDeleted(identity_address=address, deletion_process_id=PROCESS, grace_period_ends_at=NOW)


def cancelled(address: Address) -> DomainEvent:
    return IdentityDeletionCancelled(identity_address=address, deletion_process_id=PROCESS)


def reminder(address: Address) -> DomainEvent:
    return DeletionGracePeriodReminderDue(
        identity_address=address, deletion_process_id=PROCESS, reminder=1, days_until_deletion=12
    )


def wanted_as_test(address: Address) -> DomainEvent:
    return NotificationTestRequested(notification_id="n", identity=address, data={"someKey": [1, None]})


def announced(*recipients: Address, silent: bool = False) -> DomainEvent:
    texts = [
        AnnouncementText(language="en", title="Hi", body="all"),
        AnnouncementText(language="de", title="Hallo", body="du"),
    ]
    return AnnouncementCreated(
        id=ANNOUNCEMENT, severity="High", is_silent=silent, texts=texts, recipients=list(recipients)
    )


def requested(*recipients: Address) -> DomainEvent:
    texts = (TextInLanguage(language="en", title="t", body="b"), TextInLanguage(language="de", title="T", body="B"))
    return NotificationRequested(notification_id="n", code="TestCode", recipients=recipients, texts=texts)


CATALOGUE: list[tuple[Callable[[Address], DomainEvent], str, dict[str, Any], str | None]] = [
    (datawallet, "DatawalletModificationsCreated", {"createdByDevice": DEVICE}, "DatawalletModified"),
    (external_event, "ExternalEventCreated", {}, "ExternalEventCreated"),
    (started, "DeletionProcessStarted", {}, None),
    (cancelled, "DeletionProcessCancelledByOwner", {}, None),
    (reminder, "DeletionProcessGracePeriodReminder", {"daysUntilDeletion": 12}, None),
    (backup_used, "BackupDeviceUsed", {}, None),
    (token_locked, "TokenLocked", {}, None),
    (announced, "NewAnnouncement", {"announcementId": ANNOUNCEMENT}, None),
    (wanted_as_test, "Test", {"data": {"someKey": [1, None]}}, None),
]


@pytest.mark.parametrize(("raised", "event_name", "payload", "collapse_id"), CATALOGUE)
def test_the_catalogue(
    sns: Provider,
    raised: Callable[[Address], DomainEvent],
    event_name: str,
    payload: dict[str, Any],
    collapse_id: str | None,
) -> None:
    """devices.md §12.2: event name, payload, collapse id; events.md §4"""
    identity = someone()
    phone = registered(identity)
    apple = registered(identity, platform=Platform.APNS, language="de", environment=Environment.DEVELOPMENT)
    registered(someone())

    happens(raised(identity.address))

    assert sns.handles() == sorted([handle_of(phone), handle_of(apple)])
    for pushed in sns.pushed:
        assert pushed.content["eventName"] == event_name
        assert pushed.content["payload"] == payload
        assert pushed.content["accRef"] == identity.address
    by_platform = {pushed.sns_platform: pushed for pushed in sns.pushed}
    fcm, apns = by_platform["GCM"], by_platform["APNS_SANDBOX"]
    assert fcm.content["devicePushIdentifier"] == phone.device_push_identifier
    assert fcm.body["fcmV1Message"]["message"]["android"].get("collapse_key") == collapse_id
    assert apns.attributes.get("AWS.SNS.MOBILE.APNS.COLLAPSE_ID") == collapse_id
    assert fcm.text != apns.text or event_name == "Test"  # in different languages


@pytest.mark.parametrize("status", ["ToBeDeleted", "Deleting"])
@pytest.mark.parametrize("raised", [external_event, token_locked])
def test_an_identity_on_its_way_out_hears_no_news(
    sns: Provider, raised: Callable[[Address], DomainEvent], status: str
) -> None:
    """devices.md §16: External event for an identity in ToBeDeleted -> no push"""
    identity = someone(status)
    registered(identity)

    happens(raised(identity.address))

    assert sns.pushed == []


@pytest.mark.parametrize("raised", [datawallet, backup_used, started, cancelled, reminder, announced, wanted_as_test])
def test_it_hears_everything_else(sns: Provider, raised: Callable[[Address], DomainEvent]) -> None:
    """events.md §10: identity ToBeDeleted -> no ExternalEventCreated push, but DatawalletModificationsCreated pushes
    go on"""
    identity = someone("ToBeDeleted")
    registered(identity)

    happens(raised(identity.address))

    assert len(sns.pushed) == 1


def test_a_blocked_event_is_no_news(sns: Provider) -> None:
    """devices.md §12.2: not if the event is flagged delivery-blocked"""
    identity = someone()
    registered(identity)

    happens(external_event(identity.address, blocked=True))

    assert sns.pushed == []


def test_the_modifying_device_knows_already(sns: Provider) -> None:
    """devices.md §16: Datawallet push goes to all devices but the modifying one; events.md §10: datawallet push ->
    DatawalletModificationsCreated to other devices only, payload createdByDevice"""
    identity = someone()
    modifying, *others = [registered(identity) for _ in range(3)]

    happens(datawallet(identity.address, modifying.device_id))

    assert sns.handles() == sorted(map(handle_of, others))
    assert {each.content["payload"]["createdByDevice"] for each in sns.pushed} == {modifying.device_id}


def test_an_anonymous_token_has_nobody_to_tell(sns: Provider) -> None:
    """events.md §10: 100th wrong token password -> TokenLocked for creator once; anonymous token -> none"""
    happens(token_locked(None))

    assert sns.pushed == []


@pytest.mark.parametrize("raised", [raised for raised, *_ in CATALOGUE])
def test_a_device_without_registration_is_no_mistake(sns: Provider, raised: Callable[[Address], DomainEvent]) -> None:
    """devices.md §12.1: Devices without registration get nothing"""
    identity = someone()
    device_of(identity)

    happens(raised(identity.address))
    happens(raised(new_caller().address))

    assert sns.pushed == []


@pytest.mark.parametrize("raised", [raised for raised, *_ in CATALOGUE])
def test_an_event_that_comes_twice_notifies_once(sns: Provider, raised: Callable[[Address], DomainEvent]) -> None:
    """docs/events.md: effects happen once"""
    identity = someone()
    registered(identity)
    envelope = EventEnvelope.of(raised(identity.address), NOW)

    consumers.handle(envelope)
    consumers.handle(envelope)

    assert len(sns.pushed) == 1


def test_a_silent_announcement_is_not_pushed(sns: Provider) -> None:
    """events.md §10: silent announcement -> no push; with recipients -> only their devices"""
    identity, other = someone(), someone()
    registered(identity)
    registered(other)

    happens(announced(identity.address, silent=True))
    assert sns.pushed == []
    happens(announced(identity.address))

    assert [each.content["accRef"] for each in sns.pushed] == [identity.address]


def test_an_announcement_is_told_in_the_language_of_the_device(sns: Provider) -> None:
    """admin-api.md §12.4: in the device's communication language, falling back to `en`"""
    identity = someone()
    for language in ("en", "de", "fr"):
        registered(identity, language=language)

    happens(announced(identity.address))

    assert sorted(each.text for each in sns.pushed) == [("Hallo", "du"), ("Hi", "all"), ("Hi", "all")]


def test_accounts_on_one_phone_get_an_announcement_once(sns: Provider) -> None:
    """devices.md §12.1: Registrations with an identical handle on the same platform get one message per send"""
    handle, identities = new_handle(), [someone() for _ in range(3)]
    for identity in identities:
        registered(identity, handle)

    happens(announced(*(identity.address for identity in identities)))

    assert sns.handles() == [handle]


def test_a_configured_text_is_all_there_is(sns: Provider) -> None:
    """devices.md §12.6: No content object; FCM, APNS (and dummy) only; collapse id `notification_<code>`"""
    one, other = someone(), someone()
    registered(one)
    registered(other, platform=Platform.APNS, language="de")
    registered(other, platform=Platform.DUMMY)

    happens(requested(one.address, other.address, one.address))

    assert [each.content for each in sns.pushed] == [None, None]
    assert sorted(each.text for each in sns.pushed) == [("T", "B"), ("t", "b")]
    collapsed = [
        each.body["fcmV1Message"]["message"]["android"]["collapse_key"]
        for each in sns.pushed
        if each.sns_platform == "GCM"
    ]
    assert collapsed == ["notification_TestCode"]


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKBONE_SSE_WAIT_SECONDS", "0")


@pytest.mark.usefixtures("_impatient")
def test_listeners_hear_events_but_no_texts(sns: Provider, api: InProcessApi) -> None:
    """devices.md §12.8: event name of the catalogue; notifications of POST /Notifications are not sent"""
    identity = someone()
    callers = [device_of(identity) for _ in range(2)]
    heard = [listen(api, caller) for caller in callers]
    platforms = [device.platform for device in map(of_device, callers) if device]
    assert platforms == [Platform.SSE] * 2

    happens(requested(identity.address))
    happens(external_event(identity.address))

    for caller, opened in zip(callers, heard, strict=True):
        assert names(listen(api, caller, opened)) == ["ExternalEventCreated"]
    assert sns.pushed == []


def test_a_listener_that_is_not_there_loses_its_registration(sns: Provider) -> None:
    """devices.md §12.1: A provider answer "invalid/unregistered handle" (SSE client not connected) deletes that
    registration"""
    identity = someone()
    device = registered(identity, platform=Platform.SSE)

    happens(external_event(identity.address))

    assert again(device) is None
    assert MailboxStore().peek(device.device_id) is None


def test_an_event_that_failed_fails_its_invocation_and_is_done_when_it_comes_again(sns: Provider) -> None:
    """docs/events.md: a failed invocation is repeated"""
    identity = someone()
    device = registered(identity)
    sns.failing.add(handle_of(device))
    event = {"detail": EventEnvelope.of(token_locked(identity.address), clock.now()).to_dict()}

    with pytest.raises(InvocationFailed):
        consume(event, None)
    sns.failing.clear()
    consume(event, None)

    assert sns.handles() == [handle_of(device)]
