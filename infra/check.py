"""`make check`: everything that can be known without running the system.

    python -m infra.check

Runs all checks, prints a line for each, and the output of those that fail.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.build import BUILD, ROOT, TARGETS, build

_PYTHON = sys.executable
_UVX = str(Path(_PYTHON).with_name("uvx"))
_SAM_CLI = "aws-sam-cli==1.170.0"
_TYPED = ["backbone", "cli", "functions", "infra", "enmeshed"]
_SOURCES = ["app.py", "cli", "functions", "layers", "infra", "sdk", "tests"]
_TEMPLATES = [
    "template.yaml",
    *sorted(str(file.relative_to(ROOT)) for where in ("functions/*", "infra") for file in ROOT.glob(f"{where}/*.yaml")),
]


@dataclass(frozen=True, slots=True)
class Result:
    """How a check went; `skipped` says why it could not be made."""

    passed: bool
    output: str = ""
    skipped: str = ""


Check = Callable[[], Result]


def _command(*arguments: str) -> Check:
    def run() -> Result:
        outcome = subprocess.run([_PYTHON, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return Result(outcome.returncode == 0, outcome.stdout + outcome.stderr)

    return run


def _audit() -> Result:
    """Known vulnerabilities of the pinned packages, asked from PyPI."""
    command = [_PYTHON, "-m", "pip_audit", "--format=json", "--progress-spinner=off", "--disable-pip", "--no-deps"]
    outcome = subprocess.run(
        [*command, "--requirement=requirements-dev.txt"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    try:
        packages = json.loads(outcome.stdout)["dependencies"]
    except ValueError:
        reason = (outcome.stderr.strip().splitlines() or ["no answer"])[-1]
        return Result(True, skipped=f"the vulnerability database cannot be asked: {reason}")
    known = [
        f"{package['name']} {package['version']}: {problem['id']} (fixed in {', '.join(problem['fix_versions'])})"
        for package in packages
        for problem in package.get("vulns", [])
    ]
    return Result(not known, "\n".join(known))


def _tool(package: str, *arguments: str) -> Check:
    """A tool in an environment of its own: what it depends on does not go with what is installed here."""

    def run() -> Result:
        outcome = subprocess.run(
            [_UVX, "--from", package, *arguments],
            cwd=ROOT,
            env={**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-central-1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return Result(outcome.returncode == 0, outcome.stdout + outcome.stderr)

    return run


def _sam() -> Result:
    """AWS's own tool understands the templates, and finds all they name."""
    if not (BUILD / "functions").exists():
        build(TARGETS["local"])
    valid = _tool(_SAM_CLI, "sam", "validate", "--lint", "--template", "template.yaml")()
    if not valid.passed:
        return valid
    return _tool(_SAM_CLI, "sam", "build", "--template", "template.yaml", "--build-dir", "build/sam")()


CHECKS: dict[str, Check] = {
    "style (ruff)": _command("ruff", "check", *_SOURCES),
    "format (ruff)": _command("ruff", "format", "--check", *_SOURCES),
    "types (mypy --strict)": _command("mypy", *(f"--package={package}" for package in _TYPED)),
    "templates (cfn-lint)": _command("cfnlint.runner.cli", *_TEMPLATES),
    "templates (sam validate --lint, sam build)": _sam,
    "templates (checkov)": _tool("checkov==3.2.459", "checkov", "--directory", ".", "--config-file", ".checkov.yaml"),
    "route table": _command("infra.routes", "--check"),
    "alarms and dashboard": _command("infra.alarms", "--check"),
    "rights": _command("infra.rights", "--check"),
    "costs": _command("tests.bench.costs", "--check"),
    "API document": _command("infra.openapi", "--check"),
    "tables since the last release": _command("infra.schema", "--check"),
    "pinned versions": _command("infra.pins"),
    "packages are complete": _command("infra.isolation"),
    "dependency audit (pip-audit)": _audit,
}


def main() -> None:
    """Run all checks; exit non-zero if one fails."""
    failed = [name for name, check in CHECKS.items() if not _passes(name, check)]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _passes(name: str, check: Check) -> bool:
    began = time.monotonic()
    result = check()
    word = "skipped" if result.skipped else "ok" if result.passed else "FAILED"
    print(f"{word:8}{name} ({time.monotonic() - began:.1f} s) {result.skipped}".rstrip(), flush=True)
    if not result.passed:
        print(result.output.rstrip() + "\n", flush=True)
    return result.passed


if __name__ == "__main__":
    main()
