"""What a person reads at the terminal."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from infra.deployment.aws import STACK_TYPE
from infra.deployment.change_set import Change
from infra.deployment.guard import fate
from infra.deployment.preflight import Findings

_WORDS = {"Add": "add", "Modify": "change", "Remove": "remove", "Import": "import", "Dynamic": "perhaps change"}
_HEAD = ("what", "resource", "type", "replaced?", "nested stack", "because of")


def tell(line: str) -> None:
    """A line at once, not when a buffer is full."""
    print(line, flush=True)


def table(changes: Sequence[Change]) -> str:
    """A line per change, in columns, and a count of what happens."""
    rows = [_row(change) for change in changes]
    widths = [max(len(row[column]) for row in [_HEAD, *rows]) for column in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [_HEAD, *rows]]
    resources = _counted(change for change in changes if change.kind != STACK_TYPE)
    stacks = _counted(change for change in changes if change.kind == STACK_TYPE)
    total = "; ".join(([resources] if resources else []) + ([f"nested stacks: {stacks}"] if stacks else []))
    return "\n".join([*(line.rstrip() for line in lines), "", total])


def _counted(changes: Iterable[Change]) -> str:
    counts = Counter(_WORDS.get(change.action, change.action) for change in changes)
    return ", ".join(f"{count} to {word}" for word, count in counts.items())


def _row(change: Change) -> tuple[str, ...]:
    kind = change.kind.removeprefix("AWS::").replace("CloudFormation::Stack", "nested stack")
    because = ", ".join(change.properties) if change.action == "Modify" else ""
    end = fate(change)
    return (
        _WORDS.get(change.action, change.action),
        change.path[-1],
        kind,
        "" if end == "removed" else end,
        "/".join(change.path[:-1]),
        because[:60],
    )


def tell_findings(findings: Findings) -> None:
    """Warnings and problems, each set off from the next."""
    for word, found in (("warning", findings.warnings), ("problem", findings.problems)):
        for text in found:
            tell(f"{word}: {text}")


def is_wanted(question: str, *, assume_yes: bool) -> bool:
    """Whether somebody at the terminal agrees.  Without a terminal nobody is asked."""
    if assume_yes or not sys.stdin.isatty():
        return True
    try:
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False
