"""A storage in an SQLite file: the only module that knows SQL.

One table holds everything, because the library asks for nothing but records by collection, id and label::

    records(position, collection, id, label, data)   unique (collection, id), index (collection, label)
    check_value(data)                                tells whether the key is the right one

``position`` keeps the order in which records came. ``PRAGMA user_version`` is the version of the schema;
``_MIGRATIONS`` leads from each version to the next, all in one transaction. The journal is a write-ahead log, synced
at every commit: what a transaction has written survives the death of the process and of the machine.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from enmeshed.errors import NewerStorageError, StorageError, WrongStorageKeyError
from enmeshed.storage.interface import Record
from enmeshed.storage.sealing import Sealing, sealing_with

try:
    import fcntl
except ImportError:  # Windows: threads wait for each other, processes do not
    fcntl = None  # type: ignore[assignment]

BUSY_SECONDS = 30.0
_CHECK_PLACE = "check_value"
_CHECK_RECORD: Record = {"key": "right"}


def _create_records(database: sqlite3.Connection) -> None:
    database.execute(
        "CREATE TABLE records (position INTEGER PRIMARY KEY AUTOINCREMENT, collection TEXT NOT NULL, id TEXT NOT NULL,"
        " label TEXT, data BLOB NOT NULL, UNIQUE (collection, id))"
    )
    database.execute("CREATE INDEX records_by_label ON records (collection, label) WHERE label IS NOT NULL")
    database.execute("CREATE TABLE check_value (data BLOB NOT NULL)")


_MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [_create_records]
SCHEMA_VERSION = len(_MIGRATIONS)


class SqliteStorage:
    """Implements :class:`enmeshed.storage.Storage` with a file.

    ``path`` is created if it does not exist, readable for its owner only. ``key``, 32 random bytes, encrypts everything
    in it; the caller keeps the key somewhere else. Raises :class:`WrongStorageKeyError`, :class:`NewerStorageError`,
    and :class:`StorageError` if the file is no storage or cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], *, key: bytes | None = None) -> None:
        self._path = Path(path)
        self._sealing: Sealing = sealing_with(key)
        self._lock = threading.RLock()
        self._depth = 0
        self._exclusive = _FileLock(self._path.with_name(self._path.name + ".lock"))
        with _storage_errors():
            self._database = self._open()
        try:
            self._migrate()
            self._check_key()
        except StorageError:
            self.close()
            raise

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        database = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        return database

    def _migrate(self) -> None:
        with self.transaction():
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA_VERSION:
                raise NewerStorageError("error.client.newerStorage", f"version {version}, known {SCHEMA_VERSION}")
            for migrate in _MIGRATIONS[version:]:
                migrate(self._database)
            self._database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            if version == 0:
                sealed = self._sealing.seal(_CHECK_PLACE, _CHECK_RECORD)
                self._database.execute("INSERT INTO check_value (data) VALUES (?)", (sealed,))

    def _check_key(self) -> None:
        (data,) = self._database.execute("SELECT data FROM check_value").fetchone()
        if self._sealing.open(_CHECK_PLACE, data) != _CHECK_RECORD:
            raise WrongStorageKeyError("error.client.wrongStorageKey", str(self._path))

    # ------------------------------------------------------------------ records
    def find(self, collection: str, record_id: str) -> Record | None:
        query = "SELECT data FROM records WHERE collection = ? AND id = ?"
        with self._lock, _storage_errors():
            row = self._database.execute(query, (collection, record_id)).fetchone()
        return None if row is None else self._sealing.open(_place(collection, record_id), row[0])

    def all(self, collection: str, label: str | None = None) -> list[Record]:
        condition, arguments = "", [collection]
        if label is not None:
            condition, arguments = " AND label = ?", [collection, self._sealing.label(label) or ""]
        query = f"SELECT id, data FROM records WHERE collection = ?{condition} ORDER BY position"  # noqa: S608
        with self._lock, _storage_errors():
            rows = self._database.execute(query, arguments).fetchall()
        return [self._sealing.open(_place(collection, record_id), data) for record_id, data in rows]

    def put(self, collection: str, record_id: str, record: Record, label: str | None = None) -> None:
        data = self._sealing.seal(_place(collection, record_id), record)
        query = (
            "INSERT INTO records (collection, id, label, data) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (collection, id) DO UPDATE SET label = excluded.label, data = excluded.data"
        )
        with self.transaction():
            self._database.execute(query, (collection, record_id, self._sealing.label(label), data))

    def delete(self, collection: str, record_id: str) -> None:
        query = "DELETE FROM records WHERE collection = ? AND id = ?"
        with self.transaction():
            self._database.execute(query, (collection, record_id))

    # ------------------------------------------------------------------ transactions
    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock, _storage_errors():
            if self._depth == 0:
                self._database.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._database.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._database.execute("COMMIT")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        with self._exclusive:
            yield

    def close(self) -> None:
        with self._lock:
            self._database.close()


class _FileLock:
    """A lock between threads and, by a file beside the database, between processes; may be taken repeatedly."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._depth = 0
        self._file: int | None = None

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1
        if self._depth == 1 and fcntl is not None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0 and self._file is not None:
            os.close(self._file)
            self._file = None
        self._lock.release()


@contextmanager
def _storage_errors() -> Iterator[None]:
    """What SQLite raises, e.g. because the disk is full, becomes a :class:`StorageError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError("error.client.unusableStorage", str(error)) from error


def _place(collection: str, record_id: str) -> str:
    return f"{collection}/{record_id}"
