"""Processes that die between two calls to DynamoDB."""

from collections.abc import Callable, Iterator

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
