"""The shape of the library: who may import whom, and what is documented."""

import ast
import inspect
from pathlib import Path

import pytest

import enmeshed

ROOT = Path(__file__).parents[3]
LIBRARY = sorted((ROOT / "sdk/src/enmeshed").rglob("*.py"))
BACKBONE = [ROOT / "app.py", *(path for part in ("cli", "functions", "layers") for path in (ROOT / part).rglob("*.py"))]
WITH_INPUT_OR_OUTPUT = {"httpx", "sqlite3", "socket", "ssl", "pathlib", "time", "threading", "subprocess", "io"}


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_the_backbone_does_without_the_library() -> None:
    assert [path for path in BACKBONE if any(name.startswith("enmeshed") for name in imports(path))] == []


def test_the_library_does_without_the_backbone() -> None:
    own = {"backbone", "functions", "infra", "cli", "tests"}
    assert [path for path in LIBRARY if {name.split(".")[0] for name in imports(path)} & own] == []


def test_the_protocol_has_no_input_or_output() -> None:
    for path in LIBRARY:
        if path.parent.name == "protocol":
            assert not imports(path) & WITH_INPUT_OR_OUTPUT, path
            assert {name for name in imports(path) if name.startswith("enmeshed")} <= {
                "enmeshed.errors",
                "enmeshed.protocol",
                *(f"enmeshed.protocol.{other.stem}" for other in LIBRARY),
            }, path


def test_one_module_knows_sql() -> None:
    assert [path.name for path in LIBRARY if "sqlite3" in imports(path)] == ["sqlite.py"]


def test_only_the_command_needs_the_extra() -> None:
    extra = {"typer", "rich", "rich.console", "rich.table", "platformdirs"}
    assert {path.parent.name for path in LIBRARY if imports(path) & extra} == {"cli"}


COLLECTIONS = sorted(
    {
        kind
        for _, kind in inspect.getmembers(enmeshed.account, inspect.isclass)
        if kind.__module__.startswith("enmeshed.")
    },
    key=lambda kind: kind.__name__,
)
METHODS = [
    (kind, name)
    for kind in COLLECTIONS
    for name, member in vars(kind).items()
    if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, classmethod))
    if kind.__module__.count(".") == 1  # the protocol speaks for itself, storages are documented by their interface
]


@pytest.mark.parametrize(("kind", "name"), METHODS, ids=lambda part: getattr(part, "__name__", part))
def test_every_public_method_is_documented(kind: type, name: str) -> None:
    assert inspect.getdoc(getattr(kind, name))


WITH_CALLS = {
    "account",
    "templates",
    "relationships",
    "messages",
    "files",
    "tokens",
    "devices",
    "challenges",
    "deletion",
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [each for each in METHODS if each[0].__module__.split(".")[1] in WITH_CALLS],
    ids=lambda part: getattr(part, "__name__", part),
)
def test_every_method_says_which_calls_it_makes(kind: type, name: str) -> None:
    """Or its class says it for all its methods."""
    text = f"{inspect.getdoc(getattr(kind, name))} {inspect.getdoc(kind)}"
    assert "call" in text.lower()
