"""Recipients whose identity is deleted.  Contract: misc.md §2.2; events.md §6.3 and §9.4."""

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.dynamodb import Table
from backbone.events import EventEnvelope, carried_by
from backbone.events.devices import IdentityDeleted
from backbone.ids import IdentityDeletionProcessId
from backbone.settings import settings
from functions.announcements.consumers import consumers
from functions.announcements.store import AnnouncementStore
from tests.support.api import new_caller
from tests.support.builders import given_announcement

PROCESS = IdentityDeletionProcessId.new()
store = AnnouncementStore()


def _delete(caller: Caller) -> None:
    event = IdentityDeleted(identity_address=caller.address, deletion_process_id=PROCESS)
    consumers.handle(EventEnvelope.of(event, clock.now()))


@pytest.mark.usefixtures("engine")
def test_a_deleted_identity_is_no_recipient_and_nobody_else_becomes_one() -> None:
    """events.md §9.4: Deleting the recipient entry of an announcement that was addressed only to the deleted identity
    leaves it with zero recipients, i.e. visible to everybody. Avoid."""
    leaving, staying = new_caller(), new_caller()
    given_announcement(leaving.address)
    for_both = given_announcement(leaving.address, staying.address)

    _delete(leaving)

    assert store.visible_to(leaving.address, now=clock.now()) == []
    (seen,) = store.visible_to(staying.address, now=clock.now())
    assert (seen.id, seen.recipients) == (for_both.id, {staying.address})


@pytest.mark.usefixtures("moto")
def test_it_says_so_at_the_end_and_says_it_again_when_asked_again() -> None:
    """events.md §6.3: DataDeleted entry `AnnouncementRecipients`"""
    for _ in range(2):
        _delete(new_caller())
        mark = Table(settings().announcements_table).get({"pk": f"DELETED#{PROCESS}", "sk": "DELETED"})
        (told,) = carried_by(mark)
        assert (told.payload["service"], told.payload["aggregates"]) == ("announcements", ["AnnouncementRecipients"])
