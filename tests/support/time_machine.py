"""Point-in-time recovery for engines that have none: what tables held when `remember` was called.

moto copies a table as it is now, whatever the time; DynamoDB Local knows nothing of backups.  So the two calls that are
about them are answered here, before they leave the client; everything else is the engine's own.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3

from backbone import clock
from backbone.dynamodb import BATCH_WRITE_LIMIT, client
from cli.target import tables_of_services

WireItem = dict[str, Any]
_OK = SimpleNamespace(status_code=200)


def items_of(table: str) -> list[WireItem]:
    """Everything in a table, in DynamoDB's own form."""
    pages = client().get_paginator("scan").paginate(TableName=table)
    return [item for page in pages for item in page["Items"]]


def put_items(table: str, items: list[WireItem]) -> None:
    """Put many items."""
    for begin in range(0, len(items), BATCH_WRITE_LIMIT):
        requests = [{"PutRequest": {"Item": item}} for item in items[begin : begin + BATCH_WRITE_LIMIT]]
        client().batch_write_item(RequestItems={table: requests})


def empty(table: str) -> None:
    """Delete every item."""
    keys = [key["AttributeName"] for key in client().describe_table(TableName=table)["Table"]["KeySchema"]]
    for item in items_of(table):
        client().delete_item(TableName=table, Key={name: item[name] for name in keys})


def _create_like(table: str, name: str) -> None:
    """A table with the same keys and nothing else."""
    keys = client().describe_table(TableName=table)["Table"]["KeySchema"]
    client().create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=keys,
        AttributeDefinitions=[{"AttributeName": key["AttributeName"], "AttributeType": "S"} for key in keys],
    )


class TimeMachine:
    """What was remembered, and the restores that were asked for."""

    def __init__(self) -> None:
        self.at = clock.now()
        self.restored: list[str] = []
        self._held: dict[str, list[WireItem]] = {}

    def remember(self) -> datetime:
        """This is the point in time."""
        self._held = {name: items_of(name) for name in tables_of_services().values()}
        self.at = clock.now().replace(microsecond=0) + timedelta(seconds=1)
        return self.at

    def retain(self, table: str, name: str) -> None:
        """Let there be another table with what this one held then."""
        self._held[name] = self._held[table]
        _create_like(table, name)

    def held(self, table: str) -> list[WireItem]:
        """What a table held then."""
        return self._held[table]

    def restore(self, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        """RestoreTableToPointInTime: a table with the items, without stream, expiry and (as asked for) indexes."""
        request = json.loads(params["body"])
        source, target = request["SourceTableName"], request["TargetTableName"]
        assert (request["GlobalSecondaryIndexOverride"], request["LocalSecondaryIndexOverride"]) == ([], [])
        assert datetime.fromtimestamp(request["RestoreDateTime"], self.at.tzinfo) == self.at
        try:
            _create_like(source, target)
        except client().exceptions.ResourceInUseException:
            code = "TableAlreadyExistsException"
            raise client().exceptions.TableAlreadyExistsException({"Error": {"Code": code}}, "Restore") from None
        put_items(target, self._held[source])
        self.restored.append(target)
        return _OK, {}

    def describe(self, **_: Any) -> tuple[Any, dict[str, Any]]:
        """DescribeContinuousBackups."""
        recovery = {
            "PointInTimeRecoveryStatus": "ENABLED",
            "EarliestRestorableDateTime": self.at - timedelta(days=35),
            "LatestRestorableDateTime": self.at + timedelta(minutes=1),
        }
        return _OK, {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": recovery}}


@contextmanager
def time_machine() -> Iterator[TimeMachine]:
    """One that every client of this process uses which is made meanwhile."""
    machine = TimeMachine()
    handlers = {
        "before-call.dynamodb.RestoreTableToPointInTime": machine.restore,
        "before-call.dynamodb.DescribeContinuousBackups": machine.describe,
    }
    events = boto3._get_default_session().events  # commands make a client of their own
    for name, handler in handlers.items():
        events.register(name, handler)
    client.cache_clear()
    try:
        yield machine
    finally:
        for name, handler in handlers.items():
            events.unregister(name, handler)
        client.cache_clear()
