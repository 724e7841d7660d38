"""Every function of the templates under AWS's runtime client, at every level of log.

Lambda is told the most talkative level: then its runtime sets the root logger, and so the AWS SDK, to DEBUG.
"""

import json
import re
from contextlib import ExitStack
from typing import Any

import pytest

from backbone.http.api import Endpoint
from infra.inventory import Function
from infra.routes import ADMIN, CONSUMER, HttpApi, endpoints
from tests.runtime import events, log_rules
from tests.runtime.cloud import Cloud
from tests.runtime.conftest import CloudFormation
from tests.runtime.fleet import Fleet, RuntimeApi, functions, signed_token
from tests.support.api import new_caller
from tests.support.engine import ADMIN_KEY, TOKEN_KEYS

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("runtime")]

LEVELS = ("DEBUG", "INFO", "ERROR")
SECRET_ID = "XYZsecretidsecretid1"
PASSWORD = "password-that-nobody-logs"
FALLBACKS = {http_api.fallback_function for http_api in (CONSUMER, ADMIN)}


@pytest.mark.parametrize("function", functions().values(), ids=lambda function: function.name)
def test_a_function_works_and_logs_what_it_should(
    function: Function, cloud: Cloud, cloudformation: CloudFormation
) -> None:
    with ExitStack() as running:
        fleets = [running.enter_context(Fleet(cloud, level)) for level in LEVELS]
        for fleet in fleets:
            fleet.start(function)  # all at once, because starting is what takes time
        for fleet in fleets:
            _exercise(fleet, function, cloud, cloudformation)


def _exercise(fleet: Fleet, function: Function, cloud: Cloud, cloudformation: CloudFormation) -> None:
    start = fleet.invoke(function, {})  # what loads a function ahead of use
    assert (start.error, start.log) == (None, [])
    for source in function.sources or {"Authorizer" if function.handler.endswith(".authorize") else "Api"}:
        _SOURCES[source](fleet, function, cloud, cloudformation)
    assert len(fleet.outcomes) > 1
    secrets = (SECRET_ID, PASSWORD, ADMIN_KEY * 2, events.CONTENT, "secret-signature")
    for _, outcome in fleet.outcomes:
        log_rules.check_lines(outcome.log, log_level=fleet.log_level, secrets=secrets)
    _check_level(fleet)


def _check_level(fleet: Fleet) -> None:
    """Whoever asks for INFO gets lines of that level, whoever asks for ERROR gets metrics still."""
    lines = [line for _, outcome in fleet.outcomes for line in outcome.log]
    kept = log_rules.let_through(lines, "DEBUG" if fleet.log_level == "DEBUG" else "INFO")
    assert kept == lines
    written = {json.loads(line).get("level") for line in lines}
    assert ("INFO" in written) == (fleet.log_level != "ERROR") or not lines


def _requests(fleet: Fleet, function: Function, cloud: Cloud, _: CloudFormation) -> None:
    for http_api in (CONSUMER, ADMIN):
        routes = [route for route in endpoints(http_api) if route.function == function.id]
        api = RuntimeApi(fleet, cloud, admin=http_api.admin)
        for route in routes:
            _ask(api, route, http_api)
        if function.id == http_api.fallback_function:
            assert api.get(f"/api/v2/Nowhere/{SECRET_ID}").status == 404
    answered = [outcome for _, outcome in fleet.outcomes if outcome.answer["statusCode"] != 204 or outcome.log]
    for outcome in answered[1:]:
        log_rules.check_size(outcome)
    routed = [outcome for outcome in answered if log_rules.metrics(outcome.log)]
    assert routed


def _ask(api: RuntimeApi, route: Endpoint, http_api: HttpApi) -> None:
    path = re.sub(r"\{\w+\}", SECRET_ID, route.path)
    body = None if route.method in ("GET", "DELETE") else {"devicePassword": PASSWORD, "content": events.CONTENT}
    stranger = {"x-api-key": "stranger"} if http_api.admin else {"authorization": "Bearer eyJhbGciOiJFZERTQSJ9.e30.x"}
    refused = api.request(route.method, path, json_body=body, headers=stranger)
    assert refused.status == 401 or route.anonymous, (route, refused)
    answer = api.request(route.method, path, json_body=body, caller=None if http_api.admin else new_caller())
    assert answer.status < 500, (route, answer)
    assert answer.status != 401 or route.function == "Token", (route, answer)


def _queue(fleet: Fleet, function: Function, *_: Any) -> None:
    bodies = [json.dumps(events.from_bus(events.envelope(name))) for name in events.consumed_by(function)]
    outcome = fleet.invoke(function, events.queue_batch(bodies))
    assert (outcome.error, outcome.answer) == (None, {"batchItemFailures": []})
    assert log_rules.metrics(outcome.log)
    log_rules.check_size(outcome, requests=len(bodies))
    partly = fleet.invoke(function, events.queue_batch([events.broken(), bodies[0], "no JSON"]))
    assert sorted(failed["itemIdentifier"] for failed in partly.answer["batchItemFailures"]) == ["0", "2"]
    log_rules.check_size(partly, requests=3)


def _bus(fleet: Fleet, function: Function, *_: Any) -> None:
    for name in events.consumed_by(function):
        outcome = fleet.invoke(function, events.from_bus(events.envelope(name)))
        assert outcome.error is None
        log_rules.check_size(outcome)


def _stream(fleet: Fleet, function: Function, *_: Any) -> None:
    batch = events.stream_batch()
    outcome = fleet.invoke(function, batch)
    assert (outcome.error, outcome.answer) == (None, {"batchItemFailures": []})
    log_rules.check_size(outcome, requests=len(batch["Records"]))


def _authorizer(fleet: Fleet, function: Function, cloud: Cloud, _: CloudFormation) -> None:
    for token, effect in (("Bearer eyJhbGciOiJFZERTQSJ9.e30.x", "Deny"), (signed_token(cloud, new_caller()), "Allow")):
        outcome = fleet.invoke(function, events.authorization(token if effect == "Deny" else f"Bearer {token}"))
        assert outcome.error is None
        assert outcome.answer["policyDocument"]["Statement"][0]["Effect"] == effect
        log_rules.check_size(outcome)


def _schedule(fleet: Fleet, function: Function, cloud: Cloud, _: CloudFormation) -> None:
    if function.id == "Redelivery":  # it tells only of what has failed
        cloud.put_failed_event(SECRET_ID)
    outcome = fleet.invoke(function, events.schedule())
    assert outcome.error is None
    assert log_rules.metrics(outcome.log)
    log_rules.check_size(outcome)


def _custom_resource(fleet: Fleet, function: Function, cloud: Cloud, cloudformation: CloudFormation) -> None:
    properties = {"Rotation": "2", "CredentialsPath": "/test/push-credentials", "Stack": "test", "Version": "2"}
    for kind in ("Create", "Update", "Update", "Create"):
        outcome = fleet.invoke(function, events.custom_resource(kind, cloudformation.url, **properties))
        assert (outcome.error, cloudformation.answers.pop()["Status"]) == (None, "SUCCESS")
        log_rules.check_size(outcome)
    text = cloud.emulator.client("ssm").get_parameter(Name=f"{TOKEN_KEYS}/private", WithDecryption=True)
    secrets = [key["d"] for key in json.loads(text["Parameter"]["Value"])["keys"]]
    lines = [line for _, outcome in fleet.outcomes for line in outcome.log]
    log_rules.check_lines(lines, log_level=fleet.log_level, secrets=secrets)


_SOURCES = {
    "Api": _requests,
    "SQS": _queue,
    "DynamoDB": _stream,
    "Schedule": _schedule,
    "ScheduleV2": _schedule,
    "EventBridgeRule": _bus,
    "Authorizer": _authorizer,
    "CloudFormation": _custom_resource,
}
