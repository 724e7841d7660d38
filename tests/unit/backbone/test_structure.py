"""The shape of the house: who may import whom, and that documents tell the truth."""

import ast
import re
from pathlib import Path

import pytest

from backbone.events import EVENTS

ROOT = Path(__file__).parents[3]
FUNCTIONS = sorted((ROOT / "functions").rglob("*.py"))
LAYER = sorted((ROOT / "layers/backbone").rglob("*.py"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return names


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_service_imports_no_other_service(path: Path) -> None:
    own = path.relative_to(ROOT / "functions").parts[0].removesuffix(".py")

    services = {name.split(".")[1] for name in imported(path) if name.startswith("functions.")}
    assert services <= {own}


@pytest.mark.parametrize("path", FUNCTIONS + LAYER, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_commands_import_what_commands_need(path: Path) -> None:
    """`operator*.py` stays out of the packages of functions (infra/build.py)."""
    of_commands = {name for name in imported(path) if re.match(r"(cli|typer|rich)\b|functions\.\w+\.operator", name)}
    assert path.name.startswith("operator") or not of_commands


@pytest.mark.parametrize("path", LAYER, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_layer_imports_no_service(path: Path) -> None:
    assert not [name for name in imported(path) if name.startswith("functions")]


@pytest.mark.parametrize(
    "path", [path for path in FUNCTIONS if path.name.startswith("domain")], ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_domain_knows_neither_aws_nor_http_nor_the_time(path: Path) -> None:
    forbidden = re.compile(r"boto|backbone\.(dynamodb|payloads|http|settings|readmodels)|chalice|urllib|time$")

    assert not [name for name in imported(path) if forbidden.match(name)]
    assert "clock.now(" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_stores_speak_to_tables(path: Path) -> None:
    allowed = ("store", "outbox", "blobs", "gateway", "readmodels", "redelivery")
    if any(word in str(path.relative_to(ROOT)) for word in allowed):
        return

    assert not [name for name in imported(path) if name.startswith(("backbone.dynamodb.Table", "boto3"))]


def test_every_event_stands_in_the_events_document() -> None:
    catalogue = (ROOT / "docs/events.md").read_text(encoding="utf-8").partition("## Catalogue")[2]
    described = set(re.findall(r"^\| `(\w+)` \|", catalogue, re.MULTILINE))

    import_all_events()
    assert described == set(EVENTS)


def import_all_events() -> None:
    import importlib

    for path in (ROOT / "layers/backbone/events").glob("*.py"):
        importlib.import_module(f"backbone.events.{path.stem}" if path.stem != "__init__" else "backbone.events")


def test_every_service_says_what_it_owns() -> None:
    services = [path for path in (ROOT / "functions").iterdir() if path.is_dir() and (path / "handler.py").exists()]

    assert [path.name for path in services if not (path / "README.md").exists()] == []
