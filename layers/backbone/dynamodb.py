"""DynamoDB, as stores use it: plain dicts in, plain dicts out, conditions as expressions, lost races as exceptions.

Expressions are written in DynamoDB's own language.  Names with `#` stand for the attribute of that name (`#status` is
`status`), so reserved words need no table of their own; values are given without their colon.

    table.update({"pk": "X"}, "SET #status = :new", {"new": "Active", "old": "Pending"}, condition="#status = :old")

Numbers come back as `int`, binaries as `bytes`.  Reads are strongly consistent unless said otherwise.

Every write takes effect once, however often the SDK repeats it because an answer got lost: single writes recognise
themselves by marks (marks.py), transactions by the token of their request, and a removal that was sent more than once
succeeds when the item is gone.
"""

import random
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Any

import boto3
from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from botocore.config import Config
from botocore.exceptions import ClientError

from backbone import marks

Item = dict[str, Any]
Key = Mapping[str, Any]
Values = Mapping[str, Any]

TRANSACTION_LIMIT = 100
"""The most items one transaction may write."""
BATCH_READ_LIMIT = 100
BATCH_WRITE_LIMIT = 25

_CONFLICT_ATTEMPTS = 12
_CONFLICT_PAUSE_SECONDS = 0.01
_NAME = re.compile(r"#(\w+)")
_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


@lru_cache(maxsize=1)
def client() -> Any:
    """The process's DynamoDB client."""
    config = Config(
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "max_attempts": 4},
        tcp_keepalive=True,
        parameter_validation=False,
    )
    return boto3.client("dynamodb", config=config)


class ConditionFailed(Exception):
    """A single write lost against its condition; `item` is what was there, if anything."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("condition failed")
        self.item = item


class TransactionFailed(Exception):
    """A transaction lost against at least one condition and wrote nothing.

    `failed` maps the positions of the failed writes to what was there (None: no such item).
    """

    def __init__(self, failed: Mapping[int, Item | None]) -> None:
        super().__init__(f"conditions failed: {sorted(failed)}")
        self.failed = failed


def encode(item: Mapping[str, Any]) -> dict[str, Any]:
    """A plain dict as DynamoDB attribute values; members that are None are left out."""
    return {name: _serialize(value) for name, value in item.items() if value is not None}


def decode(item: Mapping[str, Any]) -> Item:
    """DynamoDB attribute values as a plain dict, without marks."""
    return {name: _plain(_deserialize(value)) for name, value in item.items() if name not in (marks.LAST, marks.BEFORE)}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, Binary):
        return bytes(value.value)
    if isinstance(value, list):
        return [_plain(element) for element in value]
    if isinstance(value, dict):
        return {name: _plain(element) for name, element in value.items()}
    return value


def _names(*expressions: str | None) -> dict[str, Any]:
    names = {match for expression in expressions if expression for match in _NAME.findall(expression)}
    return {"ExpressionAttributeNames": {f"#{name}": name for name in names}} if names else {}


def _values(values: Values | None) -> dict[str, Any]:
    if not values:
        return {}
    return {"ExpressionAttributeValues": {f":{name}": _serialize(value) for name, value in values.items()}}


def _condition(condition: str | None) -> dict[str, Any]:
    if condition is None:
        return {}
    return {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


@dataclass(frozen=True, slots=True)
class Write:
    """One part of a transaction; made by `Table.putting`, `updating`, `deleting` and `checking`."""

    operation: str
    request: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class QueryPage:
    """The items of a query and the key to go on from (None: there is no more).

    `read` is how many items were read for it, whether they passed the filter or not.
    """

    items: list[Item]
    last_key: Item | None
    read: int = 0


@dataclass(frozen=True, slots=True)
class CountPage:
    """How many items of a query passed its filter, how many were read, and the key to go on from."""

    count: int
    last_key: Item | None
    read: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table by name."""

    name: str

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        """One item or None."""
        found = client().get_item(TableName=self.name, Key=encode(key), ConsistentRead=consistent).get("Item")
        return decode(found) if found else None

    def put(self, item: Mapping[str, Any], *, condition: str | None = None, values: Values | None = None) -> None:
        """Write a whole item.  Raises `ConditionFailed`."""
        _write(client().put_item, self.putting(item, condition=condition, values=values))

    def update(self, key: Key, expression: str, values: Values | None = None, *, condition: str | None = None) -> Item:
        """Change an item and return it as it is afterwards.  Raises `ConditionFailed`."""
        write = self.updating(key, expression, values, condition=condition)
        changed = _write(client().update_item, write, ReturnValues="ALL_NEW")
        return decode(changed.get("Attributes", {}))

    def delete(self, key: Key, *, condition: str | None = None, values: Values | None = None) -> None:
        """Remove an item.  Raises `ConditionFailed`."""
        _write(client().delete_item, self.deleting(key, condition=condition, values=values))

    def putting(self, item: Mapping[str, Any], *, condition: str | None = None, values: Values | None = None) -> Write:
        """A put as part of a transaction."""
        request = {"TableName": self.name, "Item": encode(item)}
        return Write("Put", {**request, **_condition(condition), **_names(condition), **_values(values)})

    def updating(
        self, key: Key, expression: str, values: Values | None = None, *, condition: str | None = None
    ) -> Write:
        """An update as part of a transaction."""
        request = {"TableName": self.name, "Key": encode(key), "UpdateExpression": expression}
        return Write("Update", {**request, **_condition(condition), **_names(expression, condition), **_values(values)})

    def deleting(self, key: Key, *, condition: str | None = None, values: Values | None = None) -> Write:
        """A deletion as part of a transaction."""
        request = {"TableName": self.name, "Key": encode(key)}
        return Write("Delete", {**request, **_condition(condition), **_names(condition), **_values(values)})

    def checking(self, key: Key, condition: str, values: Values | None = None) -> Write:
        """A condition on an item that the transaction does not change."""
        request = {"TableName": self.name, "Key": encode(key)}
        return Write("ConditionCheck", {**request, **_condition(condition), **_names(condition), **_values(values)})

    def query(
        self,
        condition: str,
        values: Values,
        *,
        index: str | None = None,
        filter: str | None = None,
        forward: bool = True,
        limit: int | None = None,
        start: Item | None = None,
        consistent: bool = True,
        project: str | None = None,
    ) -> QueryPage:
        """One page of a query (at most `limit` items read, or 1 MB); `project` names the only attributes wanted."""
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ScanIndexForward": forward,
            "ConsistentRead": consistent,
            **_names(condition, filter, project),
            **_values(values),
        }
        if index:
            request["IndexName"] = index
        if project:
            request["ProjectionExpression"] = project
        if filter:
            request["FilterExpression"] = filter
        if limit:
            request["Limit"] = limit
        if start:
            request["ExclusiveStartKey"] = encode(start)
        answer = client().query(**request)
        return QueryPage([decode(item) for item in answer["Items"]], _last_key(answer), answer["ScannedCount"])

    def count_page(
        self,
        condition: str,
        values: Values,
        *,
        index: str | None = None,
        filter: str | None = None,
        forward: bool = True,
        limit: int | None = None,
        start: Item | None = None,
        consistent: bool = True,
    ) -> CountPage:
        """As `query`, but only the number comes back.  Costs as much."""
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ScanIndexForward": forward,
            "ConsistentRead": consistent,
            "Select": "COUNT",
            **_names(condition, filter),
            **_values(values),
            **({"IndexName": index} if index else {}),
            **({"FilterExpression": filter} if filter else {}),
            **({"Limit": limit} if limit else {}),
            **({"ExclusiveStartKey": encode(start)} if start else {}),
        }
        answer = client().query(**request)
        return CountPage(answer["Count"], _last_key(answer), answer["ScannedCount"])

    def scan_page(self, *, filter: str, values: Values, start: Item | None = None, project: str) -> QueryPage:
        """1 MB of the whole table.  For what an operator does on purpose, never for a request or an event."""
        request: dict[str, Any] = {
            "TableName": self.name,
            "FilterExpression": filter,
            "ProjectionExpression": project,
            **_names(filter, project),
            **_values(values),
            **({"ExclusiveStartKey": encode(start)} if start else {}),
        }
        answer = client().scan(**request)
        return QueryPage([decode(item) for item in answer["Items"]], _last_key(answer), answer["ScannedCount"])

    def query_all(self, condition: str, values: Values, **options: Any) -> Iterator[Item]:
        """Every item of a query, page after page."""
        page = self.query(condition, values, **options)
        yield from page.items
        while page.last_key:
            page = self.query(condition, values, **{**options, "start": page.last_key})
            yield from page.items

    def count(self, condition: str, values: Values, *, index: str | None = None) -> int:
        """How many items a query matches.  Costs as much as reading them, but transfers only the number."""
        request = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ConsistentRead": True,
            "Select": "COUNT",
            **_names(condition),
            **_values(values),
            **({"IndexName": index} if index else {}),
        }
        answer = client().query(**request)
        counted: int = answer["Count"]
        while "LastEvaluatedKey" in answer:
            answer = client().query(**request, ExclusiveStartKey=answer["LastEvaluatedKey"])
            counted += answer["Count"]
        return counted


def _last_key(answer: Mapping[str, Any]) -> Item | None:
    last_key = answer.get("LastEvaluatedKey")
    return decode(last_key) if last_key else None


def _write(call: Any, write: Write, **options: Any) -> Any:
    mark = marks.new_mark()
    request = marks.marked(write.operation, write.request, mark)
    is_repeated = False
    for attempt in range(_CONFLICT_ATTEMPTS):
        try:
            return call(**request, **options)
        except ClientError as error:
            is_repeated = is_repeated or _was_sent_again(error)
            code = error.response["Error"]["Code"]
            if code == "ConditionalCheckFailedException":
                found = error.response.get("Item")
                if marks.is_marked(found, mark) if found else is_repeated and write.operation == "Delete":
                    return {"Attributes": found or {}}
                raise ConditionFailed(decode(found) if found else None) from None
            # Single writes collide with transactions on the same item, too.
            if code != "TransactionConflictException" or attempt == _CONFLICT_ATTEMPTS - 1:
                raise
        _pause_after_conflict(attempt)
    return None


def _was_sent_again(error: ClientError) -> bool:
    """Whether the SDK has sent the request before and did not learn what became of it."""
    return bool(error.response.get("ResponseMetadata", {}).get("RetryAttempts"))


def _pause_after_conflict(attempt: int) -> None:
    time.sleep(random.uniform(0, _CONFLICT_PAUSE_SECONDS * 2 ** min(attempt, 5)))


def batch_get(*wanted: tuple[Table, Key] | None) -> list[Item | None]:
    """Items of any tables in one round trip, in the order asked for; None where there is none.

    The same key may be asked for twice; None asks for nothing.  More than 100 keys take one round trip per 100.
    """
    found: dict[tuple[str, frozenset[tuple[str, Any]]], Item] = {}
    asked_for = [each for each in wanted if each]
    distinct = list({(table.name, frozenset(key.items())): (table, key) for table, key in asked_for}.values())
    for begin in range(0, len(distinct), BATCH_READ_LIMIT):
        request: dict[str, Any] = {}
        for table, key in distinct[begin : begin + BATCH_READ_LIMIT]:
            keys = request.setdefault(table.name, {"Keys": [], "ConsistentRead": True})["Keys"]
            keys.append(encode(key))
        names = {table.name: tuple(key) for table, key in distinct}
        while request:
            answer = client().batch_get_item(RequestItems=request)
            for table_name, items in answer["Responses"].items():
                for item in map(decode, items):
                    key_of = frozenset((name, item[name]) for name in names[table_name])
                    found[table_name, key_of] = item
            request = answer.get("UnprocessedKeys") or {}
    return [found.get((each[0].name, frozenset(each[1].items()))) if each else None for each in wanted]


def transact(writes: Sequence[Write]) -> None:
    """All of these writes or none.

    Raises `TransactionFailed` when a condition does not hold.  A mere collision with another transaction on the same
    items is tried again after a short random pause, as a new transaction.  The token stays the same while DynamoDB may
    have executed it.
    """
    request = [{write.operation: write.request} for write in writes]
    token = _new_token()
    for attempt in range(_CONFLICT_ATTEMPTS):
        try:
            client().transact_write_items(TransactItems=request, ClientRequestToken=token)
            return
        except client().exceptions.TransactionInProgressException:
            if attempt == _CONFLICT_ATTEMPTS - 1:
                raise
        except client().exceptions.TransactionCanceledException as error:
            reasons = error.response["CancellationReasons"]
            failed = {
                position: decode(reason["Item"]) if reason.get("Item") else None
                for position, reason in enumerate(reasons)
                if reason.get("Code") == "ConditionalCheckFailed"
            }
            if failed:
                raise TransactionFailed(failed) from None
            if any(reason.get("Code") == "ValidationError" for reason in reasons) or attempt == _CONFLICT_ATTEMPTS - 1:
                raise
            token = _new_token()
        _pause_after_conflict(attempt)


def _new_token() -> str:
    return uuid.uuid4().hex


def write(single: Write) -> None:
    """One write outside of a transaction.  Raises `ConditionFailed`."""
    operation = {"Put": client().put_item, "Update": client().update_item, "Delete": client().delete_item}
    _write(operation[single.operation], single)


def write_all(writes: Iterable[Write]) -> None:
    """Writes without conditions or order, each on its own; for clean-up that may be repeated."""
    for single in writes:
        write(single)


def delete_all(table: Table, keys: Iterable[Key]) -> int:
    """Delete the items with these keys, 25 a call, without conditions; how many there were.  May be repeated."""
    deleted = 0
    remaining = iter(keys)
    while batch := list(islice(remaining, BATCH_WRITE_LIMIT)):
        request = {table.name: [{"DeleteRequest": {"Key": encode(key)}} for key in batch]}
        attempt = 0
        while request:
            request = client().batch_write_item(RequestItems=request).get("UnprocessedItems") or {}
            if request:  # the table takes no more at the moment
                _pause_after_conflict(attempt)
                attempt += 1
        deleted += len(batch)
    return deleted
