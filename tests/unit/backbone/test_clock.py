"""Timestamps as text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from backbone import clock


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2024, 1, 2, 3, 4, 5, 678_999, tzinfo=UTC), "2024-01-02T03:04:05.678Z"),
        (datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2024-01-01T22:00:00.000Z"),
        (datetime(999, 1, 2, tzinfo=UTC), "0999-01-02T00:00:00.000Z"),
    ],
)
def test_text_sorts_like_the_instants_do(instant: datetime, text: str) -> None:
    """http-common.md §6: `yyyy-MM-ddTHH:mm:ss.fffZ`, always UTC, exactly 3 fractional digits (truncated, …)"""
    assert clock.render(instant) == text
    assert clock.parse(text) == clock.to_milliseconds(instant)
