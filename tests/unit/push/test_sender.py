"""Sending: once per event, again only to those who got nothing, and what failures mean.  Contract: devices.md §12.1."""

from datetime import datetime, timedelta

import pytest

from backbone import clock
from backbone.dynamodb import Item, Table
from backbone.events import carried_by
from backbone.events.push import AnnouncementPageDue
from backbone.ids import AnnouncementId
from backbone.settings import settings
from functions.push import notifications, sender
from functions.push.domain import Platform, Recipient, RegisteredDevice
from functions.push.sender import PushFailed
from functions.push.sending_store import CLAIMED_FOR, SendingInProgress, SendingStore
from tests.unit.push.provider import Provider
from tests.unit.push.scenes import again, caller_of, handle_of, registered, registrations, someone

pytestmark = pytest.mark.usefixtures("moto")
EVENT = "an event"


def send(*devices: RegisteredDevice, now: datetime | None = None, event_id: str = EVENT) -> None:
    recipients = [Recipient(device, "en") for device in devices]
    sender.send(notifications.token_locked(), recipients, event_id=event_id, now=now or clock.now())


def test_an_event_that_comes_twice_is_sent_once(sns: Provider) -> None:
    device = registered(someone())

    send(device)
    send(device)

    assert sns.handles() == [handle_of(device)]


def test_another_event_is_sent_again(sns: Provider) -> None:
    device = registered(someone())

    send(device, event_id="one")
    send(device, event_id="other")

    assert len(sns.pushed) == 2


def test_nobody_to_notify_costs_nothing(sns: Provider) -> None:
    send()

    assert Table(settings().push_table).get({"pk": f"SENT#{EVENT}", "sk": "S"}) is None


def test_who_got_it_does_not_get_it_again_when_another_failed(sns: Provider) -> None:
    """§12.1 (4) says that other failures are not tried again; here the event comes again, for those that failed."""
    identity = someone()
    reached, unreachable = registered(identity), registered(identity)
    sns.failing.add(handle_of(unreachable))

    with pytest.raises(PushFailed):
        send(reached, unreachable)
    assert sns.handles() == [handle_of(reached)]
    with pytest.raises(PushFailed):
        send(reached, unreachable)
    assert sns.handles() == [handle_of(reached)]
    sns.failing.clear()
    send(reached, unreachable)
    send(reached, unreachable)

    assert sns.handles() == sorted([handle_of(reached), handle_of(unreachable)])


def test_a_failure_removes_no_registration(sns: Provider) -> None:
    device = registered(someone())
    sns.failing.add(handle_of(device))

    with pytest.raises(PushFailed):
        send(device)

    assert again(device) is not None


def test_an_invalid_handle_removes_the_registration(sns: Provider) -> None:
    """events.md §10: invalid push handle -> registration deleted"""
    device, other = registered(someone()), registered(someone())
    send(device)
    known = again(device)
    assert known is not None
    assert known.endpoint_arn is not None
    sns.disable(known.endpoint_arn)

    send(known, other, event_id="another")

    assert again(device) is None
    assert again(other) is not None
    assert sns.handles() == sorted([handle_of(device), handle_of(other)])


def test_a_registration_that_was_renewed_meanwhile_stays(sns: Provider) -> None:
    device = registered(someone())
    send(device)
    known = again(device)
    assert known is not None
    assert known.endpoint_arn is not None
    sns.disable(known.endpoint_arn)
    later = known.registered_at + timedelta(milliseconds=1)
    registrations.register(caller_of(device), device.registration, now=later)

    send(known, event_id="another")

    renewed = again(device)
    assert renewed is not None
    send(renewed, event_id="a third one")  # heals the endpoint
    assert len(sns.pushed) == 2


def test_an_endpoint_is_made_at_the_first_push_and_used_from_then_on(sns: Provider) -> None:
    device = registered(someone())
    assert sns.endpoints() == []

    send(device, event_id="one")
    known = again(device)
    assert known is not None
    send(known, event_id="other")

    assert sns.endpoints() == [known.endpoint_arn]
    assert [each.endpoint_arn for each in sns.pushed] == [known.endpoint_arn] * 2


def test_an_endpoint_that_is_gone_is_made_again(sns: Provider) -> None:
    """Another account on the same phone has unregistered."""
    device = registered(someone())
    send(device, event_id="one")
    known = again(device)
    assert known is not None
    assert known.endpoint_arn is not None
    sender.endpoints.delete(known.endpoint_arn)

    send(known, event_id="other")

    assert len(sns.pushed) == 2
    healed = again(device)
    assert healed is not None
    assert [healed.endpoint_arn] == sns.endpoints()


def test_an_app_without_credentials_holds_up_nobody(sns: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """devices.md §12.1 (5): app id no longer configured.  Nothing is tried again: it would fail again."""
    device = registered(someone())
    monkeypatch.setenv("BACKBONE_PUSH_APP_IDS", '{"fcm": []}')
    settings.cache_clear()

    send(device)

    assert sns.pushed == []
    assert again(device) is not None


def test_dummies_get_nothing_and_stay(sns: Provider) -> None:
    """devices.md §12.7: Nothing is sent; success is logged"""
    device = registered(someone(), platform=Platform.DUMMY)

    send(device)

    assert sns.pushed == []
    assert again(device) is not None


def test_a_listener_that_has_gone_loses_its_registration(sns: Provider) -> None:
    """devices.md §12.8: If an event is to be sent and the identity has no open connection, the registration is
    deleted"""
    device = registered(someone(), platform=Platform.SSE)

    send(device)

    assert again(device) is None


def test_who_is_late_waits_for_who_was_first(sns: Provider) -> None:
    device, now = registered(someone()), clock.now()
    assert SendingStore().claim(EVENT, now=now) is not None

    with pytest.raises(SendingInProgress):
        send(device, now=now + CLAIMED_FOR - timedelta(seconds=1))
    send(device, now=now + CLAIMED_FOR)  # who was first has died

    assert len(sns.pushed) == 1


def test_nothing_is_begun_when_the_time_is_over(sns: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that hangs must not keep a batch of events for longer than a function runs."""
    device = registered(someone())
    monkeypatch.setattr(sender, "_SECONDS_PER_EVENT", -1)
    with pytest.raises(PushFailed):
        send(device)
    assert sns.pushed == []
    monkeypatch.undo()

    send(device)

    assert len(sns.pushed) == 1


def test_what_comes_then_is_told_whether_all_were_reached_or_not(sns: Provider) -> None:
    device = registered(someone())
    sns.failing.add(handle_of(device))
    following = AnnouncementPageDue(announcement_id=AnnouncementId.new(), part="a", after="b")

    def attempt() -> None:
        recipients = [Recipient(device, "en")]
        sender.send(notifications.token_locked(), recipients, event_id=EVENT, then=[following], now=clock.now())

    told = []
    with pytest.raises(PushFailed):
        attempt()
    told.append(_told())
    sns.failing.clear()
    attempt()
    told.append(_told())

    assert told == [[following.event_id]] * 2  # the same id: nobody hears it twice


def test_notes_of_what_was_sent_go_after_two_days_and_of_what_was_not_after_a_month(sns: Provider) -> None:
    reached, unreachable, now = registered(someone()), registered(someone()), clock.now()
    sns.failing.add(handle_of(unreachable))

    send(reached, event_id="sent")
    with pytest.raises(PushFailed):
        send(unreachable, event_id="unsent")

    days = [(_note(name)["ttl"] - clock.epoch_seconds(now)) / 86400 for name in ("sent", "unsent")]
    assert [round(each) for each in days] == [2, 30]
    assert _note("unsent")["left"] == {unreachable.target}
    assert handle_of(unreachable) not in repr(_note("unsent"))


def _note(event_id: str) -> Item:
    return Table(settings().push_table).get({"pk": f"SENT#{event_id}", "sk": "S"}) or {}


def _told() -> list[str]:
    return [event.id for event in carried_by(_note(EVENT))]
