"""The emulator of AWS (ministack) as a child process on a free port of the loopback interface."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from infra.build import ROOT

REGION = "eu-central-1"
_START_SECONDS = 60
_STOP_SECONDS = 60  # what is not saved by then is lost
_POLL_SECONDS = 0.05
_WORKER_IDLE_SECONDS = 7 * 24 * 3600  # workers started for a burst stay warm


class EmulatorError(Exception):
    """The emulator did not start; the message says why, in one line."""


class Emulator:
    """One emulator.

    `folder` takes its log and scratch files, and is removed at the end unless `state` names the folder for what shall
    outlive the emulator.  With `enforce_rights`, functions may do what their roles allow and nothing else.
    """

    def __init__(self, folder: Path, *, port: int, state: Path | None = None, enforce_rights: bool = False) -> None:
        self.port = port
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.log = folder / "emulator.log"
        self.region = REGION
        self._folder = folder
        self._enforce_rights = enforce_rights
        self._state = state
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers.  Raises `EmulatorError`."""
        scratch = self._folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "infra.local.emulator_process", *([] if self._state else [str(self._folder)])],
                cwd=ROOT,
                env=self._environment(scratch),
                stdin=subprocess.PIPE,  # its end is the signal to stop
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise EmulatorError(f"the emulator did not start: {self._last_words()} (log: {self.log})")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop it in good order, so that it saves its state; by force only if it does not listen."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        # What is left: itself, if it does not listen, and workers that have not noticed yet.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def credentials(self) -> dict[str, str]:
        """The environment in which any AWS SDK talks to this emulator."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service: str) -> Any:
        """A boto3 client of this emulator."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(s3={"addressing_style": "path"}, read_timeout=300, retries={"total_max_attempts": 1}),
        )

    def _environment(self, scratch: Path) -> dict[str, str]:
        # Functions inherit this environment. What the starter's shell says about AWS or Python is not for them.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
        environment = {
            **inherited,
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "localhost",
            "MINISTACK_REGION": REGION,
            "AUTH": "true" if self._enforce_rights else "false",
            "LAMBDA_EXECUTOR": "local",
            "LAMBDA_WARM_TTL_SECONDS": str(_WORKER_IDLE_SECONDS),
            "TMPDIR": str(scratch),
            "LOG_LEVEL": "WARNING",
        }
        if self._state is not None:
            environment |= {
                "PERSIST_STATE": "1",
                "STATE_DIR": str(self._state / "state"),
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(self._state / "s3"),
            }
        return environment

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no output"
