"""From what somebody does to what the devices of others are told.  Contract: events.md, sections 5 and 10."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from backbone import clock
from functions.devices import configuration as texts
from functions.devices.deletion_jobs import delete_due, remind
from functions.devices.domain import Identity
from tests.support.api import InProcessApi
from tests.support.builders import PASSWORD, given_announcement, given_client, given_device, given_relationship
from tests.unit.devices.journeys import FORM
from tests.unit.messages.journeys import post as send_message
from tests.unit.push.bus import Bus
from tests.unit.push.provider import Provider
from tests.unit.push.scenes import again, caller_of, handle_of, registered, registrations, someone
from tests.unit.synchronization.steps import given_upgrade, modification
from tests.unit.synchronization.steps import push as push_modifications
from tests.unit.tokens.scenes import get as get_token
from tests.unit.tokens.scenes import given_failed_attempts, given_token

pytestmark = pytest.mark.slow
PROCESSES = "/api/v2/Identities/Self/DeletionProcesses"


@pytest.fixture
def bus(sns: Provider) -> Bus:
    given_client()
    return Bus()


def told(sns: Provider) -> list[tuple[str, str]]:
    """Who got what, and forget it."""
    found = sorted((each.content["accRef"], each.content["eventName"]) for each in sns.pushed)
    sns.pushed.clear()
    return found


def two(bus: Bus, status: str = "Active") -> tuple[Identity, Identity]:
    """Two identities who know each other; that is no news any more."""
    alice, bob = someone(), someone()
    given_relationship(alice.address, bob.address, status)
    bus.deliver()
    return alice, bob


def test_a_message_is_news_for_all_devices_of_the_recipient(api: InProcessApi, sns: Provider, bus: Bus) -> None:
    """events.md §10: message in Active relationship -> recipient: one MessageReceived; push ExternalEventCreated to all
    recipient devices; none to sender"""
    alice, bob = two(bus)
    phone = registered(alice)
    for _ in range(2):
        registered(bob)

    assert send_message(api, caller_of(phone), bob.address).status == 201
    bus.deliver()

    assert told(sns) == [(bob.address, "ExternalEventCreated")] * 2


def test_a_message_that_is_held_back_is_no_news_until_the_relationship_is_accepted(
    api: InProcessApi, sns: Provider, bus: Bus
) -> None:
    """devices.md §12.2: not if the event is flagged delivery-blocked"""
    alice, bob = someone(), someone()
    relationship = given_relationship(alice.address, bob.address, "Pending")
    bus.deliver()
    requestor, acceptor = registered(alice), registered(bob)

    assert send_message(api, caller_of(requestor), bob.address).status == 201
    bus.deliver()
    assert told(sns) == []

    accept = f"/api/v2/Relationships/{relationship.id}/Accept"
    assert api.put(accept, {"creationResponseContent": "AA"}, caller=caller_of(acceptor)).status == 200
    bus.deliver()
    assert set(told(sns)) == {(alice.address, "ExternalEventCreated"), (bob.address, "ExternalEventCreated")}


def test_a_datawallet_is_news_for_the_other_devices(api: InProcessApi, sns: Provider, bus: Bus) -> None:
    """events.md §5: push datawallet -> push DatawalletModificationsCreated (not the acting device)"""
    alice = someone()
    acting, other = registered(alice), registered(alice)
    given_upgrade(api, caller_of(acting))
    answer = push_modifications(api, caller_of(acting), -1, modification())
    bus.deliver()

    assert answer.status == 201
    (pushed,) = sns.pushed
    assert sns.handles() == [handle_of(other)]
    assert pushed.content["payload"] == {"createdByDevice": acting.device_id}


def test_the_deletion_of_an_identity_from_beginning_to_end(
    api: InProcessApi, sns: Provider, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """devices.md §12.2: DeletionProcessStarted, DeletionProcessCancelledByOwner, DeletionProcessGracePeriodReminder,
    DeletionStarts: all own devices incl. caller; events.md §5: each peer: PeerToBeDeleted … + push"""
    monkeypatch.setattr("functions.relationships.consumers.time.sleep", lambda _: None)  # no index lags here
    alice, bob = two(bus)
    devices = [registered(alice) for _ in range(2)]
    registered(bob)
    peer = (bob.address, "ExternalEventCreated")

    def mine(name: str) -> list[tuple[str, str]]:
        return [(alice.address, name)] * len(devices)

    process = api.post(PROCESSES, {"lengthOfGracePeriodInDays": 4.5}, caller=caller_of(devices[0])).result
    bus.deliver()
    assert told(sns) == sorted([*mine("DeletionProcessStarted"), peer])

    remind(now=clock.now()).check()
    bus.deliver()
    assert {each.content["payload"]["daysUntilDeletion"] for each in sns.pushed} == {5}
    assert told(sns) == mine("DeletionProcessGracePeriodReminder")

    api.put(f"{PROCESSES}/{process['id']}/Cancel", caller=caller_of(devices[1]))
    bus.deliver()
    assert told(sns) == sorted([*mine("DeletionProcessCancelledByOwner"), peer])

    api.post(PROCESSES, {"lengthOfGracePeriodInDays": -1}, caller=caller_of(devices[0]))
    bus.deliver()
    told(sns)
    delete_due(now=clock.now(), tokens_valid_for=timedelta(0)).check()
    assert "IdentityDataDeleted" in bus.deliver()
    assert [name for address, name in told(sns) if address == alice.address] == ["DeletionStarts"] * 2
    assert registrations.of_identity(alice.address) == []


def test_the_first_log_in_of_a_backup_device_is_told(api: InProcessApi, sns: Provider, bus: Bus) -> None:
    """events.md §10: login with backup device -> one BackupDeviceUsed push; second login -> none"""
    alice = someone()
    registered(alice)
    backup = given_device(alice, is_backup_device=True)
    form = {"grant_type": "password", "client_id": "test", "client_secret": "test", "password": PASSWORD}
    body = urlencode({**form, "username": backup.user.username}).encode()

    for expected in ([(alice.address, "BackupDeviceUsed")], []):
        assert api.post("/connect/token", body=body, headers=FORM).status == 200
        bus.deliver()
        assert told(sns) == expected


def test_a_locked_token_is_told_twice(api: InProcessApi, sns: Provider, bus: Bus) -> None:
    """events.md §5: 100th wrong token password: creator: TokenLocked external event + pushes ExternalEventCreated and
    TokenLocked"""
    alice = someone()
    creator = caller_of(registered(alice))
    token_id = given_token(api, creator, password="AAAA")
    given_failed_attempts(token_id, 99)
    bus.deliver()
    told(sns)

    get_token(api, token_id, caller_of(registered(someone())), "BBBB")
    bus.deliver()

    assert told(sns) == [(alice.address, "ExternalEventCreated"), (alice.address, "TokenLocked")]


def test_announcements_reach_everybody_or_their_recipients(api: InProcessApi, sns: Provider, bus: Bus) -> None:
    """events.md §5: admin creates announcement (not silent): push NewAnnouncement; no external event"""
    alice, bob = someone(), someone()
    registered(alice)
    registered(bob)

    given_announcement(is_silent=True)
    bus.deliver()
    assert told(sns) == []
    given_announcement(alice.address)
    bus.deliver()
    assert told(sns) == [(alice.address, "NewAnnouncement")]
    given_announcement()
    names = bus.deliver()

    assert told(sns) == sorted([(alice.address, "NewAnnouncement"), (bob.address, "NewAnnouncement")])
    assert "ExternalEventCreated" not in names


def test_a_test_notification_reaches_all_own_devices(api: InProcessApi, sns: Provider, bus: Bus) -> None:
    """devices.md §11: Sends push `Test` with payload `{"data": <body>}` to all devices of the own identity"""
    alice = someone()
    devices = [registered(alice) for _ in range(2)]
    registered(someone())

    path = "/api/v2/Devices/Self/PushNotifications/SendTestNotification"
    assert api.post(path, {"A": [1]}, caller=caller_of(devices[0])).status == 204
    bus.deliver()

    assert {each.content["accRef"] for each in sns.pushed} == {alice.address}
    assert [each.content["payload"] for each in sns.pushed] == [{"data": {"A": [1]}}] * 2


@pytest.fixture
def _configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    file = tmp_path / "configuration.json"
    translations = {"en": {"Title": "t", "Body": "b"}, "de": {"Title": "T", "Body": "B"}}
    file.write_text(json.dumps({texts.SECTIONS[0]: {"Texts": [{"Code": "TestCode", "Translations": translations}]}}))
    monkeypatch.setattr(texts, "FILE", file)
    texts.notification_texts.cache_clear()
    yield
    texts.notification_texts.cache_clear()


@pytest.mark.usefixtures("_configured")
def test_a_notification_brings_its_configured_text(api: InProcessApi, sns: Provider, bus: Bus) -> None:
    """devices.md §16: Active relationship, code `TestCode` -> 204; §12.6: Texts come from server configuration"""
    alice, bob = two(bus)
    sender = registered(alice)
    registered(bob, language="de")

    body = {"recipients": [bob.address], "code": "TestCode"}
    assert api.post("/api/v2/Notifications", body, caller=caller_of(sender)).status == 204
    bus.deliver()

    (pushed,) = sns.pushed
    assert (pushed.text, pushed.content) == (("T", "B"), None)


def test_a_phone_that_is_gone_is_forgotten(api: InProcessApi, sns: Provider, bus: Bus) -> None:
    """events.md §10: invalid push handle -> registration deleted"""
    alice, bob = two(bus)
    phone, sender = registered(bob), caller_of(registered(alice))
    send_message(api, sender, bob.address)
    bus.deliver()
    (endpoint_arn,) = sns.endpoints()
    sns.disable(endpoint_arn)

    send_message(api, sender, bob.address)
    bus.deliver()

    assert again(phone) is None
    assert len(sns.pushed) == 1
