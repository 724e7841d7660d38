"""How one request of a listening device is answered.

Connecting registers the device for server-sent events and is answered at once, so that the client sees its connection
open.  The client comes back with the position it has reached; then the answer waits for news, up to the configured
time.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from backbone import clock
from backbone.caller import Caller
from backbone.dynamodb import batch_get
from backbone.settings import settings
from functions.push.domain import Platform, Registration
from functions.push.mailbox_store import MailboxStore
from functions.push.registration_store import RegistrationStore, registration_key
from functions.push.sse_domain import (
    CONNECTION_OPENED,
    EXTERNAL_EVENT_CREATED,
    KEEP_ALIVE,
    Mailbox,
    Position,
    is_to_be_renewed,
    open_mailbox,
)

Events = Sequence[tuple[Position | None, str]]
Sleep = Callable[[float], None]

APP_ID = "sse-client"
GATHERING_SECONDS = 0.1
"""Several events in a row are told in one answer."""

mailboxes = MailboxStore()
registrations = RegistrationStore()


def answer(
    caller: Caller, last_event_id: str, *, asked_at: datetime | None = None, sleep: Sleep = time.sleep
) -> Events:
    """The events to tell.  2 RCU, plus 0.5 RCU per look while waiting, plus 1 WCU about once a minute.

    The gateway's patience begins when it is asked, so does the waiting, however long the function took to start.
    """
    mailbox = _mailbox_of_registered(caller)
    if mailbox is None:
        return _connect(caller, was_connected=bool(last_event_id))
    position = Position.parse(last_event_id)
    if position is None or not mailbox.knows(position):
        return _connect_again(caller, mailbox, was_connected=bool(last_event_id))
    if not _is_present(caller, mailbox, position.number):
        return _connect(caller, was_connected=True)
    passed = clock.now() - asked_at if asked_at else timedelta()
    return _wait(caller, mailbox, position, _wait_time() - max(passed, timedelta()), sleep)


def _mailbox_of_registered(caller: Caller) -> Mailbox | None:
    """The mailbox, if it is to this device that events go by way of it.  1 batch get (2 RCU)."""
    registration, mailbox = batch_get(
        (mailboxes.table, registration_key(caller.address, caller.device_id)),
        (mailboxes.table, mailboxes.key(caller.device_id)),
    )
    if registration is None or registration["platform"] != Platform.SSE or mailbox is None:
        return None
    return mailboxes.mailbox_of(mailbox)


def _connect(caller: Caller, *, was_connected: bool) -> Events:
    """A new mailbox and a new registration, in this order: who finds the registration finds the mailbox.  2 writes.

    A client that believes it has been connected all the time may have missed something, so it is sent to look.
    """
    now = clock.now()
    mailbox = open_mailbox(now=now, wait=_wait_time())
    mailboxes.open(caller.device_id, mailbox)
    registrations.register(caller, Registration(Platform.SSE, APP_ID), now=now)
    beginning = Position(mailbox.id, mailbox.last)
    return [(beginning, CONNECTION_OPENED), *([(beginning, EXTERNAL_EVENT_CREATED)] if was_connected else [])]


def _connect_again(caller: Caller, mailbox: Mailbox, *, was_connected: bool) -> Events:
    """The device is connected, but this client does not know up to where, or no longer.  1 write."""
    read = max(mailbox.read, mailbox.first - 1)
    if not _is_present(caller, mailbox, read, renew=True):
        return _connect(caller, was_connected=was_connected)
    unread: list[tuple[Position | None, str]] = list(mailbox.after(read))
    if was_connected and EXTERNAL_EVENT_CREATED not in (name for _, name in unread):
        unread.append((Position(mailbox.id, mailbox.last), EXTERNAL_EVENT_CREATED))
    return [(Position(mailbox.id, read), CONNECTION_OPENED), *unread]


def _is_present(caller: Caller, mailbox: Mailbox, read: int, *, renew: bool = False) -> bool:
    """Whether it is known that the client is there; written down if it is time or if there is more that it has read."""
    now, wait = clock.now(), _wait_time()
    if not renew and read <= mailbox.read and not is_to_be_renewed(mailbox, now=now, wait=wait):
        return True
    return mailboxes.renew(caller.device_id, mailbox, read=read, now=now, wait=wait)


def _wait(caller: Caller, mailbox: Mailbox, position: Position, patience: timedelta, sleep: Sleep) -> Events:
    """What comes after this position, as soon as there is something."""
    deadline = time.monotonic() + patience.total_seconds()
    pause = settings().sse_poll_milliseconds / 1000
    unread = mailbox.after(position.number)
    while not unread:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return [(position, KEEP_ALIVE)]
        sleep(min(pause, remaining))
        current = mailboxes.peek(caller.device_id)
        if current is None or current.id != mailbox.id:
            # Removed or replaced: the next request finds out.  A replica that lags behind would be no harm.
            return [(position, KEEP_ALIVE)]
        unread = current.after(position.number)
        if unread:
            sleep(GATHERING_SECONDS)
            gathered = mailboxes.peek(caller.device_id)
            if gathered is not None and gathered.id == mailbox.id:
                unread = max(unread, gathered.after(position.number), key=len)
    return unread


def _wait_time() -> timedelta:
    return timedelta(seconds=settings().sse_wait_seconds)
