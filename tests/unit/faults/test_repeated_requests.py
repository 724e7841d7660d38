"""docs/repeated-requests.md says what a client finds that repeats a request; here every row is tried."""

import re
from pathlib import Path

import pytest

from infra.routes import ADMIN, endpoints
from tests.faults.operations import all_operations
from tests.faults.repeated_requests import repeat

DOCUMENT = Path(__file__).parents[3] / "docs/repeated-requests.md"
_ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
ROWS = {row[0]: row[1:] for row in _ROW.findall(DOCUMENT.read_text(encoding="utf-8")) if row[0] in all_operations()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_a_repeated_request_ends_as_the_document_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, more = ROWS[name]

    found = repeat(all_operations()[name], monkeypatch)

    assert (found.first, found.second) == (first.replace("`", ""), second.replace("`", ""))
    assert found.changes is not more.startswith("nothing")


def test_the_document_has_every_endpoint_that_writes() -> None:
    documented = {name.partition(",")[0] for name in ROWS}
    wanted = {f"{each.method} {each.path}" for each in endpoints() if each.method != "GET"}
    wanted |= {f"admin {each.method} {each.path}" for each in endpoints(ADMIN) if each.method != "GET"}

    assert {name for name in wanted - documented if "alidate" not in name} == set()
