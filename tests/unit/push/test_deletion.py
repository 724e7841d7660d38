"""The registrations of a deleted identity.  Contract: events.md, section 6.3; devices.md, section 12.2."""

import pytest

from backbone import clock
from backbone.dynamodb import Table
from backbone.events import carried_by
from backbone.events.devices import IdentityDeleted
from backbone.ids import IdentityDeletionProcessId
from backbone.settings import settings
from functions.devices.domain import Identity
from functions.push.domain import Platform
from functions.push.mailbox_store import MailboxStore
from functions.push.sending_store import CLAIMED_FOR
from tests.support.api import InProcessApi
from tests.support.crashes import died, until_it_lives
from tests.unit.devices.journeys import let_time_pass
from tests.unit.push.provider import Provider
from tests.unit.push.scenes import device_of, handle_of, happens, registered, registrations, someone
from tests.unit.push.sse import listen

PROCESS = IdentityDeletionProcessId.new()


def deleted(identity: Identity, process: IdentityDeletionProcessId = PROCESS) -> IdentityDeleted:
    return IdentityDeleted(identity_address=identity.address, deletion_process_id=process)


@pytest.mark.usefixtures("engine")
def test_they_hear_of_it_and_go_and_all_others_stay(sns: Provider) -> None:
    """devices.md §12.2: `DeletionStarts`: all devices"""
    leaving, staying = someone("Deleting"), someone()
    devices = [registered(leaving) for _ in range(3)]
    registered(leaving, platform=Platform.DUMMY)
    other = registered(staying)

    happens(deleted(leaving))

    assert registrations.of_identity(leaving.address) == []
    assert registrations.of_identity(staying.address) == [other]
    assert sns.handles() == sorted(map(handle_of, devices))
    assert set(sns.events) == {"DeletionStarts"}


@pytest.mark.usefixtures("engine")
def test_it_says_so_at_the_end_and_says_it_again_when_asked_again(sns: Provider) -> None:
    """events.md §6.3: DataDeleted entry `PnsRegistrations`"""
    identity = someone("Deleting")
    registered(identity)

    for _ in range(2):
        happens(deleted(identity))
        mark = Table(settings().push_table).get({"pk": f"DELETED#{PROCESS}", "sk": "DELETED"}) or {}
        (told,) = carried_by(mark)
        assert (told.name, told.payload["service"]) == ("IdentityDataDeleted", "push")
        assert told.payload["aggregates"] == ["PnsRegistrations"]
        assert mark["ttl"] > clock.epoch_seconds(clock.now())

    assert len(sns.pushed) == 1


@pytest.mark.usefixtures("moto")
def test_who_cannot_be_reached_stops_no_deletion(sns: Provider) -> None:
    identity = someone("Deleting")
    device = registered(identity)
    sns.failing.add(handle_of(device))

    happens(deleted(identity))

    assert registrations.of_identity(identity.address) == []
    assert Table(settings().push_table).get({"pk": f"DELETED#{PROCESS}", "sk": "DELETED"}) is not None


def test_mailboxes_go_too(sns: Provider, api: InProcessApi) -> None:
    identity = someone("Deleting")
    caller = device_of(identity)
    listen(api, caller)
    assert MailboxStore().peek(caller.device_id) is not None

    happens(deleted(identity))

    assert MailboxStore().peek(caller.device_id) is None
    assert registrations.of_identity(identity.address) == []


@pytest.mark.usefixtures("moto")
def test_an_identity_without_registrations_is_done_at_once(sns: Provider) -> None:
    happens(deleted(someone("Deleting")))

    assert Table(settings().push_table).get({"pk": f"DELETED#{PROCESS}", "sk": "DELETED"}) is not None
    assert sns.pushed == []


@pytest.mark.usefixtures("moto")
def test_a_crash_between_any_two_calls_only_delays_it(sns: Provider, api: InProcessApi) -> None:
    staying = someone()
    kept = registered(staying)
    for call in until_it_lives():
        leaving = someone("Deleting")
        registered(leaving)
        registered(leaving, platform=Platform.DUMMY)
        event = deleted(leaving, IdentityDeletionProcessId.new())

        crashed = died(call, lambda gone=event: happens(gone))  # type: ignore[misc]  # a default argument
        with pytest.MonkeyPatch.context() as later:  # the claim of the one that died is over
            let_time_pass(later, CLAIMED_FOR)
            happens(event)

        assert registrations.of_identity(leaving.address) == []
        if not crashed:
            break
    assert registrations.of_identity(staying.address) == [kept]
