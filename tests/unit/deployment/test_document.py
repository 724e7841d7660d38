"""docs/first-deployment.md knows the options, the states and the limits that the code knows."""

import re

from infra.build import ROOT
from infra.deployment.guard import PROTECTED
from infra.deployment.parameters import CONFIGURATION
from infra.deployment.recovery import NEVER_COMPLETE

DOCUMENT = (ROOT / "docs" / "first-deployment.md").read_text(encoding="utf-8")


def test_every_option_of_the_commands_is_described() -> None:
    for name in ("__main__", "removal"):
        source = (ROOT / "infra" / "deployment" / f"{name}.py").read_text(encoding="utf-8")
        options = set(re.findall(r'add_argument\(\s*"(--[a-z-]+)"', source))
        told_otherwise = {"--stack", "--domain", "--bucket", "--configuration", "--target"}  # by make, or not needed
        assert options >= {"--stack", "--yes"}
        assert [option for option in options - told_otherwise if option not in DOCUMENT] == []
    assert f"--reset {CONFIGURATION}" in DOCUMENT


def test_every_state_of_a_stack_has_its_way_out() -> None:
    (row,) = [
        line for line in DOCUMENT.splitlines() if "it was never complete" in line and line.startswith("| `REVIEW")
    ]
    assert set(re.findall("`([A-Z_]+)`", row)) == NEVER_COMPLETE
    for state in ("UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "DELETE_FAILED", "…_IN_PROGRESS"):
        assert f"| `{state}` |" in DOCUMENT


def test_what_is_refused_is_named() -> None:
    for word in ("table", "bucket", "queue", "API", "domain", "key set"):
        assert any(word in name for name in PROTECTED.values())
        assert re.search(rf"refuses, and names,(.|\n)*{word}", DOCUMENT)
