"""Rounds of all operations in bad weather, each compared with how it ends in good weather.

Requests are made once: the SDK has to get them through.  Events are handed over at least once and, when their consumer
dies, again; jobs are started again.  In the end all that is stored must be what is stored without any disturbance:
nothing lost, doubled, wrongly refused or left over.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from backbone.consumers import Consumers
from backbone.events import EventEnvelope
from tests.faults.disturbance import Result, result_of, run
from tests.faults.operations import Operation, all_operations
from tests.faults.weather import Kind, Weather, disturbed
from tests.faults.world import World, a_world
from tests.support.api import Answer
from tests.support.crashes import Crash
from tests.support.pump import EventPump

_REPEAT_RATE = 0.2
_MAY_BE_STARTED_AGAIN = ("events:", "job:", "stream:")
_GOES_ON_TOMORROW = "job: deletion is asked for again"
"""When it dies, the run of the next day asks; not the same run once more."""
_MOST_DEATHS = 50


@dataclass
class Report:
    """What has been tried, and what was wrong."""

    operations: int = 0
    requests: int = 0
    deliveries: int = 0
    writes: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[str]] = field(default_factory=dict)


class QueueInBadWeather(EventPump):
    """Hands events over twice now and then, and again when the consumer has died."""

    def __init__(self, weather: Weather, report: Report) -> None:
        super().__init__()
        self._weather = weather
        self._report = report

    def hand_over(self, consumers: Consumers, event: EventEnvelope) -> None:
        """At least once."""
        times = 2 if self._weather.dice.random() < _REPEAT_RATE else 1
        is_mortal, self._weather.may_kill = (
            self._weather.may_kill,
            self._weather.may_kill and consumers.service != "push",
        )
        for _ in range(times):
            until_it_lives(lambda: consumers.handle(event))
        self._weather.may_kill = is_mortal
        self._report.deliveries += 1


def until_it_lives(action: Callable[[], object]) -> object:
    """Do it again as long as the process dies over it."""
    for _ in range(_MOST_DEATHS):
        try:
            return action()
        except Crash:
            continue
    raise AssertionError("it dies every time")


def rounds(
    count: int, seed: int, monkeypatch: pytest.MonkeyPatch, endpoint: str | None = None, *, names: str = ""
) -> Iterator[Report]:
    """Operations in a random order, round after round; the report so far after each operation."""
    report, good = Report(), dict[str, Result]()
    for number in range(count):
        chosen = [operation for name, operation in all_operations().items() if names in name]
        random.Random(f"{seed} {number}").shuffle(chosen)
        for position, operation in enumerate(chosen):
            if operation.name not in good:
                good[operation.name] = run(operation, monkeypatch, endpoint)
            _try(operation, good[operation.name], hash_of(seed, number, position), monkeypatch, endpoint, report)
            yield report


def hash_of(*numbers: int) -> int:
    """A seed of its own for each place, the same in every process."""
    return random.Random(repr(numbers)).getrandbits(32)


def _try(
    operation: Operation,
    good: Result,
    seed: int,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str | None,
    report: Report,
) -> None:
    weather = Weather(seed)
    with a_world(monkeypatch, endpoint) as world:
        world.pump = QueueInBadWeather(weather, report)
        _count_requests(world, report)
        with disturbed(weather):
            act = operation.prepare(world)
            weather.may_be_late = True
            weather.may_kill = operation.name.startswith(_MAY_BE_STARTED_AGAIN) and operation.name != _GOES_ON_TOMORROW
            outcome = until_it_lives(act)
            weather.may_kill = False
        result = result_of(world, outcome, [])
        found = good.differences(
            result if weather.happened[Kind.KILLED] == 0 else replace(result, outcome=good.outcome)
        )
    report.operations += 1
    report.writes += weather.writes
    report.happened.update({str(kind): number for kind, number in weather.happened.items()})
    if found:
        report.wrong[f"{operation.name}, seed {seed}"] = found


def _count_requests(world: World, report: Report) -> None:
    """How many requests that write were answered with success."""
    for api in (world.api, world.admin):
        world.patch(api, "request", _counting(partial(type(api).request, api), report))


def _counting(request: Callable[..., Answer], report: Report) -> Callable[..., Answer]:
    def counted(method: str, *arguments: Any, **options: Any) -> Answer:
        answer = request(method, *arguments, **options)
        report.requests += method != "GET" and answer.status < 300
        return answer

    return counted
