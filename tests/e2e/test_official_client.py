"""The official Enmeshed client library (npm @nmshd/transport) against the deployed system, unchanged."""

import subprocess
from pathlib import Path

import pytest

from infra.local.stack import LocalStack

SCRIPTS = Path(__file__).parent / "official"
TIMEOUT_SECONDS = 180


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("two_clients.cjs", id="two identities exchange a message"),
        pytest.param("both_sides.cjs", id="messages in both directions and a second device"),
        pytest.param("transitions.cjs", id="every transition of a relationship from both sides"),
        pytest.param("tokens.cjs", id="tokens between identities, for onboarding and recovery"),
        pytest.param("templates.cjs", id="templates with password, for one identity, with a limit; two recipients"),
        pytest.param("events.cjs", id="devices sync within two seconds because server-sent events tell them to"),
        pytest.param("files.cjs", id="files of all sizes, their ownership from hand to hand, an attachment"),
    ],
)
def test_official_clients(stack: LocalStack, script: str) -> None:
    outcome = subprocess.run(
        ["node", script, stack.base_url, "test", "test"],
        cwd=SCRIPTS,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )

    assert outcome.returncode == 0, f"{outcome.stdout}\n{outcome.stderr}"
    assert outcome.stdout.splitlines()[-1].endswith("done")
