"""A short round of `make faults`: some operations in bad weather end as in good weather."""

import pytest

from tests.faults.operations import all_operations
from tests.faults.rounds import rounds

SOME = ("UpdateContent", "POST /api/v2/SyncRuns", "Claim", "Decompose", "Tiers", "deletion of an identity")


@pytest.mark.slow
@pytest.mark.parametrize("names", SOME)
def test_operations_end_in_bad_weather_as_in_good_weather(names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    *_, report = rounds(2, 7, monkeypatch, names=names)

    assert report.wrong == {}
    assert report.operations == 2 * sum(names in name for name in all_operations())
    assert sum(report.happened.values()) > 10
