"""Sends notifications, each device once.  Contract: devices.md, section 12.1.

An event may arrive twice and half of a sending may fail.  So who sends claims the event first and notes what is left at
the end; the next attempt goes on from there.  A device whose provider says that its handle is invalid loses its
registration; any other failure lets the event come again.
"""

import time
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from backbone import clock, metrics
from backbone.events import DomainEvent
from backbone.observability import logger
from functions.push.domain import Notification, Platform, Recipient, RegisteredDevice, distinct
from functions.push.endpoint_store import (
    AppNotConfigured,
    EndpointGone,
    EndpointStore,
    InvalidHandle,
    MessageTooLarge,
)
from functions.push.mailbox_store import MailboxStore
from functions.push.provider_messages import message_for
from functions.push.registration_store import RegistrationStore
from functions.push.sending_store import SendingStore

_AT_ONCE = 16
_SECONDS_PER_EVENT = 20
"""Afterwards nothing is begun any more, even if SNS is down; what is left comes again with the event."""


class PushFailed(Exception):
    """Some devices could not be notified; the event comes again."""


registrations = RegistrationStore()
endpoints = EndpointStore()
mailboxes = MailboxStore()
sendings = SendingStore()


def send(
    notification: Notification,
    recipients: Iterable[Recipient],
    *,
    event_id: str,
    then: Sequence[DomainEvent] = (),
    now: datetime,
) -> None:
    """Notify these devices because of this event, unless that has been done; afterwards tell what comes `then`.

    Nothing is written when there is nobody to notify.  Raises `PushFailed` or `SendingInProgress`.
    """
    wanted = distinct(recipients)
    if not wanted and not then:
        return
    claim = sendings.claim(event_id, now=now)
    if claim is None:
        return
    failed = _send_all(notification, [each for each in wanted if claim.includes(each.device.target)], event_id)
    if failed:
        sendings.give_up(claim, failed, then=then, now=clock.now())
        raise PushFailed(f"{len(failed)} of {len(wanted)} devices could not be notified")
    sendings.settle(claim, then=then, now=clock.now())


def _send_all(notification: Notification, recipients: Collection[Recipient], event_id: str) -> list[str]:
    """The targets that could not be reached."""

    deadline = time.monotonic() + _SECONDS_PER_EVENT

    def reached(recipient: Recipient) -> bool:
        return time.monotonic() < deadline and _reach(notification, recipient, event_id)

    if not recipients:
        return []
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(recipients))) as threads:
        outcomes = list(threads.map(reached, recipients))
    return [each.device.target for each, outcome in zip(recipients, outcomes, strict=True) if not outcome]


def _reach(notification: Notification, recipient: Recipient, event_id: str) -> bool:
    """Whether this device needs no further attempt."""
    device, name = recipient.device, notification.event_name or "Notification"
    try:
        sent = _bring(notification, recipient, event_id)
    except InvalidHandle:
        registrations.forget(device)
        logger.info("push registration removed", event_id=613180, platform=str(device.platform))
        return True
    except (AppNotConfigured, MessageTooLarge) as problem:
        metrics.push_failed(name, str(device.platform))
        reason = type(problem).__name__
        logger.error("push impossible", event_id=613181, event_name=name, platform=str(device.platform), reason=reason)
        return True
    except Exception:
        metrics.push_failed(name, str(device.platform))
        logger.exception("push failed", event_id=613182, event_name=name, platform=str(device.platform))
        return False
    if sent:
        metrics.push_sent(name, str(device.platform))
        logger.info("push sent", event_id=613183, event_name=name, platform=str(device.platform))
    return True


def _bring(notification: Notification, recipient: Recipient, event_id: str) -> bool:
    """Hand it to whoever brings it to the device; False when it is none for this platform."""
    device = recipient.device
    if device.platform is Platform.DUMMY:
        return True  # nothing is sent (section 12.7)
    if device.platform is Platform.SSE:
        return _post(notification, device, event_id)
    message = message_for(notification, recipient, sent_at=clock.now())
    if device.endpoint_arn:
        try:
            endpoints.publish(device.endpoint_arn, message)
        except EndpointGone:
            pass  # deleted with another registration of the same phone
        else:
            return True
    endpoint_arn = endpoints.create(device.registration)
    registrations.remember_endpoint(device, endpoint_arn)
    endpoints.publish(endpoint_arn, message)
    return True


def _post(notification: Notification, device: RegisteredDevice, event_id: str) -> bool:
    if notification.event_name is None:
        return False
    connected = mailboxes.post(device, event_name=notification.event_name, event_id=event_id, now=clock.now())
    if not connected:
        raise InvalidHandle
    return True
