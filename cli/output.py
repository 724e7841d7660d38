"""How commands speak: results on stdout (tables for people, JSON for scripts), everything else on stderr."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from backbone import clock

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
"""An option that every command has which prints something."""

Record = Mapping[str, Any]
Advance = Callable[[int], None]
"""Tells a progress bar that so many more are done."""

_WIDE = 10_000  # a table that goes into a file or a pipe is not cut to the width of a terminal


class CommandFailed(Exception):
    """The command cannot do what it was told, or not all of it; the message says why, in one line."""


def show(result: Record | Sequence[Record], *, as_json: bool, empty: str = "There are none.") -> None:
    """Print one record or a list of them; `empty` is said on stderr when the list is for people and empty."""
    if as_json:
        sys.stdout.write(json.dumps(result, indent=2, ensure_ascii=False, default=_plain) + "\n")
    elif isinstance(result, Mapping):
        _print_record(result)
    elif result:
        _print_table(result)
    else:
        say(empty)


def say(text: str) -> None:
    """A remark to whoever sits in front of the terminal."""
    sys.stderr.write(f"{text}\n")


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone, unless `yes`.  Raises `typer.Abort`."""
    if not yes:
        typer.confirm(question, abort=True, err=True)


@contextmanager
def progress(what: str, *, total: int | None = None) -> Iterator[Advance]:
    """A progress bar on stderr; nothing where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda number: bar.advance(task, number)


def _print_table(records: Sequence[Record]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    names = list(dict.fromkeys(name for record in records for name in record))
    for name in names:
        numbers = all(isinstance(record.get(name), int) for record in records)
        table.add_column(_words(name), justify="right" if numbers else "left", overflow="fold")
    for record in records:
        table.add_row(*(_text(record.get(name)) for name in names))
    _console().print(table)


def _print_record(record: Record) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in record.items():
        if not isinstance(value, list | tuple) or not value or not isinstance(value[0], Mapping):
            table.add_row(_words(name), _text(value))
    console = _console()
    console.print(table)
    for name, value in record.items():
        if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            console.print(f"\n[bold]{_words(name)}[/bold]")
            _print_table(value)


def _console() -> Console:
    return Console(markup=True, highlight=False, width=None if sys.stdout.isatty() else _WIDE)


def _words(name: str) -> str:
    """`numberOfIdentities` as `Number of identities`."""
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return spaced[:1].upper() + spaced[1:]


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return clock.render(value)
        case list() | tuple():
            return ", ".join(_text(element) for element in value)
        case Mapping():
            return ", ".join(f"{name}: {_text(element)}" for name, element in value.items())
        case _:
            return str(value).replace("[", "\\[")


def _plain(value: Any) -> Any:
    return clock.render(value) if isinstance(value, datetime) else str(value)
