"""Runs rest_api_cases.py, in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).with_name("rest_api_cases.py")
ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_the_app_behind_a_rest_api_answers_as_the_http_api_does() -> None:
    command = [sys.executable, "-m", "pytest", str(CASES), "-q", "-p", "no:schemathesis", "-p", "no:cacheprovider"]

    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert outcome.returncode == 0, outcome.stdout[-8000:]
