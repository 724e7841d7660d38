"""What a request may still use up: judged before it does anything, counted with what it writes.

A route that is limited says so and gets its allowance as a parameter:

    @api.post("/api/v2/Tokens", limited_by=(Metric.NUMBER_OF_TOKENS,))
    def create_token(new: NewToken, caller: Caller | None, allowance: Allowance) -> ...:
        ...
        store.add(token, ..., allowance)          # calls allowance.spend([...], now=...)

The reading begins when the request is bound and goes on beside the route's own first read, so that a request with
quotas takes no more sequential round trips than one that reads before it writes.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from functools import lru_cache
from types import TracebackType
from typing import Self

from backbone import clock
from backbone.addresses import Address
from backbone.caller import Caller
from backbone.dynamodb import ConditionFailed, Item, TransactionFailed, Write, transact, write
from backbone.quotas import store
from backbone.quotas.domain import QuotaExhausted, Usage, exhausted_until
from backbone.quotas.metrics import Metric
from backbone.quotas.store import Standing

_PARALLEL_REQUESTS = 64
"""As many as one process serves at once: in Lambda one, in tests and in the local server many."""


@lru_cache(maxsize=1)
def _readers() -> ThreadPoolExecutor:
    # Made at the first request, not at import: threads do not survive a snapshot of the process.
    return ThreadPoolExecutor(max_workers=_PARALLEL_REQUESTS, thread_name_prefix="allowance")


class Allowance:
    """What the caller has left of the metrics of a request; nobody limits or counts anonymous callers."""

    def __init__(
        self, address: Address | None, metrics: Sequence[Metric], now: datetime, reading: Future[Standing] | None
    ) -> None:
        self._address = address
        self._metrics = tuple(metrics)
        self._now = now
        self._reading = reading
        self.is_postponed = False

    @classmethod
    def begin(cls, caller: Caller | None, metrics: Sequence[Metric], *, now: datetime) -> Self:
        """Begin to read in another thread; nobody waits until it is asked for.  Calls and cost: `store.read`."""
        if caller is None:
            return cls(None, metrics, now, None)
        return cls(caller.address, metrics, now, _readers().submit(store.read, caller.address, tuple(metrics)))

    @classmethod
    def unlimited(cls) -> Self:
        """That of an anonymous caller, and of tests and tools that store things directly."""
        return cls(None, (), clock.now(), None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing goes on after the request: a frozen process would find its connection dead."""
        if self._reading is not None:
            wait([self._reading])

    def check(self) -> None:
        """Raises `QuotaExhausted` if nothing is left.  `spend` checks, too; this is for before work in vain (S3)."""
        if self._reading is not None:
            self._judge(self._reading.result().usage, self._now)

    def postpone(self) -> None:
        """For a route with refusals that come before that of an exhausted quota: it calls `check` when it is time."""
        self.is_postponed = True

    def spend(
        self,
        writes: Sequence[Write],
        *,
        now: datetime,
        amounts: Mapping[Metric, int] | None = None,
        created_at: datetime | None = None,
    ) -> None:
        """Write, and count it: all or nothing, and nothing if a quota is used up meanwhile (+ 2 WCU per metric).

        `amounts` are 1 unless named.  What was created before `now` (a relationship that is being accepted) says
        when.  Raises `QuotaExhausted`, or `TransactionFailed` with the positions of those `writes` that failed, also
        if there is but one.
        """
        counts = self._counts(now, amounts or {}, created_at or now)
        if not counts and len(writes) == 1:
            _write(writes[0])
            return
        try:
            transact([*writes, *counts])
        except TransactionFailed as lost:
            refused = {
                metric: lost.failed[len(writes) + position]
                for position, metric in enumerate(self._metrics)
                if len(writes) + position in lost.failed
            }
            self._judge({metric: store.usage_in(item) for metric, item in refused.items()}, now)
            raise

    def _counts(self, now: datetime, amounts: Mapping[Metric, int], created_at: datetime) -> list[Write]:
        if self._reading is None or self._address is None:
            return []
        standing = self._reading.result()
        self._judge(standing.usage, now)
        if not standing.is_counted:
            return []
        return [
            store.counting(
                self._address,
                metric,
                amounts.get(metric, 1),
                now=now,
                created_at=created_at,
                within=standing.quotas.get(metric, ()),
                usage=standing.usage[metric],
            )
            for metric in self._metrics
        ]

    def _judge(self, usage: Mapping[Metric, Usage], now: datetime) -> None:
        if self._reading is None:
            return
        quotas = self._reading.result().quotas
        windows = {metric: exhausted_until(quotas.get(metric, ()), usage[metric], now) for metric in usage}
        exhausted = {metric: window for metric, window in windows.items() if window is not None}
        if exhausted:
            raise QuotaExhausted(exhausted)


def _write(single: Write) -> None:
    try:
        write(single)
    except ConditionFailed as lost:
        failed: dict[int, Item | None] = {0: lost.item}
        raise TransactionFailed(failed) from None
