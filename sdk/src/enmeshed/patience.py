"""Trying again: how long and how often."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import TypeVar

from enmeshed.errors import (
    BackboneError,
    EnmeshedError,
    NetworkError,
    QuotaExhaustedError,
    TooManyRequestsError,
    UnavailableError,
)

BUSY_SECONDS = 15.0  # a sync run of another device, if nobody refreshes it, lasts 10
TRANSIENT_TRIES = 3
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 2.0

ResultT = TypeVar("ResultT")


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later."""
    throttled = isinstance(error, TooManyRequestsError) and not isinstance(error, QuotaExhaustedError)
    return throttled or isinstance(error, NetworkError | UnavailableError)


def while_busy(call: Callable[[], ResultT], codes: Collection[str], *, sleep: Callable[[float], None]) -> ResultT:
    """Repeat a call that is refused with one of the codes, because another device is busy, for a while."""
    waited, pause = 0.0, _FIRST_PAUSE_SECONDS
    while True:
        try:
            return call()
        except BackboneError as error:
            if error.code not in codes or waited >= BUSY_SECONDS:
                raise
        sleep(pause)
        waited, pause = waited + pause, min(pause * 2, _LONGEST_PAUSE_SECONDS)


def transient_tries(call: Callable[[], ResultT], *, sleep: Callable[[float], None] = time.sleep) -> ResultT:
    """Repeat a call without side effects that fails for lack of an answer, twice."""
    for attempt in range(1, TRANSIENT_TRIES):
        try:
            return call()
        except EnmeshedError as error:
            if not is_transient(error):
                raise
        sleep(_FIRST_PAUSE_SECONDS * 2**attempt)
    return call()
