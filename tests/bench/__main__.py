"""Run all measurements, write docs/performance.md and the tables of docs/cost.md, fail when a target is missed."""

import sys
from pathlib import Path

from infra.build import TARGETS, build
from tests.bench import costs, functions
from tests.bench.delay import delays
from tests.bench.measure import Row, measure
from tests.bench.scenarios import SCENARIOS
from tests.bench.world import build_world
from tests.support.engine import dynamodb_local

REPORT = Path(__file__).parents[2] / "docs/performance.md"
IMPORT_TARGET_MS = 700
PACKAGE_TARGET_MB = 20
DELAY_TARGET_S = 2.0

_HEAD = """# Performance

Written by `make bench`; do not edit. Measured in one process against AWS's DynamoDB Local, requests and items of
about 1 KB. Calls, sequential round trips and capacity units (RCU, WCU) are exact. CPU is the median of many requests
on the machine that ran it, the AWS SDK included; it compares only with other numbers of the same run. Log-ins and
registrations spend most of theirs on Argon2id, on purpose ([decisions/passwords.md](decisions/passwords.md)).

USD per million requests: API Gateway, Lambda (1 GB, arm64; CPU plus 5 ms per round trip) and DynamoDB at list prices
(`tests/bench/prices.py`); events, logs and S3 come on top ([cost.md](cost.md)).

Targets: at most 2 sequential round trips on every endpoint clients use all day, CPU under 5 ms (except where
passwords are derived), cold import under 700 ms, each package under 20 MB, external
events readable within 2 s.

## Requests

| request | calls | trips | RCU | WCU | CPU ms | USD per million |
|---|---|---|---|---|---|---|
"""


def main() -> int:
    """Measure and report; the exit code tells whether every target is met."""
    print("measuring the delay of external events ...")
    measured_delays = delays()
    print("building packages ...")
    build(TARGETS["aws"])
    rows: list[Row] = []
    with dynamodb_local() as endpoint:
        world = build_world(endpoint)
        for scenario in SCENARIOS:
            row = measure(scenario, world)
            rows.append(row)
            print(f"{scenario.endpoint:75s} {row.calls} calls {row.cpu_ms:6.1f} ms  {'; '.join(row.misses)}")
    loads, packages = functions.imports(), functions.packages()
    lines = [
        f"| {row.scenario.endpoint} | {row.calls} | {row.trips} | {row.read_units:g} | {row.write_units:g} "
        f"| {row.cpu_ms:.1f} | {row.usd_per_million:.2f} |"
        for row in rows
    ]
    report = _HEAD + "\n".join(lines)
    report += "\n\n## Delay of external events, on the deployed stack\n\n"
    report += "| circumstances | median s | 95 % s | worst s |\n|---|---|---|---|\n"
    report += "\n".join(
        f"| {d.circumstances} | {d.median:.2f} | {d.p95:.2f} | {d.worst:.2f} |" for d in measured_delays
    )
    report += "\n\n## Cold imports\n\n| function | ms of CPU (median of 5) |\n|---|---|\n"
    report += "\n".join(f"| {load.function} | {load.import_ms:.0f} |" for load in loads)
    report += "\n\n## Packages\n\n| package | MB zipped |\n|---|---|\n"
    report += "\n".join(f"| {package.name} | {package.megabytes:.2f} |" for package in packages) + "\n"
    REPORT.write_text(report, encoding="utf-8")
    costs.write()
    missed = [f"{row.scenario.endpoint}: {miss}" for row in rows for miss in row.misses]
    missed += [
        f"import of {load.function}: {load.import_ms:.0f} ms" for load in loads if load.import_ms > IMPORT_TARGET_MS
    ]
    missed += [
        f"{package.name}: {package.megabytes:.1f} MB" for package in packages if package.megabytes > PACKAGE_TARGET_MB
    ]
    for miss in missed:
        print(f"target missed: {miss}", file=sys.stderr)
    print(f"wrote {REPORT.relative_to(Path.cwd())}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
