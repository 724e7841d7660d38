"""Is every version pinned once?  What runs in Lambda, what chalice packages and what tests run with must agree.

python -m infra.pins
"""

import re
import sys
from pathlib import Path

from infra.build import ROOT

DEVELOPMENT = ROOT / "requirements-dev.txt"
DEPLOYED = (
    ROOT / "layers" / "dependencies" / "requirements.txt",
    ROOT / "infra" / "large_uploads" / "requirements.txt",
    ROOT / "requirements.txt",
)

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)")


def failures() -> list[str]:
    """One line per deployed package that tests do not run with."""
    tested = _pins(DEVELOPMENT)
    return [
        f"{file.relative_to(ROOT)}: {name}=={version}, but {DEVELOPMENT.name} has {tested.get(name, 'none')}"
        for file in DEPLOYED
        for name, version in _pins(file).items()
        if tested.get(name) != version
    ]


def _pins(file: Path) -> dict[str, str]:
    matches = (_PIN.match(line) for line in file.read_text().splitlines())
    return {re.sub(r"[-_.]+", "-", match[1]).lower(): match[2] for match in matches if match}


if __name__ == "__main__":
    if problems := failures():
        sys.exit("\n".join(problems))
