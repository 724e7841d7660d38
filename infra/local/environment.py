"""Any command in the environment of a running Backbone: its tables, its settings, its AWS.

python -m infra.local.environment [--port 8090] -- chalice local
python -m infra.local.environment -- chalice package
"""

import argparse
import os
import sys
from pathlib import Path

from infra.build import ROOT
from infra.local.running import DEFAULT_PORT, NotRunning, environment_of


def main() -> None:
    """Become the command."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.environment", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    try:
        environment = {**os.environ, **environment_of(arguments.port)}
    except NotRunning as error:
        sys.exit(f"error: {error}")
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "layers")])
    os.execvpe(arguments.command[0], arguments.command, environment)


if __name__ == "__main__":
    main()
