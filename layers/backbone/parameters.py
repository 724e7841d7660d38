"""Values of SSM parameters as a process remembers them.

SSM answers 40 reads a second for a whole account, so a refusal is nothing unusual.  What was read last goes on being
used then; while there is nothing, nobody can be told who he is, which is 503 and says nothing about credentials.
"""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Generic, TypeVar

import boto3
from botocore.config import Config

from backbone.errors import BackboneError
from backbone.observability import logger

RETRY_SECONDS = 5
"""The pause after a read that has failed."""

ValueT = TypeVar("ValueT")


class Unavailable(BackboneError):
    """503: what decides about the request cannot be read at the moment.  Clients ignore the body (section 5.4)."""

    def __init__(self) -> None:
        super().__init__("error.platform.unexpected", "The service is temporarily unavailable.", status=503)


@lru_cache(maxsize=1)
def client() -> Any:
    """The process's SSM client."""
    config = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "max_attempts": 3})
    return boto3.client("ssm", config=config)


def read(name: str, *, decrypt: bool = False) -> str:
    """The value of a parameter.  Raises what SSM raises."""
    return str(client().get_parameter(Name=name, WithDecryption=decrypt)["Parameter"]["Value"])


class Remembered(Generic[ValueT]):
    """What `load` gives, asked again when it is older than `max_age_seconds`; if that fails, the last value goes on."""

    def __init__(self, load: Callable[[], ValueT], *, max_age_seconds: float) -> None:
        self._load = load
        self._max_age = max_age_seconds
        self._value: tuple[()] | tuple[ValueT] = ()
        self.forget()

    def get(self, *, max_age_seconds: float | None = None) -> ValueT:
        """The value, not older than that if there is a choice.  Raises `Unavailable` if it was never read."""
        now = time.monotonic()
        if now - self._loaded_at > (self._max_age if max_age_seconds is None else max_age_seconds):
            self._refresh(now)
        if not self._value:
            raise Unavailable
        return self._value[0]

    @property
    def is_outdated(self) -> bool:
        """Whether the last attempt to read it has failed."""
        return self._failed_at > self._loaded_at

    def keep(self, value: ValueT) -> None:
        """Use this value for good."""
        self._value, self._loaded_at = (value,), float("inf")

    def forget(self) -> None:
        """Read it again next time (tests, and nothing else, change parameters under a running process)."""
        self._value = ()
        self._loaded_at = self._failed_at = float("-inf")

    def _refresh(self, now: float) -> None:
        if now - self._failed_at < RETRY_SECONDS:
            return
        try:
            self._value, self._loaded_at = (self._load(),), now
        except Exception:
            logger.warning("parameter not read", event_id=519037, exc_info=True)
            self._failed_at = now
