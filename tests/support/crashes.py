"""Processes that die between two calls to DynamoDB, and calls whose answers get lost."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from backbone import dynamodb

_MOST_CALLS = 100


class Crash(BaseException):
    """The process dies; no `except Exception` sees it."""


def died(call: int, action: Callable[[], object]) -> bool:
    """Run `action`, which dies before its n-th call (from 0) unless it makes fewer; whether it died."""
    count = 0

    def die(**_: object) -> None:
        nonlocal count
        count += 1
        if count > call:
            raise Crash

    events = dynamodb.client().meta.events
    events.register("before-call.dynamodb", die)
    try:
        action()
    except Crash:
        return True
    finally:
        events.unregister("before-call.dynamodb", die)
    return False


def until_it_lives() -> Iterator[int]:
    """The calls to die at, one after the other; for a loop that ends when the action has come to its end."""
    yield from range(_MOST_CALLS)
    raise AssertionError("it never came to an end")


def dying_everywhere(envelope: object, deliver: Callable[[], None]) -> None:
    """A consumer dies before its first, second, … call, each time the event is delivered again, and once too often."""
    for call in until_it_lives():
        if not died(call, deliver):
            break
    deliver()


_SINGLE_WRITES = {"PutItem": "put_item", "UpdateItem": "update_item", "DeleteItem": "delete_item"}


def writing_twice(envelope: object, deliver: Callable[[], None]) -> None:
    """The answer to every single write gets lost after its execution, so it is repeated; the event is, too.

    Transactions are not: DynamoDB knows them by their token, which moto does not.
    """
    again = dynamodb.client.__wrapped__()

    def execute(params: dict[str, Any], model: Any, **_: object) -> None:
        if model.name in _SINGLE_WRITES:
            with suppress(ClientError):
                getattr(again, _SINGLE_WRITES[model.name])(**params)

    events = dynamodb.client().meta.events
    events.register("provide-client-params.dynamodb", execute)
    try:
        for _ in range(2):
            deliver()
    finally:
        events.unregister("provide-client-params.dynamodb", execute)
