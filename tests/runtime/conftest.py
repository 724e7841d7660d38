"""Fixtures of the tests that run functions under AWS's runtime client."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from infra.routes import endpoints
from tests.runtime.cloud import Cloud, running_cloud


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """One emulator for all of them."""
    pytest.importorskip("runtime_client", reason="AWS's runtime client is for Linux")
    endpoints()  # sets what the code needs to be imported here
    with running_cloud() as cloud:
        yield cloud


@dataclass
class CloudFormation:
    """Where custom resources are answered, and the answers."""

    url: str = ""
    answers: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    """Listens to what functions tell CloudFormation."""
    heard = CloudFormation()

    class Listener(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            heard.answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing to say."""

    server = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    heard.url = f"http://127.0.0.1:{server.server_port}/answer?X-Amz-Signature=secret-signature"
    yield heard
    server.shutdown()
    server.server_close()
