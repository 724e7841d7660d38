"""Periods and the windows they lay over time.  Contract: quotas.md, section 3."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.quotas.periods import Period, window_named, window_of, windows_of

WEDNESDAY = datetime(2024, 2, 14, 15, 42, 10, tzinfo=UTC)
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def bounds(period: Period, now: datetime) -> tuple[str, str]:
    window = window_of(period, now)
    return window.begin.isoformat(timespec="milliseconds"), window.end.isoformat(timespec="milliseconds")


@pytest.mark.parametrize(
    ("period", "begin", "end"),
    [
        (Period.HOUR, "2024-02-14T15:00:00.000+00:00", "2024-02-14T15:59:59.999+00:00"),
        (Period.DAY, "2024-02-14T00:00:00.000+00:00", "2024-02-14T23:59:59.999+00:00"),
        (Period.WEEK, "2024-02-12T00:00:00.000+00:00", "2024-02-18T23:59:59.999+00:00"),
        (Period.MONTH, "2024-02-01T00:00:00.000+00:00", "2024-02-29T23:59:59.999+00:00"),
        (Period.YEAR, "2024-01-01T00:00:00.000+00:00", "2024-12-31T23:59:59.999+00:00"),
    ],
)
def test_windows_of_the_worked_example(period: Period, begin: str, end: str) -> None:
    """quotas.md, Checklist: period begin/end table for 2024-02-14T15:42:10Z; leap February; year end"""
    assert bounds(period, WEDNESDAY) == (begin, end)


@pytest.mark.parametrize(
    ("period", "now", "begin", "end"),
    [
        (Period.MONTH, "2023-02-28", "2023-02-01", "2023-02-28"),
        (Period.MONTH, "2024-12-31", "2024-12-01", "2024-12-31"),
        (Period.YEAR, "2023-12-31", "2023-01-01", "2023-12-31"),
        (Period.WEEK, "2024-12-31", "2024-12-30", "2025-01-05"),
        (Period.WEEK, "2024-02-18", "2024-02-12", "2024-02-18"),
    ],
)
def test_windows_at_the_ends_of_months_and_years(period: Period, now: str, begin: str, end: str) -> None:
    """quotas.md, Checklist: leap February; year end"""
    last_ms = datetime.fromisoformat(f"{now}T23:59:59.999+00:00")

    assert bounds(period, last_ms) == (f"{begin}T00:00:00.000+00:00", f"{end}T23:59:59.999+00:00")


def test_on_mondays_the_week_ends_on_the_coming_sunday() -> None:
    """quotas.md §3: This is a defect of the reference …; ending on the coming Sunday (2024-02-18T23:59:59.999Z) is the
    evident intention."""
    monday = datetime(2024, 2, 12, 15, 42, 10, tzinfo=UTC)

    assert bounds(Period.WEEK, monday) == ("2024-02-12T00:00:00.000+00:00", "2024-02-18T23:59:59.999+00:00")


def test_total_has_neither_begin_nor_end() -> None:
    """quotas.md §3: Total | minimum instant | maximum instant"""
    window = window_of(Period.TOTAL, WEDNESDAY)

    assert window.begin == datetime.min.replace(tzinfo=UTC)
    assert window.rendered_end == "9999-12-31T23:59:59.9999999"


@pytest.mark.parametrize(
    ("period", "name"),
    [
        (Period.HOUR, "H2024021415"),
        (Period.DAY, "D20240214"),
        (Period.WEEK, "W20240212"),
        (Period.MONTH, "M202402"),
        (Period.YEAR, "Y2024"),
        (Period.TOTAL, "total"),
    ],
)
def test_windows_have_names(period: Period, name: str) -> None:
    assert window_of(period, WEDNESDAY).name == name


@pytest.mark.parametrize("text", ["total", "pk", "sk", "quotaHour", "", "H", "D2024", "Month", "Welcome"])
def test_other_attributes_are_no_windows(text: str) -> None:
    assert window_named(text) is None


@given(instant=INSTANTS)
def test_a_window_contains_what_it_was_asked_for_and_is_found_by_its_name(instant: datetime) -> None:
    for window in windows_of(instant):
        assert window.begin <= instant
        assert instant - timedelta(milliseconds=1) < window.end
        if window.period is not Period.TOTAL:
            assert window_named(window.name) == window


@given(one=INSTANTS, minutes=st.integers(0, 60 * 24 * 400))
def test_two_instants_share_a_window_if_and_only_if_its_name_is_the_same(one: datetime, minutes: int) -> None:
    other = one + timedelta(minutes=minutes)

    for period in Period:
        first, second = window_of(period, one), window_of(period, other)
        assert (first.name == second.name) == (first == second) == (other - timedelta(microseconds=999) <= first.end)
