"""Measures one scenario: calls, sequential trips and units exactly, CPU as the median of many requests."""

import statistics
import time
from dataclasses import dataclass

from tests.bench.prices import Usage
from tests.bench.scenarios import Scenario, catch_up
from tests.bench.world import World
from tests.support.metering import metered

REPEATS = 15
WARM_UP = 2


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    scenario: Scenario
    calls: int
    trips: int
    read_units: float
    write_units: float
    cpu_ms: float

    @property
    def usd_per_million(self) -> float:
        """What a million of these requests cost on AWS."""
        return Usage(self.trips, self.read_units, self.write_units, self.cpu_ms).usd_per_million

    @property
    def misses(self) -> list[str]:
        """The targets this scenario does not meet."""
        missed = []
        if self.scenario.hot and self.trips > 2:
            missed.append(f"{self.trips} sequential round trips, at most 2 wanted")
        if self.cpu_ms > self.scenario.cpu_target_ms:
            missed.append(f"{self.cpu_ms:.1f} ms of CPU, {self.scenario.cpu_target_ms:.0f} wanted")
        return missed


def measure(scenario: Scenario, world: World) -> Row:
    """Send the scenario's request many times, each freshly prepared."""
    cpu: list[float] = []
    for attempt in range(WARM_UP + REPEATS):
        request = scenario.prepare(world)
        with metered() as meter:
            began = time.process_time()
            answer = world.api.request(request.method, request.path, **request.options)
            spent = time.process_time() - began
        if answer.status != request.expect:
            raise AssertionError(f"{scenario.endpoint}: {answer.status} {answer.body}")
        if attempt >= WARM_UP:
            cpu.append(spent * 1000)
    catch_up(world)  # leaves no pile of events to the next scenario
    return Row(scenario, len(meter.calls), meter.trips, meter.read_units, meter.write_units, statistics.median(cpu))
