"""What the command prints: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

Row = Mapping[str, Any]


class Output:
    """Prints results; with ``as_json`` each as one JSON document."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json
        self._console = Console(highlight=False)
        self._errors = Console(stderr=True, highlight=False)

    def rows(self, title: str, rows: Sequence[Row]) -> None:
        """A list of things of one kind."""
        if self._as_json:
            self._print_json(rows)
            return
        if not rows:
            self.note(f"no {title}")
            return
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in rows[0]:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*(_text(value) for value in row.values()))
        self._console.print(table)

    def one(self, row: Row) -> None:
        """One thing."""
        if self._as_json:
            self._print_json(row)
            return
        width = max(map(len, row))
        for name, value in row.items():
            self._console.print(f"[bold]{name.ljust(width)}[/bold]  {_text(value)}", soft_wrap=True)

    def note(self, text: str) -> None:
        """Something for people only."""
        if not self._as_json:
            self._console.print(text, soft_wrap=True)

    def line(self, row: Row) -> None:
        """One of many things that come one after the other: with ``as_json`` a document per line."""
        if self._as_json:
            print(json.dumps(row, default=str, ensure_ascii=False), flush=True)  # noqa: T201
        else:
            self._console.print("  ".join(_text(value) for value in row.values() if value is not None), soft_wrap=True)

    def error(self, code: str, message: str) -> None:
        """Why nothing became of it."""
        if self._as_json:
            self._print_json({"error": {"code": code, "message": message}})
        else:
            self._errors.print(
                f"[red]error[/red] {message or code} ({code})" if message else f"[red]error[/red] {code}"
            )

    def _print_json(self, value: Any) -> None:
        print(json.dumps(value, default=str, ensure_ascii=False, indent=2))  # noqa: T201


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text.strip('"').replace("[", r"\[")
