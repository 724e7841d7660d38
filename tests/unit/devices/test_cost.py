"""What requests cost, exactly as docs/data-model.md says.  Against DynamoDB Local, which reports capacity units."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.ids import DeviceId
from functions.devices import oauth_clients
from tests.support.api import InProcessApi
from tests.support.builders import LONG_AGO, PASSWORD, given_client, given_device, given_identity
from tests.support.keys import ClientKey
from tests.support.metering import Meter, metered
from tests.unit.devices.journeys import log_in, registration

pytestmark = pytest.mark.local_dynamodb

GET, BATCH, QUERY = "GetItem", "BatchGetItem", "Query"
UPDATE, TRANSACT = "UpdateItem", "TransactWriteItems"


@pytest.fixture
def local_api(local_dynamodb: None) -> InProcessApi:
    """The API on DynamoDB Local, warm."""
    given_client()
    api = InProcessApi()
    log_in(api, "USR00000000000000000")
    return api


def _cost(request: Callable[[], Any], status: int = 200) -> tuple[list[str], float, float]:
    meter: Meter
    with metered() as meter:
        answer = request()
    assert answer.status == status
    return meter.calls, meter.read_units, meter.write_units


def test_a_log_in_costs_two_trips(local_api: InProcessApi) -> None:
    username = given_device(given_identity(ClientKey.new().address)).user.username

    oauth_clients.forget()
    assert _cost(lambda: log_in(local_api, username)) == ([BATCH, UPDATE], 2, 1)


def test_a_log_in_does_not_read_a_client_that_was_met_a_moment_ago(local_api: InProcessApi) -> None:
    """One item takes 3,000 reads a second; all log-ins of an app are with one client."""
    username = given_device(given_identity(ClientKey.new().address)).user.username
    log_in(local_api, username)

    assert _cost(lambda: log_in(local_api, username, "wrong"), 400) == ([BATCH, UPDATE], 1, 1)
    assert _cost(lambda: log_in(local_api, username)) == ([BATCH, UPDATE], 1, 1)


def test_the_first_log_in_of_a_backup_device_costs_a_transaction(local_api: InProcessApi) -> None:
    username = given_device(given_identity(ClientKey.new().address), is_backup_device=True).user.username

    assert _cost(lambda: log_in(local_api, username)) == ([BATCH, TRANSACT], 1, 4)
    assert _cost(lambda: log_in(local_api, username)) == ([BATCH, UPDATE], 1, 1)


def test_refused_log_ins_cost_no_more(local_api: InProcessApi) -> None:
    username = given_device(given_identity(ClientKey.new().address)).user.username

    unknown_user = _cost(lambda: log_in(local_api, "USR00000000000000000"), 400)
    wrong_client = _cost(lambda: log_in(local_api, username, client_secret="wrong"), 401)
    malformed = _cost(lambda: log_in(local_api, username, grant_type=None), 400)

    assert unknown_user[0] == [BATCH, UPDATE]
    assert wrong_client == ([BATCH], 2, 0)
    assert malformed == ([], 0, 0)


@pytest.mark.parametrize("limit", [None, 5])
def test_an_identity_costs_two_trips(local_api: InProcessApi, limit: int | None) -> None:
    given_client("limited", "test", max_identities=limit)
    body = registration(local_api, ClientKey.new(), clientId="limited")

    cost = _cost(lambda: local_api.post("/api/v2/Identities", body), 201)

    # 3 RCU on AWS, where looking for the identity that is not there yet costs a unit, too.
    assert cost == ([BATCH, TRANSACT], 2, 12)


def test_reading_an_identity_costs_one_unit(local_api: InProcessApi) -> None:
    identity = given_identity(ClientKey.new().address)
    caller = Caller(identity.address, DeviceId.new(), "test")
    username = given_device(identity).user.username

    self_cost = _cost(lambda: local_api.get("/api/v2/Identities/Self", caller=caller))
    is_deleted_cost = _cost(lambda: local_api.get("/api/v2/Identities/IsDeleted", query={"username": username}))

    assert self_cost == is_deleted_cost == ([GET], 1, 0)


def test_reading_devices_costs_a_query_and_a_unit_each(local_api: InProcessApi) -> None:
    identity = given_identity(ClientKey.new().address)
    first = given_device(identity).device
    given_device(identity, created_at=LONG_AGO + timedelta(days=1))
    caller = Caller(identity.address, first.id, "test")

    everything = _cost(lambda: local_api.get("/api/v2/Devices", caller=caller))
    one_of_them = _cost(lambda: local_api.get("/api/v2/Devices", caller=caller, query={"PageSize": 1}))
    own = _cost(lambda: local_api.get("/api/v2/Devices/Self", caller=caller))

    assert everything == ([QUERY, BATCH], 3, 0)
    assert one_of_them == ([QUERY, BATCH], 2, 0)
    assert own == ([GET, GET], 2, 0)


@pytest.mark.parametrize("is_backup_device", [False, True])
def test_a_device_costs_two_trips(local_api: InProcessApi, is_backup_device: bool) -> None:
    key = ClientKey.new()
    identity = given_identity(key.address, public_key=key.public_key_json)
    caller = Caller(identity.address, given_device(identity).device.id, "test")
    challenge = local_api.post("/api/v2/Challenges", {}).result
    body = {"devicePassword": PASSWORD, "signedChallenge": key.sign(challenge), "isBackupDevice": is_backup_device}

    created = _cost(lambda: local_api.post("/api/v2/Devices", body, caller=caller), 201)

    assert created == ([BATCH, TRANSACT], 2, 8)


@pytest.mark.parametrize(("is_backup_device", "write_units"), [(False, 6), (True, 8)])
def test_deleting_a_device_costs_two_trips(local_api: InProcessApi, is_backup_device: bool, write_units: int) -> None:
    identity = given_identity(ClientKey.new().address)
    caller = Caller(identity.address, given_device(identity).device.id, "test")
    device = given_device(identity, is_backup_device=is_backup_device).device

    deleted = _cost(lambda: local_api.delete(f"/api/v2/Devices/{device.id}", caller=caller), 204)

    assert deleted == ([BATCH, TRANSACT], 3, write_units)


def test_changing_a_device_costs_one_unit_and_its_password_three(local_api: InProcessApi) -> None:
    identity = given_identity(ClientKey.new().address)
    caller = Caller(identity.address, given_device(identity).device.id, "test")
    passwords = {"oldPassword": PASSWORD, "newPassword": "new"}

    language = _cost(lambda: local_api.put("/api/v2/Devices/Self", {"communicationLanguage": "de"}, caller=caller), 204)
    password = _cost(lambda: local_api.put("/api/v2/Devices/Self/Password", passwords, caller=caller), 204)

    assert language == ([UPDATE], 0, 1)
    assert password == ([GET, GET, UPDATE], 2, 1)


def test_a_token_request_takes_no_longer_because_more_is_stored(local_api: InProcessApi) -> None:
    """No access pattern costs more because more is stored."""
    identity = given_identity(ClientKey.new().address)
    users = [given_device(identity, created_at=clock.now()).user for _ in range(20)]

    assert _cost(lambda: log_in(local_api, users[0].username)) == ([BATCH, UPDATE], 1, 1)
