"""What Push does about events: notifications.  Contract: devices.md, section 12.2; events.md, sections 3.2 and 3.3."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from backbone import clock
from backbone.addresses import Address
from backbone.consumers import Consumers
from backbone.events import EventEnvelope
from backbone.events.announcements import AnnouncementCreated
from backbone.events.deletion import IdentityDataDeleted
from backbone.events.devices import (
    BackupDeviceUsed,
    DeletionGracePeriodReminderDue,
    IdentityDeleted,
    IdentityDeletionCancelled,
    IdentityToBeDeleted,
    NotificationRequested,
)
from backbone.events.push import AnnouncementPageDue, NotificationTestRequested
from backbone.events.synchronization import DatawalletModified, ExternalEventCreated
from backbone.events.texts import TextInLanguage
from backbone.events.tokens import TokenLocked
from backbone.ids import DeviceId
from backbone.observability import logger
from backbone.readmodels.devices import DevicesView, devices_of
from functions.push import notifications, sender
from functions.push.domain import PARTS, Notification, Platform, Recipient, RegisteredDevice, Text, recipients_of
from functions.push.mailbox_store import MailboxStore
from functions.push.registration_store import RegistrationStore
from functions.push.sender import PushFailed
from functions.push.sending_store import SendingStore

PAGE_SIZE = 100
_READERS = 16

consumers = Consumers("push")
registrations = RegistrationStore()
sendings = SendingStore()
mailboxes = MailboxStore()


@dataclass(frozen=True, slots=True)
class _Identity:
    """An identity with its registered devices."""

    devices: DevicesView
    registered: list[RegisteredDevice]

    def recipients(self, *, without: DeviceId | None = None) -> list[Recipient]:
        return recipients_of(self.registered, self.devices.languages, without=without)


def _identity(address: Address) -> _Identity:
    """2 queries at the same time (1.5 RCU)."""
    with ThreadPoolExecutor(max_workers=1) as other:
        devices = other.submit(devices_of, address)
        registered = registrations.of_identity(address)
        return _Identity(devices.result(), registered)


def _notify(
    address: Address,
    notification: Notification,
    envelope: EventEnvelope,
    *,
    without: DeviceId | None = None,
    only_if_active: bool = False,
) -> None:
    identity = _identity(address)
    if identity.devices.was_there(envelope.time) and (identity.devices.is_active or not only_if_active):
        recipients = identity.recipients(without=without)
        sender.send(notification, recipients, event_id=envelope.id, now=clock.now())


def _notify_all(addresses: Iterable[Address], notification: Notification, envelope: EventEnvelope) -> None:
    """One send: whoever shares a phone with another gets one notification."""
    with ThreadPoolExecutor(max_workers=_READERS) as readers:
        identities = list(readers.map(_identity, dict.fromkeys(addresses)))
    present = (identity for identity in identities if identity.devices.was_there(envelope.time))
    recipients = [recipient for identity in present for recipient in identity.recipients()]
    sender.send(notification, recipients, event_id=envelope.id, now=clock.now())


def _texts(texts: Iterable[TextInLanguage]) -> Mapping[str, Text]:
    return {text.language: Text(text.title, text.body) for text in texts}


@consumers.on(ExternalEventCreated)
def push_external_event(event: ExternalEventCreated, envelope: EventEnvelope) -> None:
    """Not if its delivery is blocked, and not to an identity that is to be deleted."""
    if not event.is_delivery_blocked:
        _notify(event.owner, notifications.external_event_created(), envelope, only_if_active=True)


@consumers.on(DatawalletModified)
def push_datawallet(event: DatawalletModified, envelope: EventEnvelope) -> None:
    """To all other devices, whatever the status of the identity."""
    notification = notifications.datawallet_modified(event.modified_by_device)
    _notify(event.identity, notification, envelope, without=event.modified_by_device)


@consumers.on(TokenLocked)
def push_token_locked(event: TokenLocked, envelope: EventEnvelope) -> None:
    """To its creator, if there is one who stays."""
    if event.created_by is not None:
        _notify(event.created_by, notifications.token_locked(), envelope, only_if_active=True)


@consumers.on(BackupDeviceUsed)
def push_backup_device_used(event: BackupDeviceUsed, envelope: EventEnvelope) -> None:
    """To all devices, this one included."""
    _notify(event.identity_address, notifications.backup_device_used(), envelope)


@consumers.on(IdentityToBeDeleted)
def push_deletion_started(event: IdentityToBeDeleted, envelope: EventEnvelope) -> None:
    """To all own devices, the acting one included."""
    _notify(event.identity_address, notifications.deletion_process_started(), envelope)


@consumers.on(IdentityDeletionCancelled)
def push_deletion_cancelled(event: IdentityDeletionCancelled, envelope: EventEnvelope) -> None:
    """To all own devices, the acting one included."""
    _notify(event.identity_address, notifications.deletion_process_cancelled(), envelope)


@consumers.on(DeletionGracePeriodReminderDue)
def push_reminder(event: DeletionGracePeriodReminderDue, envelope: EventEnvelope) -> None:
    """To all devices."""
    _notify(event.identity_address, notifications.grace_period_reminder(event.days_until_deletion), envelope)


@consumers.on(NotificationTestRequested)
def push_test(event: NotificationTestRequested, envelope: EventEnvelope) -> None:
    """To all own devices, the acting one included."""
    _notify(event.identity, notifications.test_of(event.data), envelope)


@consumers.on(NotificationRequested)
def push_configured_text(event: NotificationRequested, envelope: EventEnvelope) -> None:
    """To all devices of all recipients, except by SSE, which brings no texts."""
    _notify_all(event.recipients, notifications.configured(event.code, _texts(event.texts)), envelope)


@consumers.on(AnnouncementCreated)
def push_announcement(event: AnnouncementCreated, envelope: EventEnvelope) -> None:
    """To its recipients at once, to everybody bit by bit; not if it is silent."""
    if event.is_silent:
        return
    texts = _texts(event.texts)
    if event.recipients:
        _notify_all(event.recipients, notifications.new_announcement(event.id, texts), envelope)
    else:
        pages = [AnnouncementPageDue(announcement_id=event.id, part=part) for part in PARTS]
        sendings.begin_campaign(event.id, texts, pages, now=clock.now())


@consumers.on(AnnouncementPageDue)
def push_announcement_page(event: AnnouncementPageDue, envelope: EventEnvelope) -> None:
    """To the next recipients of a part; the page after it is told by the write that says that this one is done."""
    texts = sendings.texts_of_campaign(event.announcement_id)
    if texts is None:
        return
    page = registrations.page(event.part, event.after, size=PAGE_SIZE)
    following = AnnouncementPageDue(announcement_id=event.announcement_id, part=event.part, after=page.last)
    sender.send(
        notifications.new_announcement(event.announcement_id, texts),
        page.recipients,
        event_id=envelope.id,
        then=[following] if page.last else [],
        now=clock.now(),
    )


@consumers.on(IdentityDeleted)
def forget_identity(event: IdentityDeleted, envelope: EventEnvelope) -> None:
    """Its devices hear of it and are forgotten; that they cannot be reached stops no deletion."""
    if not registrations.has_confirmed(event.deletion_process_id):
        _forget(event.identity_address, envelope)
    confirmation = IdentityDataDeleted(
        identity_address=event.identity_address,
        deletion_process_id=event.deletion_process_id,
        service="push",
        aggregates=("PnsRegistrations",),
    )
    registrations.confirm_deletion(confirmation, now=clock.now())


def _forget(address: Address, envelope: EventEnvelope) -> None:
    identity = _identity(address)
    try:
        recipients = identity.recipients()
        sender.send(notifications.deletion_starts(), recipients, event_id=envelope.id, now=clock.now())
    except PushFailed:
        logger.warning("deletion goes on without push", event_id=613184)
    registrations.delete_all(identity.registered)
    for device in identity.registered:
        if device.platform is Platform.SSE:
            mailboxes.remove(device.device_id)
