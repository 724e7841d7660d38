"""The tables of docs/cost.md: computed from prices, from what `make bench` measured, and from the templates.

    python -m tests.bench.costs             writes them
    python -m tests.bench.costs --check     fails when one is stale

A table stands between `<!-- table: name -->` and `<!-- end -->`; the text around it is written by hand.
"""

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from infra.alarms import FREE_ALARMS
from infra.deployed import resources
from infra.inventory import MAIN, MAPPING, inventory, of_type, services, template, template_of
from tests.bench import cluster, prices, usage
from tests.bench.capacity import cheapest_reservation, provisioned
from tests.bench.prices import DASHBOARD, HOURS, MILLION, invocations, tiered, units
from tests.bench.usage import DAYS, Event, Load

PAGE = Path(__file__).parents[2] / "docs" / "cost.md"
SIZES = (1_000, 100_000, 10_000_000)
DEPLOYMENTS_A_MONTH, PACKAGES_GB = 20, 0.011
JOB_SECONDS = 1.5
"""A run with nothing to do, start included."""
QUEUE_REQUESTS_OF_A_RUN = 3
READ_UNITS_OF_A_JOB = 8
"""16 parts of an index, half a unit each."""

Rows = list[tuple[str, float]]
_TABLE = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.S)
_RATE = re.compile(r"rate\((\d+) minutes\)")
_LISTENING = (
    (25, 0.25, "0.3 s, at most 0.8"),
    (5, 0.25, "0.3 s, at most 0.8"),
    (5, 5, "1.4 s, at most 5"),
    (0, 1, "0.5 s, at most 1"),
    (0, 5, "2.5 s, at most 5"),
    (0, 10, "5 s, at most 10"),
)
"""Seconds that an answer waits, the pause behind it, and how late an event arrives because of both."""


# Idle -----------------------------------------------------------------------------------------------------------------


def schedules() -> dict[str, float]:
    """How often a month each function is started by a schedule."""
    found = {}
    for service in services():
        for _, properties in of_type(template_of(service), "AWS::Serverless::Function"):
            for event in properties.get("Events", {}).values():
                if event["Type"] == "Schedule":
                    name = properties["FunctionName"]["Fn::Sub"].removeprefix("${StackName}-")
                    found[name] = _runs(event["Properties"]["Schedule"])
    return found


def _runs(schedule: str) -> float:
    """Raises `ValueError` for a schedule that is neither every few minutes nor daily."""
    if rate := _RATE.fullmatch(schedule):
        return HOURS * 60 / int(rate[1])
    if re.fullmatch(r"cron\(\d+ \d+ \* \* \? \*\)", schedule):
        return DAYS
    raise ValueError(f"docs/cost.md does not know what {schedule} costs")


def polled_queues() -> list[str]:
    """Queues that Lambda asks day and night whether there is something in them."""
    mappings = [one for one in resources() if one.type == MAPPING]
    return [one.path for one in mappings if ":sqs:" in str(one.properties["EventSourceArn"])]


def idle() -> Rows:
    """What a stack with default parameters costs in a month in which nobody uses it."""
    runs, polled = schedules(), len(polled_queues())
    jobs = sum(runs.values()) - runs["redelivery"]
    compute = sum(invocations(times / MILLION, usage.memory()[name] * JOB_SECONDS) for name, times in runs.items())
    asked = runs["redelivery"] * QUEUE_REQUESTS_OF_A_RUN
    logged = sum(runs.values()) * usage.LOG_LINE / 1e9
    return [
        (f"{sum(runs.values()):,.0f} scheduled invocations ({', '.join(runs)})", compute),
        (f"{asked:,.0f} requests to the queues of failed events", asked / MILLION * prices.QUEUE_REQUESTS),
        (f"{jobs * READ_UNITS_OF_A_JOB:,.0f} read units of the daily jobs", units(jobs * READ_UNITS_OF_A_JOB / 1e6, 0)),
        (f"{logged * 1000:.1f} MB of logs", tiered(logged, prices.LOG_TIERS)),
        (
            f"packages of {DEPLOYMENTS_A_MONTH} deployments, kept in the bucket for deployments",
            DEPLOYMENTS_A_MONTH * PACKAGES_GB * prices.OBJECTS,
        ),
        (f"{polled} queues that Lambda polls", polled * prices.POLLED_QUEUE),
        ("everything else: functions, tables, streams and their readers, bus, rules, APIs, domains, parameters", 0.0),
    ]


# Events ---------------------------------------------------------------------------------------------------------------


def event_costs() -> dict[str, list[float]]:
    """Per million events of a kind: outbox, bus, consumers, units, logs."""
    quiet = Event("told to nobody", ("push-consumer",), 1.5, 0)
    pushed = Event("a push", ("push-consumer",), 1.5, 2)
    return {
        "`MessageCreated`, until the recipient's sync feed has it": _parts(usage.MESSAGE_CREATED),
        "an event that push looks at, for an identity without a phone": _parts(quiet),
        "the same, and a phone is notified (SNS not included)": _parts(pushed),
    }


def _parts(event: Event) -> list[float]:
    outbox = usage.invoked("outbox", usage.OUTBOX_SECONDS)
    consumers = [usage.invoked(name, usage.CONSUMER_SECONDS) for name in event.consumers]
    return [
        _compute(outbox),
        prices.BUS_EVENTS,
        sum(_compute(one) for one in consumers),
        units(event.read_units, event.write_units),
        _logs(sum((one.logs for one in consumers), outbox.logs)),
    ]


# A month of so many users ---------------------------------------------------------------------------------------------


def bill(load: Load, months: int = 12) -> Rows:
    """What a month costs that uses so much, after so many months like it."""
    items, objects = load.items_a_month * months, load.objects_a_month * months
    return [
        ("API Gateway", tiered(load.requests, prices.HTTP_API_TIERS)),
        ("Lambda", _compute(load)),
        ("DynamoDB, reads and writes on demand", units(load.reads, load.writes)),
        ("event bus", load.events * prices.BUS_EVENTS),
        ("push notifications", load.pushes * prices.PUSHES),
        ("S3, requests", load.object_writes * prices.S3_WRITES + load.object_reads * prices.S3_READS),
        ("logs", _logs(load.logs)),
        ("data out", tiered(load.out, prices.OUT_TIERS)),
        ("**sum without storage**", 0.0),
        ("storage after a year: items with their backups", items * (prices.ITEMS + prices.BACKUPS)),
        ("storage after a year: objects", objects * prices.OBJECTS),
        ("**sum after a year**", 0.0),
    ]


def _compute(load: Load) -> float:
    return load.invocations * prices.LAMBDA_REQUESTS + load.gb_seconds * MILLION * prices.LAMBDA_GB_SECOND


def _logs(gigabytes: float) -> float:
    return tiered(gigabytes, prices.LOG_TIERS)


def free(load: Load) -> float:
    """What AWS gives every account, as far as it is used."""
    return (
        min(load.invocations, prices.FREE_INVOCATIONS) * prices.LAMBDA_REQUESTS
        + min(load.gb_seconds * MILLION, prices.FREE_GB_SECONDS) * prices.LAMBDA_GB_SECOND
        + min(load.items_a_month * 12, prices.FREE_ITEMS_GB) * prices.ITEMS
        + min(load.pushes, prices.FREE_PUSHES) * prices.PUSHES
        + _logs(min(load.logs, prices.FREE_LOGS_GB))
        + tiered(min(load.out, prices.FREE_OUT_GB), prices.OUT_TIERS)
    )


def scalable() -> int:
    """Tables and indexes: each has capacity of its own."""
    return sum(1 + len(one.indexes) for one in inventory().tables)


def _users_table() -> str:
    columns = [_summed(bill(usage.month(users))) for users in SIZES]
    rows = [[title, *(_usd(column[title]) for column in columns)] for title in columns[0]]
    rows.append(["per user", *(_small(one["**sum after a year**"] / n) for one, n in zip(columns, SIZES, strict=True))])
    rows.append(["less what AWS gives every account", *(_usd(free(usage.month(users))) for users in SIZES)])
    return _table(["USD a month", *(f"{users:,} users" for users in SIZES)], rows)


def _summed(rows: Rows) -> dict[str, float]:
    total, found = 0.0, {}
    for title, usd in rows:
        total += usd
        found[title] = total if title.startswith("**") else usd
    return found


def _capacity_table() -> str:
    rows = []
    for users in (*SIZES[:1], 10_000, *SIZES[1:2], 1_000_000, *SIZES[2:]):
        load = usage.month(users)
        on_demand = units(load.reads, load.writes)
        scaled = provisioned(load.reads, load.writes, scalable())
        reserved, share = cheapest_reservation(load.reads, load.writes, scalable())
        rows.append([f"{users:,}", _usd(on_demand), _usd(scaled), f"{_usd(reserved)} ({share:.0%})"])
    headings = ["users", "on demand", "provisioned, scaled by AWS", "the same, the best part reserved for a year"]
    return _table(headings, rows)


def _cluster_table() -> str:
    columns = []
    for users in SIZES:
        load = usage.month(users)
        shared = tiered(load.out, prices.OUT_TIERS) + load.objects_a_month * 12 * prices.OBJECTS
        shared += load.object_writes / 2 * prices.S3_WRITES + load.object_reads * prices.S3_READS
        columns.append([*cluster.bill(users, load), ("objects, data out, as here", shared)])
    rows = [[title, *(_usd(column[row][1]) for column in columns)] for row, (title, _) in enumerate(columns[0])]
    rows.append(["**sum after a year**", *(_usd(sum(usd for _, usd in column)) for column in columns)])
    here = [_summed(bill(usage.month(users)))["**sum after a year**"] for users in SIZES]
    rows.append(["this Backbone, from above", *(_usd(one) for one in here)])
    return _table(["USD a month", *(f"{users:,} users" for users in SIZES)], rows)


# Others ---------------------------------------------------------------------------------------------------------------


def listening(wait: float, pause: float) -> list[float]:
    """A client that listens for a month: requests, Lambda, DynamoDB, all of an App, all of a Connector."""
    requests = DAYS * 86400 / (wait + pause + 0.05) / MILLION
    compute = invocations(requests, usage.memory()["sse"] * (wait + 0.05))
    looks = 2 * wait
    database = units(requests * (2 + looks / 2), min(requests, DAYS * 1440 / MILLION))
    gateway = _price(Load(requests=requests, logs=requests * 0.55, out=requests * 0.5))
    log_ins = DAYS * 288 / MILLION * _price(usage.logged_in())
    app = gateway + compute + database + log_ins
    return [requests * MILLION, compute, database, app, app + requests * _price(usage.synced())]


def alarms(detail: str) -> int:
    """How many there are when they have somewhere to go; `LargeUploads` brings one more."""
    parameters = {"AlarmEmail": "me@example.org", "AlarmDetail": detail}
    return sum(one.type == "AWS::CloudWatch::Alarm" for one in resources(parameters=parameters))


def traces(requests_a_second: float) -> float:
    """X-Ray's default sampling, the first of a second and 5 % of the others."""
    sampled = min(requests_a_second, 1) + 0.05 * max(requests_a_second - 1, 0)
    return max(sampled * HOURS * 3600 / MILLION - 0.1, 0) * prices.TRACES


def _price(load: Load) -> float:
    return sum(usd for _, usd in bill(load, months=0))


def _idle_table() -> str:
    found = idle()
    rows = [[title, f"{usd:.4f}"] for title, usd in found]
    total = ["**sum**", f"**{sum(usd for _, usd in found):.2f}**"]
    return _table(["a month in which nobody does anything", "USD"], [*rows, total])


def _events_table() -> str:
    rows = [
        [title, *(f"{one:.2f}" for one in parts), f"**{sum(parts):.2f}**"] for title, parts in event_costs().items()
    ]
    return _table(["a million events", "outbox", "bus", "consumers", "DynamoDB", "logs", "sum"], rows)


def _requests_table() -> str:
    by_price = sorted(usage.measured().items(), key=lambda row: row[1].usd_per_million)
    middle = len(by_price) // 2
    chosen = [by_price[1], by_price[middle], by_price[-2]]
    rows = [[f"`{name}`", f"{one.usd_per_million:.2f}"] for name, one in chosen]
    starts = usage.COLD_SHARE * usage.INIT_SECONDS * prices.LAMBDA_GB * prices.LAMBDA_GB_SECOND * MILLION
    line = usage.LOG_LINE + usage.METRIC_LINE
    return _table(
        ["a million requests", "USD"],
        [
            *rows,
            [
                f"on top: starts of functions ({usage.COLD_SHARE:.0%} of invocations, {usage.INIT_SECONDS} s)",
                _usd(starts),
            ],
            [f"on top: a log line and a line of metrics ({line} bytes)", _usd(_logs(line / 1000))],
            [
                f"on top: data out ({usage.RESPONSE_BYTES:,} bytes)",
                _usd(tiered(usage.RESPONSE_BYTES / 1000, prices.OUT_TIERS)),
            ],
        ],
    )


def _payloads_table() -> str:
    load = usage.stored()
    rows = [
        ["the request's put, and the removal of its mark", f"{2 * prices.S3_WRITES:.2f}"],
        ["a download", f"{prices.S3_READS:.2f}"],
        ["the blobs function, which makes sure of the mark", f"{_compute(load) + _logs(load.logs):.2f}"],
    ]
    return _table(["a million payloads in S3", "USD"], rows)


def _day_table() -> str:
    parts = {
        f"{usage.SYNCS_A_DAY} syncs without news": (usage.synced(), usage.SYNCS_A_DAY),
        f"{usage.MESSAGES_A_DAY} messages, sent, told of, fetched, synchronised": (usage.sent(), usage.MESSAGES_A_DAY),
        f"{usage.LOG_INS_A_DAY} log-ins, with their places in the overview": (usage.logged_in(), usage.LOG_INS_A_DAY),
    }
    rows = [
        [title, f"{load.requests * times:.0f}", f"{_price(load):.2f}", _usd(_price(load) * times * DAYS / 1000)]
        for title, (load, times) in parts.items()
    ]
    return _table(["per user and day", "requests", "USD per million", "1,000 users, USD a month"], rows)


def _listening_table() -> str:
    rows = []
    for wait, pause, delay in _LISTENING:
        requests, *usd = listening(wait, pause)
        title = f"{wait} (default)" if (wait, pause) == _default_listening() else f"{wait}"
        rows.append([title, f"{pause} s", f"{_rounded(requests):,.0f}", *(f"{one:.2f}" for one in usd), delay])
    headings = ["`SseWaitSeconds`", "pause (`SseRetryMilliseconds`)", "requests", "Lambda", "DynamoDB", "App"]
    return _table([*headings, "Connector", "an event arrives after"], rows)


def _default_listening() -> tuple[float, float]:
    parameters = template(MAIN)["Parameters"]
    return parameters["SseWaitSeconds"]["Default"], parameters["SseRetryMilliseconds"]["Default"] / 1000


def _watching_table() -> str:
    few, many = alarms("essential"), alarms("all")
    seconds = DAYS * 86400 / MILLION
    rows = [
        [f"the {few} essential alarms (`AlarmEmail` or `AlarmTopicArn`)", _usd(_alarm_price(few))],
        [f"all {many} alarms (`AlarmDetail=all`), {FREE_ALARMS} of them free", _usd(_alarm_price(many))],
        ["dashboard (`CloudWatchDashboard`); an account's first three are free", _usd(DASHBOARD)],
        ["metrics of the functions (`MetricsDetail=service`): 0.30 per metric used, by the hour; ten free", "up to 9"],
        ["the same with `endpoint`: some 130 routes and 40 events, if all were used all the time", "up to 60"],
        *(
            [f"X-Ray (`Tracing=Active`), {users:,} users", _usd(traces(usage.month(users).requests / seconds))]
            for users in SIZES
        ),
    ]
    return _table(["", "USD a month"], rows)


def _alarm_price(number: int) -> float:
    return max(number - FREE_ALARMS, 0) * prices.ALARM


def _growth_table() -> str:
    rows = []
    for users in SIZES:
        load = usage.month(users)
        items, objects = load.items_a_month * 12, load.objects_a_month * 12
        price = items * (prices.ITEMS + prices.BACKUPS) + objects * prices.OBJECTS
        rows.append([f"{users:,}", f"{items:,.1f} GB", f"{objects:,.1f} GB", _usd(price)])
    return _table(["users", "items a year", "objects a year", "USD a month more after each year"], rows)


# The page -------------------------------------------------------------------------------------------------------------


TABLES: dict[str, Callable[[], str]] = {
    "idle": _idle_table,
    "requests": _requests_table,
    "payloads": _payloads_table,
    "day": _day_table,
    "events": _events_table,
    "users": _users_table,
    "growth": _growth_table,
    "capacity": _capacity_table,
    "cluster": _cluster_table,
    "listening": _listening_table,
    "watching": _watching_table,
}


def page(text: str) -> str:
    """The page with all its tables made anew."""
    return _TABLE.sub(lambda found: f"{found[1]}{TABLES[found['name']]()}\n{found[3]}", text)


def is_fresh() -> bool:
    """Whether the page says what the prices, the measurements and the templates say."""
    written = PAGE.read_text(encoding="utf-8")
    return page(written) == written


def write() -> None:
    """Make the page's tables anew."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def _table(headings: list[str], rows: Iterable[list[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _usd(amount: float) -> str:
    return f"{amount:,.2f}" if amount < 1000 else f"{_rounded(amount):,.0f}"


def _rounded(amount: float) -> float:
    """To three digits: assumptions are not better than that."""
    return round(amount, 2 - math.floor(math.log10(amount)))


def _small(amount: float) -> str:
    return f"{amount:.4f}"


def main() -> None:
    """Write the tables, or compare them."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.costs", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a table is stale")
    if not parser.parse_args().check:
        write()
    elif not is_fresh():
        sys.exit("stale: docs/cost.md; run `python -m tests.bench.costs`")


if __name__ == "__main__":
    main()
