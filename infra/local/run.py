"""`make run`: a Backbone on this machine, until it is interrupted.

    python -m infra.local.run [--port 8090] [--data FOLDER]

The Consumer API is served on PORT, the Admin API on PORT+1, server-sent events on PORT and PORT+2.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from infra.build import ROOT, BuildError
from infra.deployment import DeploymentError
from infra.local.emulator import EmulatorError
from infra.local.ports import PortTaken, claim
from infra.local.running import DEFAULT_PORT, registered
from infra.local.stack import ADMIN_KEY, CLIENT_ID, CLIENT_SECRET, PARAMETERS, ClientError, LocalStack

_LOOK_SECONDS = 0.5


class Interrupted(Exception):
    """Somebody asked this process to stop."""


def main() -> None:
    """Run until interrupted.  Anything that goes wrong is one line on stderr and a non-zero exit."""
    arguments = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        _run(arguments.port, arguments.data)
    except Interrupted:
        print("stopped", flush=True)
    except PortTaken as error:
        _fail(f"{error}: choose another one with `make run PORT=...`")
    except DeploymentError as error:
        _fail(f"deployment failed: {error}")
    except (BuildError, ClientError, EmulatorError) as error:
        _fail(str(error))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local.run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="of the Consumer API (default: %(default)s)")
    parser.add_argument("--data", type=_folder, metavar="FOLDER", help="keeps the data over restarts")
    return parser.parse_args()


def _folder(text: str) -> Path:
    return Path(text).expanduser()


def _run(port: int, data: Path | None) -> None:
    consumer_api, admin_api, events = (claim(number) for number in (port, port + 1, port + 2))
    began = time.monotonic()
    stack = LocalStack(data=data, consumer_api=consumer_api, admin_api=admin_api, events=events, progress=_progress)
    try:
        with stack:
            _announce(stack, port, data, time.monotonic() - began)
            with registered(port, stack.environment()):
                _wait(stack)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # it is stopping already


def _wait(stack: LocalStack) -> NoReturn:
    parent = os.getppid()
    while True:
        time.sleep(_LOOK_SECONDS)
        if not stack.emulator.running:
            raise EmulatorError(f"the emulator of AWS has ended (log: {stack.emulator.log})")
        if "MAKELEVEL" in os.environ and os.getppid() != parent:
            raise Interrupted  # make was killed and could not pass it on


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise Interrupted


def _announce(stack: LocalStack, port: int, data: Path | None, seconds: float) -> None:
    kept = f"kept in {data}" if data else "in memory, gone when this stops (keep them: make run DATA=<folder>)"
    print(
        f"""
The Backbone is up after {seconds:.1f} s.

  Consumer API   {stack.base_url}
  OAuth client   {CLIENT_ID} / {CLIENT_SECRET}   (default tier Basic)
  Admin API      {stack.admin_url}   (key {ADMIN_KEY})
  SSE            http://localhost:{port + 2}   also under the Consumer API
  AWS endpoint   {stack.emulator.endpoint}   (any credentials, region {stack.emulator.region})
  Data           {kept}
  Configuration  {PARAMETERS.relative_to(ROOT)}

  Try it: make demo{_option(port)}      Logs: make logs{_option(port)}      Stop: Ctrl-C
  Operate it: .venv/bin/backbone --local{_port_option(port)} status
""",
        flush=True,
    )


def _port_option(port: int) -> str:
    return "" if port == DEFAULT_PORT else f" --port {port}"


def _option(port: int) -> str:
    return "" if port == DEFAULT_PORT else f" PORT={port}"


def _progress(done: str) -> None:
    print(f"  {done}", flush=True)


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
