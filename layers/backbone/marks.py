"""Marks by which a write recognises itself.

The SDK repeats a request whose answer it did not get, although DynamoDB may have executed it.  The repetition would
then fail against what the write itself has done, or count a second time.  So every put with a condition and every
update leaves a mark of its own on the item.  The update does nothing to an item that bears its mark, and when a
condition fails, the mark says whether the write has lost or has succeeded before.

An item keeps the marks of its last two updates: a write is recognised even if another one came in between.  When two
have come in between, a conditional write counts as lost, and its caller decides anew on the item as it is then.  A put
replaces the marks with its own.  Readers never see marks.  Decision: docs/decisions/repeated-calls.md.
"""

import re
import secrets
from collections.abc import Mapping
from typing import Any

LAST, BEFORE = "_m", "_p"
"""The attributes that hold the marks: 20 bytes together."""

_SET = re.compile(r"(?<![#:\w])SET\s")
_MARKING = f"#{BEFORE} = if_not_exists(#{LAST}, :{LAST}), #{LAST} = :{LAST}"
_IS_UNKNOWN = f"NOT (#{LAST} = :{LAST} OR #{BEFORE} = :{LAST})"
_NAMES = {f"#{name}": name for name in (LAST, BEFORE)}


def new_mark() -> str:
    """Eight characters that no other write of the item has."""
    return secrets.token_urlsafe(6)


def is_marked(item: Mapping[str, Any], mark: str) -> bool:
    """Whether an item, as DynamoDB shows it, bears the mark."""
    return {"S": mark} in (item.get(LAST), item.get(BEFORE))


def marked(operation: str, request: Mapping[str, Any], mark: str) -> dict[str, Any]:
    """The request of a single write, with the mark where it is needed.

    A put without a condition and a removal need none: doing them twice is as good as once.
    """
    if operation == "Update":
        return _marked_update(request, mark)
    if operation == "Put" and "ConditionExpression" in request:
        return {**request, "Item": {**request["Item"], LAST: {"S": mark}}}
    return dict(request)


def _marked_update(request: Mapping[str, Any], mark: str) -> dict[str, Any]:
    expression, condition = request["UpdateExpression"], request.get("ConditionExpression")
    marking, is_set_already = _SET.subn(f"SET {_MARKING}, ", expression, count=1)
    return {
        **request,
        "UpdateExpression": marking if is_set_already else f"{expression} SET {_MARKING}",
        "ConditionExpression": f"({condition}) AND {_IS_UNKNOWN}" if condition else _IS_UNKNOWN,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        "ExpressionAttributeNames": {**request.get("ExpressionAttributeNames", {}), **_NAMES},
        "ExpressionAttributeValues": {**request.get("ExpressionAttributeValues", {}), f":{LAST}": {"S": mark}},
    }
