"""The README of the client library, typed in by a stranger."""

import re
from pathlib import Path

import pytest

from infra.build import ROOT
from infra.local.stack import CLIENT_ID, CLIENT_SECRET, LocalStack

README = (ROOT / "sdk/README.md").read_text("utf-8")
BASE_URL = "http://localhost:8090"


def code_below(heading: str) -> str:
    """The Python code of a section."""
    section = README.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return "\n".join(re.findall(r"```python\n(.*?)```", section, re.S))


def type_in(code: str, stack: LocalStack) -> None:
    assert (CLIENT_ID, CLIENT_SECRET) == ("test", "test")
    assert BASE_URL in code
    exec(compile(code.replace(BASE_URL, stack.base_url), "README.md", "exec"), {})


def test_two_people_exchange_a_file(stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(bytes(range(256)))
    code = code_below("Two people exchange a file")
    type_in(code, stack)
    assert (tmp_path / "copy.jpg").read_bytes() == bytes(range(256))
    assert len([line for line in code.splitlines() if line and not line.startswith(("from", "backbone ="))]) <= 10


def test_the_tour(stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    type_in(code_below("A tour of five minutes"), stack)
