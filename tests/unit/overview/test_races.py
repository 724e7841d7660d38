"""News of one identity that are handled at the same time, as shards of a stream, the bus and a rebuild may do."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest

from backbone.addresses import Address
from backbone.readmodels import identities, identity_details
from functions.devices.items import identity_key
from functions.overview import projection
from functions.overview.domain import Field
from functions.overview.plan import Group
from functions.overview.projection_store import ProjectionStore
from functions.overview.store import OverviewStore
from tests.support.builders import LONG_AGO, given_device, given_identity
from tests.unit.overview.scenes import BASIC, PREMIUM, address

pytestmark = [pytest.mark.local_dynamodb, pytest.mark.slow]
ADDRESS = address(1)
ROUNDS = 3
AT_THE_SAME_TIME = 6


def at_the_same_time(*actions: Callable[[], object]) -> None:
    barrier = Barrier(len(actions))

    def run(action: Callable[[], object]) -> None:
        barrier.wait()
        action()

    with ThreadPoolExecutor(len(actions)) as threads:
        list(threads.map(run, actions))


def counted() -> tuple[int, int, int]:
    groups = (Group(), Group(Field.TIER, (BASIC,)), Group(Field.TIER, (PREMIUM,)))
    total, basic, premium = map(OverviewStore().count_group, groups)
    return total, basic, premium


def test_an_identity_is_counted_once_however_many_add_it(local_dynamodb: None) -> None:
    for number in range(1, ROUNDS + 1):
        given_identity(address(number), tier_id=BASIC)
        at_the_same_time(*[partial(projection.refresh, address(number))] * AT_THE_SAME_TIME)

        assert counted() == (number, number, 0)


def test_the_last_state_stays_whoever_wins(local_dynamodb: None) -> None:
    identity = given_identity(ADDRESS, tier_id=BASIC)
    for number in range(1, ROUNDS + 1):
        tier = PREMIUM if number % 2 else BASIC

        def change(tier: str = tier) -> None:
            given_device(identity)
            identities.table().update(identity_key(ADDRESS), "SET #tierId = :tier", {"tier": tier})
            projection.refresh(ADDRESS)

        at_the_same_time(
            change,
            *[partial(projection.refresh, ADDRESS)] * 3,
            partial(projection.note_log_in, ADDRESS, LONG_AGO + timedelta(number)),
            partial(projection.note_datawallet_version, ADDRESS, number),
        )

        known = ProjectionStore().find(ADDRESS)
        assert known is not None
        assert (known.row.tier_id, known.row.number_of_devices) == (tier, number)
        assert (known.row.last_login_at, known.row.datawallet_version) == (LONG_AGO + timedelta(number), number)
        assert counted() == ((1, 0, 1) if tier == PREMIUM else (1, 1, 0))


def test_nothing_is_left_of_an_identity_that_is_deleted_while_it_is_added(local_dynamodb: None) -> None:
    for number in range(1, 2 * ROUNDS):
        of = address(number)
        given_identity(of, tier_id=BASIC)

        def delete(of: Address = of) -> None:
            identities.table().delete(identity_key(of))
            projection.refresh(of)

        refresh, log_in = partial(projection.refresh, of), partial(projection.note_log_in, of, LONG_AGO)
        at_the_same_time(delete, refresh, refresh, refresh, log_in)

        assert identity_details.find(of) is None
        assert ProjectionStore().find(of) is None
        assert counted() == (0, 0, 0)
