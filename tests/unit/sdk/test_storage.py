"""What every storage must do, and what the one in a file does besides."""

import multiprocessing
import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from enmeshed import (
    MemoryStorage,
    NewerStorageError,
    SqliteStorage,
    Storage,
    StorageError,
    WrongStorageKeyError,
)
from enmeshed.storage.sqlite import SCHEMA_VERSION

KEY = bytes(range(32))
NewStorage = Callable[[], Storage]


@pytest.fixture(params=["memory", "file", "encrypted file"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    kinds: dict[str, NewStorage] = {
        "memory": MemoryStorage,
        "file": lambda: SqliteStorage(tmp_path / "a.sqlite"),
        "encrypted file": lambda: SqliteStorage(tmp_path / "a.sqlite", key=KEY),
    }
    return kinds[request.param]()


def test_records_are_found_by_id_and_by_label_in_order(storage: Storage) -> None:
    for number, label in enumerate(["x", "y", "x", None]):
        storage.put("things", str(number), {"n": number, "text": "\ud800 ä 😀"}, label)
    storage.put("others", "0", {"n": 9}, "x")
    storage.put("things", "0", {"n": 10}, "x")
    assert storage.find("things", "1") == {"n": 1, "text": "\ud800 ä 😀"}
    assert storage.find("things", "9") is storage.find("nothing", "1") is None
    assert [one["n"] for one in storage.all("things")] == [10, 1, 2, 3]
    assert [one["n"] for one in storage.all("things", "x")] == [10, 2]
    storage.put("things", "2", {"n": 2}, "y")
    storage.delete("things", "1")
    storage.delete("things", "1")
    assert [one["n"] for one in storage.all("things", "y")] == [2]


def test_records_are_copies(storage: Storage) -> None:
    record = {"list": [1]}
    storage.put("things", "1", record)
    record["list"].append(2)
    found = storage.find("things", "1")
    assert found is not None
    found["list"].append(3)
    assert storage.find("things", "1") == storage.all("things")[0] == {"list": [1]}


def test_a_transaction_that_fails_leaves_nothing(storage: Storage) -> None:
    storage.put("things", "kept", {"n": 1}, "x")
    storage.put("things", "gone?", {"n": 2})

    def fail() -> None:
        with storage.transaction():
            storage.put("things", "kept", {"n": 10})
            with storage.transaction():
                storage.delete("things", "gone?")
                storage.put("things", "new", {"n": 3})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [one["n"] for one in storage.all("things")] == [1, 2]
    assert [one["n"] for one in storage.all("things", "x")] == [1]
    with storage.transaction():
        storage.put("things", "new", {"n": 3})
    assert storage.find("things", "new") == {"n": 3}


def test_transactions_and_exclusive_blocks_of_threads_follow_each_other(storage: Storage) -> None:
    storage.put("counters", "c", {"n": 0})

    def count() -> None:
        for block in (storage.transaction, storage.exclusive) * 10:
            with storage.exclusive(), block():
                value = storage.find("counters", "c")
                assert value is not None
                storage.put("counters", "c", {"n": value["n"] + 1})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert storage.find("counters", "c") == {"n": 80}


def _count(path: Path) -> None:
    storage = SqliteStorage(path)
    for _ in range(25):
        with storage.exclusive():
            value = storage.find("counters", "c") or {"n": 0}
            storage.put("counters", "c", {"n": value["n"] + 1})


@pytest.mark.slow
def test_exclusive_blocks_of_processes_follow_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    processes = [multiprocessing.get_context("spawn").Process(target=_count, args=(path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert SqliteStorage(path).find("counters", "c") == {"n": 75}


def test_a_file_keeps_its_records_and_is_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.sqlite"
    first = SqliteStorage(path)
    first.put("things", "1", {"n": 1})
    first.close()
    assert SqliteStorage(path).find("things", "1") == {"n": 1}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_encrypted_file_tells_nothing_without_its_key(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    storage = SqliteStorage(path, key=KEY)
    storage.put("things", "1", {"secret": "treasure"}, "label of the treasure")
    storage.close()
    assert b"treasure" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for key in (None, bytes(32)):
        with pytest.raises(WrongStorageKeyError):
            SqliteStorage(path, key=key)
    with pytest.raises(StorageError):
        SqliteStorage(path, key=b"too short")
    assert SqliteStorage(path, key=KEY).all("things", "label of the treasure") == [{"secret": "treasure"}]


def test_a_record_moved_to_another_place_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    storage = SqliteStorage(path, key=KEY)
    storage.put("things", "1", {"n": 1})
    storage.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE records SET id = '2'")
    with pytest.raises(WrongStorageKeyError):
        SqliteStorage(path, key=KEY).find("things", "2")


def test_a_plain_file_is_no_encrypted_one(tmp_path: Path) -> None:
    SqliteStorage(tmp_path / "a.sqlite").close()
    with pytest.raises(WrongStorageKeyError):
        SqliteStorage(tmp_path / "a.sqlite", key=KEY)


def test_a_file_of_a_newer_version_and_one_that_is_no_storage_are_refused(tmp_path: Path) -> None:
    newer, garbage = tmp_path / "newer.sqlite", tmp_path / "garbage.sqlite"
    SqliteStorage(newer).close()
    with sqlite3.connect(newer) as database:
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(NewerStorageError):
        SqliteStorage(newer)
    garbage.write_bytes(os.urandom(4096))
    with pytest.raises(StorageError):
        SqliteStorage(garbage)
