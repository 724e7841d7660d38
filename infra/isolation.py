"""Do the packages hold all they need?

On this machine every installed package is in reach of a function, in Lambda only what its layer brings. So each service
is imported once with nothing but its package, the layer and boto3.

    python -m infra.isolation
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.build import BUILD, Target, build, services

# What the Lambda runtime brings along.
_RUNTIME_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
_PACKAGES = BUILD / "isolation"
_IMPORT = "import importlib, sys; importlib.import_module(sys.argv[1])"


def failures() -> list[str]:
    """One line per service whose handler cannot be imported from its packages."""
    build(Target(), _PACKAGES)
    with tempfile.TemporaryDirectory() as folder:
        runtime = Path(folder)
        for package in _RUNTIME_PACKAGES:
            _link(package, runtime)
        found = {service: _failure(service, runtime) for service in services()}
    return [f"{service}: {reason}" for service, reason in found.items() if reason]


def _link(package: str, folder: Path) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    origin = Path(spec.origin)
    source = origin.parent if origin.name == "__init__.py" else origin
    (folder / source.name).symlink_to(source)


def _failure(service: str, runtime: Path) -> str | None:
    layer = _PACKAGES / "layers" / "dependencies" / "python"
    path = [str(_PACKAGES / "functions" / service), str(layer), str(runtime)]
    outcome = subprocess.run(
        # -S leaves this interpreter's site-packages out.
        [sys.executable, "-S", "-c", _IMPORT, f"functions.{service}.handler"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "BACKBONE_DID_DOMAIN": "localhost",
        },
        cwd=runtime,
        capture_output=True,
        text=True,
        check=False,
    )
    return outcome.stderr.strip().splitlines()[-1] if outcome.returncode else None


if __name__ == "__main__":
    if problems := failures():
        sys.exit("\n".join(problems))
