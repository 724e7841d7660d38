"""Requests whose write is executed, and its answer lost: the client sees the success, and all has happened once."""

from collections.abc import Callable

import pytest

from backbone import clock
from backbone.caller import Caller
from backbone.ids import TokenId
from functions.admin import api_keys
from functions.admin.api_key_store import ApiKeyStore
from functions.tokens.store import TokenStore
from tests.support.api import Answer, InProcessApi, new_caller
from tests.support.builders import PASSWORD, TIER, given_client, given_device, given_identity
from tests.support.engine import aws, forget_environment
from tests.support.lost_answers import answers_lost
from tests.unit.devices.journeys import log_in
from tests.unit.files import uploads
from tests.unit.files.uploads import FILES
from tests.unit.synchronization.steps import given_event, given_owner, given_run, start
from tests.unit.tokens.scenes import PASSWORD as TOKEN_PASSWORD
from tests.unit.tokens.scenes import TOKENS, WRONG_PASSWORD, failed_attempts, fill, get, given_token, in_the_future


def with_lost_answers(request: Callable[[], Answer]) -> Answer:
    """Make a request of which the answer of every write is lost once."""
    with answers_lost() as losses:
        answer = request()
    assert losses.lost, "nothing was written"
    return answer


@pytest.mark.parametrize("path", ["/api/v2/Challenges", TOKENS])
def test_anonymous_challenges_and_tokens_are_created(api: InProcessApi, path: str) -> None:
    body = {"expiresAt": in_the_future(minutes=4)}

    assert with_lost_answers(lambda: api.post(path, body)).status == 201


def test_an_empty_token_is_filled(api: InProcessApi) -> None:
    token, caller = given_token(api, None), new_caller()

    assert with_lost_answers(lambda: fill(api, token, caller)).status < 300
    assert get(api, token, caller).result["content"]


def test_a_test_push_is_asked_for(api: InProcessApi) -> None:
    path = "/api/v2/Devices/Self/PushNotifications/SendTestNotification"

    assert with_lost_answers(lambda: api.post(path, {"data": {}}, caller=new_caller())).status == 204


def test_a_wrong_password_of_a_token_counts_once(api: InProcessApi) -> None:
    token = given_token(api, new_caller(), password=TOKEN_PASSWORD)

    assert with_lost_answers(lambda: get(api, token, new_caller(), WRONG_PASSWORD)).status == 404
    assert failed_attempts(token) == 1


def test_a_wrong_password_of_a_token_counts_once_also_when_another_one_comes_in_between(api: InProcessApi) -> None:
    token = given_token(api, new_caller(), password=TOKEN_PASSWORD)

    def another() -> None:
        get(api, token, new_caller(), WRONG_PASSWORD)

    with answers_lost(lambda number: number == 0, meanwhile=another):
        get(api, token, new_caller(), WRONG_PASSWORD)

    assert failed_attempts(token) == 2
    assert TokenStore().get(TokenId(token)).access_failed_count == 2


def test_a_new_password_holds(api: InProcessApi) -> None:
    given_client()
    caller, username = _device()
    body = {"oldPassword": PASSWORD, "newPassword": "Another0!?"}

    changed = with_lost_answers(lambda: api.put("/api/v2/Devices/Self/Password", body, caller=caller))

    assert changed.status == 204
    assert log_in(api, username, "Another0!?").status == 200


def test_a_new_password_holds_also_when_somebody_logs_in_in_between(api: InProcessApi) -> None:
    given_client()
    caller, username = _device()
    body = {"oldPassword": PASSWORD, "newPassword": "Another0!?"}

    with answers_lost(lambda number: number == 0, meanwhile=lambda: log_in(api, username, "Another0!?")):
        assert api.put("/api/v2/Devices/Self/Password", body, caller=caller).status == 204


def _device() -> tuple[Caller, str]:
    identity = given_identity(new_caller().address)
    device = given_device(identity)
    return Caller(identity.address, device.device.id, "test"), device.user.username


def test_a_file_is_deleted(api: InProcessApi) -> None:
    owner = new_caller()
    path = f"{FILES}/{uploads.upload(api, owner)['id']}"

    assert with_lost_answers(lambda: api.delete(path, caller=owner)).status == 204
    assert api.delete(path, caller=owner).error == uploads.NOT_FOUND


@pytest.mark.parametrize("of", ["Tiers", "Identities"])
def test_a_quota_is_withdrawn(admin: InProcessApi, of: str) -> None:
    given_client()
    path = f"/api/v1/{of}/{TIER if of == 'Tiers' else given_identity(new_caller().address).address}/Quotas"
    quota = admin.post(path, {"metricKey": "NumberOfTokens", "max": 5, "period": "Day"}).result["id"]

    assert with_lost_answers(lambda: admin.delete(f"{path}/{quota}")).status == 204


def test_a_sync_run_is_started(api: InProcessApi) -> None:
    owner = given_owner(api)
    given_event(owner.address)

    run = with_lost_answers(lambda: start(api, owner))

    assert (run.status, run.result["status"]) == (201, "Created")
    assert api.get(f"/api/v2/SyncRuns/{run.result['syncRun']['id']}", caller=owner).status == 200


def test_a_sync_run_is_started_also_when_an_event_arrives_in_between(api: InProcessApi) -> None:
    """The head has moved on from the run; that the run is its own it knows by the revisions the head remembers."""
    owner = given_owner(api)
    given_event(owner.address)

    with answers_lost(lambda number: number == 0, meanwhile=lambda: given_event(owner.address)):
        run = start(api, owner)

    assert run.status == 201
    assert run.result["syncRun"]["eventCount"] == 1


def test_a_file_is_claimed(api: InProcessApi) -> None:
    file, claimant = uploads.upload(api, new_caller()), new_caller()

    claimed = with_lost_answers(lambda: uploads.claim(api, file["id"], file["ownershipToken"], claimant))

    assert claimed.status == 200
    assert claimed.result["newOwnershipToken"] != file["ownershipToken"]
    assert uploads.validate(api, file["id"], claimed.result["newOwnershipToken"], claimant).result["isValid"]


def test_a_sync_run_of_another_device_is_still_in_the_way(api: InProcessApi) -> None:
    owner = given_owner(api)
    given_event(owner.address)
    given_run(api, owner)

    with answers_lost():
        assert start(api, owner).error[0] == 400


@pytest.mark.parametrize("before", [0, 1])
def test_a_key_of_the_admin_api_is_made(moto: None, monkeypatch: pytest.MonkeyPatch, before: int) -> None:
    if not before:
        aws("ssm").delete_parameter(Name="/test/admin-keys")
        forget_environment()
    store = ApiKeyStore()
    put = store._ssm.put_parameter

    def put_twice(**request: object) -> object:
        put(**request)
        return put(**request)

    monkeypatch.setattr(store._ssm, "put_parameter", put_twice)

    api_keys.create(store, "mine", now=clock.now(), key="a key of mine")

    assert [key.name for key in store.all()][-1] == "mine"
