"""Which Backbones run on this machine: one small file per port, written by `make run`.

It holds the environment in which this project's modules work on that Backbone, so that other commands find it.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[2] / ".local"

DEFAULT_PORT = 8090


class NotRunning(Exception):
    """No Backbone runs on the port that was asked for."""


@contextmanager
def registered(port: int, environment: Mapping[str, str]) -> Iterator[None]:
    """Be found while this lasts."""
    file = _file(port)
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(dict(environment), indent=2))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def environment_of(port: int) -> dict[str, str]:
    """The environment of the Backbone on `port`.  Raises `NotRunning`."""
    try:
        environment: dict[str, str] = json.loads(_file(port).read_text())
    except FileNotFoundError:
        raise NotRunning(f"no Backbone runs on port {port}; start one with `make run PORT={port}`") from None
    return environment


def ports() -> list[int]:
    """The ports on which Backbones run."""
    return sorted(int(file.stem) for file in _FOLDER.glob("*.json") if file.stem.isdigit())


def _file(port: int) -> Path:
    return _FOLDER / f"{port}.json"
