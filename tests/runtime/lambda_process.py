"""A function in a process of its own, under AWS's runtime client (PyPI's `awslambdaric`), as Lambda starts it.

The process asks a Runtime API for events and tells it what came of them; here is that API, for one process.  What the
process writes reaches CloudWatch in two ways, and both are kept: standard output and error, line by line, and
the runtime's own log in frames, on a file descriptor that Lambda hands over.
"""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from infra.build import ROOT
from infra.inventory import Function

REGION = "eu-central-1"
ACCOUNT = "123456789012"
ACCESS_KEY = "ASIARUNTIMEACCESSKEY"
SECRET_KEY = "runtime/secret/access/key"
SESSION_TOKEN = "runtime-session-token-of-the-role"
_INVOCATIONS = "/2018-06-01/runtime/invocation/"
_INIT_ERROR = "/2018-06-01/runtime/init/error"
_PATIENCE_SECONDS = 120
_FRAME_HEAD_BYTES = 16  # four of the frame's type, four of its length, eight of its time


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an invocation: the answer, or the error that the runtime reports; and the lines of log it cost."""

    answer: Any
    error: Any
    log: list[str]

    @property
    def log_bytes(self) -> int:
        """What CloudWatch is paid for, but for its own 26 bytes per line."""
        return sum(len(line.encode()) for line in self.log)


class LambdaProcess:
    """One execution environment of `function`.

    `variables` are the function's own (`BACKBONE_…`); those of Lambda come on top, with `application_log_level` as the
    function's logging configuration says.
    """

    def __init__(self, function: Function, variables: Mapping[str, str], *, application_log_level: str) -> None:
        self.function = function
        self._folder = tempfile.TemporaryDirectory(prefix="lambda-")
        self._events: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._outcomes: queue.Queue[tuple[Any, Any]] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _runtime_api(self._events, self._outcomes))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        folder = Path(self._folder.name)
        self._written, self._framed = _Tail(folder / "written"), _Tail(folder / "framed")
        task_root = _task_root(folder, function.service)
        environment = {
            **variables,
            **_variables_of_lambda(function, task_root, application_log_level),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
            "_LAMBDA_TELEMETRY_LOG_FD": str(self._framed.descriptor),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", function.handler],
            cwd=task_root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._written.descriptor,
            stderr=self._written.descriptor,
            pass_fds=[self._framed.descriptor],
        )

    def invoke(self, event: Any) -> Outcome:
        """Hand over an event and wait for what comes of it."""
        self._events.put((str(uuid.uuid4()), json.dumps(event).encode()))
        answer, error = self._wait()
        return Outcome(answer, error, self.new_lines())

    def new_lines(self) -> list[str]:
        """The lines written since the last look."""
        return self._written.new().decode().splitlines() + _unframed(self._framed.new())

    def resident_kilobytes(self) -> int:
        """The most memory that the process has had so far."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))

    def stop(self) -> None:
        """End the process, as Lambda does: without a word."""
        self._process.kill()
        self._process.wait()
        self._server.shutdown()
        self._server.server_close()
        self._written.close()
        self._framed.close()
        self._folder.cleanup()

    def _wait(self) -> tuple[Any, Any]:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                return self._outcomes.get(timeout=0.2)
            except queue.Empty:
                if self._process.poll() is not None and self._outcomes.empty():
                    raise AssertionError(f"{self.function.name} ended: {self.new_lines()}") from None
        raise AssertionError(f"{self.function.name} does not answer: {self.new_lines()}")


def _runtime_api(
    events: "queue.Queue[tuple[str, bytes]]", outcomes: "queue.Queue[tuple[Any, Any]]"
) -> type[BaseHTTPRequestHandler]:
    class RuntimeApi(BaseHTTPRequestHandler):
        """https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html"""

        def do_GET(self) -> None:
            request_id, event = events.get()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", request_id)
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 29) * 1000)))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:x")
            self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(event)))
            self.end_headers()
            self.wfile.write(event)

        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "null")
            assert self.path == _INIT_ERROR or self.path.startswith(_INVOCATIONS)
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            outcomes.put((told, None) if self.path.endswith("/response") else (None, told))

        def log_message(self, *_: Any) -> None:
            """Nothing to say."""

    return RuntimeApi


def _task_root(folder: Path, code: str) -> Path:
    """What `build/functions/<code>.zip` unpacks to: the service's folder and no other."""
    functions = folder / "task" / "functions"
    functions.mkdir(parents=True)
    (functions / "__init__.py").touch()
    (functions / code).symlink_to(ROOT / "functions" / code)
    return functions.parent


def _variables_of_lambda(function: Function, task_root: Path, log_level: str) -> dict[str, str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, section "Defined runtime …"."""
    name = f"backbone-{function.name}"
    return {
        "_HANDLER": function.handler,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/02/[$LATEST]0123456789abcdef0123456789abcdef",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": log_level,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": SESSION_TOKEN,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "_AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1",
        "_AWS_XRAY_DAEMON_PORT": "2000",
        "LAMBDA_TASK_ROOT": str(task_root),
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
        "PYTHONPATH": str(ROOT / "layers"),
    }


class _Tail:
    """A file that a process writes to and that is read from where the last look ended."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._seen = 0

    def new(self) -> bytes:
        found = os.pread(self.descriptor, os.fstat(self.descriptor).st_size - self._seen, self._seen)
        self._seen += len(found)
        return found

    def close(self) -> None:
        os.close(self.descriptor)


def _unframed(data: bytes) -> list[str]:
    lines = []
    while data:
        end = _FRAME_HEAD_BYTES + int.from_bytes(data[4:8], "big")
        lines.append(data[_FRAME_HEAD_BYTES:end].decode())
        data = data[end:]
    return lines
