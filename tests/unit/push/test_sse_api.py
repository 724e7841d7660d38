"""Server-sent events through the API in this process."""

import re
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.ids import DeviceId
from backbone.settings import Settings, settings
from functions.push import sse_connection
from functions.push.domain import Environment, Platform, RegisteredDevice, Registration
from functions.push.mailbox_store import MailboxStore
from functions.push.registration_store import RegistrationStore
from functions.push.sse_domain import GONE_AFTER
from tests.support.api import InProcessApi, new_caller
from tests.unit.push.sse import events_of, listen, names, post

pytestmark = pytest.mark.slow
BOTH_PATHS = pytest.mark.parametrize("path", ["/api/v1/sse", "/api/v2/sse"])


@pytest.fixture(autouse=True)
def no_waiting(moto: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A request that would wait for events is answered at once; tests that want to wait say how long."""
    monkeypatch.setenv("BACKBONE_SSE_WAIT_SECONDS", "0")
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def waiting(no_waiting: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKBONE_SSE_WAIT_SECONDS", "5")
    monkeypatch.setenv("BACKBONE_SSE_POLL_MILLISECONDS", "50")
    settings.cache_clear()


def registration_of(caller: Caller) -> RegisteredDevice | None:
    registered = RegistrationStore().of_identity(caller.address)
    return next((device for device in registered if device.device_id == caller.device_id), None)


@BOTH_PATHS
def test_connecting_is_answered_at_once(api: InProcessApi, path: str) -> None:
    """events.md §10: GET /api/v1/sse and /api/v2/sse with token -> 200 text/event-stream, first event ConnectionOpened;
    without -> 401.

    devices.md §16: SSE connect -> `ConnectionOpened`; message to the identity -> event `ExternalEventCreated`; works on
    /api/v1/sse and /api/v2/sse"""
    answer = api.get(path, caller=new_caller())

    (event,) = events_of(answer)
    assert (event.name, event.data) == ("ConnectionOpened", "_")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["connection"] == "keep-alive"


@BOTH_PATHS
@pytest.mark.parametrize("token", [None, "garbage"])
def test_strangers_do_not_listen(api: InProcessApi, path: str, token: str | None) -> None:
    """events.md §10: GET /api/v1/sse and /api/v2/sse [...] without -> 401.

    events.md §7.3: 401 (empty body) without valid token."""
    answer = api.get(path, token=token)

    assert (answer.status, answer.body) == (401, "")


def test_connecting_registers_the_device(api: InProcessApi) -> None:
    """events.md §7.3: The calling device's push registration is created: platform `sse`, app id `sse-client`,
    environment Production."""
    caller = new_caller()

    listen(api, caller)

    device = registration_of(caller)
    assert device is not None
    assert device.registration == Registration(Platform.SSE, "sse-client", Environment.PRODUCTION)
    assert re.fullmatch(r"DPI[a-zA-Z0-9]{17}", device.device_push_identifier)


def test_connecting_overwrites_a_registration_and_keeps_its_identifier(api: InProcessApi) -> None:
    """devices.md §12.8: registers the token's device for platform `sse` as if by PUT PushNotifications (this overwrites
    an fcm/apns registration of that device)"""
    caller = new_caller()
    before = RegistrationStore().register(caller, Registration(Platform.DUMMY, "app"), now=clock.now())

    listen(api, caller)

    after = registration_of(caller)
    assert after is not None
    assert (after.platform, after.device_push_identifier) == (Platform.SSE, before.device_push_identifier)


def test_coming_back_is_told_what_came_meanwhile(api: InProcessApi) -> None:
    """events.md §10: external event for a connected identity -> `event: ExternalEventCreated` + `data: _` within
    seconds."""
    caller = new_caller()
    opened = listen(api, caller)
    post(caller)
    post(caller, "NewAnnouncement")

    events = listen(api, caller, opened)

    assert names(events) == ["ExternalEventCreated", "NewAnnouncement"]
    assert {event.data for event in events} == {"_"}


def test_without_news_there_is_a_keep_alive(api: InProcessApi) -> None:
    """events.md §10: idle stream -> keep-alive at least every 240 s."""
    caller = new_caller()
    opened = listen(api, caller)

    again = listen(api, caller, opened)

    assert names(again) == ["keep-alive"]
    assert again[-1].id == opened[-1].id
    assert Settings.model_fields["sse_wait_seconds"].default <= 240


def test_each_event_is_told_once_however_often_the_client_comes_back(api: InProcessApi) -> None:
    caller = new_caller()
    events = listen(api, caller)
    told = []
    for burst in range(40):
        for number in range(burst % 4):
            post(caller, f"{burst}.{number}")
        events = listen(api, caller, events)
        told += [event.name for event in events if event.name != "keep-alive"]

    assert told == [f"{burst}.{number}" for burst in range(40) for number in range(burst % 4)]


def test_an_answer_that_got_lost_is_given_again(api: InProcessApi) -> None:
    caller = new_caller()
    opened = listen(api, caller)
    post(caller)

    lost, second = listen(api, caller, opened), listen(api, caller, opened)

    assert lost == second
    assert names(second) == ["ExternalEventCreated"]


def test_news_end_the_waiting(api: InProcessApi, waiting: None) -> None:
    caller = new_caller()
    opened = listen(api, caller)
    threading.Timer(0.3, lambda: post(caller)).start()

    began = time.monotonic()
    events = listen(api, caller, opened)

    assert names(events) == ["ExternalEventCreated"]
    assert time.monotonic() - began < 3


def test_a_burst_is_told_in_one_answer(api: InProcessApi, waiting: None) -> None:
    caller = new_caller()
    opened = listen(api, caller)

    def sleep(seconds: float) -> None:
        post(caller)  # one before the answer is seen, one while it is gathered

    events = sse_connection.answer(caller, opened[-1].id, sleep=sleep)

    assert [name for _, name in events] == ["ExternalEventCreated"] * 2


def test_waiting_ends_in_time_for_the_gateway_even_if_it_began_late(api: InProcessApi, waiting: None) -> None:
    caller = new_caller()
    opened = listen(api, caller)

    began = time.monotonic()
    events = sse_connection.answer(caller, opened[-1].id, asked_at=clock.now() - timedelta(seconds=4.7))

    assert [name for _, name in events] == ["keep-alive"]
    assert time.monotonic() - began < 4


def test_waiting_ends_when_the_mailbox_has_gone(api: InProcessApi, waiting: None) -> None:
    caller = new_caller()
    opened = listen(api, caller)

    def sleep(seconds: float) -> None:
        MailboxStore().remove(caller.device_id)

    events = sse_connection.answer(caller, opened[-1].id, sleep=sleep)

    assert [name for _, name in events] == ["keep-alive"]
    assert names(listen(api, caller, opened)) == ["ConnectionOpened", "ExternalEventCreated"]


def test_several_devices_of_an_identity_listen_at_once(api: InProcessApi) -> None:
    """events.md §7.5: A new implementation should support several connections per identity and deliver to each"""
    first = new_caller()
    second = Caller(first.address, DeviceId.new(), first.client_id)
    positions = {caller: listen(api, caller) for caller in (first, second)}

    for caller in (first, second):
        assert post(caller, event_id="the same event")

    for caller in (first, second):
        assert names(listen(api, caller, positions[caller])) == ["ExternalEventCreated"]
    assert len(RegistrationStore().of_identity(first.address)) == 2


def test_two_streams_of_one_device_do_not_rob_each_other(api: InProcessApi) -> None:
    caller = new_caller()
    first = listen(api, caller)
    second = listen(api, caller)
    for _ in range(3):
        post(caller)

        first, second = listen(api, caller, first), listen(api, caller, second)

        assert names(first) == names(second) == ["ExternalEventCreated"]


@pytest.mark.parametrize("foreign", ["garbage", "0", "abcdefghij-1", "\x00", "x" * 5000, "ümläut"])
def test_an_unknown_position_is_a_new_connection_of_a_client_that_may_have_missed_something(
    api: InProcessApi, foreign: str
) -> None:
    caller = new_caller()

    for _ in ("not connected", "connected"):
        events = listen(api, caller, foreign)

        assert names(events) == ["ConnectionOpened", "ExternalEventCreated"]
        assert names(listen(api, caller, events)) == ["keep-alive"]


def test_a_new_stream_is_told_what_the_last_one_has_not_read(api: InProcessApi) -> None:
    caller = new_caller()
    opened = listen(api, caller)
    post(caller, "read")
    read = listen(api, caller, opened)
    listen(api, caller, read)
    post(caller, "unread")

    assert names(listen(api, caller)) == ["ConnectionOpened", "unread"]


def test_a_client_that_stays_away_is_not_registered_any_more_once_there_is_news(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """events.md §10: after disconnect the device has no push registration.

    Nobody notices that a client does not come back; the first event after two minutes finds it gone."""
    caller = new_caller()
    opened = listen(api, caller)
    later = clock.now() + GONE_AFTER + timedelta(seconds=1)
    device = registration_of(caller)
    assert device is not None

    assert not MailboxStore().post(device, event_name="ExternalEventCreated", event_id="1", now=later)
    assert RegistrationStore().forget(device)

    assert registration_of(caller) is None
    assert names(listen(api, caller, opened)) == ["ConnectionOpened", "ExternalEventCreated"]
    assert registration_of(caller) is not None


def test_a_client_that_comes_back_meanwhile_stays_registered(api: InProcessApi) -> None:
    caller = new_caller()
    listen(api, caller)
    seen = registration_of(caller)
    assert seen is not None
    MailboxStore().post(seen, event_name="E", event_id="1", now=clock.now() + timedelta(minutes=5))
    time.sleep(0.002)  # registrations are told apart by milliseconds

    listen(api, caller)

    assert not RegistrationStore().forget(seen)
    assert post(caller)


def test_a_client_that_lost_its_registration_gets_it_back(api: InProcessApi) -> None:
    caller = new_caller()
    opened = listen(api, caller)
    RegistrationStore().register(caller, Registration(Platform.DUMMY, "app"), now=clock.now())

    events = listen(api, caller, opened)

    device = registration_of(caller)
    assert device is not None
    assert device.platform is Platform.SSE
    assert names(events) == ["ConnectionOpened", "ExternalEventCreated"]


def test_whatever_happens_a_registered_client_is_not_told_to_give_up(
    api: InProcessApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """events.md §7.6: 204 or any non-200, or other content type: closes for good"""
    caller = new_caller()
    opened = listen(api, caller)
    post(caller)

    with monkeypatch.context() as broken:
        broken.setattr(sse_connection, "batch_get", lambda *_: 1 / 0)
        in_trouble = api.get("/api/v2/sse", caller=caller, headers={"Last-Event-ID": opened[-1].id})

    assert names(events_of(in_trouble)) == ["keep-alive"]
    assert "id:" not in in_trouble.body
    assert in_trouble.body.startswith("retry: 5000\n")
    assert names(listen(api, caller, opened)) == ["ExternalEventCreated"]


def test_clients_do_not_all_come_back_at_the_same_moment(api: InProcessApi) -> None:
    pauses = {api.get("/api/v2/sse", caller=new_caller()).body.partition("\n")[0] for _ in range(8)}

    assert len(pauses) > 1
    assert all(187 <= int(pause.removeprefix("retry: ")) <= 313 for pause in pauses)
