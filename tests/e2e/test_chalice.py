"""The Chalice app next to a deployed stack: `chalice local` serves the Consumer API, the stack does everything else."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.build import ROOT
from infra.local.ports import free_port
from infra.local.stack import CLIENT_ID, CLIENT_SECRET, LocalStack
from tests.e2e.conftest import eventually, relate
from tests.people import Identity

STAGE = "besides"
START_SECONDS = 60


@pytest.fixture
def base_url(stack: LocalStack, tmp_path: Path) -> Iterator[str]:
    """`chalice local`, connected to the stack by `backbone chalice-config`."""
    for name in ("app.py", "functions", "layers"):
        (tmp_path / name).symlink_to(ROOT / name)
    folder = tmp_path / ".chalice"
    folder.mkdir()
    (folder / "config.json").write_bytes((ROOT / ".chalice" / "config.json").read_bytes())
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BACKBONE_"))},
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers")]),
    }
    command = [sys.executable, "-m", "cli", "chalice-config", "--stage", STAGE, "--folder", str(folder)]
    subprocess.run(command, env={**environment, **stack.environment()}, check=True, capture_output=True, timeout=120)
    port = free_port()
    serving = [
        str(Path(sys.executable).with_name("chalice")),
        "--project-dir",
        str(tmp_path),
        "local",
        "--no-autoreload",
    ]
    process = subprocess.Popen(
        [*serving, "--stage", STAGE, "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _when_it_answers(f"http://localhost:{port}")
    finally:
        process.terminate()
        process.wait(timeout=30)


def _when_it_answers(url: str) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/api/v2/Version").status_code == 200:
                return url
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(f"chalice local did not start within {START_SECONDS} s")


def test_a_message_sent_through_it_arrives(base_url: str) -> None:
    """Requests go to the Chalice app; outbox and consumers of the stack bring what it writes to the recipient."""
    alice, bob = (Identity.create(base_url, CLIENT_ID, CLIENT_SECRET) for _ in range(2))
    relate(alice, bob)

    sent = alice.device.messages.send(bob.address, {"text": "hello"})

    (received,) = eventually("the message", lambda: bob.device.sync().messages)
    assert (received.id, received.content) == (sent.id, {"text": "hello"})
    file = alice.device.files.upload(b"content" * 1000)
    assert alice.device.files.download(file) == b"content" * 1000


def test_its_refusals_are_those_of_the_stack(base_url: str, stack: LocalStack) -> None:
    for method, path in (("DELETE", "/api/v2/Challenges"), ("GET", "/api/v2/Messages"), ("POST", "/api/v2/Messages")):
        ours, theirs = (httpx.request(method, f"{url}{path}") for url in (base_url, stack.base_url))
        assert (ours.status_code, ours.headers.get("allow")) == (theirs.status_code, theirs.headers.get("allow")), path
