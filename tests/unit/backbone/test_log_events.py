"""Every line of the log has a number of its own, and docs/operating.md says what it means."""

import ast
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
SOURCES = [*(ROOT / "functions").rglob("*.py"), *(ROOT / "layers/backbone").rglob("*.py")]
LEVELS = {"debug": "DEBUG", "info": "INFO", "warning": "WARNING", "error": "ERROR", "exception": "ERROR"}
BY_STATUS = "by status"


class Line(NamedTuple):
    event_id: str
    level: str
    message: str


def _written() -> list[Line]:
    return [line for path in SOURCES for line in _lines(ast.parse(path.read_text(encoding="utf-8")), path)]


def _lines(module: ast.Module, path: Path) -> list[Line]:
    found = []
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        owner, _, method = ast.unparse(node.func).rpartition(".")
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        is_log = owner == "logger" and method in LEVELS
        if not is_log and "event_id" not in keywords:
            continue
        number = keywords.get("event_id")
        if isinstance(number, ast.Constant) and isinstance(number.value, int):
            message = ast.literal_eval(node.args[0])
            found.append(Line(str(number.value), LEVELS[method] if is_log else BY_STATUS, message))
        else:
            assert not is_log, f"{path}:{node.lineno} writes a line without a six-digit event_id (docs/operating.md)"
    return found


def _documented() -> list[Line]:
    document = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([\w ]+) \| [^|]+ \| `([^`]+)` \|", document, re.MULTILINE)
    return [Line(*row) for row in rows]


def test_every_line_has_a_six_digit_number_of_its_own() -> None:
    counted = Counter(line.event_id for line in _written())

    assert {number for number, times in counted.items() if times > 1} == set()
    assert {number for number in counted if not re.fullmatch(r"\d{6}", number)} == set()


def test_every_line_is_documented_and_no_other() -> None:
    assert sorted(_documented()) == sorted(_written())
