"""`make delete-identities`: what otherwise happens at midnight, on the Backbone of this machine and at once.

    python -m infra.local.delete_identities [--port 8090] [--timeout 120]

Deletes all identities whose grace period is over and waits until they are gone; exit code 0 when they are.
"""

import argparse
import os
import subprocess
import sys

from infra.build import ROOT
from infra.local.run import DEFAULT_PORT
from infra.local.running import NotRunning, environment_of


def main() -> None:
    """Run the operator's command against a running Backbone."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.delete_identities", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--timeout", type=float, default=120, help="in seconds (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        environment = environment_of(arguments.port)
    except NotRunning as error:
        sys.exit(f"error: {error}")
    sys.exit(subprocess.run(command(arguments.timeout), env=command_environment(environment), check=False).returncode)


def command(timeout_seconds: float) -> list[str]:
    """The operator's command."""
    return [sys.executable, "-m", "functions.devices.deletion", "run", "--timeout", str(timeout_seconds)]


def command_environment(environment: dict[str, str]) -> dict[str, str]:
    """The environment it needs, from that of a Backbone."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers")])
    return {**os.environ, **environment, "PYTHONPATH": path}


if __name__ == "__main__":
    main()
