"""Notifications over HTTP.  Contract: devices.md, section 12.6."""

from typing import Annotated

from pydantic import AfterValidator

from backbone import clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.events.devices import NotificationRequested
from backbone.http import Api, NoContent, RequestModel
from backbone.rules import broken_rule
from functions.devices import notifications
from functions.devices.configuration import notification_texts
from functions.devices.models import NotEmpty
from functions.devices.notification_store import NotificationStore, new_notification_id

notifications_api = Api("devices")
store = NotificationStore()


def _right_number(recipients: tuple[Address, ...]) -> tuple[Address, ...]:
    if not 1 <= len(recipients) <= notifications.MAX_RECIPIENTS:
        raise broken_rule(f"There must be 1 to {notifications.MAX_RECIPIENTS} recipients.")
    return recipients


class SendNotificationIn(RequestModel):
    """Body of POST /Notifications."""

    recipients: Annotated[tuple[Address, ...], AfterValidator(_right_number)]
    code: NotEmpty


@notifications_api.post("/api/v2/Notifications")
def send_notification(body: SendNotificationIn, caller: Caller) -> NoContent:
    """Ask for a push of a configured text to all devices of some of the caller's peers."""
    recipients = tuple(dict.fromkeys(body.recipients))
    configured, now = notification_texts(), clock.now()
    notifications.check(store.statuses(caller.address, recipients, now=now), body.code, configured)
    request = NotificationRequested(
        notification_id=new_notification_id(),
        code=body.code,
        recipients=recipients,
        texts=configured[body.code].in_all_languages(),
    )
    store.add(request, now=now)
    return NoContent()
