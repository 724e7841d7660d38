"""DynamoDB's own part: it makes a temporary table with what a table held at a point in time.

Such a table has no stream, no expiry, no backups, and nothing of it is in a stack.  So it is only read from.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from backbone import clock
from backbone.dynamodb import client
from cli.output import CommandFailed, progress
from cli.restoring.plan import TablePlan

_POLL_SECONDS = 5.0

# us-east-1, on demand, in USD (docs/cost.md); other regions take up to a third more.
_RESTORED_GB, _STORED_GB_DAY = 0.15, 0.25 / 30
_READ_UNIT, _WRITE_UNIT = 0.125e-6, 0.625e-6
_READ_BYTES, _WRITE_BYTES, _GB = 8192, 1024, 1e9
"""What one unit is good for: an eventually consistent read, a write."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What restoring a table means, from DynamoDB's own figures, which are up to six hours old."""

    table: str
    items: int
    megabytes: float
    usd: float


def check_window(table: str, at: datetime) -> None:
    """Raises `CommandFailed` if the table cannot be restored to this second."""
    answer = client().describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    recovery = answer.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        raise CommandFailed(f"{table} has no point-in-time recovery, so there is nothing to restore")
    first, last = recovery["EarliestRestorableDateTime"], recovery["LatestRestorableDateTime"]
    if not first <= at <= last:
        window = f"between {clock.render(first)} and {clock.render(last)}"
        raise CommandFailed(f"{table} can be restored to any second {window}")


def estimate(plan: TablePlan) -> Estimate:
    """Restoring, a day of the temporary table, reading it, writing items with their indexes, reading these again."""
    table = client().describe_table(TableName=plan.source)["Table"]
    size, items = table["TableSizeBytes"], table["ItemCount"]
    indexes = [*table.get("GlobalSecondaryIndexes", []), *table.get("LocalSecondaryIndexes", [])]
    # An index that is just being made has no figures yet; it may become as large as the table.
    sizes = [(index.get("ItemCount", items), index.get("IndexSizeBytes", size)) for index in indexes]
    writes = _units(items, size) + sum(_units(*each) for each in sizes)
    reads = 2 * size / _READ_BYTES
    usd = size / _GB * (_RESTORED_GB + _STORED_GB_DAY) + reads * _READ_UNIT + writes * _WRITE_UNIT
    return Estimate(plan.source, items, round(size / 1e6, 1), round(usd, 2))


def _units(items: int, size: int) -> float:
    return items * math.ceil(size / items / _WRITE_BYTES) if items else 0


def start(plan: TablePlan, at: datetime) -> None:
    """Have DynamoDB make the temporary table, unless it is there."""
    try:
        # Without indexes: nobody queries it, and without them it is there sooner.
        client().restore_table_to_point_in_time(
            SourceTableName=plan.source,
            TargetTableName=plan.restoring,
            RestoreDateTime=at,
            BillingModeOverride="PAY_PER_REQUEST",
            GlobalSecondaryIndexOverride=[],
            LocalSecondaryIndexOverride=[],
        )
    except ClientError as error:
        # This run goes on where another has stopped; the second is said while the table is being made.
        if error.response["Error"]["Code"] not in ("TableAlreadyExistsException", "TableInUseException"):
            raise


def wait(plans: Sequence[TablePlan]) -> None:
    """Until all temporary tables can be read; DynamoDB takes minutes, for large tables up to hours."""
    with progress("DynamoDB restores tables", total=len(plans)) as advance:
        for plan in plans:
            while _status(plan.restoring) != "ACTIVE":
                time.sleep(_POLL_SECONDS)
            advance(1)


def _status(table: str) -> str:
    try:
        return str(client().describe_table(TableName=table)["Table"]["TableStatus"])
    except client().exceptions.ResourceNotFoundException:
        raise CommandFailed(f"the temporary table {table} is gone; begin anew: backbone restore abandon") from None


def is_empty(table: str) -> bool:
    """Whether a table holds nothing at all."""
    return not client().scan(TableName=table, Limit=1, ConsistentRead=True)["Items"]


def remove(table: str) -> None:
    """Delete a temporary table, if it is there."""
    try:
        description: Any = client().describe_table(TableName=table)["Table"]
        if description.get("DeletionProtectionEnabled"):
            client().update_table(TableName=table, DeletionProtectionEnabled=False)
        client().delete_table(TableName=table)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
