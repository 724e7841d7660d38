"""How fast `backbone restore` copies, on DynamoDB Local: `python -m tests.bench.restoring [ITEMS]`.

Not AWS: there, a new table takes 4,000 writes a second at first, and this machine is not the one that answers.
"""

import os
import sys
import time
import uuid

from moto import mock_aws

from backbone import clock
from backbone.dynamodb import client
from backbone.observability import logger
from backbone.settings import settings
from cli.restoring.copying import Copy, content_of, sum_of
from cli.restoring.objects import Versions
from cli.restoring.plan import Plan, TablePlan
from tests.support.engine import BUCKET, REGION, aws, create_tables, dynamodb_local, environment, forget_environment
from tests.support.time_machine import put_items

_ITEMS = 20_000
_BYTES = 900


def main(items: int) -> None:
    """Fill a table, copy it, compare both; print items a second."""
    with dynamodb_local() as endpoint, mock_aws():
        run = uuid.uuid4().hex[:8]
        os.environ.update(environment(run), AWS_ENDPOINT_URL_DYNAMODB=endpoint)
        logger.setLevel("ERROR")
        forget_environment()
        create_tables(run)
        aws("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        source = f"{settings().messages_table}-restoring"
        keys = [{"AttributeName": name, "KeyType": kind} for name, kind in (("pk", "HASH"), ("sk", "RANGE"))]
        attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
        client().create_table(
            TableName=source, BillingMode="PAY_PER_REQUEST", KeySchema=keys, AttributeDefinitions=attributes
        )
        body = {"B": b"x" * _BYTES}
        put_items(source, [{"pk": {"S": f"MSG{n}"}, "sk": {"S": "M"}, "body": body} for n in range(items)])
        table = TablePlan(service="messages", source="source", replaced="source", restoring=source)
        plan = Plan(at=clock.now(), started_at=clock.now(), whole=True, tables=[table])
        began = time.perf_counter()
        with Versions([], plan.at) as versions:
            Copy(plan, table, versions).run(items)
        copied = time.perf_counter()
        assert content_of(table, plan.compared_after) == sum_of(table)
        compared = time.perf_counter()
        print(f"{items} items of {_BYTES} bytes: {items / (copied - began):.0f} items/s copied,", end=" ")
        print(f"{items / (compared - copied):.0f} items/s compared")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else _ITEMS)
