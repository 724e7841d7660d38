"""The operator's configuration file at deployment."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra import configuration
from infra.build import TARGETS, BuildError, build
from infra.configuration import ConfigurationError, sections_by_service
from infra.local.stack import CONFIGURATION
from tests.unit.pages.apps import app

TAGS = {"SupportedLanguages": ["en"]}


def written(folder: Path, settings: Any) -> Path:
    file = folder / "appsettings.json"
    file.write_text(settings if isinstance(settings, str) else json.dumps(settings))
    return file


def test_each_service_gets_its_sections_and_nothing_else(tmp_path: Path) -> None:
    """misc.md §7.1: Keys are case-insensitive"""
    settings = {
        "Authentication": {"JwtSigningCertificate": "secret"},
        "modules": {"TAGS": {"Application": TAGS}, "Devices": {"Infrastructure": "secret"}},
        "AppOnboarding": {"Apps": [app()]},
    }

    found = sections_by_service(written(tmp_path, settings))

    assert found["tags"] == {"Modules:Tags:Application": TAGS}
    assert found["pages"] == {"AppOnboarding": settings["AppOnboarding"]}
    assert "secret" not in json.dumps(found)


def test_every_mistake_is_told_in_a_line_of_its_own(tmp_path: Path) -> None:
    """misc.md: configuration without `en`, with an uncovered language, with first-level tag `x` -> start fails"""
    settings = {
        "Modules": {"Tags": {"Application": {"SupportedLanguages": ["de"]}}},
        "AppOnboarding": {"Apps": [app(IconUrl="icon.png")]},
    }

    with pytest.raises(ConfigurationError) as refusal:
        sections_by_service(written(tmp_path, settings))

    lines = str(refusal.value).splitlines()
    assert any("AppOnboarding:Apps:0:IconUrl: " in line for line in lines)
    assert any("Modules:Tags:Application: " in line and "must contain 'en'" in line for line in lines)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "Modules:Tags:Application:SupportedLanguages: Field required"),
        ([], "not a JSON object"),
        ("{", "not JSON"),
        ({"Modules": {"Tags": []}}, "Modules:Tags:Application:SupportedLanguages: Field required"),
        ({"Modules": {"Tags": {"Application": TAGS}}, "AppOnboarding": []}, "AppOnboarding: Input should be"),
    ],
)
def test_what_cannot_be_read_stops_the_build(tmp_path: Path, settings: Any, complaint: str) -> None:
    """misc.md: missing required configuration -> start fails"""
    file = written(tmp_path, settings)

    with pytest.raises(BuildError, match=complaint):
        build(TARGETS["local"], tmp_path / "build", file)
    assert not (tmp_path / "build").exists()


def test_a_file_that_is_not_there_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="No such file"):
        build(TARGETS["local"], tmp_path / "build", tmp_path / "missing.json")


def test_the_build_packages_the_configuration_and_swagger_ui(tmp_path: Path) -> None:
    file = written(tmp_path, {"Modules": {"Tags": {"Application": TAGS}}})

    build(TARGETS["local"], tmp_path / "build", file)

    functions = tmp_path / "build" / "functions"
    packaged = functions / "tags" / "functions" / "tags" / configuration.NAME
    assert json.loads(packaged.read_text()) == {"Modules:Tags:Application": TAGS}
    assert (functions / "pages" / "functions" / "pages" / "files" / "swagger-ui-bundle.js").stat().st_size > 1_000_000


def test_the_local_configuration_is_correct() -> None:
    assert sections_by_service(CONFIGURATION).keys() >= {"pages", "tags"}
