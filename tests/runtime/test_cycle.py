"""Requests from the event of the HTTP API to its answer, through all the functions that they need."""

import json
from collections.abc import Iterator

import pytest

from backbone.ids import random_text
from tests.runtime import events, log_rules
from tests.runtime.cloud import Cloud
from tests.runtime.conftest import CloudFormation
from tests.runtime.fleet import Fleet, RuntimeApi, functions
from tests.runtime.lambda_process import Outcome
from tests.support.api import new_caller
from tests.support.builders import PASSWORD
from tests.support.engine import ADMIN_KEY
from tests.support.keys import ClientKey
from tests.unit.devices.journeys import log_in, register
from tests.unit.files.uploads import CONTENT, encoded, form

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("runtime")]


@pytest.fixture
def fleet(cloud: Cloud) -> Iterator[Fleet]:
    """All functions, writing as much as they can."""
    with Fleet(cloud, "DEBUG") as fleet:
        yield fleet


def test_a_client_comes_to_be_and_keeps_its_secrets_out_of_every_log(fleet: Fleet, cloud: Cloud) -> None:
    """operations.md §12: Logs … never contain addresses, device ids, usernames, passwords or contents in clear."""
    api, admin = RuntimeApi(fleet, cloud), RuntimeApi(fleet, cloud, admin=True)
    secret = random_text(30)
    tier = admin.post("/api/v1/Tiers", {"name": f"Tier {random_text(5)}"}).result["id"]
    client = {"clientId": random_text(10), "clientSecret": secret, "defaultTier": tier, "displayName": "App"}
    assert admin.post("/api/v1/Clients", client).status == 201
    key = ClientKey.new()
    credentials = {"clientId": client["clientId"], "clientSecret": secret}
    created = register(api, key, **credentials).result
    username = created["device"]["username"]
    answer = log_in(api, username, client_id=client["clientId"], client_secret=secret)
    token = answer.json["access_token"]
    me = api.get("/api/v2/Devices/Self", token=token).result
    assert me["id"] == created["device"]["id"]

    body, content_type = encoded(form())
    uploaded = api.post("/api/v2/Files", body=body, headers={"content-type": content_type}, token=token).result
    downloaded = api.get(f"/api/v2/Files/{uploaded['id']}", token=token)
    assert (downloaded.is_base64, downloaded.content) == (True, CONTENT)

    assert api.get("/api/v2/Files/FILnobodyknowsthis00", token=token).status == 404
    assert api.post("/api/v2/Tokens", {"content": "%"}, token=token).status == 400
    assert api.get("/api/v2/Files/" + uploaded["id"]).status == 401
    assert log_in(api, username, "wrong", client_id=client["clientId"], client_secret=secret).status == 400

    secrets = (secret, PASSWORD, ADMIN_KEY * 2, username, me["id"], key.public_key, token, uploaded["id"])
    for _, outcome in fleet.outcomes:
        log_rules.check_lines(outcome.log, log_level="DEBUG", secrets=secrets)
        log_rules.check_size(outcome)
        assert len(log_rules.metrics(outcome.log)) == 1


def test_a_failure_is_a_500_with_a_stack_trace_that_says_nothing_secret(cloud: Cloud) -> None:
    with Fleet(cloud, "DEBUG", BACKBONE_TOKENS_TABLE="no-such-table") as fleet:
        caller = new_caller()
        content = {"content": "Y29udGVudA", "expiresAt": "2999-01-01T00:00:00Z"}

        answer = RuntimeApi(fleet, cloud).post("/api/v2/Tokens", content, caller=caller)

        assert answer.error == (500, "error.platform.unexpected")
        [(_, outcome)] = fleet.outcomes
        assert [json.loads(line).get("event_id") for line in outcome.log] == [259125, 724322, None]
        log_rules.check_lines(outcome.log, log_level="DEBUG", secrets=(caller.device_id, "Y29udGVudA"))
        log_rules.check_size(outcome)


def test_an_event_that_nobody_understands_is_told_without_its_contents(fleet: Fleet) -> None:
    """What fails outside of everything is logged by Lambda's runtime, word for word."""
    secret = new_caller()
    poison = {
        "Records": [{"dynamodb": {"NewImage": {"events": {"S": secret.address}}}, "body": secret.address}],
        "requestContext": {"http": {"method": secret.address}},
        "RequestType": "Create",
        "ResponseURL": secret.address,
    }
    for function in functions().values():
        if function.sources & {"DynamoDB", "CloudFormation"}:
            outcome = fleet.invoke(function, poison)
            assert outcome.error is None or outcome.error["errorType"] == "InvocationFailed"
            assert outcome.log or outcome.error is None
            log_rules.check_lines(outcome.log, log_level="DEBUG", secrets=(secret.address,))
    assert [outcome for _, outcome in fleet.outcomes if outcome.error]


def test_listening_asks_nobody_for_keys_and_fits_into_a_small_function(cloud: Cloud) -> None:
    """It waits, and is paid for by its memory: 128 MB, of which Lambda's own processes need some."""
    public = {name: value for name, value in cloud.private_key.items() if name != "d"}
    variables = {
        "BACKBONE_PUBLIC_TOKEN_KEYS": json.dumps({"keys": [public]}),
        "AWS_ENDPOINT_URL_SSM": "http://127.0.0.1:1",  # where nobody listens
    }
    with Fleet(cloud, "INFO", **variables) as fleet:
        api, caller = RuntimeApi(fleet, cloud), new_caller()

        answers = [api.get("/api/v2/sse", caller=caller) for _ in range(20)]

        assert {answer.status for answer in answers} == {200}
        assert fleet.start(functions()["Sse"]).resident_kilobytes() < 100 * 1024


@pytest.mark.parametrize(
    ("asked_for", "told_to_lambda", "written"),
    [("DEBUG", "ERROR", ["DEBUG", None]), ("INFO", "DEBUG", [None]), ("ERROR", "DEBUG", [None])],
)
def test_the_level_asked_for_holds_whatever_lambda_is_told(
    asked_for: str, told_to_lambda: str, written: list[str | None], cloud: Cloud
) -> None:
    """`/health` is worth a line at DEBUG only; its metrics are written always."""
    with Fleet(cloud, asked_for, application_log_level=told_to_lambda) as fleet:
        RuntimeApi(fleet, cloud).get("/health")

        [(_, outcome)] = fleet.outcomes
        assert [json.loads(line).get("level") for line in outcome.log] == written


def test_a_custom_resource_that_fails_tells_cloudformation_and_the_log(
    cloud: Cloud, cloudformation: CloudFormation
) -> None:
    with Fleet(cloud, "DEBUG", AWS_ENDPOINT_URL_SSM="http://127.0.0.1:1", AWS_MAX_ATTEMPTS="1") as fleet:
        outcome = _set_up_keys(fleet, cloudformation)

        [answer] = cloudformation.answers
        assert (outcome.error, answer["Status"]) == (None, "FAILED")
        assert [json.loads(line)["event_id"] for line in outcome.log] == [274810]
        log_rules.check_lines(outcome.log, log_level="DEBUG", secrets=("secret-signature",))


def _set_up_keys(fleet: Fleet, cloudformation: CloudFormation) -> Outcome:
    request = events.custom_resource("Create", cloudformation.url, Rotation="1")
    return fleet.invoke(functions()["Keys"], request)
