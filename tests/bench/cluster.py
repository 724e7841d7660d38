"""What the reference's services cost at the same load, on a small Kubernetes cluster in the same region.

Two of each where the reference allows it: nodes in two zones, a database with a standby.  RabbitMQ runs on the nodes.
Objects and data out cost what they cost here.  Nothing of this was measured: the assumptions are the constants below.
"""

import math

from tests.bench import prices
from tests.bench.capacity import PEAK
from tests.bench.prices import HOURS, MILLION
from tests.bench.usage import DAYS, Load

REQUESTS_PER_CPU = 300  # a second, the consumers' work for them included
USED = 0.7  # of a node, at the peak
OVERHEAD_CPU = 2  # broker, ingress, Kubernetes itself
QUERIES_PER_CPU = 1_500  # a second and database CPU
QUERIES_PER_REQUEST = 4
BROKER_GB = 30
REQUESTS_PER_CONNECTION = 4


def bill(users: int, load: Load) -> list[tuple[str, float]]:
    """A month, after a year of it; without objects and data out."""
    mean = load.requests * MILLION / (DAYS * 86400)
    storage = max(load.items_a_month * 12 * 1.5, 20) * prices.DB_STORAGE + BROKER_GB * prices.VOLUME
    traffic = max(mean / REQUESTS_PER_CONNECTION / 25, load.out / HOURS)
    network = 2 * prices.NAT_GATEWAY + prices.LOAD_BALANCER + 4 * prices.IPV4 + traffic * prices.LOAD_BALANCER_UNIT
    return [
        ("Kubernetes (EKS)", HOURS * prices.EKS),
        ("nodes", HOURS * _nodes(mean * PEAK)),
        ("PostgreSQL with a standby", HOURS * _database(mean * PEAK)),
        ("its storage after a year (half as much again as items here), RabbitMQ's volumes", storage),
        ("load balancer, two NAT gateways, addresses", HOURS * network),
    ]


def _nodes(peak: float) -> float:
    """Two small ones, or as many as the peak needs."""
    cpus = peak / REQUESTS_PER_CPU / USED + OVERHEAD_CPU
    return 2 * prices.T4G_LARGE if cpus <= 4 else math.ceil(cpus / 2) * prices.M7G_LARGE


def _database(peak: float) -> float:
    cpus = peak * QUERIES_PER_REQUEST / QUERIES_PER_CPU / USED
    small = cpus <= 0.5
    return 2 * (prices.DB_T4G_MEDIUM if small else math.ceil(cpus / 4) * prices.DB_R8G_XLARGE)
