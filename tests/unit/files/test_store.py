"""Where files are kept: conditions and expiry.  Contract: files.md, sections 2, 3 and 6."""

from datetime import datetime, timedelta
from io import BytesIO

import pytest

from backbone import clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.dynamodb import Item, Table, TransactionFailed
from backbone.errors import RecordNotFound
from backbone.events.files import FileUploaded
from backbone.http import Page
from backbone.ids import FileId
from backbone.quotas import Allowance
from backbone.settings import settings
from functions.files import domain
from functions.files.domain import Change, File
from functions.files.store import FileStore
from tests.support.api import new_caller

pytestmark = pytest.mark.usefixtures("engine")

EVERYTHING = Page(1, 50)
store = FileStore()


def given_file(caller: Caller, *, properties: bytes = b"p", expires_at: datetime | None = None) -> File:
    """A stored file."""
    now = clock.now()
    file, event = domain.upload(
        caller,
        cipher_size=7,
        cipher_hash=b"hash",
        expires_at=expires_at or now + timedelta(days=1),
        owner_signature=b"signature",
        now=now,
    )
    store.add(file, BytesIO(b"content"), properties, event, Allowance.unlimited())
    return file


def item_of(file: File) -> Item | None:
    """The item as it is."""
    return Table(settings().files_table).get({"pk": file.id})


def claimed(file: File, caller: Caller) -> File:
    """The same file, owned by the caller."""
    now = clock.now()
    token = store.get(file.id, now=now).file.ownership_token
    change = store.change(file.id, lambda file: domain.claim_ownership(file, token, caller, now=now), now=now)
    assert change.accepted
    return change.after


@pytest.mark.parametrize("size", [0, 1, 16 * 1024, 16 * 1024 + 1])
def test_what_was_added_is_found(size: int) -> None:
    file = given_file(new_caller(), properties=bytes(size))

    found = store.get(file.id, now=clock.now())

    assert found.file == file
    assert found.content() == b"content"
    assert found.encrypted_properties() == bytes(size)


def test_an_id_is_never_used_twice() -> None:
    """files.md §3.1: fails if a blob with that key already exists"""
    caller = new_caller()
    file = given_file(caller)

    again = FileUploaded(file_id=file.id, owner=caller.address)
    with pytest.raises(TransactionFailed):
        store.add(file, BytesIO(b"other"), b"", again, Allowance.unlimited())


def test_it_is_removed_thirty_days_after_its_expiry() -> None:
    """files.md Checklist: housekeeping removes files expired for 30 days or more (DynamoDB's TTL does)"""
    file = given_file(new_caller())
    item = item_of(file)

    assert item is not None
    assert item["ttl"] == int((file.expires_at + timedelta(days=30)).timestamp())


def test_a_file_without_end_has_no_ttl() -> None:
    item = item_of(given_file(new_caller(), expires_at=clock.parse("9999-12-31T00:00:00.000Z")))

    assert item is not None
    assert "ttl" not in item


def test_an_expired_file_is_neither_found_nor_changed() -> None:
    file = given_file(new_caller())

    for attempt in (
        lambda: store.get(file.id, now=file.expires_at),
        lambda: store.change(file.id, lambda file: Change(file, True), now=file.expires_at),
    ):
        with pytest.raises(RecordNotFound):
            attempt()
    assert store.find_all([file.id], file.created_by, EVERYTHING, now=file.expires_at).items == []
    assert store.find_all_of(file.created_by, EVERYTHING, now=file.expires_at).items == []


def test_who_comes_second_decides_on_what_the_first_one_left() -> None:
    """files.md §3.7: steps 3 to 6 see the file as it is"""
    file, first, second = given_file(new_caller()), new_caller(), new_caller()
    seen: list[Address] = []

    def decide(found: File) -> Change:
        seen.append(found.owner)
        if len(seen) == 1:
            claimed(file, first)
        return domain.claim_ownership(found, file.ownership_token, second, now=clock.now())

    change = store.change(file.id, decide, now=clock.now())

    assert seen == [file.created_by, first.address]
    assert not change.accepted
    after = store.get(file.id, now=clock.now()).file
    assert (after.owner, after.ownership_is_locked) == (first.address, True)


def test_a_file_deleted_meanwhile_is_not_found() -> None:
    file = given_file(new_caller())

    def decide(found: File) -> Change:
        store.delete(found)
        return domain.claim_ownership(found, file.ownership_token, new_caller(), now=clock.now())

    with pytest.raises(RecordNotFound):
        store.change(file.id, decide, now=clock.now())
    with pytest.raises(RecordNotFound):
        store.delete(file)
    assert item_of(file) is None


def test_only_claimed_files_are_in_the_index_of_claimants() -> None:
    alice, bob = new_caller(), new_caller()
    file = given_file(alice)

    for owner, indexed in ((bob, [file.id]), (alice, [])):
        claimed(file, owner)
        found = Table(settings().files_table).query(
            "claimedBy = :bob", {"bob": bob.address}, index="byClaimant", consistent=False
        )
        assert [FileId(entry["pk"]) for entry in found.items] == indexed
