"""What AWS charges: list prices of us-east-1 in USD, as of 2026-12-01 (docs/cost.md says where they are from).

The duration of an invocation is not measured here: it is assumed as CPU plus 5 ms per sequential round trip.
"""

from dataclasses import dataclass

MILLION = 1_000_000
HOURS = 730
"""A month."""

Tiers = tuple[tuple[float, float], ...]
"""How much of an amount has which price; the last tier has no end."""
_NO_END = float("inf")

# Requests
HTTP_API_REQUESTS = 1.00  # per million, the first 300 million a month
HTTP_API_TIERS: Tiers = ((300, HTTP_API_REQUESTS), (_NO_END, 0.90))  # by millions
LAMBDA_REQUESTS = 0.20  # per million
LAMBDA_GB_SECOND = 0.0000133334  # arm64, the first 7.5 billion a month; the initialisation included since August 2025
LAMBDA_GB = 1.0
READ_UNITS = 0.125  # per million, on demand
WRITE_UNITS = 0.625
BUS_EVENTS = 1.00  # per million of at most 64 KB; delivery to functions of the same account is free, so are schedules
QUEUE_REQUESTS = 0.40  # per million, as all below
POLLED_QUEUE = 15 * 60 * HOURS / MILLION * QUEUE_REQUESTS  # a month; Lambda asks about 15 times a minute
PUSHES = 1.00  # request and delivery
S3_WRITES = 5.00  # PUT, POST; requests for tags are counted like these
S3_READS = 0.40
TRACES = 5.00
ROUND_TRIP_MS = 5.0

# Gigabytes
ITEMS = 0.25  # and month
BACKUPS = 0.20  # point-in-time recovery, per GB of the table and month
OBJECTS = 0.023  # and month
LOG_TIERS: Tiers = ((10_000, 0.50), (20_000, 0.25), (20_000, 0.10), (_NO_END, 0.05))  # taken in, of Lambda
OUT_TIERS: Tiers = ((10_000, 0.09), (40_000, 0.085), (100_000, 0.07), (_NO_END, 0.05))  # to the internet

# By the month
ALARM = 0.10
METRIC = 0.30
DASHBOARD = 3.00

# Provisioned capacity of DynamoDB, per unit and hour
READ_CAPACITY = 0.00013
WRITE_CAPACITY = 0.00065
RESERVED_DISCOUNT = 0.54  # for a year, partly paid in advance; for three years 0.77

# What AWS gives every account each month, for ever
FREE_INVOCATIONS = 1.0  # millions
FREE_GB_SECONDS = 400_000
FREE_ITEMS_GB = 25
FREE_LOGS_GB = 5
FREE_OUT_GB = 100
FREE_PUSHES = 1.0  # millions

# What a Kubernetes cluster is made of, by the hour
EKS = 0.10
T4G_LARGE = 0.0672  # 2 vCPU, 8 GB
M7G_LARGE = 0.0816  # 2 vCPU, 8 GB
DB_T4G_MEDIUM = 0.065  # PostgreSQL, 2 vCPU, 4 GB; a standby in another zone costs the same again
DB_R8G_XLARGE = 0.478  # 4 vCPU, 32 GB; grows linearly with the size
NAT_GATEWAY = 0.045
LOAD_BALANCER = 0.0225
LOAD_BALANCER_UNIT = 0.008  # 25 new connections a second, or 1 GB an hour
IPV4 = 0.005
DB_STORAGE = 0.23  # per GB and month, with the standby's
VOLUME = 0.08  # per GB and month


@dataclass(frozen=True)
class Usage:
    """What one request uses."""

    trips: int
    read_units: float
    write_units: float
    cpu_ms: float

    @property
    def gb_seconds(self) -> float:
        """What the invocation is billed for."""
        return (self.cpu_ms + self.trips * ROUND_TRIP_MS) / 1000 * LAMBDA_GB

    @property
    def usd_per_million(self) -> float:
        """API Gateway, Lambda and DynamoDB for a million of these requests."""
        compute = invocations(1, self.gb_seconds)
        return HTTP_API_REQUESTS + compute + units(self.read_units, self.write_units)


def invocations(millions: float, gb_seconds_each: float) -> float:
    """Lambda."""
    return millions * (LAMBDA_REQUESTS + gb_seconds_each * LAMBDA_GB_SECOND * MILLION)


def units(million_reads: float, million_writes: float) -> float:
    """DynamoDB on demand."""
    return million_reads * READ_UNITS + million_writes * WRITE_UNITS


def tiered(amount: float, tiers: Tiers) -> float:
    """The price of an amount that gets cheaper the more there is of it."""
    total = 0.0
    for size, price in tiers:
        part = min(amount, size)
        total += part * price
        amount -= part
    return total
