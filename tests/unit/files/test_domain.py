"""What is true of files, with plain values.  Contract: files.md."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backbone.addresses import Address
from backbone.caller import Caller
from backbone.errors import Forbidden, InvalidPropertyValue
from backbone.ids import DeviceId, FileId
from functions.files import domain
from functions.files.domain import CannotClaimOwnFile, Change, File

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
ALICE, BOB, CAROL = (
    Caller(Address.of_public_key(name, "localhost"), DeviceId("DVC" + "1" * 17), "test") for name in (b"a", b"b", b"c")
)
TOKEN, NEXT_TOKEN = "T" * 20, "N" * 20


def a_file(*, expires_at: datetime | None = None) -> File:
    """A file of Alice's."""
    file, _ = domain.upload(
        ALICE,
        cipher_size=1,
        cipher_hash=b"h",
        expires_at=expires_at or NOW + timedelta(days=1),
        owner_signature=b"s",
        now=NOW,
        new_id=lambda: FileId("FIL1"),
        new_token=lambda: TOKEN,
    )
    return file


def claim(file: File, token: str, caller: Caller) -> Change:
    return domain.claim_ownership(file, token, caller, now=NOW, new_token=lambda: NEXT_TOKEN)


def validate(file: File, token: str, caller: Caller) -> Change:
    return domain.validate_token(file, token, caller, now=NOW)


def test_the_uploader_is_creator_and_owner() -> None:
    file = a_file()

    assert (file.created_by, file.owner, file.modified_by) == (ALICE.address,) * 3
    assert (file.ownership_token, file.ownership_is_locked) == (TOKEN, False)


@pytest.mark.parametrize("expires_at", [None, NOW, NOW - timedelta(days=1)])
def test_a_file_expires_in_the_future(expires_at: datetime | None) -> None:
    with pytest.raises(InvalidPropertyValue):
        domain.upload(ALICE, cipher_size=1, cipher_hash=b"", expires_at=expires_at, owner_signature=b"", now=NOW)


def test_it_is_gone_at_the_instant_of_its_expiry() -> None:
    """files.md §2: found only if `expiresAt > now`"""
    file = a_file()

    assert not file.is_expired(file.expires_at - timedelta(milliseconds=1))
    assert file.is_expired(file.expires_at)


def test_it_is_removed_thirty_days_later_or_never() -> None:
    """files.md Checklist: housekeeping removes files expired for 30 days or more"""
    assert a_file().disposable_at == NOW + timedelta(days=31)
    assert a_file(expires_at=datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)).disposable_at is None


def test_tokens_are_random_texts_of_86_symbols() -> None:
    """files.md §4.1"""
    tokens = {domain.new_ownership_token() for _ in range(200)}

    assert len(tokens) == 200
    assert {len(token) for token in tokens} == {20}
    assert len(set(domain.OWNERSHIP_TOKEN_ALPHABET)) == len(domain.OWNERSHIP_TOKEN_ALPHABET) == 86
    assert set("".join(tokens)) == set(domain.OWNERSHIP_TOKEN_ALPHABET)


@pytest.mark.parametrize(
    ("text", "valid"), [("a", True), ("~" * 20, True), ("", False), ("a" * 21, False), (" ", False)]
)
def test_what_could_be_a_token(text: str, valid: bool) -> None:
    """files.md §4.1: 1..20 of these characters"""
    assert domain.is_ownership_token(text) is valid


UNLOCKED, LOCKED = a_file(), replace(a_file(), ownership_is_locked=True)
Step = Callable[[], Change]


@pytest.mark.parametrize(
    ("step", "after", "accepted", "events"),
    [
        pytest.param(
            lambda: claim(UNLOCKED, TOKEN, BOB),
            replace(UNLOCKED, owner=BOB.address, ownership_token=NEXT_TOKEN, last_ownership_claim_at=NOW),
            True,
            ["FileOwnershipClaimed"],
            id="Unlocked: claim by B with T",
        ),
        pytest.param(lambda: claim(UNLOCKED, "x", BOB), LOCKED, False, ["FileOwnershipLocked"] * 2, id="wrong claim"),
        pytest.param(
            lambda: validate(UNLOCKED, "x", BOB), LOCKED, False, ["FileOwnershipLocked"], id="wrong validation"
        ),
        pytest.param(lambda: validate(UNLOCKED, "x", ALICE), UNLOCKED, False, [], id="wrong validation by the owner"),
        pytest.param(lambda: validate(UNLOCKED, TOKEN, BOB), UNLOCKED, True, [], id="right validation"),
        pytest.param(lambda: validate(LOCKED, TOKEN, BOB), LOCKED, False, [], id="Locked: validate"),
        pytest.param(lambda: validate(LOCKED, TOKEN, ALICE), LOCKED, False, [], id="Locked: validate by the owner"),
        pytest.param(
            lambda: domain.regenerate_token(LOCKED, ALICE, new_token=lambda: NEXT_TOKEN),
            replace(UNLOCKED, ownership_token=NEXT_TOKEN),
            True,
            [],
            id="Locked: regenerate by A",
        ),
    ],
)
def test_the_state_machine(step: Step, after: File, accepted: bool, events: list[str]) -> None:
    """files.md §4.2"""
    change = step()

    assert (change.after, change.accepted) == (after, accepted)
    assert [event.name for event in change.events] == events


@pytest.mark.parametrize("file", [UNLOCKED, LOCKED])
@pytest.mark.parametrize("token", [TOKEN, "x"])
def test_the_owner_cannot_claim(file: File, token: str) -> None:
    """files.md §3.7 step 3: checked before the token and before the lock"""
    with pytest.raises(CannotClaimOwnFile):
        claim(file, token, ALICE)


def test_a_locked_file_refuses_claims() -> None:
    """files.md §4.2: Locked, claim by anyone but A -> 403"""
    with pytest.raises(Forbidden):
        claim(LOCKED, TOKEN, BOB)


def test_creators_delete_and_owners_regenerate() -> None:
    """files.md §3.5, §3.6"""
    file = claim(a_file(), TOKEN, BOB).after

    file.check_deletable_by(ALICE)
    domain.regenerate_token(file, BOB)
    with pytest.raises(Forbidden):
        file.check_deletable_by(BOB)
    with pytest.raises(Forbidden):
        domain.regenerate_token(file, ALICE)
