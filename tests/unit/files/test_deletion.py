"""What is left of the files of a deleted identity.  Contract: files.md, section 6; events.md, section 6.3."""

import pytest

from backbone import clock
from backbone.addresses import anonymised_address
from backbone.caller import Caller
from backbone.dynamodb import Table
from backbone.events import EventEnvelope, carried_by
from backbone.events.devices import IdentityDeleted
from backbone.http import Page
from backbone.ids import IdentityDeletionProcessId
from backbone.settings import settings
from functions.files import domain
from functions.files.consumers import consumers
from functions.files.deletion_store import DeletionStore
from functions.files.domain import File
from functions.files.store import FileStore
from tests.support.api import new_caller
from tests.support.engine import DOMAIN
from tests.unit.files.test_store import claimed, given_file, item_of

pytestmark = pytest.mark.usefixtures("engine")

PROCESS = IdentityDeletionProcessId("IDP" + "0" * 17)
PSEUDONYM = anonymised_address(DOMAIN)
store = FileStore()


def delete(caller: Caller) -> None:
    """What the bus brings when an identity is deleted."""
    event = IdentityDeleted(identity_address=caller.address, deletion_process_id=PROCESS)
    consumers.handle(EventEnvelope.of(event, clock.now()))


def test_owned_files_go_and_others_lose_its_name() -> None:
    """files.md Checklist: identity deletion removes owned files incl. blobs and anonymises `createdBy` on files owned
    by others (the blobs function removes the objects of items that go, see test_crash_safety.py)"""
    alice, bob = new_caller(), new_caller()
    own, given_away, received, foreign = (given_file(caller) for caller in (alice, alice, bob, bob))
    claimed(given_away, bob)
    claimed(received, alice)

    for _ in range(2):
        delete(alice)

    assert [item_of(file) is None for file in (own, given_away, received, foreign)] == [True, False, True, False]
    left = store.get(given_away.id, now=clock.now()).file
    assert (left.created_by, left.modified_by, left.owner) == (PSEUDONYM, PSEUDONYM, bob.address)
    assert left.created_by_device == alice.device_id
    assert store.find_all_of(alice.address, Page(1, 50), now=clock.now()).items == []
    assert store.get(foreign.id, now=clock.now()).file == foreign


def test_a_file_claimed_meanwhile_is_not_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = new_caller(), new_caller()
    file = given_file(alice)
    deletions = DeletionStore()
    listed = list(deletions._created_by(alice.address))
    claimed(file, bob)
    monkeypatch.setattr(DeletionStore, "_created_by", lambda *_: iter(listed))

    deletions.forget(alice.address, PSEUDONYM)

    assert store.get(file.id, now=clock.now()).file.owner == bob.address


def test_the_new_owner_keeps_all_rights() -> None:
    alice, bob = new_caller(), new_caller()
    file: File = claimed(given_file(alice), bob)
    delete(alice)

    change = store.change(file.id, lambda found: domain.regenerate_token(found, bob), now=clock.now())

    assert change.accepted


def test_the_end_is_confirmed() -> None:
    """events.md §6.3: audit entry `DataDeleted` for `Files`"""
    alice = new_caller()

    delete(alice)

    (event,) = carried_by(Table(settings().files_table).get({"pk": f"DELETED#{PROCESS}"}))
    assert event.name == "IdentityDataDeleted"
    assert (event.payload["service"], event.payload["aggregates"]) == ("files", ["Files"])
