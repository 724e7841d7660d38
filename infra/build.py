"""Deployment packages: one zip per service and one with third-party packages, under `build/`.

    python -m infra.build [--target aws]      for Lambda (Python 3.13, arm64); aws is the default
    python -m infra.build --target local      for the interpreter that runs this, which is also the emulator's
                          [--configuration FILE]  with the operator's tags and apps (infra/configuration.py)

A function's package holds its own folder and what all services share (layers/backbone), so that both change in one
step; what it shares with others can only be that and the layer of third-party packages.
The zips are deterministic: unchanged sources give unchanged bytes, and an unchanged package is not uploaded again.
Third-party packages are installed again only when their list or the target changes.
"""

import argparse
import compileall
import hashlib
import json
import py_compile
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backbone.http.docs import SWAGGER_UI_FILES
from backbone.http.static import swagger_ui_folder
from infra import configuration

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
_SOURCES_ONLY = shutil.ignore_patterns("__pycache__", "*.pyc", "*.md", "*.yaml", "operator*.py")
"""What functions need: neither documents and templates nor the commands of `backbone`, which only operators run."""
_WITH_SWAGGER_UI = ("pages", "admin")
_CHALICE_RUNTIME = {"__init__.py", "app.py", "py.typed"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where packages will run.

    `pip_options` find the wheels for it; `installed` says that dependencies need no layer, because they are there.
    """

    pip_options: tuple[str, ...] = ()
    installed: bool = False

    @property
    def precompiled(self) -> bool:
        """Whether it runs this interpreter, so that compiling once, here, saves doing it in every function."""
        return not self.pip_options


TARGETS = {
    # The emulator starts functions with this interpreter, and in its environment the same versions are installed
    # (infra/pins.py). A layer would only be unpacked a dozen times.
    "local": Target(installed=True),
    "aws": Target(
        pip_options=(
            "--platform=manylinux_2_28_aarch64",
            "--platform=manylinux_2_17_aarch64",
            "--platform=manylinux2014_aarch64",
            "--implementation=cp",
            "--python-version=3.13",
        )
    ),
}


class BuildError(Exception):
    """A package could not be built; the message says which and why, in one line."""


def services() -> list[str]:
    """The services that have Lambda entry points."""
    return sorted(handler.parent.name for handler in (ROOT / "functions").glob("*/handler.py"))


def build(target: Target, folder: Path = BUILD, operators_file: Path | None = None) -> None:
    """Make every package anew, except for dependencies that have not changed.

    `operators_file` configures what has no parameter.  Raises `BuildError`, also for a mistake in that file.
    """
    try:
        sections = configuration.sections_by_service(operators_file) if operators_file else {}
    except configuration.ConfigurationError as error:
        raise BuildError(str(error)) from None
    shared = _build_shared(folder / "shared", target)
    for service in services():
        _build_function(service, folder / "functions" / service, target, shared, sections.get(service))
    _build_dependencies(folder / "layers" / "dependencies", target)


def _build_function(service: str, content: Path, target: Target, shared: Path, sections: dict[str, Any] | None) -> None:
    package = _emptied(content) / "functions"
    shutil.copytree(ROOT / "functions" / service, package / service, ignore=_SOURCES_ONLY)
    init = ROOT / "functions" / "__init__.py"
    if init.exists():
        shutil.copy(init, package)
    if sections is not None:
        (package / service / configuration.NAME).write_text(json.dumps(sections, ensure_ascii=False), encoding="utf-8")
    if service in _WITH_SWAGGER_UI:
        for name in SWAGGER_UI_FILES:
            shutil.copy(swagger_ui_folder() / name, package / service / "files")
    _compile(content, target)
    shutil.copytree(shared, content / shared.name)
    _zip(content)


def _build_shared(folder: Path, target: Target) -> Path:
    """What goes into every function's package, compiled once for all."""
    package = _emptied(folder) / "backbone"
    shutil.copytree(ROOT / "layers" / "backbone", package, ignore=_SOURCES_ONLY)
    _compile(folder, target)
    return package


def _build_dependencies(content: Path, target: Target) -> None:
    requirements = ROOT / "layers" / "dependencies" / "requirements.txt"
    stamp = content.with_suffix(".stamp")
    wanted = hashlib.sha256(f"{target} {sys.version} {Path(__file__).read_text()}".encode())
    wanted.update(requirements.read_bytes())
    if stamp.exists() and stamp.read_text() == wanted.hexdigest():
        return
    stamp.unlink(missing_ok=True)
    packages = _emptied(content) / "python"
    if target.installed:
        packages.mkdir()
        shutil.copy(requirements, packages)  # a layer must not be empty
    else:
        _install(requirements, packages, target)
    _compile(content, target)
    _zip(content)
    stamp.write_text(wanted.hexdigest())


def _install(requirements: Path, packages: Path, target: Target) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-compile", "--only-binary=:all:", *target.pip_options]
    outcome = subprocess.run(
        [*command, f"--target={packages}", f"--requirement={requirements}"], capture_output=True, text=True, check=False
    )
    if outcome.returncode != 0:
        errors = [line for line in outcome.stderr.splitlines() if line.startswith("ERROR")]
        raise BuildError(f"cannot install the dependencies layer: {(errors or ['pip failed'])[0]}")
    _remove_what_only_chalice_commands_need(packages)


def _remove_what_only_chalice_commands_need(packages: Path) -> None:
    shutil.rmtree(packages / "bin", ignore_errors=True)
    for entry in (packages / "chalice").iterdir():
        if entry.name not in _CHALICE_RUNTIME:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _compile(content: Path, target: Target) -> None:
    if target.precompiled:
        compileall.compile_dir(
            content,
            quiet=2,
            stripdir=content,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,  # unzipping changes modification times
        )


def _zip(content: Path) -> None:
    with zipfile.ZipFile(content.with_suffix(".zip"), "w") as archive:
        for file in _files(content):
            entry = zipfile.ZipInfo(str(file.relative_to(content)), _EPOCH)
            entry.external_attr = (0o755 if file.suffix == ".so" else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def main() -> None:
    """Build for the target named on the command line and print what came out."""
    parser = argparse.ArgumentParser(prog="python -m infra.build", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--target", choices=sorted(TARGETS), default="aws")
    parser.add_argument("--configuration", type=Path, metavar="FILE", help="the operator's tags and apps")
    arguments = parser.parse_args()
    try:
        build(TARGETS[arguments.target], operators_file=arguments.configuration)
    except BuildError as error:
        sys.exit(f"build failed: {error}")
    for package in sorted(BUILD.glob("*/*.zip")):
        print(f"{package.stat().st_size / 1024:10,.0f} KiB  {package.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
