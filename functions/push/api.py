"""Push registrations over HTTP.  Contract: devices.md, section 11."""

from backbone import clock
from backbone.caller import Caller
from backbone.events.push import NotificationTestRequested
from backbone.http import Api, NoContent
from backbone.settings import settings
from functions.push import domain
from functions.push.models import NotificationTestIn, RegisteredOut, RegisterIn
from functions.push.registration_store import RegistrationStore
from functions.push.sending_store import SendingStore, new_notification_id

api = Api("push")
registrations = RegistrationStore()
sendings = SendingStore()


@api.put("/api/v2/Devices/Self/PushNotifications")
def register_for_push(body: RegisterIn, caller: Caller) -> RegisteredOut:
    """Have notifications brought to this device.  A second registration replaces the first and keeps its identifier.

    Nothing is asked of the provider: SNS may be down.
    """
    registration = domain.check(body.registration(), settings().push_app_ids)
    return RegisteredOut.of(registrations.register(caller, registration, now=clock.now()))


@api.delete("/api/v2/Devices/Self/PushNotifications")
def unregister_from_push(caller: Caller) -> NoContent:
    """No notifications any more, also if there were none."""
    registrations.unregister(caller)
    return NoContent()


@api.post("/api/v2/Devices/Self/PushNotifications/SendTestNotification")
def send_test_notification(body: NotificationTestIn, caller: Caller) -> NoContent:
    """Ask for a push of any data to all own devices."""
    request = NotificationTestRequested(notification_id=new_notification_id(), identity=caller.address, data=body.data)
    sendings.request_test(request, now=clock.now())
    return NoContent()
