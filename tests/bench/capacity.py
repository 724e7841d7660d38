"""What DynamoDB costs with capacity that is provisioned and scaled by AWS, instead of paid per request.

A day has its peak at three times its mean.  Scaling follows by the hour, up at once and down an hour late, and leaves
the usual 30 % of room; each table and index has capacity of its own, at least one unit, and eight alarms.
"""

import math

from tests.bench.prices import ALARM, HOURS, MILLION, READ_CAPACITY, RESERVED_DISCOUNT, WRITE_CAPACITY

PEAK = 3.0
TARGET = 0.7
ALARMS_OF_SCALING = 8
"""AWS makes four for reads and four for writes."""


def profile() -> list[float]:
    """A day by the hour, its mean being one: a long night, one rush."""
    base = (1 / PEAK - 0.3125) / (1 - 0.3125)  # 0.3125 is the mean of cos⁶
    return [PEAK * (base + (1 - base) * math.cos(math.pi * hour / 24) ** 6) for hour in range(24)]


def capacity() -> list[float]:
    """What is provisioned by the hour, for a mean of one."""
    load = profile()
    return [max(load[hour], load[hour - 1]) / TARGET for hour in range(24)]


def provisioned(million_reads: float, million_writes: float, scalable: int) -> float:
    """A month, for tables and indexes of this number."""
    return _fixed(scalable) + _mean(million_reads, million_writes) * sum(capacity()) / 24


def cheapest_reservation(million_reads: float, million_writes: float, scalable: int) -> tuple[float, float]:
    """The same with the best part of the highest capacity reserved for a year, and that part."""
    hours = capacity()
    prices = {
        level: level * (1 - RESERVED_DISCOUNT) + sum(max(one - level, 0) for one in hours) / 24
        for level in [0.0, *sorted(set(hours))]
    }
    level = min(prices, key=prices.__getitem__)
    price = _mean(million_reads, million_writes) * prices[level]
    return _fixed(scalable) + price, level / max(hours)


def _mean(million_reads: float, million_writes: float) -> float:
    """The price of a month that needs the mean all the time, and nothing more."""
    hours = MILLION / 3600  # of one unit, for a million requests
    return hours * (million_reads * READ_CAPACITY + million_writes * WRITE_CAPACITY)


def _fixed(scalable: int) -> float:
    return scalable * (HOURS * (READ_CAPACITY + WRITE_CAPACITY) + ALARMS_OF_SCALING * ALARM)
