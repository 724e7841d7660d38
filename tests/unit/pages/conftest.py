"""The pages of two apps."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.pages import configuration
from tests.unit.pages.apps import CONFIGURATION

Configure = Callable[[dict[str, Any]], None]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Configure]:
    """Serve under another configuration."""
    file = tmp_path / "configuration.json"
    monkeypatch.setattr(configuration, "FILE", file)

    def to(sections: dict[str, Any]) -> None:
        file.write_text(json.dumps(sections))
        configuration.pages_configuration.cache_clear()

    yield to
    configuration.pages_configuration.cache_clear()


@pytest.fixture
def configured(configure: Configure) -> None:
    """Two apps without a default one, and well-known documents."""
    configure(CONFIGURATION)
