"""`make faults ROUNDS=…`: all operations in bad weather, again and again; fails if anything is wrong."""

import argparse
import sys
import time

import pytest

from backbone.observability import logger
from tests.faults.rounds import Report, rounds
from tests.support.engine import dynamodb_local


def main() -> int:
    """Try, tell the progress, and sum up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="operations with this in their names")
    parser.add_argument("--local-dynamodb", action="store_true", help="against DynamoDB Local instead of moto")
    options = parser.parse_args()
    if not options.local_dynamodb:
        return _sum_up(_try(options, None), options.seed)
    with dynamodb_local() as endpoint:
        return _sum_up(_try(options, endpoint), options.seed)


def _try(options: argparse.Namespace, endpoint: str | None) -> Report:
    logger.setLevel("CRITICAL")
    report, began, known = Report(), time.monotonic(), 0
    with pytest.MonkeyPatch.context() as monkeypatch:
        for report in rounds(options.rounds, options.seed, monkeypatch, endpoint, names=options.only):
            if report.operations % 50 == 0:
                print(f"{time.monotonic() - began:6.0f} s  {_figures(report)}", flush=True)
            for name, differences in list(report.wrong.items())[known:]:
                print(f"\n{name}", *differences, sep="\n  ", flush=True)
            known = len(report.wrong)
    return report


def _sum_up(report: Report, seed: int) -> int:
    print(f"\nseed {seed}: {_figures(report)}")
    for kind, number in sorted(report.happened.items()):
        print(f"  {number:7} x {kind}")
    return 1 if report.wrong else 0


def _figures(report: Report) -> str:
    return (
        f"{report.operations} operations, {report.writes} acknowledged writes in {report.requests} requests "
        f"and {report.deliveries} deliveries of events; {len(report.wrong)} wrong"
    )


if __name__ == "__main__":
    sys.exit(main())
