"""How the overview follows the identities: whatever comes twice, late or in another order, it ends up the same."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backbone import clock
from backbone.addresses import Address
from backbone.dynamodb import Item
from backbone.events.synchronization import DatawalletVersionUpgraded
from backbone.readmodels import datawallets, identities, identity_details
from functions.devices.domain import DeviceAndUser, Identity
from functions.devices.items import device_item, device_key, identity_item, identity_key, user_key
from functions.devices.store import DeviceStore
from functions.devices.user_store import UserStore
from functions.overview import items, projection
from functions.overview.consumers import show_datawallet_version
from functions.overview.domain import Field, IdentityOverview
from functions.overview.plan import Group
from functions.overview.projection_store import ProjectionStore
from functions.overview.store import OverviewStore
from tests.support.builders import LONG_AGO, given_device, given_identity
from tests.unit.overview.scenes import BASIC, PREMIUM, address
from tests.unit.overview.streaming import follow, record

pytestmark = pytest.mark.slow

ADDRESS = address(1)
LATER = LONG_AGO + timedelta(days=3)


def shown(of: Address = ADDRESS) -> IdentityOverview | None:
    known = ProjectionStore().find(of)
    return known.row if known else None


def counted() -> tuple[int, int, int, int]:
    """All, those of two tiers, those of the client."""
    tiers = (Group(Field.TIER, (tier,)) for tier in (BASIC, PREMIUM))
    groups = (Group(), *tiers, Group(Field.CREATED_WITH_CLIENT, ("test",)))
    total, basic, premium, of_client = map(OverviewStore().count_group, groups)
    return total, basic, premium, of_client


def log_in(device: DeviceAndUser, at: datetime) -> dict[str, Any]:
    """Log in; the record of it."""
    key = user_key(device.user.username)
    before = identities.table().get(key)
    user = UserStore().find_user(device.user.username)
    assert user is not None
    UserStore().log_in(user, now=at)
    return record(0, before=before, after=identities.table().get(key))


def identity_record(identity: Identity) -> dict[str, Any]:
    return record(1, after={**identity_key(identity.address), **identity_item(identity)})


def device_record(device: DeviceAndUser) -> dict[str, Any]:
    own = device.device
    return record(2, after={**device_key(own.address, own.id), **device_item(own)})


def given_datawallet(version: int) -> None:
    datawallets.table().put({**datawallets.head_key(ADDRESS), "version": version})


def move_to(tier: str) -> None:
    identities.table().update(identity_key(ADDRESS), "SET #tierId = :tier", {"tier": tier})


def remove_identity() -> None:
    identities.table().delete(identity_key(ADDRESS))


def test_a_new_identity_appears(engine: str) -> None:
    identity = given_identity(ADDRESS, tier_id=BASIC)
    device = given_device(identity)

    assert follow(identity_record(identity), device_record(device)) == []

    assert shown() == IdentityOverview(ADDRESS, "test", BASIC, LONG_AGO, 1, 1)
    assert counted() == (1, 1, 0, 1)


def test_a_log_in_is_shown_and_never_an_earlier_one(engine: str) -> None:
    """admin-api.md §10: `lastLoginAt` latest login over all devices"""
    identity = given_identity(ADDRESS, tier_id=BASIC)
    first, second = given_device(identity), given_device(identity)
    earlier, later = log_in(first, LATER), log_in(second, LATER + timedelta(hours=1))
    follow(identity_record(identity))

    for records in ([later], [earlier], [later, earlier], [earlier]):
        follow(*records)
        row = shown()
        assert row is not None
        assert row.last_login_at == LATER + timedelta(hours=1)


def test_of_the_log_ins_of_an_hour_the_first_one_is_noted(engine: str) -> None:
    """docs/decisions/overview.md: what is shown is less than an hour too early."""
    identity = given_identity(ADDRESS, tier_id=BASIC)
    first, second = given_device(identity), given_device(identity)
    follow(identity_record(identity))
    hour = datetime(2026, 1, 2, 3, tzinfo=UTC)

    def shown_after(device: DeviceAndUser, minutes: int) -> datetime | None:
        follow(log_in(device, hour + timedelta(minutes=minutes)))
        row = shown()
        return row.last_login_at if row else None

    assert shown_after(first, 5) == hour + timedelta(minutes=5)
    assert shown_after(first, 10) == hour + timedelta(minutes=5)
    assert shown_after(second, 15) == hour + timedelta(minutes=5)
    assert shown_after(first, 60) == hour + timedelta(minutes=60)


def test_a_second_log_in_of_a_device_within_an_hour_costs_nothing(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = given_identity(ADDRESS, tier_id=BASIC)
    device = given_device(identity)
    hour = datetime(2026, 1, 2, 3, tzinfo=UTC)
    log_in(device, hour)
    again = log_in(device, hour + timedelta(minutes=59))
    monkeypatch.setattr(projection, "store", None)  # nobody may use it

    assert follow(again) == []


def test_a_log_in_that_comes_before_its_identity_is_not_lost(engine: str) -> None:
    """The users of an identity are in other partitions, so in another shard of the stream."""
    device = given_device(given_identity(ADDRESS, tier_id=BASIC))

    follow(log_in(device, LATER))

    assert shown() == IdentityOverview(ADDRESS, "test", BASIC, LONG_AGO, 1, 1, LATER)


def test_what_happens_to_an_identity_is_shown(engine: str) -> None:
    identity = given_identity(ADDRESS, tier_id=BASIC)
    devices = [given_device(identity) for _ in range(2)]
    follow(identity_record(identity))

    move_to(PREMIUM)
    follow(identity_record(identity))
    row = shown()
    assert row is not None
    assert (row.tier_id, row.number_of_devices, counted()) == (PREMIUM, 2, (1, 0, 1, 1))

    DeviceStore().delete_device(devices[0].device, is_backup_device=False)
    follow(record(3, before={**device_key(ADDRESS, devices[0].device.id), **device_item(devices[0].device)}))
    row = shown()
    assert row is not None
    assert row.number_of_devices == 1


def test_a_deleted_identity_disappears(engine: str) -> None:
    identity = given_identity(ADDRESS, tier_id=BASIC)
    device = given_device(identity)
    last = log_in(device, LATER)
    follow(identity_record(identity))

    remove_identity()
    follow(record(4, before={**identity_key(ADDRESS), **identity_item(identity)}))
    follow(identity_record(identity), last)

    assert shown() is None
    assert counted() == (0, 0, 0, 0)


def test_the_version_of_a_datawallet_only_rises(engine: str) -> None:
    """admin-api.md §18: `datawalletVersion` of an identity without datawallet in OData: 0 or null"""

    def told(version: int) -> IdentityOverview | None:
        event = DatawalletVersionUpgraded(identity=ADDRESS, version=version)
        show_datawallet_version(event, None)  # type: ignore[arg-type]  # nobody looks at it
        return shown()

    assert told(1) is None  # of somebody who is gone
    follow(identity_record(given_identity(ADDRESS, tier_id=BASIC)))
    row = shown()
    assert row is not None
    assert row.datawallet_version is None
    for version, expected in ((2, 2), (1, 2), (2, 2), (3, 3)):
        row = told(version)
        assert row is not None
        assert row.datawallet_version == expected


def test_a_version_that_comes_before_its_identity_is_not_lost(engine: str) -> None:
    given_identity(ADDRESS, tier_id=BASIC)
    given_datawallet(5)

    projection.note_datawallet_version(ADDRESS, 4)

    row = shown()
    assert row is not None
    assert row.datawallet_version == 5


def test_every_order_of_the_news_leads_to_the_same(moto: None) -> None:
    identity = given_identity(ADDRESS, tier_id=BASIC)
    device = given_device(identity)
    log_ins = [log_in(device, LATER), log_in(device, LATER + timedelta(1))]
    news = [identity_record(identity), device_record(device), *log_ins]
    given_datawallet(1)
    expected = IdentityOverview(ADDRESS, "test", BASIC, LONG_AGO, 1, 1, LATER + timedelta(1), 1)

    for order in itertools.permutations(news, 3):
        for each in order:
            assert follow(each, each) == []
        assert shown() == expected
        assert counted() == (1, 1, 0, 1)
        known = ProjectionStore().find(ADDRESS)
        assert known is not None
        ProjectionStore().remove(known)


def test_nothing_is_written_when_nothing_is_new(engine: str) -> None:
    identity = given_identity(ADDRESS, tier_id=BASIC)
    follow(identity_record(identity))
    before = ProjectionStore().find(ADDRESS)

    follow(identity_record(identity))

    assert ProjectionStore().find(ADDRESS) == before


def test_what_was_on_its_way_when_the_identity_went_is_removed(moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    given_identity(ADDRESS, tier_id=BASIC)
    find = identity_details.find

    def find_and_then_it_goes(of: Address) -> Any:
        found = find(of)
        remove_identity()
        return found

    monkeypatch.setattr(identity_details, "find", find_and_then_it_goes)
    projection.refresh(ADDRESS)

    assert shown() is None
    assert counted() == (0, 0, 0, 0)


def test_a_look_that_is_out_of_date_is_repeated(moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = given_identity(ADDRESS, tier_id=BASIC)
    follow(identity_record(identity))
    find = identity_details.find
    looks = itertools.count()

    def find_while_another_is_faster(of: Address) -> Any:
        if next(looks) == 0:
            stale = find(of)
            move_to(PREMIUM)
            projection.refresh(of)
            given_device(identity)
            return stale
        return find(of)

    given_device(identity)
    monkeypatch.setattr(identity_details, "find", find_while_another_is_faster)
    projection.refresh(ADDRESS)

    row = shown()
    assert row is not None
    assert (row.tier_id, row.number_of_devices) == (PREMIUM, 2)


def test_records_of_other_things_are_passed_by(moto: None) -> None:
    others: list[Item] = [
        {"pk": "CLIENT#ID#x", "sk": "C"},
        {"pk": f"ID#{ADDRESS}", "sk": "P#IDPx"},
        {"pk": f"FLAGS#{ADDRESS}", "sk": "F"},
        {"pk": "USER#USRX", "sk": "U", "address": ADDRESS},
    ]

    assert follow(*(record(number, after=item) for number, item in enumerate(others))) == []
    assert shown() is None


def test_a_failed_log_in_is_none(moto: None) -> None:
    user = {"pk": "USER#USRX", "sk": "U", "address": ADDRESS, "lastLogInAt": clock.render(LATER), "failedLogIns": 0}

    assert identity_details.log_in_of(record(0, before=user, after={**user, "failedLogIns": 1})["dynamodb"]) is None


def test_lambda_goes_on_from_the_first_that_failed(moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [record(number, after={"pk": f"ID#{address(number)}", "sk": "I"}) for number in range(5)]

    def fail_for_some(of: Address) -> None:
        if of in (address(2), address(4)):
            raise RuntimeError

    monkeypatch.setattr(projection, "refresh", fail_for_some)

    assert follow(*records) == [records[2]["dynamodb"]["SequenceNumber"]]


def test_an_event_without_records_does_nothing() -> None:
    assert follow() == []


def test_an_item_is_less_than_a_kilobyte(moto: None) -> None:
    """So that a log-in costs one unit for the item and two for its index."""
    longest = f"did:e:{'d' * 45}:dids:{'a' * 22}"
    row = IdentityOverview(Address(longest), "c" * 100, BASIC, LONG_AGO, 255, 999, LATER, 65535)

    item = items.identity_item(row, revision=10**6)

    assert sum(len(name) + len(str(value)) for name, value in item.items()) < 1024
