"""`backbone quota …`.  Contract: admin-api.md, sections 6 and 7."""

import pytest

from backbone import clock
from backbone.ids import QUEUED_FOR_DELETION_TIER, TierId
from functions.devices.tier_store import TierStore
from functions.devices.tiers import Tier
from tests.support.api import new_caller
from tests.support.builders import given_identity
from tests.support.command import backbone

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("moto")]
GOLD = TierId("TIRGoldGoldGoldGold1")
SET = ["--metric", "NumberOfSentMessages", "--period", "Day"]


@pytest.fixture(autouse=True)
def _tier(moto: None) -> None:
    TierStore().add(Tier(GOLD, "Gold"), now=clock.now())
    TierStore().set_up(now=clock.now())


def test_a_tier_is_limited_by_name_or_id() -> None:
    created = backbone("quota", "set", "Gold", *SET, "--max", "5", "--json").json

    assert (created["source"], created["max"]) == ("Tier", 5)
    assert backbone("quota", "list", GOLD, "--json").json == [created]


def test_setting_a_quota_again_replaces_it() -> None:
    backbone("quota", "set", "Gold", *SET, "--max", "5")
    backbone("quota", "set", "Gold", *SET, "--max", "6")

    [quota] = backbone("quota", "list", "Gold", "--json").json
    assert quota["max"] == 6


def test_an_identity_is_limited_and_freed() -> None:
    owner = given_identity(new_caller().address, tier_id=GOLD)
    backbone("quota", "set", "Gold", *SET, "--max", "5")

    created = backbone("quota", "set", owner.address, *SET, "--max", "2", "--json").json

    listed = backbone("quota", "list", owner.address, "--json").json
    assert [(each["source"], each["max"], each["usage"]) for each in listed] == [("Individual", 2, 0), ("Tier", 5, 0)]
    assert backbone("quota", "delete", owner.address, "--id", created["id"]).code == 0
    assert [each["source"] for each in backbone("quota", "list", owner.address, "--json").json] == ["Tier"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["Silver", *SET, "--max", "1"], 1),
        (["did:e:localhost:dids:nobody", *SET, "--max", "1"], 1),
        (["Gold", *SET, "--max", "-1"], 1),
        ([QUEUED_FOR_DELETION_TIER, *SET, "--max", "1"], 1),
        (["Gold", "--metric", "NumberOfDreams", "--period", "Day", "--max", "1"], 2),
        (["Gold", "--metric", "NumberOfSentMessages", "--period", "Decade", "--max", "1"], 2),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments: list[str], code: int) -> None:
    outcome = backbone("quota", "set", *arguments)

    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (code, "", 1)
