"""How long functions take to load and how large their packages are, as built for deployment."""

import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
IMPORTS = 5
MEGABYTE = 1024 * 1024
HANDLERS = {
    "Gateway": "functions.gateway.handler",
    "Challenges": "functions.challenges.handler",
    "Devices": "functions.devices.handler",
    "Relationships": "functions.relationships.handler",
    "Messages": "functions.messages.handler",
    "Synchronization": "functions.synchronization.handler",
    "Outbox": "functions.outbox.handler",
    "Blobs": "functions.blobs.handler",
    "Keys": "functions.keys.handler",
}
# CPU time: an import waits for nothing, and a busy machine does not disturb it.
_PROGRAM = "import time; t = time.process_time(); import {}; print((time.process_time() - t) * 1000)"


@dataclass(frozen=True)
class Load:
    """Cold import of a function's module, in milliseconds of CPU (median)."""

    function: str
    import_ms: float


@dataclass(frozen=True)
class Package:
    """A deployment package, zipped."""

    name: str
    megabytes: float


def imports() -> list[Load]:
    """Import every handler in fresh interpreters."""
    paths = [str(ROOT), str(ROOT / "layers")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "BACKBONE_DID_DOMAIN": "localhost"}
    loads = []
    for function, module in HANDLERS.items():
        command = [sys.executable, "-c", _PROGRAM.format(module)]
        times = [
            float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
            for _ in range(IMPORTS)
        ]
        loads.append(Load(function, statistics.median(times)))
    return loads


def packages() -> list[Package]:
    """The zips that the build for AWS has made."""
    zips = sorted(BUILD.glob("*/*.zip"))
    return [Package(f"{path.parent.name}/{path.stem}", path.stat().st_size / MEGABYTE) for path in zips]
