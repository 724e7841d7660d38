"""Between tables and CSV files: a database in a temporary file, because files join what tables keep apart.

A service says what it contributes as a `Source`: which of its items become which records, and which files are made of
them.  Nothing but the database's own cache is kept in memory, however much there is.
"""

import csv
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from backbone.dynamodb import Item
from backbone.payloads import BLOB

Row = tuple[Any, ...]
Records = Iterator[tuple[str, Row]]
"""Name of a stage, and one record for it."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a service contributes to an export.

    `table` is the name of its setting.  `stages` are the columns of its records, the first one being looked up by;
    `records` makes them from an item.  `files` are queries over the stages and `views` of all services, in which
    `private(x)` is empty unless the operator wants ids and addresses.
    """

    table: str
    stages: Mapping[str, Sequence[str]]
    records: Callable[[Item], Records]
    files: Mapping[str, str] = field(default_factory=dict)
    views: Mapping[str, str] = field(default_factory=dict)


PAYLOADS = Source("payload_bucket", {"payloads": ("key", "size")}, lambda item: iter(()))


def payload(item: Item, name: str) -> tuple[int | None, str | None]:
    """The size of a payload if the item holds it, or else the key of the object that does."""
    keys: Iterable[str] = item.get(BLOB, ())
    key = next((key for key in keys if key.endswith(f"/{name}")), None)
    return (None, key) if key else (len(item.get(name, b"")), None)


class Staging:
    """The database; `with_private` tells whether ids and addresses go into the files."""

    def __init__(self, folder: Path, sources: Sequence[Source], *, with_private: bool) -> None:
        self._database = sqlite3.connect(folder / "staging.sqlite", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.create_function("private", 1, lambda value: value if with_private else "", deterministic=True)
        self._columns = {name: columns for source in sources for name, columns in source.stages.items()}
        for name, columns in self._columns.items():
            self._database.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
        for name, query in (view for source in sources for view in source.views.items()):
            self._database.execute(f"CREATE VIEW {name} AS {query}")

    def add(self, records: Iterable[tuple[str, Row]]) -> None:
        """Keep records."""
        by_stage: dict[str, list[Row]] = {}
        for name, row in records:
            by_stage.setdefault(name, []).append(row)
        self._database.execute("BEGIN")
        for name, rows in by_stage.items():
            places = ", ".join("?" for _ in self._columns[name])
            self._database.executemany(f"INSERT INTO {name} VALUES ({places})", rows)  # noqa: S608  # names of ours
        self._database.execute("COMMIT")

    def complete(self) -> None:
        """Everything is there: make it fast to look up."""
        for name, columns in self._columns.items():
            self._database.execute(f"CREATE INDEX {name}_by_{columns[0]} ON {name} ({columns[0]})")

    def write(self, query: str, file: IO[str]) -> int:
        """Write the answer to a query as CSV; how many lines below the header."""
        answer = self._database.execute(query)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(column[0] for column in answer.description)
        number = 0
        for row in answer:
            writer.writerow(row)
            number += 1
        return number

    def close(self) -> None:
        """Forget everything."""
        self._database.close()
