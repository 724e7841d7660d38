"""The overview made anew from the services' tables."""

from datetime import timedelta

import pytest

from backbone import dynamodb
from backbone.addresses import Address
from backbone.readmodels import identities
from functions.devices.user_store import UserStore
from functions.overview import projection, rebuild
from functions.overview.domain import IdentityOverview
from functions.overview.plan import Group
from functions.overview.projection_store import ProjectionStore
from functions.overview.store import OverviewStore
from tests.support.builders import LONG_AGO, given_device, given_identity
from tests.support.command import backbone
from tests.unit.overview.scenes import BASIC, PREMIUM, address, given_overview

pytestmark = pytest.mark.slow

LATER = LONG_AGO + timedelta(days=1)


def shown(number: int) -> IdentityOverview | None:
    known = ProjectionStore().find(address(number))
    return known.row if known else None


def given_world() -> None:
    """One identity that is missing, one whose line is wrong, and a line without identity."""
    device = given_device(given_identity(address(1), tier_id=BASIC))
    UserStore().log_in(device.user, now=LATER)
    given_identity(address(2), tier_id=BASIC)
    given_overview(2, tier_id=PREMIUM)
    given_overview(3)


def test_everything_is_right_afterwards(engine: str) -> None:
    given_world()

    assert backbone("overview", "rebuild").out == "Identities looked at: 5.\n"

    assert shown(1) == IdentityOverview(address(1), "test", BASIC, LONG_AGO, 1, 1, LATER)
    assert shown(2) == IdentityOverview(address(2), "test", BASIC, LONG_AGO, 1, 0)
    assert shown(3) is None
    assert OverviewStore().count_group(Group()) == 2


def test_it_goes_on_where_it_was_broken_off(moto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    given_world()
    scanned: list[Address] = []
    scan = dynamodb.client().scan
    monkeypatch.setattr(dynamodb.client(), "scan", lambda **request: scan(**request, Limit=1))
    refresh = projection.refresh

    def refresh_and_note(of: Address) -> None:
        scanned.append(of)
        refresh(of)

    monkeypatch.setattr(projection, "refresh", refresh_and_note)

    position: str | None = None
    for steps in range(1, 100):  # noqa: B007  # used after the loop
        position = next(rebuild.rebuild(position)).position
        if position is None:
            break

    assert steps > 5
    assert sorted(scanned) == sorted([address(1), address(2), address(1), address(2), address(3)])
    assert shown(3) is None
    assert identities.table().get(identities.key(address(1)))


@pytest.mark.usefixtures("moto")
def test_a_wrong_position_is_refused() -> None:
    for position in ("x", "W10=", "bnVsbA==", "WyJ4IixudWxsXQ=="):
        outcome = backbone("overview", "rebuild", "--after", position)
        assert outcome.code == 1
        assert "not a position" in outcome.err
