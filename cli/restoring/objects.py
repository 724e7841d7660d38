"""The payloads in S3 that restored items refer to.

The bucket keeps versions, and nothing here ever deletes one.  Where an object has gone, or is another one than at the
point in time, the version that was valid then becomes the current one again, as a copy.
"""

import sqlite3
import tempfile
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from backbone import payloads
from backbone.settings import settings
from cli.output import progress

_CLOCKS = timedelta(seconds=1)
"""S3 tells times in seconds, and has a clock of its own."""


class Versions:
    """All versions below some prefixes, read once and looked up by key; a context manager."""

    def __init__(self, prefixes: Iterable[str], at: datetime) -> None:
        self._prefixes, self._at = list(prefixes), at
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="backbone-restore-")
        path = Path(self._folder.name) / "versions.sqlite"
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE versions (key, version, tag, modified REAL, latest, marker)")
        with progress("listing versions of payloads") as advance:
            for prefix in self._prefixes:
                self._read(prefix, advance)
        self._database.execute("CREATE INDEX by_key ON versions (key, modified)")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()
        self._folder.cleanup()

    def _read(self, prefix: str, advance: Any) -> None:
        place = {"Bucket": settings().payload_bucket, "Prefix": prefix}
        for page in payloads.client().get_paginator("list_object_versions").paginate(**place):
            versions, markers = page.get("Versions", []), page.get("DeleteMarkers", [])
            rows = [_row(entry, is_marker=False) for entry in versions]
            rows += [_row(entry, is_marker=True) for entry in markers]
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._database.execute("COMMIT")
            advance(len(rows))

    def bring_back(self, key: str) -> bool | None:
        """Make the object what it was; whether there was anything to do, None if there is no version of it."""
        with self._lock:
            rows = self._database.execute(
                "SELECT version, tag, modified, latest FROM versions WHERE key = ? AND NOT marker ORDER BY modified",
                [key],
            ).fetchall()
        if not rows:
            return None
        limit = (self._at + _CLOCKS).timestamp()
        wanted = [row for row in rows if row[2] <= limit][-1:] or rows[:1]
        version, tag, _, _ = wanted[0]
        current = [row for row in rows if row[3]]
        if current and current[0][1] == tag:  # the same content
            return False
        self._copy(key, version)
        with self._lock:
            self._database.execute("UPDATE versions SET latest = (version = ?) WHERE key = ?", [version, key])
        return True

    @staticmethod
    def _copy(key: str, version: str) -> None:
        bucket = settings().payload_bucket
        payloads.client().copy_object(
            Bucket=bucket,
            Key=key,
            CopySource={"Bucket": bucket, "Key": key, "VersionId": version},
            TaggingDirective="REPLACE",  # without tags, so without the mark `pending`: its item is certain to exist
        )


def _row(entry: dict[str, Any], *, is_marker: bool) -> tuple[Any, ...]:
    modified = entry["LastModified"].astimezone(UTC).timestamp()
    return entry["Key"], entry["VersionId"], entry.get("ETag"), modified, entry["IsLatest"], is_marker
