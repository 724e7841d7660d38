"""All functions of a deployment, started when they are first needed, and the two HTTP APIs in front of them."""

import base64
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from types import TracebackType
from typing import Any, Self

import jwt

from backbone.caller import Caller
from infra.inventory import Function, inventory
from tests.runtime.cloud import Cloud
from tests.runtime.lambda_process import LambdaProcess, Outcome
from tests.support.api import ADMIN_SERVICES, SERVICES, InProcessApi
from tests.support.engine import DOMAIN

_AS_TEXT = ("application/json", "text/")
"""What API Gateway does not encode."""


@cache
def functions() -> dict[str, Function]:
    """The functions of the templates, by id."""
    return {function.id: function for function in inventory().functions}


class Fleet:
    """Functions at one level of log; `outcomes` is what came of each invocation, in order.

    `application_log_level` is what Lambda is told; by default the most talkative, which is the most dangerous.
    """

    def __init__(self, cloud: Cloud, log_level: str, *, application_log_level: str = "DEBUG", **variables: str) -> None:
        self.log_level = log_level
        self.outcomes: list[tuple[Function, Outcome]] = []
        self._cloud = cloud
        self._application_log_level = application_log_level
        self._variables = variables
        self._processes: dict[str, LambdaProcess] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for process in self._processes.values():
            process.stop()

    def start(self, function: Function) -> LambdaProcess:
        """The function's process; made on first use."""
        if function.id not in self._processes:
            variables = {
                **self._cloud.variables,
                "POWERTOOLS_SERVICE_NAME": function.name,
                "BACKBONE_LOG_LEVEL": self.log_level,
                **self._variables,
            }
            self._processes[function.id] = LambdaProcess(
                function, variables, application_log_level=self._application_log_level
            )
        return self._processes[function.id]

    def invoke(self, function: Function, event: Any) -> Outcome:
        """Invoke a function."""
        outcome = self.start(function).invoke(event)
        self.outcomes.append((function, outcome))
        return outcome


class RuntimeApi(InProcessApi):
    """The Consumer API or the Admin API in front of a fleet."""

    def __init__(self, fleet: Fleet, cloud: Cloud, *, admin: bool = False) -> None:
        super().__init__(ADMIN_SERVICES if admin else SERVICES, admin=admin)
        self._fleet = fleet
        self._cloud = cloud

    def _call(self, function: str, handler: Any, event: dict[str, Any]) -> dict[str, Any]:
        outcome = self._fleet.invoke(functions()[function], as_sent_by_gateway(event))
        assert outcome.error is None, outcome.error
        answer: dict[str, Any] = outcome.answer
        return answer

    def _token(self, caller: Caller) -> str:
        return signed_token(self._cloud, caller)


def signed_token(cloud: Cloud, caller: Caller) -> str:
    """An access token as the token function would issue it."""
    now = int(time.time())
    claims = {
        "iss": f"https://{DOMAIN}",
        "iat": now,
        "exp": now + 300,
        "jti": "0",
        "sub": "0",
        "nmshd_address": caller.address,
        "device_id": caller.device_id,
        "client_id": caller.client_id,
    }
    key = jwt.PyJWK(cloud.private_key, algorithm="EdDSA")
    return jwt.encode(claims, key.key, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": key.key_id})


def as_sent_by_gateway(event: Mapping[str, Any]) -> dict[str, Any]:
    """The whole of an HTTP API's event of version 2.0, around the part that the code reads."""
    body, is_base64 = event["body"], event["isBase64Encoded"]
    if body and event["headers"].get("content-type", "").startswith(_AS_TEXT):
        body, is_base64 = base64.b64decode(body).decode(), False
    request = event["requestContext"]
    method, path = request["http"]["method"], request["http"]["path"]
    host = event["headers"]["host"]
    return {
        **{name: value for name, value in event.items() if value is not None},
        "headers": {
            "x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            "content-length": str(len(body or "")),
            **event["headers"],
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "runtime/1.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": event["routeKey"],
            "stage": "$default",
            "time": datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": request["timeEpoch"],
        },
        **({"body": body} if body else {}),
        "isBase64Encoded": is_base64,
    }
