"""The periods of quotas and the windows they lay over time, all in UTC.  Contract: quotas.md, section 3.

A week ends on the coming Sunday, on Mondays, too, where the reference ends it the day before (Surprise 1).
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

from backbone import clock

_ONE_MS = timedelta(milliseconds=1)


class Period(StrEnum):
    """For how long a usage counts."""

    HOUR = "Hour"
    DAY = "Day"
    WEEK = "Week"
    MONTH = "Month"
    YEAR = "Year"
    TOTAL = "Total"


@dataclass(frozen=True, slots=True)
class Window:
    """One hour, day, … of the calendar; `end` is its last millisecond."""

    period: Period
    begin: datetime
    end: datetime

    @property
    def name(self) -> str:
        """The same for every instant of the window, another one for every other window of any period: `D20240214`."""
        if self.period is Period.TOTAL:
            return "total"
        return self.period[0] + self.begin.strftime(_DIGITS[self.period])

    @property
    def rendered_end(self) -> str:
        """As clients see it; the end of time has seven digits and no `Z` (section 5)."""
        return END_OF_TIME if self.period is Period.TOTAL else clock.render(self.end)


END_OF_TIME = "9999-12-31T23:59:59.9999999"
_DIGITS = {
    Period.HOUR: "%Y%m%d%H",
    Period.DAY: "%Y%m%d",
    Period.WEEK: "%Y%m%d",
    Period.MONTH: "%Y%m",
    Period.YEAR: "%Y",
}


def window_of(period: Period, instant: datetime) -> Window:
    """The window of a period that contains `instant`."""
    if period is Period.TOTAL:
        return Window(period, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    begin, length = _BOUNDS[period](instant.astimezone(UTC))
    return Window(period, begin, begin + length - _ONE_MS)


def windows_of(instant: datetime) -> tuple[Window, ...]:
    """Those of all periods."""
    return tuple(window_of(period, instant) for period in Period)


def window_named(name: str) -> Window | None:
    """The inverse of `Window.name`; None for a text that is not the name of a window of time."""
    for period, digits in _DIGITS.items():
        if name[:1] == period[0]:
            try:
                begin = datetime.strptime(name[1:], digits).replace(tzinfo=UTC)
            except ValueError:
                return None
            return window_of(period, begin)
    return None


def _hour(instant: datetime) -> tuple[datetime, timedelta]:
    return instant.replace(minute=0, second=0, microsecond=0), timedelta(hours=1)


def _day(instant: datetime) -> tuple[datetime, timedelta]:
    return datetime.combine(instant.date(), time(), UTC), timedelta(days=1)


def _week(instant: datetime) -> tuple[datetime, timedelta]:
    today, _ = _day(instant)
    return today - timedelta(days=today.weekday()), timedelta(days=7)


def _month(instant: datetime) -> tuple[datetime, timedelta]:
    begin = datetime(instant.year, instant.month, 1, tzinfo=UTC)
    return begin, timedelta(days=monthrange(instant.year, instant.month)[1])


def _year(instant: datetime) -> tuple[datetime, timedelta]:
    begin = datetime(instant.year, 1, 1, tzinfo=UTC)
    return begin, timedelta(days=366 if monthrange(instant.year, 2)[1] == 29 else 365)


_BOUNDS = {Period.HOUR: _hour, Period.DAY: _day, Period.WEEK: _week, Period.MONTH: _month, Period.YEAR: _year}
