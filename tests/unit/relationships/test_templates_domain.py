"""The rules of relationship templates.  Contract: relationships.md, section 4."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backbone.addresses import Address
from backbone.errors import Forbidden, InvalidPropertyValue, RecordNotFound
from functions.relationships import templates_domain
from functions.relationships.templates_domain import AllocationsExhausted, RelationshipTemplate, Viewer
from tests.support.api import new_caller

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
OWNER, SOMEBODY = new_caller(), new_caller()


def template(
    *,
    max_number_of_allocations: int | None = None,
    expires_at: datetime | None = None,
    for_identity: Address | None = None,
    password: bytes | None = None,
) -> RelationshipTemplate:
    made, _ = templates_domain.issue_template(
        OWNER,
        max_number_of_allocations=max_number_of_allocations,
        expires_at=expires_at,
        for_identity=for_identity,
        password=password,
        now=NOW,
    )
    return made


def viewer(address: Address, *, has_allocation: bool = False, has_relationship: bool = False) -> Viewer:
    return Viewer(address, has_allocation, has_relationship)


@pytest.mark.parametrize("expires_at", [NOW, NOW - timedelta(milliseconds=1)])
def test_a_template_must_expire_in_the_future(expires_at: datetime) -> None:
    with pytest.raises(InvalidPropertyValue):
        template(expires_at=expires_at)


def test_a_template_that_never_ends_is_never_disposable() -> None:
    assert template(expires_at=datetime(9999, 12, 31, 23, 59, tzinfo=UTC)).disposable_at is None
    assert template().disposable_at is None


def test_a_template_is_disposable_thirty_days_after_its_expiry() -> None:
    assert template(expires_at=NOW + timedelta(days=1)).disposable_at == NOW + timedelta(days=31)


@pytest.mark.parametrize("has_relationship", [True, False])
@pytest.mark.parametrize("address", [OWNER.address, SOMEBODY.address])
def test_an_expired_template_is_visible_to_participants_only(address: Address, has_relationship: bool) -> None:
    """relationships.md §11.4: the owner is no exception"""
    expiry = NOW + timedelta(days=1)

    visible = template(expires_at=expiry).is_visible_to(viewer(address, has_relationship=has_relationship), expiry)

    assert visible is has_relationship


def test_a_template_that_is_being_deleted_is_visible_to_nobody_but_may_be_deleted_again() -> None:
    half_deleted = replace(template(), is_being_deleted=True)

    assert not half_deleted.is_visible_to(viewer(OWNER.address), NOW)
    half_deleted.check_deletable_by(viewer(OWNER.address), NOW)
    with pytest.raises(RecordNotFound):
        half_deleted.check_deletable_by(viewer(SOMEBODY.address), NOW)


def test_only_the_owner_may_delete() -> None:
    with pytest.raises(Forbidden):
        template().check_deletable_by(viewer(SOMEBODY.address), NOW)


@pytest.mark.parametrize("sent", [None, b"wrong", b""])
def test_the_owner_and_those_who_have_fetched_it_need_no_password(sent: bytes | None) -> None:
    locked = template(password=b"secret")

    assert locked.is_unlocked_by(viewer(OWNER.address), sent)
    assert locked.is_unlocked_by(viewer(SOMEBODY.address, has_allocation=True), sent)
    assert not locked.is_unlocked_by(viewer(SOMEBODY.address), sent)


I1, I2, I3, I4 = (new_caller().address for _ in range(4))


@pytest.mark.parametrize(
    ("owner", "for_identity", "password", "sent", "expected"),
    [
        (I1, None, None, None, {I1, I2, I3, I4}),
        (I1, None, None, b"wrong", {I1, I2, I3, I4}),
        (I1, None, b"secret", b"secret", {I1, I2, I3, I4}),
        (I1, None, b"secret", None, {I1}),
        (I2, None, b"secret", None, {I2}),
        (I1, I1, None, None, {I1}),
        (I2, I3, None, None, {I2, I3}),
        (I2, I2, None, None, {I2}),
        (I2, I3, b"secret", b"secret", {I2, I3}),
        (I2, I3, b"secret", b"wrong", {I2}),
    ],
)
def test_who_is_listed_a_template(
    owner: Address, for_identity: Address | None, password: bytes | None, sent: bytes | None, expected: set[Address]
) -> None:
    """relationships.md §4.3: expected results of the reference's own list test"""
    made = replace(template(for_identity=for_identity, password=password), created_by=owner)

    assert {who for who in (I1, I2, I3, I4) if made.is_listed_for(viewer(who), [sent], NOW)} == expected


def test_one_right_password_among_several_is_enough() -> None:
    locked = template(password=b"secret")

    assert locked.is_listed_for(viewer(SOMEBODY.address), [None, b"wrong", b"secret"], NOW)


def test_the_allocation_that_takes_the_last_slot_says_so() -> None:
    limited = template(max_number_of_allocations=2)

    first = templates_domain.allocate(limited, SOMEBODY, taken=0, now=NOW)
    last = templates_domain.allocate(limited, SOMEBODY, taken=1, now=NOW)

    assert first.exhausts is None
    assert last.exhausts is not None
    assert last.exhausts.created_by == OWNER.address


@pytest.mark.parametrize("taken", [2, 3])
def test_no_more_allocations_than_allowed(taken: int) -> None:
    """relationships.md §11.13: over-allocation does not make a template unlimited"""
    with pytest.raises(AllocationsExhausted):
        templates_domain.allocate(template(max_number_of_allocations=2), SOMEBODY, taken=taken, now=NOW)


def test_an_unlimited_template_is_never_exhausted() -> None:
    assert templates_domain.allocate(template(), SOMEBODY, taken=10**6, now=NOW).exhausts is None
