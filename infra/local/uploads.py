"""The server of large uploads as a child process: what a container does in AWS (functions/files/server.py).

    python -m infra.local.uploads PORT      what runs in that process

It is tied to the life of its starter like the emulator is: the starter keeps the other end of its standard input.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from infra.build import ROOT
from infra.local.emulator import EmulatorError
from infra.local.ports import free_port

_HOST = "127.0.0.1"
_START_SECONDS = 30
_POLL_SECONDS = 0.05


class UploadServer:
    """One server; `environment` is that of the deployed functions, its log goes to `folder`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._port = free_port()
        self.url = f"http://{_HOST}:{self._port}"
        self._log = folder / "uploads.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "infra.local.uploads", str(self._port)],
                cwd=ROOT,
                env={**inherited, **environment, "PYTHONPATH": str(ROOT / "layers")},
                stdin=subprocess.PIPE,  # its end is the signal to stop
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the keyboard's interrupt is for the starter
            )

    def wait(self) -> None:
        """Return when it accepts connections.  Raises `EmulatorError`."""
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise EmulatorError(f"the server of large uploads did not start (log: {self._log})")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((_HOST, self._port)) == 0


def _end_with_starter() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    from functions.files import server

    threading.Thread(target=_end_with_starter, daemon=True).start()
    server.serve(int(sys.argv[1]), host=_HOST)
