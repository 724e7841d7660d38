"""What docs/data-model.md says of the cost, measured on DynamoDB Local."""

import pytest

from backbone import clock
from backbone.events import EventEnvelope
from backbone.events.announcements import AnnouncementCreated, AnnouncementText
from backbone.events.devices import IdentityDeleted
from backbone.events.push import AnnouncementPageDue
from backbone.events.synchronization import DatawalletModified
from backbone.ids import AnnouncementId, DeviceId, IdentityDeletionProcessId
from functions.devices.domain import Identity
from functions.push.consumers import consumers
from functions.push.domain import Text, part_of
from functions.push.sending_store import SendingStore
from tests.support.api import InProcessApi, new_caller
from tests.support.engine import PUSH_APP_ID
from tests.support.metering import Meter, metered
from tests.unit.push.provider import Provider
from tests.unit.push.scenes import caller_of, device_of, registered, someone

pytestmark = [pytest.mark.local_dynamodb, pytest.mark.slow, pytest.mark.usefixtures("local_dynamodb")]
PATH = "/api/v2/Devices/Self/PushNotifications"
SENDING = ["Query", "Query", "UpdateItem", "UpdateItem"]
"""Registrations and devices at the same time; claim; settle."""


def datawallet(identity: Identity, index: int) -> EventEnvelope:
    event = DatawalletModified(identity=identity.address, modified_by_device=DeviceId.new(), index=index)
    return EventEnvelope.of(event, clock.now())


def handled(envelope: EventEnvelope) -> Meter:
    with metered() as meter:
        consumers.handle(envelope)
    return meter


def test_registering_is_one_write_and_one_for_the_index() -> None:
    api, caller = InProcessApi(["push"]), new_caller()
    body = {"platform": "fcm", "handle": "0123456789", "appId": PUSH_APP_ID}
    with metered() as first:
        assert api.put(PATH, body, caller=caller).status == 200
    with metered() as same:
        assert api.put(PATH, body, caller=caller).status == 200
    with metered() as other:
        assert api.put(PATH, {**body, "handle": "another handle"}, caller=caller).status == 200

    assert [meter.calls for meter in (first, same, other)] == [["UpdateItem"]] * 3
    assert [meter.write_units for meter in (first, same, other)] == [2, 1, 3]


def test_unregistering_is_one_write() -> None:
    api, device = InProcessApi(["push"]), registered(someone())
    caller = device_of(someone())
    with metered() as nothing:
        assert api.delete(PATH, caller=caller).status == 204
    with metered() as something:
        assert api.delete(PATH, caller=caller_of(device)).status == 204

    assert (nothing.calls, nothing.write_units) == (["DeleteItem"], 1)
    assert (something.calls, something.write_units) == (["DeleteItem"], 2)


def test_a_test_notification_is_one_write() -> None:
    api, caller = InProcessApi(["push"]), new_caller()
    with metered() as meter:
        assert api.post(f"{PATH}/SendTestNotification", {"a": 1}, caller=caller).status == 204

    assert (meter.calls, meter.write_units) == (["PutItem"], 1)


def test_a_push_is_two_queries_at_once_a_claim_and_a_note(sns: Provider) -> None:
    identity = someone()
    registered(identity)
    first = handled(datawallet(identity, 1))
    second = handled(datawallet(identity, 2))

    # The first one also makes the endpoint and remembers it.
    assert sorted(first.calls) == [*SENDING, "UpdateItem"]
    assert sorted(second.calls) == SENDING
    assert second.trips <= 4
    assert (first.write_units, second.write_units) == (3, 2)
    assert second.read_units == 1.5
    assert len(sns.pushed) == 2


def test_it_costs_the_same_for_more_devices_and_whatever_was_sent_before(sns: Provider) -> None:
    identity = someone()
    for _ in range(5):
        registered(identity)
    for index in range(4):
        handled(datawallet(identity, index))

    meter = handled(datawallet(identity, 9))

    assert sorted(meter.calls) == SENDING
    assert (meter.read_units, meter.write_units) == (1.5, 2)


def test_nobody_to_push_to_costs_two_reads(sns: Provider) -> None:
    identity = someone()
    device_of(identity)

    meter = handled(datawallet(identity, 1))

    assert meter.calls == ["Query", "Query"]
    assert meter.write_units == 0


def test_a_repeat_costs_a_write_that_fails(sns: Provider) -> None:
    identity = someone()
    registered(identity)
    envelope = datawallet(identity, 1)
    handled(envelope)

    again = handled(envelope)

    assert sorted(again.calls) == ["Query", "Query", "UpdateItem"]


def test_an_announcement_for_everybody_begins_with_one_write(sns: Provider) -> None:
    texts = [AnnouncementText(language="en", title="Hi", body="all")]
    event = AnnouncementCreated(id=AnnouncementId.new(), severity="High", is_silent=False, texts=texts, recipients=[])

    meter = handled(EventEnvelope.of(event, clock.now()))

    assert meter.calls == ["PutItem"]
    assert meter.write_units == 4  # 16 events of some 250 bytes


def test_a_page_of_it_is_a_read_a_query_two_batches_a_claim_and_a_note(sns: Provider) -> None:
    device = registered(someone())
    handled(_page(_campaign(), device.target))  # makes the endpoint

    meter = handled(_page(_campaign(), device.target))

    calls = ["GetItem", "Query", "BatchGetItem", "BatchGetItem", "UpdateItem", "UpdateItem"]
    assert meter.calls == calls
    assert (meter.read_units, meter.write_units) == (0.5 + 0.5 + 2, 2)


def _campaign() -> AnnouncementId:
    announcement_id = AnnouncementId.new()
    SendingStore().begin_campaign(announcement_id, {"en": Text("t", "b")}, [], now=clock.now())
    return announcement_id


def _page(announcement_id: AnnouncementId, target: str) -> EventEnvelope:
    return EventEnvelope.of(AnnouncementPageDue(announcement_id=announcement_id, part=part_of(target)), clock.now())


def test_forgetting_an_identity_costs_by_its_devices(sns: Provider) -> None:
    identity = someone("Deleting")
    for _ in range(3):
        registered(identity)
    event = IdentityDeleted(identity_address=identity.address, deletion_process_id=IdentityDeletionProcessId.new())

    meter = handled(EventEnvelope.of(event, clock.now()))

    assert sorted(meter.calls) == sorted([*SENDING, *["UpdateItem"] * 3, "GetItem", "BatchWriteItem", "PutItem"])
