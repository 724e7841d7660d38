"""What a million requests cost on AWS: list prices of us-east-1 (other regions are up to a quarter dearer), in USD.

The duration of an invocation is not measured here: it is assumed as CPU plus 5 ms per sequential round trip.
"""

from dataclasses import dataclass

HTTP_API_REQUESTS = 1.00  # per million
LAMBDA_REQUESTS = 0.20  # per million
LAMBDA_GB_SECOND = 0.0000133334  # arm64
LAMBDA_GB = 1.0
READ_UNITS = 0.125  # per million
WRITE_UNITS = 0.625  # per million
ROUND_TRIP_MS = 5.0
MILLION = 1_000_000


@dataclass(frozen=True)
class Usage:
    """What one request uses."""

    trips: int
    read_units: float
    write_units: float
    cpu_ms: float

    @property
    def usd_per_million(self) -> float:
        """API Gateway, Lambda and DynamoDB for a million of these requests."""
        seconds = (self.cpu_ms + self.trips * ROUND_TRIP_MS) / 1000
        compute = LAMBDA_REQUESTS + seconds * LAMBDA_GB * LAMBDA_GB_SECOND * MILLION
        return HTTP_API_REQUESTS + compute + self.read_units * READ_UNITS + self.write_units * WRITE_UNITS
