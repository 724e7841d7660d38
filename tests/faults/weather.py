"""Bad weather between this process and AWS: answers get lost or come late, calls are refused or cut off, processes die.

All of it is drawn from a seed, and none of it is an excuse: whoever repeats what failed must end where he would have
been in good weather.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from types import SimpleNamespace
from typing import Any
from unittest import mock

import botocore.endpoint
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError

from backbone import dynamodb, payloads
from tests.support.crashes import Crash
from tests.support.lost_answers import WRITES

_MOST_IN_A_ROW = 2
"""With more bad answers in a row the SDK would give up, and the caller would learn nothing: another story."""


class Kind(StrEnum):
    """What may happen to a call."""

    LOST = "answer lost"
    LATE = "request executed once more, later"
    BROKEN = "connection broken before"
    THROTTLED = "throttled"
    FAILED = "500 after execution"
    KILLED = "process killed"


_RATES = {Kind.LOST: 0.12, Kind.LATE: 0.05, Kind.BROKEN: 0.05, Kind.THROTTLED: 0.05, Kind.FAILED: 0.05}
_ERRORS = {
    Kind.THROTTLED: (400, "ProvisionedThroughputExceededException"),
    Kind.FAILED: (500, "InternalServerError"),
}
Send = Callable[[Any, Any, Any], Any]


@dataclass
class Weather:
    """Disturbs the calls of the clients for DynamoDB and S3 while it is on; `happened` says how often what.

    Processes die, and requests come late, only when they may: not while tests put things in place in their own way.
    """

    seed: int
    kill_rate: float = 0.01
    writes: int = 0
    happened: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    may_kill: bool = False
    may_be_late: bool = False
    _late: list[Callable[[], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def _sending(self, send: Send) -> Send:
        def disturbed(request: Any, model: Any, context: Any) -> Any:
            self._deliver_late()
            kind = self._drawn(model.name) if context["retries"]["attempt"] <= _MOST_IN_A_ROW else None
            if kind is not None:
                self.happened[kind] += 1
            if kind is Kind.KILLED:
                raise Crash
            if kind is Kind.BROKEN:
                return None, EndpointConnectionError(endpoint_url=request.url)
            if kind is Kind.THROTTLED:
                return _refusal(request, *_ERRORS[kind]), None
            if kind is Kind.LATE:
                self._late.append(lambda: send(request, model, context))
            answer, exception = send(request, model, context)
            self.writes += model.name in WRITES and answer is not None and answer[0].status_code < 300
            if kind in (Kind.LOST, Kind.LATE):
                return None, ConnectionClosedError(endpoint_url=request.url)
            return (_refusal(request, *_ERRORS[kind]), None) if kind is Kind.FAILED else (answer, exception)

        return disturbed

    def _drawn(self, operation: str) -> Kind | None:
        if self.may_kill and self.dice.random() < self.kill_rate:
            return Kind.KILLED
        number = self.dice.random()
        for kind, rate in _RATES.items():
            number -= rate
            if number < 0:
                is_possible = kind is not Kind.LATE or (self.may_be_late and operation in WRITES)
                return kind if is_possible else None
        return None

    def _deliver_late(self) -> None:
        """What lingered in the network arrives before one of the next calls."""
        if self._late and self.dice.random() < 0.3:
            self._late.pop(0)()

    def settle(self) -> None:
        """Everything has arrived."""
        while self._late:
            self._late.pop(0)()


def _refusal(request: Any, status: int, code: str) -> tuple[AWSResponse, dict[str, Any]]:
    parsed = {"Error": {"Code": code, "Message": "bad weather"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return AWSResponse(request.url, status, {}, None), parsed


@contextmanager
def disturbed(weather: Weather) -> Iterator[None]:
    """The weather is on inside the block; the SDK repeats without pauses."""
    endpoints = [client._endpoint for client in (dynamodb.client(), payloads.client())]
    patience = SimpleNamespace(**{**vars(time), "sleep": lambda seconds: None})
    with mock.patch.object(botocore.endpoint, "time", patience):
        for endpoint in endpoints:
            endpoint._get_response = weather._sending(endpoint._get_response)
        try:
            yield
        finally:
            for endpoint in endpoints:
                del endpoint._get_response
            weather.settle()
