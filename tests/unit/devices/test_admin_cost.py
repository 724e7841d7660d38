"""What operators' requests cost, exactly as docs/data-model.md says.  Against DynamoDB Local."""

from collections.abc import Callable
from typing import Any

import pytest

from backbone.ids import TierId
from functions.devices import audit_log
from functions.devices.client_store import ClientStore
from functions.devices.tier_store import TierStore
from tests.support.api import ADMIN_SERVICES, InProcessApi
from tests.support.builders import LONG_AGO, TIER, given_client, given_tier
from tests.support.metering import metered
from tests.unit.devices.deletions import given_owner, started

pytestmark = [pytest.mark.local_dynamodb, pytest.mark.slow]

GET, BATCH, QUERY = "GetItem", "BatchGetItem", "Query"
UPDATE, TRANSACT = "UpdateItem", "TransactWriteItems"
CLIENTS, TIERS, IDENTITIES = "/api/v1/Clients", "/api/v1/Tiers", "/api/v1/Identities"
GOLD = TierId("TIRgold0000000000000")


@pytest.fixture
def admin(local_dynamodb: None, monkeypatch: pytest.MonkeyPatch) -> InProcessApi:
    """The Admin API on DynamoDB Local, warm."""
    monkeypatch.setattr(audit_log, "_ITERATIONS", 1)
    TierStore().set_up(now=LONG_AGO)
    given_tier()
    given_client()
    admin = InProcessApi(ADMIN_SERVICES, admin=True)
    admin.get(f"{CLIENTS}/test")
    return admin


def _cost(action: Callable[[], Any]) -> tuple[list[str], float, float]:
    with metered() as meter:
        answer = action()
    assert answer.status < 300, answer.body
    return meter.calls, meter.read_units, meter.write_units


def test_reading_clients_costs_a_query_each(admin: InProcessApi) -> None:
    for number in range(4):
        given_client(f"client {number}")

    listed = _cost(lambda: admin.get(CLIENTS))
    one = _cost(lambda: admin.get(f"{CLIENTS}/test"))

    # The directory, five clients, and the tiers for their names.
    assert listed == ([QUERY] * 7, 7, 0)
    assert one == ([QUERY], 1, 0)


def test_creating_a_client_costs_its_count(admin: InProcessApi) -> None:
    unlimited = _cost(lambda: admin.post(CLIENTS, {"defaultTier": "Basic", "clientId": "a"}))
    limited = _cost(lambda: admin.post(CLIENTS, {"defaultTier": "Basic", "clientId": "b", "maxIdentities": 1}))

    # 3 RCU on AWS, where a query that finds nothing costs a unit, too.
    assert unlimited == ([GET, BATCH, QUERY, TRANSACT], 2, 38)
    assert limited == ([GET, BATCH, QUERY, TRANSACT], 2, 6)


def test_changing_a_client_costs_little_unless_the_way_of_counting_changes(admin: InProcessApi) -> None:
    given_tier(GOLD, "Gold")

    def put(**body: Any) -> tuple[list[str], float, float]:
        return _cost(lambda: admin.put(f"{CLIENTS}/test", {"defaultTier": TIER, **body}))

    assert put() == ([QUERY, GET, TRANSACT], 2, 2)
    assert put(defaultTier=GOLD) == ([QUERY, GET, TRANSACT], 2, 6)
    assert put(maxIdentities=5) == ([QUERY, GET, TRANSACT, QUERY, GET, TRANSACT], 4, 34 + 34 + 4)
    assert put(maxIdentities=6) == ([QUERY, GET, TRANSACT], 2, 2)
    assert put() == ([QUERY, GET, TRANSACT], 2, 34)
    secret = _cost(lambda: admin.patch(f"{CLIENTS}/test/ChangeSecret", {"newSecret": "new"}))
    assert secret == ([UPDATE], 0, 1)


@pytest.mark.parametrize(("limit", "write_units"), [(None, 38 + 34), (5, 6 + 2)])
def test_deleting_a_client_costs_its_count(admin: InProcessApi, limit: int | None, write_units: int) -> None:
    given_client("gone", max_identities=limit)

    assert _cost(lambda: admin.delete(f"{CLIENTS}/gone")) == ([QUERY, TRANSACT, QUERY, TRANSACT], 2, write_units)
    assert ClientStore().get("gone") is None


def test_reading_tiers_costs_a_query_each(admin: InProcessApi) -> None:
    # Fixed ones twice: one called Basic of the fixture's.
    count = len(TierStore().all())

    assert _cost(lambda: admin.get(TIERS)) == ([QUERY] * (1 + count), 1 + count, 0)


def test_creating_and_deleting_a_tier_cost_its_count(admin: InProcessApi) -> None:
    created = _cost(lambda: admin.post(TIERS, {"name": "Gold"}))
    gold = TierStore().find("Gold")
    assert gold is not None

    deleted = _cost(lambda: admin.delete(f"{TIERS}/{gold.id}"))

    assert created == ([QUERY, TRANSACT], 1, 36)
    assert deleted == ([BATCH, TRANSACT], 17, 36)


def test_an_identity_costs_its_devices_and_quotas(admin: InProcessApi) -> None:
    caller = given_owner(devices=3)

    calls, read_units, write_units = _cost(lambda: admin.get(f"{IDENTITIES}/{caller.address}"))

    # Identity with devices, users; then what quotas read: three partitions, and once in a while the tier's.
    assert sorted(calls) == sorted([QUERY, BATCH, QUERY, QUERY, GET, GET])
    assert write_units == 0
    assert read_units <= 8


def test_moving_an_identity_costs_a_transaction(admin: InProcessApi) -> None:
    caller = given_owner()
    given_tier(GOLD, "Gold")

    moved = _cost(lambda: admin.put(f"{IDENTITIES}/{caller.address}", {"tierId": GOLD}))

    assert moved == ([BATCH, TRANSACT], 2, 6)


def test_deletion_processes_cost_a_query_or_two(admin: InProcessApi) -> None:
    caller = given_owner()
    process = started(caller, 1)
    path = f"{IDENTITIES}/{caller.address}/DeletionProcesses"

    assert _cost(lambda: admin.get(path)) == ([QUERY], 1, 0)
    assert _cost(lambda: admin.get(f"{path}/{process.id}")) == ([GET, QUERY], 2, 0)
    assert _cost(lambda: admin.get(f"{path}/AuditLogs")) == ([QUERY], 1, 0)
