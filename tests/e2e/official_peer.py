"""Official clients (npm `@nmshd/transport`) in a process of their own, doing what a test says."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from infra.local.stack import CLIENT_ID, CLIENT_SECRET
from tests.e2e.test_official_client import SCRIPTS


class OfficialError(Exception):
    """What an official client refused; ``code`` is its error code."""

    def __init__(self, code: str | None, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class OfficialPeer:
    """Runs JavaScript beside official clients; see official/peer.cjs."""

    def __init__(self, base_url: str) -> None:
        self._process = subprocess.Popen(
            ["node", "peer.cjs", base_url, CLIENT_ID, CLIENT_SECRET],
            cwd=SCRIPTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, code: str, **given: Any) -> Any:
        """The result of the body of an async function; raises :class:`OfficialError`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"code": code, "given": given}) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("= "):
                answer = json.loads(line[2:])
                if "error" in answer:
                    raise OfficialError(**answer["error"])
                return answer["result"]
        raise AssertionError("the official clients are gone")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
